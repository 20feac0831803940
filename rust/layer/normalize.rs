//! Standardisation by the training data: `y = (x - mean) / deviation`, feature by feature, so `dx = dy / deviation`.
//!
//! Mean and deviation are gathered once, before the first step, by [`crate::network::Network::adapt`], and never learned.
//! A feature that never changes has deviation 1. Until then mean is 0 and deviation 1.

use std::ops::Range;

use super::{Arenas, Context, Input, Kind, Saved, Weights};
use crate::error::Result;
use crate::initializer::Initializer;
use crate::isa::versions;
use crate::math::Float;

/// Where its statistics lie; `count` is the number of samples that they come from, 0 at first.
#[derive(Clone, Debug)]
pub(crate) struct Normalize {
    features: usize,
    mean: Range<usize>,
    deviation: Range<usize>,
    count: Range<usize>,
}

impl Normalize {
    pub fn new(name: &str, features: usize, arenas: &mut Arenas) -> Normalize {
        Normalize {
            features,
            mean: arenas.buffer(format!("{name}.mean"), vec![features], Initializer::Zeros),
            deviation: arenas.buffer(format!("{name}.deviation"), vec![features], Initializer::Ones),
            count: arenas.buffer(format!("{name}.count"), vec![1], Initializer::Zeros),
        }
    }

    /// Whether the statistics have been gathered.
    pub fn is_adapted<F: Float>(&self, buffers: &[F]) -> bool {
        buffers[self.count.start] != F::ZERO
    }

    /// Adds up rows in double precision: `x`, and from a second pass, which knows their mean, `(x - mean)²`.
    pub fn gather<F: Float>(&self, x: &[F], mean: Option<&[f64]>, sums: &mut [f64]) {
        let zeros = [];
        add_rows(x, mean.unwrap_or(&zeros), sums);
    }

    /// Number of features.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Sets the statistics, from sums over `rows` rows of `samples` samples.
    pub fn set<F: Float>(&self, mean: &[f64], squares: &[f64], rows: usize, samples: usize, buffers: &mut [F]) {
        for (buffer, mean) in buffers[self.mean.clone()].iter_mut().zip(mean) {
            *buffer = F::from_f64(*mean);
        }
        for (buffer, square) in buffers[self.deviation.clone()].iter_mut().zip(squares) {
            let deviation = F::from_f64((square / rows as f64).sqrt());
            *buffer = if deviation > F::ZERO { deviation } else { F::ONE };
        }
        buffers[self.count.start] = F::from_f64(samples as f64);
    }
}

impl Kind for Normalize {
    fn forward<F: Float>(
        &self,
        x: Input<F>,
        weights: Weights<F>,
        _logits: bool,
        saved: &mut Saved<F>,
        _context: &mut Context<F>,
    ) -> Result<()> {
        let buffers = weights.buffers;
        standardize(x.rows()?, &buffers[self.mean.clone()], &buffers[self.deviation.clone()], &mut saved.out);
        Ok(())
    }

    fn backward<F: Float>(
        &self,
        _x: Input<F>,
        _saved: &Saved<F>,
        weights: Weights<F>,
        _logits: bool,
        dout: &mut [F],
        _gradient: &mut [F],
        dx: Option<&mut [F]>,
        _context: &mut Context<F>,
    ) -> Result<()> {
        if let Some(dx) = dx {
            divide_rows(dout, &weights.buffers[self.deviation.clone()], dx);
        }
        Ok(())
    }
}

versions! {
    fn add_rows[F: Float](x: &[F], mean: &[f64], sums: &mut [f64]) {
        for row in x.chunks_exact(sums.len().max(1)) {
            if mean.is_empty() {
                for (sum, x) in sums.iter_mut().zip(row) { *sum += (*x).into(); }
            } else {
                for ((sum, x), mean) in sums.iter_mut().zip(row).zip(mean) {
                    let centred: f64 = (*x).into() - *mean;
                    *sum += centred * centred;
                }
            }
        }
    }
    fn standardize[F: Float](x: &[F], mean: &[F], deviation: &[F], out: &mut [F]) {
        let width = mean.len().max(1);
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            for i in 0..width { out[i] = (x[i] - mean[i]) / deviation[i]; }
        }
    }
    fn divide_rows[F: Float](x: &[F], divisors: &[F], out: &mut [F]) {
        let width = divisors.len().max(1);
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            for i in 0..width { out[i] = x[i] / divisors[i]; }
        }
    }
}
