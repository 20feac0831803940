//! Layers: forward and backward together, one file each.
//!
//! Layers exchange flat rows `(samples, width)`. A layer keeps where its parameters lie in the network's arena, never
//! the parameters themselves; what it needs of memory comes in a [`Context`] that lives as long as the training.

mod dense;
mod rescale;

use std::ops::Range;

use ndarray::ArrayView2;

use crate::error::Result;
use crate::math::Float;
use crate::matmul::{LanePanels, Product};
use crate::random::Stream;
use crate::spec::LayerSpec;
pub use dense::{Dense, DenseGradients, dense_backward, dense_forward};
pub use rescale::Rescale;

/// Working memory of one network at a time, and the number of threads.
#[derive(Default)]
pub struct Context<F: Float> {
    pub(crate) product: Product<F>,
    pub(crate) block_sums: Vec<F>,
    pub(crate) threads: usize,
}

/// What a layer gets from the one before, `(samples, width)`.
#[derive(Clone, Copy)]
pub enum Input<'a, F: Float> {
    /// Row after row.
    Rows(&'a [F]),
    /// Packed beforehand: training data that every step reads.
    Packed(&'a PackedInput<F>),
}

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

/// A named array within the network's arena of parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// `layers.0.kernel`, say: the number is the layer's place in the spec.
    pub name: String,
    /// `[inputs, units]`, say.
    pub shape: Vec<usize>,
    /// Where it lies.
    pub range: Range<usize>,
}

/// One layer of a network. One `match` a layer and step, no trait objects.
#[derive(Clone, Debug)]
pub enum Layer {
    /// Affine map and activation.
    Dense(Dense),
    /// Multiplication by a constant.
    Rescale(Rescale),
}

impl Layer {
    /// Builds layer `index` for `inputs` numbers a sample; its parameters begin at `start` of the arena.
    pub fn new(spec: &LayerSpec, index: usize, inputs: usize, start: usize) -> Layer {
        match spec {
            LayerSpec::Dense { units, activation, kernel_initializer, bias_initializer, .. } => Layer::Dense(
                Dense::new(index, inputs, *units, *activation, [*kernel_initializer, *bias_initializer], start),
            ),
            LayerSpec::Rescale { scale } => Layer::Rescale(Rescale { width: inputs, scale: *scale }),
        }
    }

    /// Numbers of one output.
    pub fn outputs(&self) -> usize {
        match self {
            Layer::Dense(dense) => dense.units,
            Layer::Rescale(rescale) => rescale.width,
        }
    }

    /// The layer's arrays, in order.
    pub fn parameters(&self) -> Vec<Parameter> {
        match self {
            Layer::Dense(dense) => dense.parameters(),
            Layer::Rescale(_) => Vec::new(),
        }
    }

    /// Sets the layer's part of the arena to its first values. Each array has a stream of its own name.
    pub fn initialize<F: Float>(&self, seed: u64, arena: &mut [F]) {
        if let Layer::Dense(dense) = self {
            for (parameter, initializer) in dense.parameters().into_iter().zip(dense.initializers) {
                let mut stream = Stream::new(seed, &parameter.name, 0);
                initializer.fill(&mut arena[parameter.range], dense.inputs, dense.units, &mut stream);
            }
        }
    }

    /// Whether the layer can read [`Input::Packed`].
    pub fn reads_packed(&self) -> bool {
        matches!(self, Layer::Dense(_))
    }

    /// `out (samples, outputs)` of `x`. With `logits` a last activation is left out.
    pub fn forward<F: Float>(
        &self,
        x: Input<F>,
        arena: &[F],
        logits: bool,
        out: &mut [F],
        context: &mut Context<F>,
    ) -> Result<()> {
        match self {
            Layer::Dense(dense) => dense.forward(x, arena, logits, out, context),
            Layer::Rescale(rescale) => rescale.forward(x, out),
        }
    }

    /// Given `dout`, the gradient with respect to the layer's output `out` (overwritten on the way), writes the layer's
    /// part of `gradient` and, unless nobody needs it, `dx`.
    pub fn backward<F: Float>(
        &self,
        x: Input<F>,
        out: &[F],
        logits: bool,
        dout: &mut [F],
        arena: &[F],
        gradient: &mut [F],
        dx: Option<&mut [F]>,
        context: &mut Context<F>,
    ) -> Result<()> {
        match self {
            Layer::Dense(dense) => dense.backward(x, out, logits, dout, arena, gradient, dx, context),
            Layer::Rescale(rescale) => rescale.backward(dout, dx),
        }
    }
}
