//! Noise added in training, in every step anew: `y = x + deviation n`, with `n` normal of mean 0 and deviation 1; so
//! `dx = dy`. (Bishop, Training with noise is equivalent to Tikhonov regularization, 1995.)

use super::{Context, Input, Kind, Saved, Weights};
use crate::error::Result;
use crate::math::Float;
use crate::random::Stream;

/// A layer without parameters.
#[derive(Clone, Debug)]
pub(crate) struct GaussianNoise {
    stream: String,
    seed: u64,
    deviation: f64,
}

impl GaussianNoise {
    pub fn new(name: &str, deviation: f64, seed: u64) -> GaussianNoise {
        GaussianNoise { stream: format!("{name}.noise"), seed, deviation }
    }
}

impl Kind for GaussianNoise {
    fn forward<F: Float>(
        &self,
        x: Input<F>,
        _weights: Weights<F>,
        _logits: bool,
        saved: &mut Saved<F>,
        context: &mut Context<F>,
    ) -> Result<()> {
        saved.out.copy_from_slice(x.rows()?);
        if context.training {
            let mut stream = Stream::new(self.seed, &self.stream, context.step);
            for pair in saved.out.chunks_mut(2) {
                for (x, n) in pair.iter_mut().zip(stream.normal_pair()) {
                    *x += F::from_f64(self.deviation * n);
                }
            }
        }
        Ok(())
    }
}
