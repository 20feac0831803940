//! Multiplication by a constant: `y = x * scale`, so `dx = dy * scale`.
//!
//! As the first layer it is not run at all: [`crate::network::Network`] folds it into the reading of the input, where
//! bytes become floats.

use super::Input;
use crate::error::{Error, Result};
use crate::math::Float;

/// A layer without parameters.
#[derive(Clone, Debug)]
pub struct Rescale {
    /// Numbers of one sample.
    pub width: usize,
    /// The factor.
    pub scale: f64,
}

impl Rescale {
    /// `out = x * scale`
    pub fn forward<F: Float>(&self, x: Input<F>, out: &mut [F]) -> Result<()> {
        match x {
            Input::Rows(x) => scale_into(x, F::from_f64(self.scale), out),
            Input::Packed(_) => return Err(Error::shape("rescale layer", "rows", "packed data")),
        }
        Ok(())
    }

    /// `dx = dout * scale`
    pub fn backward<F: Float>(&self, dout: &[F], dx: Option<&mut [F]>) -> Result<()> {
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
