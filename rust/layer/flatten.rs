//! Another shape for the same numbers: `(64, 64, 3)` becomes `(12288,)`. Rows are flat already, so they are copied.

use super::{Context, Input, Kind, Saved, Weights};
use crate::error::Result;
use crate::math::Float;

/// A layer without parameters.
#[derive(Clone, Debug)]
pub(crate) struct Flatten;

impl Kind for Flatten {
    fn forward<F: Float>(
        &self,
        x: Input<F>,
        _weights: Weights<F>,
        _logits: bool,
        saved: &mut Saved<F>,
        _context: &mut Context<F>,
    ) -> Result<()> {
        saved.out.copy_from_slice(x.rows()?);
        Ok(())
    }
}
