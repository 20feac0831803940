//! Training data packed once, for a first layer that multiplies them in every step.

use ndarray::ArrayView2;

use crate::math::Float;
use crate::matmul::LanePanels;

/// Training data packed once for both multiplications of a first layer.
pub struct PackedInput<F: Float> {
    /// `(samples, features)`, for the forward pass.
    pub(crate) samples: LanePanels<F>,
    /// `(features, samples)`, for the gradient of the kernel.
    pub(crate) features: LanePanels<F>,
}

impl<F: Float> PackedInput<F> {
    /// Packs `x (samples, features)`.
    pub fn floats(x: ArrayView2<F>, threads: usize) -> Self {
        PackedInput { samples: LanePanels::floats(&x, threads), features: LanePanels::floats(&x.t(), threads) }
    }

    /// Numbers of all samples.
    pub(crate) fn len(&self) -> usize {
        let (samples, features) = self.samples.dim();
        samples * features
    }

    /// Packs bytes that stand for `byte * scale`. They stay bytes until a panel's turn comes.
    pub fn bytes(x: ArrayView2<u8>, scale: F, threads: usize) -> Self {
        PackedInput {
            samples: LanePanels::bytes(&x, scale, threads),
            features: LanePanels::bytes(&x.t(), scale, threads),
        }
    }
}
