//! Layers: forward and backward together, one file each.
//!
//! Layers exchange flat rows `(samples, width)` and know the shape of one sample. A layer keeps where its arrays lie in
//! the network's arenas, never the arrays themselves; what it needs of memory comes in a [`Context`] that lives as long
//! as the training.

mod activate;
mod arenas;
mod batch_norm;
mod bias;
mod chain;
mod dense;
mod dropout;
mod embedding;
mod flatten;
mod layer_norm;
mod noise;
mod normalize;
mod packed;
mod rescale;
mod residual;

use std::ops::Range;

use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::math::Float;
use crate::matmul::Product;
use crate::spec::LayerSpec;
pub(crate) use arenas::length;
pub use arenas::{Arenas, Parameter};
pub(crate) use chain::{Chain, backward, backward_layer, forward, update_buffers};
pub use dense::{DenseGradients, dense_backward, dense_forward};
pub(crate) use normalize::Normalize;
pub use packed::PackedInput;

/// Working memory of one network at a time, the number of threads, and what kind of pass it is.
#[derive(Default)]
pub struct Context<F: Float> {
    pub(crate) product: Product<F>,
    /// What a layer may borrow while it works.
    pub(crate) spare: Vec<Buffer<F>>,
    pub(crate) threads: usize,
    /// Whether units are dropped, noise is added, and statistics are those of the batch.
    pub(crate) training: bool,
    /// Counts the passes in training: each has random numbers of its own.
    pub(crate) step: u64,
}

impl<F: Float> Context<F> {
    /// For `threads` threads, with nothing random.
    pub fn new(threads: usize) -> Context<F> {
        Context { threads, ..Context::default() }
    }

    /// Threads for work on so many numbers, each of which takes as long as `each` multiply-adds.
    pub(crate) fn threads_for(&self, numbers: usize, each: usize) -> usize {
        self.product.worth(numbers.saturating_mul(each), self.threads)
    }
}

/// What a layer gets from the one before, `(samples, width)`.
#[derive(Clone, Copy)]
pub enum Input<'a, F: Float> {
    /// Row after row.
    Rows(&'a [F]),
    /// Packed beforehand: training data that every step reads.
    Packed(&'a PackedInput<F>),
}

impl<'a, F: Float> Input<'a, F> {
    /// The rows, for a layer that reads nothing else.
    fn rows(self) -> Result<&'a [F]> {
        match self {
            Input::Rows(rows) => Ok(rows),
            Input::Packed(_) => Err(Error::shape("layer", "rows", "packed data")),
        }
    }
}

/// The arenas that a network's layers read: what is learned, and what is gathered from data.
#[derive(Clone, Copy)]
pub struct Weights<'a, F> {
    /// Kernels, biases, ..
    pub parameters: &'a [F],
    /// Running statistics.
    pub buffers: &'a [F],
}

/// What a layer gave for a batch; reused from step to step.
#[derive(Clone, Default)]
pub(crate) struct Saved<F> {
    /// `(samples, outputs)`
    pub out: Vec<F>,
    /// What backward needs that neither input nor output tells.
    pub kept: Vec<F>,
    /// The same of the layers within a layer.
    pub inner: Vec<Saved<F>>,
}

/// What every layer does.
trait Kind {
    /// Writes `saved.out`, which is as long as it must be, and what backward needs. With `logits` a last activation is
    /// left out.
    fn forward<F: Float>(
        &self,
        x: Input<F>,
        weights: Weights<F>,
        logits: bool,
        saved: &mut Saved<F>,
        context: &mut Context<F>,
    ) -> Result<()>;

    /// Given `dout`, the gradient with respect to `saved.out` (overwritten on the way), writes the layer's part of
    /// `gradient` and, unless nobody needs it, `dx`. As it stands here, for a layer without parameters whose output moves
    /// with its input: `dx = dout`.
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
            dx.copy_from_slice(dout);
        }
        Ok(())
    }

    /// After a step in training: running statistics go on by those of the batch.
    fn update_buffers<F: Float>(&self, _saved: &Saved<F>, _buffers: &mut [F]) {}
}

/// Defines the closed set of layers, and hands a call on to whichever it is: one match a layer and step, no trait
/// objects.
macro_rules! layers {
    ($d:tt $($(#[$meta:meta])* $name:ident($type:ty)),+ $(,)?) => {
        /// Any layer.
        #[derive(Clone, Debug)]
        pub(crate) enum AnyLayer {
            $($(#[$meta])* $name($type)),+
        }

        macro_rules! with_layer {
            ($d any:expr, $d layer:ident => $d body:expr) => {
                match $d any { $(AnyLayer::$name($d layer) => $d body),+ }
            };
        }
    };
}

layers! { $
    /// Affine map and activation.
    Dense(dense::Dense),
    /// An activation alone.
    Activation(activate::Activate),
    /// Random zeros.
    Dropout(dropout::Dropout),
    /// Added noise.
    GaussianNoise(noise::GaussianNoise),
    /// Standardised over the batch.
    BatchNorm(batch_norm::BatchNorm),
    /// Standardised, or scaled, over the features of a sample.
    LayerNorm(layer_norm::LayerNorm),
    /// Another shape.
    Flatten(flatten::Flatten),
    /// Multiplication by a constant.
    Rescale(rescale::Rescale),
    /// Standardised as the training data were.
    Normalize(normalize::Normalize),
    /// Rows of a table.
    Embedding(embedding::Embedding),
    /// Layers whose input is added to their output.
    Residual(residual::Residual),
}

/// One layer of a network.
#[derive(Clone, Debug)]
pub struct Layer {
    pub(crate) kind: AnyLayer,
    shape: Vec<usize>,
    outputs: usize,
    parameters: Range<usize>,
}

impl Layer {
    /// Builds the layer `name` (`layers.0`, say) for samples of `shape`; its arrays get their places in `arenas`.
    ///
    /// The spec has been checked: see [`crate::spec::NetworkSpec::check`].
    pub(crate) fn new(spec: &LayerSpec, name: &str, shape: &[usize], seed: u64, arenas: &mut Arenas) -> Layer {
        let first_parameter = length(&arenas.parameters);
        let width: usize = shape.iter().product();
        let features = shape.last().copied().unwrap_or(1);
        let kind = match spec {
            LayerSpec::Dense { units, activation, kernel_initializer, bias_initializer, trainable, .. } => {
                let first = [*kernel_initializer, *bias_initializer];
                AnyLayer::Dense(dense::Dense::new(name, width, *units, *activation, first, *trainable, arenas))
            }
            LayerSpec::Activation { activation, trainable } => {
                AnyLayer::Activation(activate::Activate::new(name, *activation, features, *trainable, arenas))
            }
            LayerSpec::Dropout { rate } => AnyLayer::Dropout(dropout::Dropout::plain(name, *rate, seed)),
            LayerSpec::AlphaDropout { rate } => AnyLayer::Dropout(dropout::Dropout::alpha(name, *rate, seed)),
            LayerSpec::GaussianNoise { deviation } => {
                AnyLayer::GaussianNoise(noise::GaussianNoise::new(name, *deviation, seed))
            }
            LayerSpec::BatchNorm { momentum, epsilon, trainable } => {
                let norm = batch_norm::BatchNorm::new(name, features, *momentum, *epsilon, *trainable, arenas);
                AnyLayer::BatchNorm(norm)
            }
            LayerSpec::LayerNorm { epsilon, trainable } => {
                AnyLayer::LayerNorm(layer_norm::LayerNorm::new(name, features, *epsilon, true, *trainable, arenas))
            }
            LayerSpec::RmsNorm { epsilon, trainable } => {
                AnyLayer::LayerNorm(layer_norm::LayerNorm::new(name, features, *epsilon, false, *trainable, arenas))
            }
            LayerSpec::Flatten {} => AnyLayer::Flatten(flatten::Flatten),
            LayerSpec::Rescale { scale } => AnyLayer::Rescale(rescale::Rescale { scale: *scale }),
            LayerSpec::Normalize {} => AnyLayer::Normalize(normalize::Normalize::new(name, features, arenas)),
            LayerSpec::Embedding { entries, units, embeddings_initializer, trainable } => AnyLayer::Embedding(
                embedding::Embedding::new(name, width, *entries, *units, *embeddings_initializer, *trainable, arenas),
            ),
            LayerSpec::Residual { layers } => {
                AnyLayer::Residual(residual::Residual { chain: Chain::new(layers, name, shape, seed, arenas) })
            }
        };
        let shape = spec.output_shape(shape);
        let parameters = first_parameter..length(&arenas.parameters);
        Layer { kind, outputs: shape.iter().product(), shape, parameters }
    }

    /// Numbers of one output.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Shape of one output.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Where its parameters lie.
    pub fn parameters(&self) -> Range<usize> {
        self.parameters.clone()
    }

    /// Whether the layer can read [`Input::Packed`].
    pub fn reads_packed(&self) -> bool {
        matches!(self.kind, AnyLayer::Dense(_))
    }

    /// See [`Kind::forward`].
    fn forward<F: Float>(
        &self,
        x: Input<F>,
        weights: Weights<F>,
        logits: bool,
        saved: &mut Saved<F>,
        context: &mut Context<F>,
    ) -> Result<()> {
        with_layer!(&self.kind, layer => layer.forward(x, weights, logits, saved, context))
    }

    /// See [`Kind::backward`].
    fn backward<F: Float>(
        &self,
        x: Input<F>,
        saved: &Saved<F>,
        weights: Weights<F>,
        logits: bool,
        dout: &mut [F],
        gradient: &mut [F],
        dx: Option<&mut [F]>,
        context: &mut Context<F>,
    ) -> Result<()> {
        with_layer!(&self.kind, layer => layer.backward(x, saved, weights, logits, dout, gradient, dx, context))
    }

    /// See [`Kind::update_buffers`].
    fn update_buffers<F: Float>(&self, saved: &Saved<F>, buffers: &mut [F]) {
        with_layer!(&self.kind, layer => layer.update_buffers(saved, buffers))
    }
}
