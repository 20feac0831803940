//! Row-space reduction: training a wide first layer on few samples in as many dimensions as there are samples.
//!
//! With `n` samples of `d > n` features, `X (n, d) = L Qᵀ`: `L (n, r)` lower triangular once its rows are put in the
//! right order, the columns of `Q (d, r)` orthonormal, `r ≤ n` the rank. Every gradient of the first kernel is `Xᵀ · dz = Q (Lᵀ · dz)`, so gradient descent
//! moves the kernel `W` only within the span of `Q`, and a step on `W` is the same step on `W̃ = Qᵀ W`, for
//! `X W = L W̃`. So: train the ordinary network on the rows of `L`, and put the kernel together at the end,
//! `W_t = W_0 + Q (W̃_t - W̃_0)`. Exact in real arithmetic for every optimizer that does not care about rotation:
//! gradient descent, with momentum and Nesterov's look-ahead, on any batches of the fixed rows. Not for Adam and its
//! kind, which scale every coordinate by itself. A sample closer than 3e-7 of its length to the span of others counts as
//! within it. (Hastie and Tibshirani, Efficient quadratic regularization for
//! expression arrays, Biostatistics 2004.)
//!
//! `L` is the Cholesky factor of `X Xᵀ`, in double precision. A sample that depends on others (a photo that comes twice,
//! say) adds a row to `L` but no column. `Q` is never formed: `Q = X_Pᵀ L_P⁻ᵀ`, where `P` are the samples
//! that did add a column, and `L_P` their rows.

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

use crate::error::Result;
use crate::math::{Float, subtract_multiple};
use crate::matmul::matmul;
use crate::network::{Network, Samples};
use crate::spec::{LayerSpec, NetworkSpec};

/// A sample adds a column only if more than this share of its squared length lies outside the span of the others that
/// did: well above the rounding of the products in double precision.
const DEPENDENT: f64 = 1e-13;

/// Features that are converted to double precision at a time.
const COLUMNS: usize = 1024;

/// The span of some samples, with a basis in which they are lower triangular. It knows no network: all that read the
/// samples alike share it.
pub(super) struct Span<F> {
    /// `L (n, r)`.
    factor: Array2<f64>,
    /// `X_P (r, d)`: the samples that added a column, times the scale.
    pivots: Array2<F>,
    /// `L_P (r, r)`.
    triangle: Array2<f64>,
}

impl<F: Float> Span<F> {
    /// Factors `x` times `scale`, what a first `Rescale` multiplies by; `None` if all samples are zero.
    pub fn new(x: Samples<F>, scale: Option<F>, threads: usize) -> Result<Option<Span<F>>> {
        let data = rows(x, scale)?;
        let gram = double_product(&data.view(), &data.t(), threads)?;
        let (factor, pivots) = triangular_factor(&gram);
        if pivots.is_empty() {
            return Ok(None);
        }
        let triangle = factor.select(Axis(0), &pivots);
        let pivots = data.select(Axis(0), &pivots);
        Ok(Some(Span { factor, pivots, triangle }))
    }

    /// The rows of `L`: what a reduced network is trained on, `(n, r)`.
    pub fn samples(&self) -> Array2<F> {
        self.factor.mapv(F::from_f64)
    }

    /// Other samples within the span: `X_v Q (m, r)`.
    pub fn within(&self, x: Samples<F>, scale: Option<F>, threads: usize) -> Result<Array2<f64>> {
        let mut inside = double_product(&rows(x, scale)?.view(), &self.pivots.t(), threads)?.reversed_axes();
        solve_lower(&self.triangle, &mut inside);
        Ok(inside.reversed_axes())
    }

    /// `Qᵀ · array` for an array `(d, units)`.
    fn project(&self, array: &ArrayView2<F>, threads: usize) -> Result<Array2<F>> {
        let mut reduced = double_product(&self.pivots.view(), array, threads)?;
        solve_lower(&self.triangle, &mut reduced);
        Ok(reduced.mapv(F::from_f64))
    }

    /// `Q · array` for an array `(r, units)`.
    fn expand(&self, mut array: Array2<f64>, threads: usize) -> Result<Array2<f64>> {
        solve_upper(&self.triangle, &mut array);
        let features = self.pivots.ncols();
        let mut expanded = Array2::zeros((features, array.ncols()));
        for start in (0..features).step_by(COLUMNS) {
            let part = s![start..features.min(start + COLUMNS), ..];
            let pivots = self.pivots.t().slice(part).mapv(Into::into);
            expanded.slice_mut(part).assign(&matmul(pivots.view(), array.view(), threads)?);
        }
        Ok(expanded)
    }
}

/// The first kernel of a network, reduced to the span of the data.
pub(super) struct Reduction<'a, F> {
    span: &'a Span<F>,
    /// `W̃_0 (r, units)`.
    start: Array2<F>,
    units: usize,
    threads: usize,
}

impl<'a, F: Float> Reduction<'a, F> {
    /// Reduces the first kernel of `network`, a dense layer's.
    pub fn new(span: &'a Span<F>, network: &Network<F>, units: usize, threads: usize) -> Result<Reduction<'a, F>> {
        Ok(Reduction { span, start: span.project(&kernel(network, units)?, threads)?, units, threads })
    }

    /// The reduced network: that of `network` without its first `Rescale`, on `r` features.
    pub fn network(&self, network: &Network<F>) -> Result<Network<F>> {
        let parameters = self.start.iter().chain(&network.parameters()[self.kernel_size()..]).copied().collect();
        small_network(network, self.start.nrows(), parameters)
    }

    fn kernel_size(&self) -> usize {
        self.span.pivots.ncols() * self.units
    }

    /// Gives `network`, whose kernel is still `W_0`, the weights that `reduced` was trained to.
    pub fn restore(&self, reduced: &Network<F>, network: &Network<F>) -> Result<Network<F>> {
        let size = self.start.len();
        let now = view(&reduced.parameters()[..size], self.units)?;
        let moved = ndarray::Zip::from(&now).and(&self.start).map_collect(|now, start| (*now).into() - (*start).into());
        let moved = self.span.expand(moved, self.threads)?;
        let mut restored = network.clone();
        let (kernel, others) = restored.parameters_mut().split_at_mut(self.kernel_size());
        for (weight, moved) in kernel.iter_mut().zip(&moved) {
            *weight = F::from_f64((*weight).into() + moved);
        }
        others.copy_from_slice(&reduced.parameters()[size..]);
        restored.set_buffers(reduced.buffers().to_vec())?;
        Ok(restored)
    }

    /// `Q · velocity`: the flat array of an optimizer, from that of the reduced network's.
    pub fn restore_slot(&self, slot: &[F]) -> Result<Vec<F>> {
        let (first, others) = slot.split_at(self.start.len());
        let first = self.span.expand(view(first, self.units)?.mapv(Into::into), self.threads)?;
        Ok(first.iter().map(|value| F::from_f64(*value)).chain(others.iter().copied()).collect())
    }

    /// Validation data in the form that [`Reduction::validation_network`] reads, `(m, r + units)`: `X_v Q`, which is
    /// `inside`, and what the first kernel gives outside the span of the training data, `X_v W_0 - X_v Q W̃_0`, which
    /// never changes.
    pub fn validation(&self, network: &Network<F>, x: Samples<F>, inside: &Array2<f64>) -> Result<Array2<F>> {
        let data = rows(x, network.input_scale())?;
        let outside = double_product(&data.view(), &kernel(network, self.units)?, self.threads)?
            - matmul(inside.view(), self.start.mapv(Into::into).view(), self.threads)?;
        let both = concatenate(Axis(1), &[inside.view(), outside.view()])?;
        Ok(both.mapv(F::from_f64))
    }

    /// The reduced network with a first kernel `[W̃; I]`: it adds what stands outside the span.
    pub fn validation_network(&self, reduced: &Network<F>) -> Result<Network<F>> {
        let (first, others) = reduced.parameters().split_at(self.start.len());
        let identity = Array2::<F>::from_shape_fn((self.units, self.units), |(i, j)| F::from(u8::from(i == j)));
        let parameters = first.iter().chain(&identity).chain(others).copied().collect();
        small_network(reduced, self.start.nrows() + self.units, parameters)
    }
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

/// The first kernel, `(d, units)`.
fn kernel<F: Float>(network: &Network<F>, units: usize) -> Result<ArrayView2<'_, F>> {
    view(&network.parameters()[..network.spec().inputs() * units], units)
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

/// `a · b` in double precision, converted some features at a time.
fn double_product<F: Float>(a: &ArrayView2<F>, b: &ArrayView2<F>, threads: usize) -> Result<Array2<f64>> {
    let mut sum = Array2::zeros((a.nrows(), b.ncols()));
    for start in (0..a.ncols()).step_by(COLUMNS) {
        let end = a.ncols().min(start + COLUMNS);
        let (a, b) = (a.slice(s![.., start..end]).mapv(Into::into), b.slice(s![start..end, ..]).mapv(Into::into));
        sum += &matmul(a.view(), b.view(), threads)?;
    }
    Ok(sum)
}

/// Cholesky factor of a Gram matrix `(n, n)` with pivoting: `(n, r)`, and the samples that added a column, each time the
/// one of which the largest share lies outside the span of those before it. That keeps `L_P` well conditioned.
fn triangular_factor(gram: &Array2<f64>) -> (Array2<f64>, Vec<usize>) {
    let lengths = gram.diag().to_vec(); // squared
    let mut left = lengths.clone();
    let mut pivots = Vec::new();
    let mut columns: Vec<Vec<f64>> = Vec::new();
    let share = |left: &[f64], i: usize| if lengths[i] > 0.0 { left[i] / lengths[i] } else { 0.0 };
    while pivots.len() < left.len() {
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
    (Array2::from_shape_fn((left.len(), columns.len()), |(i, k)| columns[k][i]), pivots)
}

/// Solves `L y = b` in place, for each column of `b (r, units)`.
fn solve_lower(triangle: &Array2<f64>, b: &mut Array2<f64>) {
    for k in 0..triangle.nrows() {
        let (above, mut rest) = b.view_mut().split_at(Axis(0), k);
        let mut row = rest.row_mut(0);
        for (j, solved) in above.outer_iter().enumerate() {
            row.scaled_add(-triangle[(k, j)], &solved);
        }
        row /= triangle[(k, k)];
    }
}

/// Solves `Lᵀ y = b` in place, for each column of `b (r, units)`.
fn solve_upper(triangle: &Array2<f64>, b: &mut Array2<f64>) {
    for k in (0..triangle.nrows()).rev() {
        let (mut before, below) = b.view_mut().split_at(Axis(0), k + 1);
        let mut row = before.row_mut(k);
        for (j, solved) in below.outer_iter().enumerate() {
            row.scaled_add(-triangle[(k + 1 + j, k)], &solved);
        }
        row /= triangle[(k, k)];
    }
}
