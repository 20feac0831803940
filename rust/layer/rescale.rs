//! Multiplication by a constant: `y = x * scale`, so `dx = dy * scale`.
//!
//! As the first layer it is not run at all: [`crate::network::Network`] folds it into the reading of the input, where
//! bytes become floats.

use super::{Context, Input, Kind, Saved, Weights};
use crate::error::Result;
use crate::math::Float;

/// A layer without parameters.
#[derive(Clone, Debug)]
pub(crate) struct Rescale {
    /// The factor.
    pub scale: f64,
}

impl Kind for Rescale {
    fn forward<F: Float>(
        &self,
        x: Input<F>,
        _weights: Weights<F>,
        _logits: bool,
        saved: &mut Saved<F>,
        _context: &mut Context<F>,
    ) -> Result<()> {
        scale_into(x.rows()?, F::from_f64(self.scale), &mut saved.out);
        Ok(())
    }

    fn backward<F: Float>(
        &self,
        _x: Input<F>,
        _saved: &Saved<F>,
        _weights: Weights<F>,
        _logits: bool,
        dout: &mut [F],
        _gradient: &mut [F],
        dx: Option<&mut [F]>,
        _context: &mut Context<F>,
    ) -> Result<()> {
        if let Some(dx) = dx {
            scale_into(dout, F::from_f64(self.scale), dx);
        }
        Ok(())
    }
}

fn scale_into<F: Float>(x: &[F], scale: F, out: &mut [F]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out = *x * scale;
    }
}
