//! Layers in order: what a network is, and what a residual layer wraps.

use super::{Arenas, Context, Input, Layer, Saved, Weights};
use crate::buffer::Buffer;
use crate::error::Result;
use crate::math::Float;
use crate::spec::LayerSpec;

/// Layers, each reading what the one before gives.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub layers: Vec<Layer>,
}

impl Chain {
    /// Builds layers that are called `{prefix}.layers.0`, or `layers.0` where the prefix is empty, and so on.
    pub fn new(specs: &[LayerSpec], prefix: &str, shape: &[usize], seed: u64, arenas: &mut Arenas) -> Chain {
        let mut shape = shape.to_vec();
        let mut layers = Vec::with_capacity(specs.len());
        for (index, spec) in specs.iter().enumerate() {
            let name = format!("{prefix}{}layers.{index}", if prefix.is_empty() { "" } else { "." });
            let layer = Layer::new(spec, &name, &shape, seed, arenas);
            shape = layer.shape().to_vec();
            layers.push(layer);
        }
        Chain { layers }
    }
}

/// Runs `layers` on `samples` rows; what each gives is in `saved`. With `logits` the last activation is left out.
pub(crate) fn forward<F: Float>(
    layers: &[Layer],
    input: Input<F>,
    samples: usize,
    weights: Weights<F>,
    logits: bool,
    saved: &mut Vec<Saved<F>>,
    context: &mut Context<F>,
) -> Result<()> {
    saved.resize_with(layers.len(), Saved::default);
    for (i, layer) in layers.iter().enumerate() {
        let (before, rest) = saved.split_at_mut(i);
        let x = before.last().map_or(input, |saved| Input::Rows(&saved.out));
        rest[0].out.resize(samples * layer.outputs(), F::ZERO);
        layer.forward(x, weights, logits && i + 1 == layers.len(), &mut rest[0], context)?;
    }
    Ok(())
}

/// Given `dout`, the gradient with respect to the last output (overwritten on the way), fills these layers' part of
/// `gradient`. If `wants_dx`, `dout` becomes the gradient with respect to the input. `spare` is working memory.
pub(crate) fn backward<F: Float>(
    layers: &[Layer],
    input: Input<F>,
    saved: &[Saved<F>],
    weights: Weights<F>,
    logits: bool,
    dout: &mut Buffer<F>,
    spare: &mut Buffer<F>,
    gradient: &mut [F],
    wants_dx: bool,
    context: &mut Context<F>,
) -> Result<()> {
    for place in (0..layers.len()).rev() {
        backward_layer(layers, place, input, saved, weights, logits, dout, spare, gradient, wants_dx, context)?;
    }
    Ok(())
}

/// The part of [`backward`] that the layer at `place` has: `dout` is the gradient with respect to its output, then to its
/// input.
pub(crate) fn backward_layer<F: Float>(
    layers: &[Layer],
    place: usize,
    input: Input<F>,
    saved: &[Saved<F>],
    weights: Weights<F>,
    logits: bool,
    dout: &mut Buffer<F>,
    spare: &mut Buffer<F>,
    gradient: &mut [F],
    wants_dx: bool,
    context: &mut Context<F>,
) -> Result<()> {
    let logits = logits && place + 1 == layers.len();
    let x = if place == 0 { input } else { Input::Rows(&saved[place - 1].out) };
    let dx = match x {
        Input::Rows(rows) if place > 0 || wants_dx => Some(spare.room(rows.len())),
        _ => None,
    };
    layers[place].backward(x, &saved[place], weights, logits, dout, gradient, dx, context)?;
    std::mem::swap(dout, spare);
    Ok(())
}

/// After a step in training: running statistics go on by those of the batch.
pub(crate) fn update_buffers<F: Float>(layers: &[Layer], saved: &[Saved<F>], buffers: &mut [F]) {
    for (layer, saved) in layers.iter().zip(saved) {
        layer.update_buffers(saved, buffers);
    }
}
