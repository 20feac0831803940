//! Layers in order, with all parameters in one flat arena.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use sha2::{Digest, Sha256};

use crate::activation::Activation;
use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::float_mode;
use crate::interrupt;
use crate::layer::{self, AnyLayer, Arenas, Chain, Context, Input, Layer, Parameter, Saved, Weights, length};
use crate::math::{Float, check_room, first_not_finite, zeros};
use crate::matmul::FEW;
pub use crate::model::{InModel, Model};
use crate::parallel;
pub use crate::samples::Samples;
use crate::spec::{LayerSpec, NetworkSpec};

/// A network with its weights.
#[derive(Clone, Debug)]
pub struct Network<F> {
    spec: NetworkSpec,
    layers: Vec<Layer>,
    first: usize,
    arenas: Arenas,
    parameters: Vec<F>,
    buffers: Vec<F>,
    frozen: Vec<Range<usize>>,
}

/// What each layer gave for a batch; reused from step to step.
#[derive(Default)]
pub struct Outputs<F> {
    layers: Vec<Saved<F>>,
}

impl<F> Outputs<F> {
    /// The last layer's output, `(samples, outputs)`.
    pub fn last(&self) -> &[F] {
        self.layers.last().map_or(&[], |saved| saved.out.as_slice())
    }

    fn last_mut(&mut self) -> &mut [F] {
        self.layers.last_mut().map_or(&mut [], |saved| saved.out.as_mut_slice())
    }

    /// The outputs of all layers that were run.
    pub(crate) fn into_outputs(self) -> impl Iterator<Item = Vec<F>> {
        self.layers.into_iter().map(|saved| saved.out)
    }
}

impl<F: Float> Outputs<F> {
    /// The first layer of those that were run whose outputs are not finite.
    pub(crate) fn first_not_finite(&self) -> Option<usize> {
        self.layers.iter().position(|saved| first_not_finite(&saved.out).is_some())
    }
}

/// Samples that a prediction or an evaluation takes at a time: the memory it needs does not grow with the data.
pub(crate) const CHUNK: usize = 512;

/// Multiply-adds of a prediction that one thread has done before others would have begun.
const SMALL: usize = 1 << 20;

/// Bytes of parameters that one core reads so slowly that others help it even for few samples, if one answer follows the
/// other: 784-512-512-10 in `f32`, 2.7 MB, takes 57 us instead of 68 on Zen 3, 784-2048-2048-10 half the time. Where threads
/// sleep in between, waking them made such an answer slower by up to a fifth.
const LARGE: usize = 1 << 21;

impl<F: Float> Network<F> {
    /// Builds the network that `spec` describes, with its first weights drawn.
    ///
    /// # Errors
    /// [`Error::Value`] if the spec makes no sense, or is for another float type.
    pub fn new(spec: NetworkSpec) -> Result<Network<F>> {
        let _mode = float_mode::standard();
        let mut network = Network::without_weights(spec)?;
        let Arenas { parameters, buffers } = &network.arenas;
        network.parameters = zeros("a network", length(parameters))?;
        network.buffers = zeros("a network", length(buffers))?;
        let seed = network.spec.seed;
        parameters.iter().for_each(|parameter| parameter.initialize(seed, &mut network.parameters));
        buffers.iter().for_each(|buffer| buffer.initialize(seed, &mut network.buffers));
        Ok(network)
    }

    /// The structure alone: what a model file is checked against before memory is taken for its weights.
    pub(crate) fn without_weights(spec: NetworkSpec) -> Result<Network<F>> {
        spec.check()?;
        if spec.dtype != F::DTYPE {
            let (expected, got): (&str, &str) = (F::DTYPE.into(), spec.dtype.into());
            return Err(Error::value("dtype", expected, got));
        }
        let mut arenas = Arenas::default();
        let Chain { layers } = Chain::new(&spec.layers, "", &spec.input_shape, spec.seed, &mut arenas);
        // A first Rescale is folded into the reading of the input; a network of nothing else keeps it.
        let first = usize::from(matches!(spec.layers.first(), Some(LayerSpec::Rescale { .. })) && layers.len() > 1);
        let (frozen, parameters, buffers) = (frozen_ranges(&arenas.parameters), Vec::new(), Vec::new());
        Ok(Network { spec, layers, first, arenas, parameters, buffers, frozen })
    }

    /// Its description.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// The layers that are run: all but a first `Rescale`.
    pub(crate) fn run_layers(&self) -> &[LayerSpec] {
        &self.spec.layers[self.first..]
    }

    /// All parameters, flat, in the order of [`Network::named_parameters`].
    pub fn parameters(&self) -> &[F] {
        &self.parameters
    }

    /// All parameters, to be changed.
    pub fn parameters_mut(&mut self) -> &mut [F] {
        &mut self.parameters
    }

    /// Names, shapes and places of the parameters: kernel, bias, kernel, bias, ..
    pub fn named_parameters(&self) -> &[Parameter] {
        &self.arenas.parameters
    }

    /// All buffers, flat, in the order of [`Network::named_buffers`]: running statistics and the like, which training
    /// gathers and does not learn.
    pub fn buffers(&self) -> &[F] {
        &self.buffers
    }

    /// Names, shapes and places of the buffers.
    pub fn named_buffers(&self) -> &[Parameter] {
        &self.arenas.buffers
    }

    /// Where the parameters lie that no optimizer may move, in order; neighbours are one range.
    pub fn frozen(&self) -> &[Range<usize>] {
        &self.frozen
    }

    /// Shape of one sample's output of each layer.
    pub fn output_shapes(&self) -> impl Iterator<Item = &[usize]> {
        self.layers.iter().map(Layer::shape)
    }

    /// Replaces all parameters.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are more or fewer.
    pub fn set_parameters(&mut self, parameters: Vec<F>) -> Result<()> {
        let expected = length(&self.arenas.parameters);
        if parameters.len() != expected {
            return Err(Error::shape("parameters", expected.to_string(), parameters.len().to_string()));
        }
        self.parameters = parameters;
        Ok(())
    }

    /// Replaces all buffers.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are more or fewer.
    pub fn set_buffers(&mut self, buffers: Vec<F>) -> Result<()> {
        let expected = length(&self.arenas.buffers);
        if buffers.len() != expected {
            return Err(Error::shape("buffers", expected.to_string(), buffers.len().to_string()));
        }
        self.buffers = buffers;
        Ok(())
    }

    /// Parameters and buffers with their values, by name.
    pub(crate) fn arrays(&self) -> impl Iterator<Item = (&Parameter, &[F])> {
        let Arenas { parameters, buffers } = &self.arenas;
        let parameters = parameters.iter().map(|place| (place, &self.parameters[place.range.clone()]));
        parameters.chain(buffers.iter().map(|place| (place, &self.buffers[place.range.clone()])))
    }

    /// SHA-256 of names, shapes and bytes of the parameters and buffers, in hexadecimal: equal exactly if every bit is equal.
    ///
    /// # Errors
    /// [`Error::Data`] if a parameter is not finite: NaN has many patterns of bits, so it has no fingerprint.
    pub fn fingerprint(&self) -> Result<String> {
        let mut hash = Sha256::new();
        let mut bytes = Vec::new();
        for (parameter, values) in self.arrays() {
            if let Some(i) = first_not_finite(values) {
                return Err(Error::Data(format!(
                    "{}: element {i} is {}, not a finite number",
                    parameter.name, values[i]
                )));
            }
            let dtype: &str = F::DTYPE.into();
            hash.update(format!("{} {dtype} {:?}\n", parameter.name, parameter.shape));
            for values in values.chunks(1 << 14) {
                bytes.clear();
                values.iter().for_each(|value| value.write_le(&mut bytes));
                hash.update(&bytes);
            }
        }
        Ok(hexadecimal(&hash.finalize()))
    }

    /// The factor of a first `Rescale`, which whoever reads the input applies.
    pub fn input_scale(&self) -> Option<F> {
        match &self.layers[0].kind {
            AnyLayer::Rescale(rescale) if self.first == 1 => Some(F::from_f64(rescale.scale)),
            _ => None,
        }
    }

    /// Whether the first layer that is run can read [`Input::Packed`].
    pub fn reads_packed(&self) -> bool {
        self.layers[self.first].reads_packed()
    }

    /// Numbers that a forward pass holds: the samples, and what every layer makes of them.
    pub(crate) fn numbers_of_pass(&self, samples: usize) -> usize {
        let outputs = self.layers[self.first..].iter().map(Layer::outputs);
        outputs.fold(self.spec.inputs(), usize::saturating_add).saturating_mul(samples)
    }

    /// All layers.
    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Place of the first layer that is run: 1 if a first `Rescale` is folded into the reading of the input, else 0.
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    pub(crate) fn buffers_mut(&mut self) -> &mut [F] {
        &mut self.buffers
    }

    pub(crate) fn weights(&self) -> Weights<'_, F> {
        Weights { parameters: &self.parameters, buffers: &self.buffers }
    }

    /// Runs all layers on `samples` rows. With `logits` the last activation is left out.
    pub fn forward(
        &self,
        input: Input<F>,
        samples: usize,
        logits: bool,
        outputs: &mut Outputs<F>,
        context: &mut Context<F>,
    ) -> Result<()> {
        let layers = &self.layers[self.first..];
        layer::forward(layers, input, samples, self.weights(), logits, &mut outputs.layers, context)
    }

    /// Given `dout`, the gradient with respect to the last output (overwritten on the way), fills `gradient`, which is
    /// as long as the parameters. `outputs` is what [`Network::forward`] left; `spare` is working memory. If `wants_dx`,
    /// `dout` becomes the gradient with respect to `input`, which then is rows.
    pub fn backward(
        &self,
        input: Input<F>,
        outputs: &Outputs<F>,
        logits: bool,
        dout: &mut Buffer<F>,
        spare: &mut Buffer<F>,
        gradient: &mut [F],
        wants_dx: bool,
        context: &mut Context<F>,
    ) -> Result<()> {
        let (layers, saved) = (&self.layers[self.first..], &outputs.layers);
        layer::backward(layers, input, saved, self.weights(), logits, dout, spare, gradient, wants_dx, context)
    }

    /// [`Network::backward`] for one of the layers that are run, `place` counted among them: `dout` is the gradient with
    /// respect to its output, then to its input. Says where the layer's parameters lie.
    pub(crate) fn backward_layer(
        &self,
        place: usize,
        input: Input<F>,
        outputs: &Outputs<F>,
        logits: bool,
        dout: &mut Buffer<F>,
        spare: &mut Buffer<F>,
        gradient: &mut [F],
        context: &mut Context<F>,
    ) -> Result<Range<usize>> {
        let (layers, saved, weights) = (&self.layers[self.first..], &outputs.layers, self.weights());
        layer::backward_layer(layers, place, input, saved, weights, logits, dout, spare, gradient, false, context)?;
        Ok(layers[place].parameters())
    }

    /// After a step in training, whose forward pass left `outputs`: running statistics go on by those of the batch.
    pub fn update_buffers(&mut self, outputs: &Outputs<F>) {
        if !self.buffers.is_empty() {
            layer::update_buffers(&self.layers[self.first..], &outputs.layers, &mut self.buffers);
        }
    }

    /// Outputs of the last layer for `x`, `(samples, outputs)`. With `probabilities` a network that ends in logits gets
    /// the sigmoid (one output) or the softmax (more) that its loss implies.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of features, [`Error::Data`] for numbers that are not finite.
    pub fn predict(&self, x: Samples<F>, probabilities: bool, threads: usize) -> Result<Array2<F>> {
        let (samples, width) = (x.len(), self.spec.outputs());
        let numbers = zeros("a prediction", samples.saturating_mul(width))?;
        let mut out = Array2::from_shape_vec((samples, width), numbers)?;
        self.predict_into(x, probabilities, out.view_mut(), threads)?;
        Ok(out)
    }

    /// [`Network::predict`] into memory of the caller's, `(samples, outputs)`. What fails before its end, because nobody
    /// wants it any more, leaves there what it has.
    ///
    /// # Errors
    /// As [`Network::predict`]; [`Error::Shape`] if `out` has another shape.
    pub fn predict_into(
        &self,
        x: Samples<F>,
        probabilities: bool,
        out: ArrayViewMut2<F>,
        threads: usize,
    ) -> Result<()> {
        let are_few = x.len() <= FEW;
        if are_few && threads > 1 && self.is_large() && parallel::is_helped() {
            return parallel::short_work(|is_soon| {
                self.predict_on(x, probabilities, out, if is_soon { threads } else { 1 })
            });
        }
        let is_small = are_few || x.len() * self.parameters.len() < SMALL;
        self.predict_on(x, probabilities, out, if is_small { 1 } else { threads })
    }

    /// Whether threads may share the parameters even for one answer.
    pub(crate) fn is_large(&self) -> bool {
        size_of_val(self.parameters.as_slice()) >= LARGE
    }

    fn predict_on(&self, x: Samples<F>, probabilities: bool, mut out: ArrayViewMut2<F>, threads: usize) -> Result<()> {
        let _mode = float_mode::standard();
        self.check_samples(&x)?;
        let (samples, width) = (x.len(), self.spec.outputs());
        if out.dim() != (samples, width) {
            let expected = format!("({samples}, {width})");
            return Err(Error::shape("out (samples, outputs)", expected, format!("{:?}", out.dim())));
        }
        check_room::<F>("a prediction", self.numbers_of_pass(samples.min(CHUNK)))?;
        let implied = match self.spec.last_activation() {
            Activation::Identity if probabilities && width == 1 => Some(Activation::Sigmoid),
            Activation::Identity if probabilities => Some(Activation::Softmax),
            _ => None,
        };
        parallel::install(threads, || {
            let mut context = Context::new(threads);
            let (mut rows, mut outputs) = (Vec::new(), Outputs::default());
            for (i, mut out) in out.axis_chunks_iter_mut(Axis(0), CHUNK).enumerate() {
                let (start, count) = (i * CHUNK, out.nrows());
                x.gather(start..start + count, self.input_scale(), &mut rows);
                self.forward(Input::Rows(&rows), count, false, &mut outputs, &mut context)?;
                let last = outputs.last_mut();
                if let Some(implied) = implied {
                    implied.forward(last, width);
                }
                out.assign(&ArrayView2::from_shape((count, width), last)?);
                interrupt::check()?;
            }
            Ok(())
        })
    }
}

/// Where the arrays lie that are not trainable; neighbours are one range.
fn frozen_ranges(arrays: &[Parameter]) -> Vec<Range<usize>> {
    let mut frozen: Vec<Range<usize>> = Vec::new();
    for Parameter { range, .. } in arrays.iter().filter(|array| !array.trainable) {
        match frozen.last_mut().filter(|last| last.end == range.start) {
            Some(last) => last.end = range.end,
            None => frozen.push(range.clone()),
        }
    }
    frozen
}

/// Bytes as people write them.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
