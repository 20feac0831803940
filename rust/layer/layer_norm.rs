//! Layer normalisation (Ba et al., 2016) and its form without a mean, RMS normalisation (Zhang and Sennrich, 2019): every
//! sample gets mean 0 and variance 1, or mean square 1, over its features, then a scale and a shift that are learned.
//!
//! ```text
//! x̂ = (x - μ) / √(σ² + epsilon)    or    x̂ = x / √(mean x² + epsilon)
//! y = gamma x̂ + beta               or    y = gamma x̂          gamma, beta (features,)
//!
//! dgamma = Σ dy x̂,  dbeta = Σ dy   over the rows
//! g = gamma dy,  dx = (g - mean g - x̂ mean(g x̂)) / √(..)      over the features; the second form without mean g
//! ```
//!
//! The last axis of a sample is that of the features; along the others every place is standardised by itself. Means are
//! taken in double precision.

use std::ops::Range;

use super::{Arenas, Context, Input, Kind, Saved, Weights};
use crate::error::Result;
use crate::initializer::Initializer;
use crate::isa::versions;
use crate::math::{Float, column_dots, column_sums, lane_dot, lane_sum};

/// Either form. Keeps `[x̂ | 1/√(..) of every row]`.
#[derive(Clone, Debug)]
pub(crate) struct LayerNorm {
    features: usize,
    epsilon: f64,
    gamma: Range<usize>,
    /// Absent in the form without a mean.
    beta: Option<Range<usize>>,
}

impl LayerNorm {
    pub fn new(
        name: &str,
        features: usize,
        epsilon: f64,
        centred: bool,
        trainable: bool,
        arenas: &mut Arenas,
    ) -> LayerNorm {
        let mut place = |array: &str, first| {
            arenas.parameter(format!("{name}.{array}"), vec![features], first, [features, features], trainable)
        };
        let gamma = place("gamma", Initializer::Ones);
        let beta = centred.then(|| place("beta", Initializer::Zeros));
        LayerNorm { features, epsilon, gamma, beta }
    }
}

impl Kind for LayerNorm {
    fn forward<F: Float>(
        &self,
        x: Input<F>,
        weights: Weights<F>,
        _logits: bool,
        saved: &mut Saved<F>,
        _context: &mut Context<F>,
    ) -> Result<()> {
        let x = x.rows()?;
        saved.kept.resize(x.len() + x.len() / self.features.max(1), F::ZERO);
        let (normal, roots) = saved.kept.split_at_mut(x.len());
        let gamma = &weights.parameters[self.gamma.clone()];
        let beta = self.beta.as_ref().map_or(&[][..], |beta| &weights.parameters[beta.clone()]);
        layer_norm_forward(x, gamma, beta, self.epsilon, normal, roots, &mut saved.out);
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
        _context: &mut Context<F>,
    ) -> Result<()> {
        let (normal, roots) = saved.kept.split_at(dout.len());
        column_dots(dout, normal, &mut gradient[self.gamma.clone()]);
        if let Some(beta) = &self.beta {
            column_sums(dout, &mut gradient[beta.clone()]);
        }
        if let Some(dx) = dx {
            let gamma = &weights.parameters[self.gamma.clone()];
            layer_norm_backward(dout, normal, roots, gamma, self.beta.is_some(), dx);
        }
        Ok(())
    }
}

versions! {
    // Without beta it is the form without a mean.
    fn layer_norm_forward[F: Float](
        x: &[F], gamma: &[F], beta: &[F], epsilon: f64, normal: &mut [F], roots: &mut [F], out: &mut [F]
    ) {
        let width = gamma.len().max(1);
        let rows = x.chunks_exact(width).zip(normal.chunks_exact_mut(width)).zip(out.chunks_exact_mut(width));
        for (((x, normal), out), root) in rows.zip(roots) {
            let mean = if beta.is_empty() { F::ZERO } else { F::from_f64(lane_sum(x) / width as f64) };
            for (normal, x) in normal.iter_mut().zip(x) { *normal = *x - mean; }
            *root = F::from_f64(1.0 / (lane_dot(normal, normal) / width as f64 + epsilon).sqrt());
            for normal in normal.iter_mut() { *normal *= *root; }
            for ((out, normal), gamma) in out.iter_mut().zip(normal.iter()).zip(gamma) { *out = *normal * *gamma; }
            for (out, beta) in out.iter_mut().zip(beta) { *out += *beta; }
        }
    }
    // `dy` becomes g on the way.
    fn layer_norm_backward[F: Float](
        dy: &mut [F], normal: &[F], roots: &[F], gamma: &[F], centred: bool, dx: &mut [F]
    ) {
        let width = gamma.len().max(1);
        let rows = dy.chunks_exact_mut(width).zip(normal.chunks_exact(width)).zip(dx.chunks_exact_mut(width));
        for (((g, normal), dx), root) in rows.zip(roots) {
            for (g, gamma) in g.iter_mut().zip(gamma) { *g *= *gamma; }
            let mean = if centred { F::from_f64(lane_sum(g) / width as f64) } else { F::ZERO };
            let along = F::from_f64(lane_dot(g, normal) / width as f64);
            for ((dx, g), normal) in dx.iter_mut().zip(g.iter()).zip(normal) {
                *dx = (-*normal).mul_add(along, *g - mean) * *root;
            }
        }
    }
}
