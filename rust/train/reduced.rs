//! Row-space reduction: training a wide first layer on few samples in as many dimensions as there are samples.
//!
//! With `n` samples of `d > n` features, `X (n, d) = L Qᵀ`: `L (n, r)` lower triangular once its rows are put in the
//! right order, the columns of `Q (d, r)` orthonormal, `r ≤ n` the rank. Every gradient of the first kernel is
//! `Xᵀ · dz = Q (Lᵀ · dz)`, so gradient descent moves the kernel `W` only within the span of `Q`, and a step on `W` is the
//! same step on `W̃ = Qᵀ W`, for `X W = L W̃`. So: train the ordinary network on the rows of `L`, and put the kernel together
//! at the end, `W_t = Q W̃_t + a_t (I - Q Qᵀ) W_0`, where `a_t` is what decay leaves of the part outside (see
//! [`super::outside`]; 1 without decay). Exact in real arithmetic for everything that does not care about rotation:
//! gradient descent with momentum and Nesterov's look-ahead, L2 and decoupled decay, any learning rates, weights of the
//! samples, clipping by the gradient's length, on any batches of the fixed rows. Not for Adam and its kind, L1, max-norm and
//! clipping by value, which treat every coordinate by itself. A sample closer than 3e-7 of its length to the span of others
//! counts as within it. (Hastie and Tibshirani, Efficient quadratic regularization for
//! expression arrays, Biostatistics 2004.)
//!
//! `L` is the Cholesky factor of `X Xᵀ`, in double precision. A sample that depends on others (a photo that comes twice,
//! say) adds a row to `L` but no column. `Q` is never formed: `Q = X_Pᵀ L_P⁻ᵀ`, where `P` are the samples
//! that did add a column, and `L_P` their rows. Where one batch holds all samples, and nothing depends on their places in it,
//! they are taken in the order in which `L` is lower triangular, and its zeros are not multiplied: see
//! [`LanePanels`](crate::matmul::LanePanels).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

use super::checkpoint::Checkpoint;
use super::outside::Outside;
use super::step::Trainer;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::math::{Float, check_room, subtract_multiple};
use crate::matmul::matmul;
use crate::network::{Network, Samples};
use crate::optimizer::{Optimizer, OptimizerState, Part};
use crate::spec::{LayerSpec, NetworkSpec};

/// A sample adds a column only if more than this share of its squared length lies outside the span of the others that
/// did: well above the rounding of the products in double precision.
const DEPENDENT: f64 = 1e-13;

/// Features that are converted to double precision at a time.
const COLUMNS: usize = 1024;

/// Samples whose products with those before them are made at a time. Of fewer, fewer products are made twice, and an
/// interrupt waits less; of more, what they are multiplied with is read from memory less often.
const ROWS: RangeInclusive<usize> = 64..=256;

/// The span of some samples, with a basis in which they are lower triangular. It knows no network: all that read the
/// samples alike share it.
pub(super) struct Span<F> {
    /// `L (n, r)`.
    factor: Array2<f64>,
    /// The samples that added a column, in the order in which they did, before the others: so `L` is lower triangular.
    order: Vec<usize>,
    /// `X_P (r, d)`: the samples that added a column, times the scale.
    pivots: Array2<F>,
    /// `L_P (r, r)`.
    triangle: Array2<f64>,
}

impl<F: Float> Span<F> {
    /// Factors `x` times `scale`, what a first `Rescale` multiplies by; `None` if all samples are zero.
    pub fn new(x: Samples<F>, scale: Option<F>, threads: usize) -> Result<Option<Span<F>>> {
        // The products of all with all, the columns that come of them, and the factor of those.
        check_room::<f64>("a reduced training", x.len().saturating_pow(2).saturating_mul(3))?;
        check_room::<F>("the samples of a reduced training", x.dim().0 * x.dim().1)?;
        let data = rows(x, scale)?;
        let mut gram = Array2::zeros((data.nrows(), data.nrows()));
        let at_once = (data.nrows() / 4).clamp(*ROWS.start(), *ROWS.end());
        for part in data.axis_chunks_iter(Axis(1), COLUMNS) {
            let part = double(part);
            for start in (0..data.nrows()).step_by(at_once) {
                interrupt::check()?;
                let end = data.nrows().min(start + at_once);
                // What lies right of the diagonal equals what lies below it.
                let mut gram = gram.slice_mut(s![start..end, ..end]);
                gram += &matmul(part.slice(s![start..end, ..]), part.slice(s![..end, ..]).t(), threads)?;
            }
        }
        for i in 0..data.nrows() {
            for j in 0..i {
                gram[(j, i)] = gram[(i, j)];
            }
        }
        let (factor, pivots) = triangular_factor(&gram)?;
        if pivots.is_empty() {
            return Ok(None);
        }
        let triangle = factor.select(Axis(0), &pivots);
        let mut others: Vec<usize> = (0..data.nrows()).collect();
        others.retain(|sample| !pivots.contains(sample));
        let (order, pivots) = ([&pivots[..], &others].concat(), data.select(Axis(0), &pivots));
        Ok(Some(Span { factor, order, pivots, triangle }))
    }

    /// The rows of `L`: what a reduced network is trained on, `(n, r)`.
    pub fn samples(&self) -> Array2<F> {
        self.factor.mapv(F::from_f64)
    }

    /// The order of the samples in which `L` is lower triangular.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Other samples within the span: `X_v Q (m, r)`.
    pub fn within(&self, x: Samples<F>, scale: Option<F>, threads: usize) -> Result<Array2<f64>> {
        let mut inside = double_product(&rows(x, scale)?.view(), &self.pivots.t(), threads)?.reversed_axes();
        solve_lower(&self.triangle, &mut inside)?;
        Ok(inside.reversed_axes())
    }

    /// `Qᵀ · array` for an array `(d, units)`.
    fn project(&self, array: &ArrayView2<F>, threads: usize) -> Result<Array2<F>> {
        let mut reduced = double_product(&self.pivots.view(), array, threads)?;
        solve_lower(&self.triangle, &mut reduced)?;
        Ok(reduced.mapv(F::from_f64))
    }

    /// `Q · array` for an array `(r, units)`.
    fn expand(&self, mut array: Array2<f64>, threads: usize) -> Result<Array2<f64>> {
        solve_upper(&self.triangle, &mut array)?;
        let features = self.pivots.ncols();
        let mut expanded = Array2::zeros((features, array.ncols()));
        let parts = expanded.axis_chunks_iter_mut(Axis(0), COLUMNS);
        for (pivots, mut expanded) in self.pivots.axis_chunks_iter(Axis(1), COLUMNS).zip(parts) {
            expanded.assign(&matmul(double(pivots).t(), array.view(), threads)?);
        }
        Ok(expanded)
    }
}

/// An array of the first kernel's shape at the start: the kernel itself, or the velocity of earlier steps.
struct Basis<F> {
    /// `(d, units)`, flat.
    whole: Vec<F>,
    /// Within the span, `(r, units)`.
    inside: Array2<F>,
}

/// The first kernel of a network, reduced to the span of the data.
pub(super) struct Reduction<'a, F> {
    span: &'a Span<F>,
    /// `W_0` and, if the optimizer has made steps before, its velocity `V_0`: what [`super::outside`] combines.
    bases: Vec<Basis<F>>,
    /// Arrays that the optimizer remembers, with the first kernel's part reduced.
    slots: Vec<Vec<F>>,
    units: usize,
    threads: usize,
}

impl<'a, F: Float> Reduction<'a, F> {
    /// Reduces the first kernel of `network`, a dense layer's, and what the optimizer remembers of it.
    pub fn new(
        span: &'a Span<F>,
        network: &Network<F>,
        state: &OptimizerState<F>,
        units: usize,
        threads: usize,
    ) -> Result<Reduction<'a, F>> {
        let size = span.pivots.ncols() * units;
        let basis = |flat: &[F]| {
            let whole = flat[..size].to_vec();
            Result::Ok(Basis { inside: span.project(&view(&whole, units)?, threads)?, whole })
        };
        let mut bases = vec![basis(network.parameters())?];
        let mut slots = Vec::new();
        for slot in &state.slots {
            let velocity = basis(slot)?;
            slots.push(velocity.inside.iter().chain(&slot[size..]).copied().collect());
            if state.steps > 0 {
                bases.push(velocity);
            }
        }
        Ok(Reduction { span, bases, slots, units, threads })
    }

    /// The reduced network: that of `network` without its first `Rescale`, on `r` features.
    pub fn network(&self, network: &Network<F>) -> Result<Network<F>> {
        let start = &self.bases[0];
        let parameters = start.inside.iter().chain(&network.parameters()[start.whole.len()..]).copied().collect();
        small_network(network, start.inside.nrows(), parameters)
    }

    /// The trainer of the reduced network, which goes on where `trainer` is.
    pub fn trainer(&self, small: &Network<F>, trainer: &mut Trainer<F>) -> Result<Trainer<F>> {
        let optimizer = Optimizer { layer_rates: BTreeMap::new(), ..trainer.optimizer().clone() };
        let mut reduced = Trainer::new(small, optimizer, trainer.loss(), trainer.threads())?;
        // Layers have other places in the reduced network, but their parameters the same order.
        let saved = self.bases[0].whole.len() - self.bases[0].inside.len();
        let moved = |place: usize| if place == 0 { 0 } else { place - saved };
        let parts = trainer.parts_mut().iter();
        let parts: Vec<_> =
            parts.map(|part| Part { range: moved(part.range.start)..moved(part.range.end), ..part.clone() }).collect();
        let l2 = small.run_layers()[0].regularization().l2;
        if let Some(kernel) = parts.first() {
            *reduced.outside_mut() = Some(Outside::new(trainer.optimizer(), self.gram(), kernel, l2));
        }
        *reduced.parts_mut() = parts;
        reduced.own_loss_mut().clone_from(trainer.own_loss_mut());
        *reduced.epochs_mut() = *trainer.epochs_mut();
        let state = trainer.state_mut();
        *reduced.state_mut() = OptimizerState { steps: state.steps, slots: self.slots.clone(), plateau: state.plateau };
        Ok(reduced)
    }

    /// Inner products of the bases outside the span.
    fn gram(&self) -> Vec<f64> {
        let dot = |a: &mut dyn Iterator<Item = (&F, &F)>| a.map(|(a, b)| (*a).into() * (*b).into()).sum::<f64>();
        let pairs = self.bases.iter().flat_map(|a| self.bases.iter().map(move |b| (a, b)));
        let outside = |(a, b): (&Basis<F>, &Basis<F>)| {
            dot(&mut a.whole.iter().zip(&b.whole)) - dot(&mut a.inside.iter().zip(&b.inside))
        };
        pairs.map(outside).collect()
    }

    /// An array of the first kernel's shape: `inside` within the span, the combination of the bases outside of it.
    fn combine(&self, inside: ArrayView2<F>, coefficients: &[f64]) -> Result<Vec<F>> {
        let mut inside = inside.mapv(Into::<f64>::into);
        for (basis, c) in self.bases.iter().zip(coefficients) {
            inside.zip_mut_with(&basis.inside, |x, start| *x -= c * (*start).into());
        }
        let inside = self.span.expand(inside, self.threads)?;
        let outside =
            |i: usize| self.bases.iter().zip(coefficients).fold(0.0, |sum, (basis, c)| sum + c * basis.whole[i].into());
        Ok(inside.iter().enumerate().map(|(i, inside)| F::from_f64(outside(i) + inside)).collect())
    }

    /// A checkpoint of the whole training from one of the reduced: with the network that it shows, and what the reduction
    /// was made of, from which it is made again, bit for bit. `begun` is the steps that the optimizer had made before.
    pub fn whole_checkpoint(&self, small: Checkpoint<F>, network: &Network<F>, begun: u64) -> Result<Checkpoint<F>> {
        let Checkpoint { network: reduced, mut progress, mut floats, doubles } = small;
        let outside = doubles.get("outside").map_or(&[][..], Vec::as_slice);
        let network = self.restore(&reduced, network, outside)?;
        floats.insert("reduced".into(), reduced.parameters().to_vec());
        for (i, basis) in self.bases.iter().enumerate() {
            floats.insert(format!("bases.{i}"), basis.whole.clone());
        }
        progress.reduced_after = Some(begun);
        Ok(Checkpoint { network, progress, floats, doubles })
    }

    /// The way back: the checkpoint of the reduced training, `small` being its network.
    pub fn small_checkpoint(&self, mut whole: Checkpoint<F>, small: &Network<F>) -> Result<Checkpoint<F>> {
        let mut network = small.clone();
        network.set_parameters(whole.floats("reduced", small.parameters().len())?)?;
        network.set_buffers(whole.network.buffers().to_vec())?;
        whole.progress.reduced_after = None;
        Ok(Checkpoint { network, ..whole })
    }

    /// The network with the weights that `reduced` was trained to, and `outside` of the span as [`super::outside`] says.
    pub fn restore(&self, reduced: &Network<F>, network: &Network<F>, outside: &[f64]) -> Result<Network<F>> {
        let mut restored = network.clone();
        restored.set_parameters(self.restore_slot(reduced.parameters(), outside)?)?;
        restored.set_buffers(reduced.buffers().to_vec())?;
        Ok(restored)
    }

    /// A flat array of the whole network's length, from that of the reduced network's.
    pub fn restore_slot(&self, flat: &[F], outside: &[f64]) -> Result<Vec<F>> {
        let (first, others) = flat.split_at(self.bases[0].inside.len());
        let mut whole = self.combine(view(first, self.units)?, outside)?;
        whole.extend_from_slice(others);
        Ok(whole)
    }

    /// Validation data in the form that [`Reduction::validation_network`] reads, `(m, r + units ..)`: `X_v Q`, which is
    /// `inside`, and what each basis gives outside the span of the training data, `X_v W_0 - X_v Q W̃_0`, which never
    /// changes.
    pub fn validation(&self, x: Samples<F>, scale: Option<F>, inside: &Array2<f64>) -> Result<Array2<F>> {
        let data = rows(x, scale)?;
        let mut all = vec![inside.clone()];
        for basis in &self.bases {
            all.push(
                double_product(&data.view(), &view(&basis.whole, self.units)?, self.threads)?
                    - matmul(inside.view(), basis.inside.mapv(Into::into).view(), self.threads)?,
            );
        }
        let views: Vec<_> = all.iter().map(|part| part.view()).collect();
        Ok(concatenate(Axis(1), &views)?.mapv(F::from_f64))
    }

    /// The reduced network with a first kernel `[W̃; a I; b I]`: it adds what stands outside the span.
    pub fn validation_network(&self, reduced: &Network<F>, outside: &[f64]) -> Result<Network<F>> {
        let (first, others) = reduced.parameters().split_at(self.bases[0].inside.len());
        let diagonal = |c: &f64| {
            let c = F::from_f64(*c);
            Array2::from_shape_fn((self.units, self.units), move |(i, j)| if i == j { c } else { F::ZERO })
        };
        let blocks = outside.iter().flat_map(diagonal);
        let parameters = first.iter().copied().chain(blocks).chain(others.iter().copied()).collect();
        small_network(reduced, self.bases[0].inside.nrows() + self.units * outside.len(), parameters)
    }
}

/// The first kernel, in its network, and what the optimizer remembered of it, as they were when the training began that a
/// checkpoint was taken of: a [`Reduction`] of them is that of then.
pub(super) fn start_of<F: Float>(
    checkpoint: &Checkpoint<F>,
    trainer: &Trainer<F>,
    network: &Network<F>,
    units: usize,
) -> Result<(Network<F>, OptimizerState<F>)> {
    let Some(steps) = checkpoint.progress.reduced_after else {
        return Err(Error::value("solver", "direct, as of the checkpoint", "reduced"));
    };
    let size = network.spec().inputs() * units;
    let basis = |i: usize| {
        let array = checkpoint.floats.get(&format!("bases.{i}")).filter(|array| array.len() == size);
        array.ok_or_else(|| Error::shape(format!("bases.{i} of the checkpoint"), size.to_string(), "something else"))
    };
    let slots = if steps > 0 { trainer.slots().len() } else { 0 };
    let mut network = network.clone();
    network.parameters_mut()[..size].copy_from_slice(basis(0)?);
    let mut state = trainer.optimizer().start(network.parameters().len());
    state.steps = steps;
    for (i, slot) in state.slots.iter_mut().enumerate().take(slots) {
        slot[..size].copy_from_slice(basis(i + 1)?);
    }
    Ok((network, state))
}

/// The network `like` on another number of inputs, to which a first `Rescale` has been applied. It stays in its place,
/// because the place of a layer names its random numbers.
fn small_network<F: Float>(like: &Network<F>, inputs: usize, parameters: Vec<F>) -> Result<Network<F>> {
    let mut spec = NetworkSpec { input_shape: vec![inputs], ..like.spec().clone() };
    if like.input_scale().is_some() {
        spec.layers[0] = LayerSpec::Rescale { scale: 1.0 };
    }
    let mut network = Network::without_weights(spec)?;
    network.set_parameters(parameters)?;
    network.set_buffers(like.buffers().to_vec())?;
    Ok(network)
}

fn view<F>(flat: &[F], width: usize) -> Result<ArrayView2<'_, F>> {
    Ok(ArrayView2::from_shape((flat.len() / width, width), flat)?)
}

/// The samples, times `scale`.
fn rows<F: Float>(x: Samples<F>, scale: Option<F>) -> Result<Array2<F>> {
    let mut rows = Vec::new();
    x.gather(0..x.len(), scale, &mut rows);
    Ok(Array2::from_shape_vec((x.len(), rows.len() / x.len().max(1)), rows)?)
}

/// In double precision: row by row, which takes a third of the time where these are part of longer ones.
fn double<F: Float>(view: ArrayView2<F>) -> Array2<f64> {
    let mut double = Array2::zeros(view.dim());
    for (mut to, from) in double.outer_iter_mut().zip(view.outer_iter()) {
        match (to.as_slice_mut(), from.as_slice()) {
            (Some(to), Some(from)) => to.iter_mut().zip(from).for_each(|(to, from)| *to = (*from).into()),
            _ => to.zip_mut_with(&from, |to, from| *to = (*from).into()),
        }
    }
    double
}

/// `a · b` in double precision, converted some features at a time.
fn double_product<F: Float>(a: &ArrayView2<F>, b: &ArrayView2<F>, threads: usize) -> Result<Array2<f64>> {
    let mut sum = Array2::zeros((a.nrows(), b.ncols()));
    for start in (0..a.ncols()).step_by(COLUMNS) {
        let end = a.ncols().min(start + COLUMNS);
        let (a, b) = (double(a.slice(s![.., start..end])), double(b.slice(s![start..end, ..])));
        sum += &matmul(a.view(), b.view(), threads)?;
        interrupt::check()?;
    }
    Ok(sum)
}

/// Cholesky factor of a Gram matrix `(n, n)` with pivoting: `(n, r)`, and the samples that added a column, each time the
/// one of which the largest share lies outside the span of those before it. That keeps `L_P` well conditioned.
fn triangular_factor(gram: &Array2<f64>) -> Result<(Array2<f64>, Vec<usize>)> {
    let lengths = gram.diag().to_vec(); // squared
    let mut left = lengths.clone();
    let mut pivots = Vec::new();
    let mut columns: Vec<Vec<f64>> = Vec::new();
    let share = |left: &[f64], i: usize| if lengths[i] > 0.0 { left[i] / lengths[i] } else { 0.0 };
    while pivots.len() < left.len() {
        interrupt::check()?;
        let pivot = (1..left.len()).fold(0, |best, i| if share(&left, i) > share(&left, best) { i } else { best });
        if share(&left, pivot) <= DEPENDENT {
            break;
        }
        let mut column = gram.row(pivot).to_vec();
        for earlier in &columns {
            subtract_multiple(&mut column, earlier, earlier[pivot]);
        }
        let root = left[pivot].sqrt();
        column.iter_mut().for_each(|value| *value /= root);
        pivots.iter().for_each(|earlier| column[*earlier] = 0.0);
        column[pivot] = root;
        left.iter_mut().zip(&column).for_each(|(left, value)| *left -= value * value);
        pivots.push(pivot);
        left[pivot] = 0.0;
        columns.push(column);
    }
    Ok((Array2::from_shape_fn((left.len(), columns.len()), |(i, k)| columns[k][i]), pivots))
}

/// Solves `L y = b` in place, for each column of `b (r, units)`.
fn solve_lower(triangle: &Array2<f64>, b: &mut Array2<f64>) -> Result<()> {
    for k in 0..triangle.nrows() {
        interrupt::check()?;
        let (above, mut rest) = b.view_mut().split_at(Axis(0), k);
        let mut row = rest.row_mut(0);
        for (j, solved) in above.outer_iter().enumerate() {
            row.scaled_add(-triangle[(k, j)], &solved);
        }
        row /= triangle[(k, k)];
    }
    Ok(())
}

/// Solves `Lᵀ y = b` in place, for each column of `b (r, units)`.
fn solve_upper(triangle: &Array2<f64>, b: &mut Array2<f64>) -> Result<()> {
    for k in (0..triangle.nrows()).rev() {
        interrupt::check()?;
        let (mut before, below) = b.view_mut().split_at(Axis(0), k + 1);
        let mut row = before.row_mut(k);
        for (j, solved) in below.outer_iter().enumerate() {
            row.scaled_add(-triangle[(k + 1 + j, k)], &solved);
        }
        row /= triangle[(k, k)];
    }
    Ok(())
}
