//! Mixup: training on blends of samples (Zhang et al., mixup: beyond empirical risk minimization, 2018).
//!
//! For each batch a share `s` is drawn from Beta(alpha, alpha), and an order of the batch; sample `i` becomes
//! `s x_i + (1 - s) x_j`, where `j` stands in its place in that order, and targets and weights likewise. Classes become
//! rows of shares.

use super::source::BatchSource;
use super::step::Batch;
use crate::error::{Error, Result};
use crate::isa::versions;
use crate::layer::Input;
use crate::loss::{Loss, Targets};
use crate::math::Float;
use crate::random::Stream;
use crate::spec::{LayerSpec, NetworkSpec};

/// Blends the batches of another source.
pub(super) struct Mixup<S, F> {
    source: S,
    alpha: f64,
    seed: u64,
    outputs: usize,
    stream: Stream,
    order: Vec<u32>,
    rows: Vec<F>,
    shares: Vec<F>,
    targets: Vec<F>,
    weights: Vec<F>,
}

impl<S, F: Float> Mixup<S, F> {
    /// Blends batches of `source`, whose rows and row-wise targets it gives, for a network of so many outputs.
    pub fn new(source: S, alpha: f64, seed: u64, outputs: usize) -> Mixup<S, F> {
        Mixup {
            source,
            alpha,
            seed,
            outputs,
            stream: Stream::new(seed, NAME, 0),
            order: Vec::new(),
            rows: Vec::new(),
            shares: Vec::new(),
            targets: Vec::new(),
            weights: Vec::new(),
        }
    }
}

/// Of the stream that shares and orders are drawn from, one counter an epoch.
const NAME: &str = "mixup";

/// Refuses an `alpha` out of range, a network whose inputs are places in a table, between which there is nothing, and a
/// loss whose targets cannot lie between others.
pub(super) fn check<F: Float>(alpha: f64, loss: Loss, spec: &NetworkSpec) -> Result<()> {
    let outputs = spec.outputs();
    if !(alpha > 0.0 && alpha.is_finite()) {
        return Err(Error::value("mixup", "above 0 and finite", alpha));
    }
    if spec.layers.iter().any(|layer| matches!(layer, LayerSpec::Embedding { .. })) {
        return Err(Error::value("mixup", "a network that takes samples between others", "an embedding"));
    }
    let width = loss.target_width(outputs);
    let between = vec![if width > 1 { F::from_f64(1.0 / width as f64) } else { F::HALF }; width];
    if loss.check_targets(Targets::Values(&between), 1, outputs).is_err() {
        let name: &str = loss.into();
        return Err(Error::value("mixup", "a loss that takes targets between others", name));
    }
    Ok(())
}

impl<S: BatchSource<F>, F: Float> BatchSource<F> for Mixup<S, F> {
    fn begin_epoch(&mut self, epoch: u64) {
        self.source.begin_epoch(epoch);
        self.stream = Stream::new(self.seed, NAME, epoch);
    }

    fn put_in_order(&mut self, order: &[u32]) -> Result<()> {
        self.source.put_in_order(order)
    }

    fn use_threads(&mut self, threads: usize) {
        self.source.use_threads(threads);
    }

    fn next_batch(&mut self) -> Option<Batch<'_, F>> {
        let batch = self.source.next_batch()?;
        let Input::Rows(rows) = batch.input else { return Some(batch) };
        self.order.clear();
        self.order.extend(0..batch.samples as u32);
        self.stream.shuffle(&mut self.order);
        let share = F::from_f64(self.stream.beta(self.alpha));
        let targets = match batch.targets {
            Targets::Values(values) => values,
            Targets::Classes(classes) => {
                self.shares.clear();
                self.shares.resize(classes.len() * self.outputs, F::ZERO);
                for (row, class) in self.shares.chunks_exact_mut(self.outputs).zip(classes) {
                    row[*class as usize] = F::ONE;
                }
                &self.shares
            }
        };
        blend_rows(rows, &self.order, share, &mut self.rows);
        blend_rows(targets, &self.order, share, &mut self.targets);
        let weights = batch.weights.map(|weights| {
            blend_rows(weights, &self.order, share, &mut self.weights);
            &self.weights[..]
        });
        let targets = Targets::Values(&self.targets);
        Some(Batch { input: Input::Rows(&self.rows), targets, samples: batch.samples, weights })
    }
}

/// Each of the rows, blended with the one that stands in its place in `order`.
fn blend_rows<F: Float>(rows: &[F], order: &[u32], share: F, out: &mut Vec<F>) {
    let width = rows.len() / order.len().max(1);
    out.resize(rows.len(), F::ZERO);
    if width > 0 {
        for ((out, row), other) in out.chunks_exact_mut(width).zip(rows.chunks_exact(width)).zip(order) {
            blend(row, &rows[*other as usize * width..][..width], share, out);
        }
    }
}

versions! {
    /// `share a + (1 - share) b`
    fn blend[F: Float](a: &[F], b: &[F], share: F, out: &mut [F]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) { *out = share.mul_add(*a, (F::ONE - share) * *b); }
    }
}
