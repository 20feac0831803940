//! Batch normalisation (Ioffe and Szegedy, 2015): every feature gets mean 0 and variance 1 over the batch, then a scale
//! and a shift that are learned.
//!
//! ```text
//! x̂ = (x - μ) / √(σ² + epsilon)    μ, σ² (features,): mean and variance of the batch's n rows
//! y = gamma x̂ + beta               gamma, beta (features,)
//!
//! dgamma = Σ dy x̂,  dbeta = Σ dy   over the rows
//! dx = gamma / √(σ² + epsilon) (dy - dbeta / n - x̂ dgamma / n)
//! ```
//!
//! The last axis of a sample is that of the features; any before it count as further rows. Outside of training, and where
//! the layer is frozen, μ and σ² are the running ones, `running = momentum running + (1 - momentum) batch` with the
//! unbiased variance (the paper's algorithm 2), and have no part in the gradient.

use std::ops::Range;

use super::{Arenas, Context, Input, Kind, Saved, Weights};
use crate::error::Result;
use crate::initializer::Initializer;
use crate::isa::versions;
use crate::math::{Float, column_dots, column_sums};

/// Where its arrays lie. Keeps `[x̂ | 1/√(σ² + epsilon) | μ | σ²]`.
#[derive(Clone, Debug)]
pub(crate) struct BatchNorm {
    features: usize,
    momentum: f64,
    epsilon: f64,
    frozen: bool,
    gamma: Range<usize>,
    beta: Range<usize>,
    mean: Range<usize>,
    variance: Range<usize>,
}

impl BatchNorm {
    pub fn new(
        name: &str,
        features: usize,
        momentum: f64,
        epsilon: f64,
        trainable: bool,
        arenas: &mut Arenas,
    ) -> BatchNorm {
        let (shape, fans) = (|| vec![features], [features, features]);
        BatchNorm {
            features,
            momentum,
            epsilon,
            frozen: !trainable,
            gamma: arenas.parameter(format!("{name}.gamma"), shape(), Initializer::Ones, fans, trainable),
            beta: arenas.parameter(format!("{name}.beta"), shape(), Initializer::Zeros, fans, trainable),
            mean: arenas.buffer(format!("{name}.mean"), shape(), Initializer::Zeros),
            variance: arenas.buffer(format!("{name}.variance"), shape(), Initializer::Ones),
        }
    }

    fn of_batch<F: Float>(&self, context: &Context<F>) -> bool {
        context.training && !self.frozen
    }
}

impl Kind for BatchNorm {
    fn forward<F: Float>(
        &self,
        x: Input<F>,
        weights: Weights<F>,
        _logits: bool,
        saved: &mut Saved<F>,
        context: &mut Context<F>,
    ) -> Result<()> {
        let x = x.rows()?;
        let rows = x.len() / self.features.max(1);
        saved.kept.resize(x.len() + 3 * self.features, F::ZERO);
        let (centred, statistics) = saved.kept.split_at_mut(x.len());
        let (roots, statistics) = statistics.split_at_mut(self.features);
        let (mean, variance) = statistics.split_at_mut(self.features);
        let share = F::from_f64(1.0 / rows.max(1) as f64);
        if self.of_batch(context) {
            column_sums(x, mean);
            scale(mean, share);
            subtract_rows(x, mean, centred);
            column_dots(centred, centred, variance);
            scale(variance, share);
        } else {
            mean.copy_from_slice(&weights.buffers[self.mean.clone()]);
            variance.copy_from_slice(&weights.buffers[self.variance.clone()]);
            subtract_rows(x, mean, centred);
        }
        inverse_roots(variance, F::from_f64(self.epsilon), roots);
        let (gamma, beta) = (&weights.parameters[self.gamma.clone()], &weights.parameters[self.beta.clone()]);
        scale_and_shift(centred, roots, gamma, beta, &mut saved.out);
        Ok(())
    }

    fn backward<F: Float>(
        &self,
        _x: Input<F>,
        saved: &Saved<F>,
        weights: Weights<F>,
        _logits: bool,
        dout: &mut [F],
        gradient: &mut [F],
        dx: Option<&mut [F]>,
        context: &mut Context<F>,
    ) -> Result<()> {
        let (normal, statistics) = saved.kept.split_at(dout.len());
        let roots = &statistics[..self.features];
        column_sums(dout, &mut gradient[self.beta.clone()]);
        column_dots(dout, normal, &mut gradient[self.gamma.clone()]);
        let Some(dx) = dx else { return Ok(()) };
        let (gamma, dgamma) = (&weights.parameters[self.gamma.clone()], &gradient[self.gamma.clone()]);
        let dbeta = &gradient[self.beta.clone()];
        // Running statistics do not depend on x: their shares are left out.
        let rows = if self.of_batch(context) { F::from_f64(self.features as f64 / dout.len() as f64) } else { F::ZERO };
        batch_norm_backward(dout, normal, roots, gamma, dgamma, dbeta, rows, dx);
        Ok(())
    }

    fn update_buffers<F: Float>(&self, saved: &Saved<F>, buffers: &mut [F]) {
        if self.frozen {
            return;
        }
        let rows = (saved.out.len() / self.features.max(1)) as f64;
        let statistics = &saved.kept[saved.out.len() + self.features..];
        let (mean, variance) = statistics.split_at(self.features);
        follow(&mut buffers[self.mean.clone()], mean, self.momentum, 1.0);
        follow(&mut buffers[self.variance.clone()], variance, self.momentum, rows / (rows - 1.0).max(1.0));
    }
}

/// `running = momentum running + (1 - momentum) factor batch`
fn follow<F: Float>(running: &mut [F], batch: &[F], momentum: f64, factor: f64) {
    let (momentum, rest) = (F::from_f64(momentum), F::from_f64((1.0 - momentum) * factor));
    for (running, batch) in running.iter_mut().zip(batch) {
        *running = momentum * *running + rest * *batch;
    }
}

versions! {
    fn scale[F: Float](x: &mut [F], factor: F) {
        for x in x { *x *= factor; }
    }
    fn subtract_rows[F: Float](x: &[F], row: &[F], out: &mut [F]) {
        let width = row.len().max(1);
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            for ((x, row), out) in x.iter().zip(row).zip(out) { *out = *x - *row; }
        }
    }
    fn inverse_roots[F: Float](variance: &[F], epsilon: F, roots: &mut [F]) {
        for (variance, root) in variance.iter().zip(roots) { *root = F::ONE / (*variance + epsilon).sqrt(); }
    }
    // `normal` holds x - μ and becomes x̂.
    fn scale_and_shift[F: Float](normal: &mut [F], roots: &[F], gamma: &[F], beta: &[F], out: &mut [F]) {
        let width = roots.len().max(1);
        for (normal, out) in normal.chunks_exact_mut(width).zip(out.chunks_exact_mut(width)) {
            for i in 0..width {
                normal[i] *= roots[i];
                out[i] = gamma[i].mul_add(normal[i], beta[i]);
            }
        }
    }
    fn batch_norm_backward[F: Float](
        dy: &[F], normal: &[F], roots: &[F], gamma: &[F], dgamma: &[F], dbeta: &[F], share: F, dx: &mut [F]
    ) {
        let width = roots.len().max(1);
        let rows = dy.chunks_exact(width).zip(normal.chunks_exact(width)).zip(dx.chunks_exact_mut(width));
        for ((dy, normal), dx) in rows {
            for i in 0..width {
                let shared = normal[i].mul_add(dgamma[i], dbeta[i]);
                dx[i] = gamma[i] * roots[i] * (-share).mul_add(shared, dy[i]);
            }
        }
    }
}
