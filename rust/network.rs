//! Layers in order, with all parameters in one flat arena.

use ndarray::Array2;
use sha2::{Digest, Sha256};

use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::float_mode;
use crate::layer::{Context, Input, Layer, Parameter};
use crate::math::{Float, first_not_finite, zeros};
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
    parameters: Vec<F>,
    named: Vec<Parameter>,
}

/// What each layer gave for a batch; reused from step to step.
#[derive(Default)]
pub struct Outputs<F> {
    layers: Vec<Vec<F>>,
}

impl<F> Outputs<F> {
    /// The last layer's output, `(samples, outputs)`.
    pub fn last(&self) -> &[F] {
        self.layers.last().map_or(&[], |rows| rows.as_slice())
    }
}

impl<F: Float> Outputs<F> {
    /// The first layer of those that were run whose outputs are not finite.
    pub(crate) fn first_not_finite(&self) -> Option<usize> {
        self.layers.iter().position(|rows| first_not_finite(rows).is_some())
    }
}

/// Samples that a prediction or an evaluation takes at a time: the memory it needs does not grow with the data.
pub(crate) const CHUNK: usize = 512;

/// Multiply-adds of a prediction that one thread has done before others would have begun.
const SMALL: usize = 1 << 20;

impl<F: Float> Network<F> {
    /// Builds the network that `spec` describes, with its first weights drawn.
    ///
    /// # Errors
    /// [`Error::Value`] if the spec makes no sense, or is for another float type.
    pub fn new(spec: NetworkSpec) -> Result<Network<F>> {
        let _mode = float_mode::standard();
        let mut network = Network::without_weights(spec)?;
        network.parameters = zeros("a network", network.named.last().map_or(0, |parameter| parameter.range.end))?;
        for layer in &network.layers {
            layer.initialize(network.spec.seed, &mut network.parameters);
        }
        Ok(network)
    }

    /// The structure alone: what a model file is checked against before memory is taken for its weights.
    pub(crate) fn without_weights(spec: NetworkSpec) -> Result<Network<F>> {
        spec.check()?;
        if spec.dtype != F::DTYPE {
            let (expected, got): (&str, &str) = (F::DTYPE.into(), spec.dtype.into());
            return Err(Error::value("dtype", expected, got));
        }
        let (mut inputs, mut named): (usize, Vec<Parameter>) = (spec.inputs(), Vec::new());
        let mut layers = Vec::new();
        for (index, layer) in spec.layers.iter().enumerate() {
            let layer = Layer::new(layer, index, inputs, named.last().map_or(0, |parameter| parameter.range.end));
            inputs = layer.outputs();
            named.extend(layer.parameters());
            layers.push(layer);
        }
        // A first Rescale is folded into the reading of the input; a network of nothing else keeps it.
        let first = usize::from(matches!(spec.layers.first(), Some(LayerSpec::Rescale { .. })) && layers.len() > 1);
        Ok(Network { spec, layers, first, parameters: Vec::new(), named })
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
        &self.named
    }

    /// Replaces all parameters.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are more or fewer.
    pub fn set_parameters(&mut self, parameters: Vec<F>) -> Result<()> {
        let expected = self.named.last().map_or(0, |parameter| parameter.range.end);
        if parameters.len() != expected {
            return Err(Error::shape("parameters", expected.to_string(), parameters.len().to_string()));
        }
        self.parameters = parameters;
        Ok(())
    }

    /// SHA-256 of names, shapes and bytes of the parameters, in hexadecimal: equal exactly if every bit is equal.
    ///
    /// # Errors
    /// [`Error::Data`] if a parameter is not finite: NaN has many patterns of bits, so it has no fingerprint.
    pub fn fingerprint(&self) -> Result<String> {
        let mut hash = Sha256::new();
        let mut bytes = Vec::new();
        for parameter in &self.named {
            let values = &self.parameters[parameter.range.clone()];
            if let Some(i) = first_not_finite(values) {
                return Err(Error::Data(format!(
                    "{}: element {i} is {}, not a finite number",
                    parameter.name, values[i]
                )));
            }
            bytes.clear();
            values.iter().for_each(|value| value.write_le(&mut bytes));
            let dtype: &str = F::DTYPE.into();
            hash.update(format!("{} {dtype} {:?}\n", parameter.name, parameter.shape));
            hash.update(&bytes);
        }
        Ok(hexadecimal(&hash.finalize()))
    }

    /// The factor of a first `Rescale`, which whoever reads the input applies.
    pub fn input_scale(&self) -> Option<F> {
        match &self.layers[0] {
            Layer::Rescale(rescale) if self.first == 1 => Some(F::from_f64(rescale.scale)),
            _ => None,
        }
    }

    /// Whether the first layer that is run can read [`Input::Packed`].
    pub fn reads_packed(&self) -> bool {
        self.layers[self.first].reads_packed()
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
        outputs.layers.resize_with(layers.len(), Vec::new);
        for (i, layer) in layers.iter().enumerate() {
            let (before, rest) = outputs.layers.split_at_mut(i);
            let x = before.last().map_or(input, |rows| Input::Rows(rows));
            rest[0].resize(samples * layer.outputs(), F::ZERO);
            layer.forward(x, &self.parameters, logits && i + 1 == layers.len(), &mut rest[0], context)?;
        }
        Ok(())
    }

    /// Given `dout`, the gradient with respect to the last output (overwritten on the way), fills `gradient`, which is
    /// as long as the parameters. `outputs` is what [`Network::forward`] left; `spare` is working memory.
    pub fn backward(
        &self,
        input: Input<F>,
        outputs: &Outputs<F>,
        logits: bool,
        dout: &mut Vec<F>,
        spare: &mut Vec<F>,
        gradient: &mut [F],
        context: &mut Context<F>,
    ) -> Result<()> {
        let layers = &self.layers[self.first..];
        for (i, layer) in layers.iter().enumerate().rev() {
            let logits = logits && i + 1 == layers.len();
            let x = if i == 0 { input } else { Input::Rows(&outputs.layers[i - 1]) };
            // Nobody needs the gradient with respect to the input.
            let dx = if i == 0 {
                None
            } else {
                spare.resize(outputs.layers[i - 1].len(), F::ZERO);
                Some(&mut spare[..])
            };
            layer.backward(x, &outputs.layers[i], logits, dout, &self.parameters, gradient, dx, context)?;
            std::mem::swap(dout, spare);
        }
        Ok(())
    }

    /// Outputs of the last layer for `x`, `(samples, outputs)`. With `probabilities` a network that ends in logits gets
    /// the sigmoid (one output) or the softmax (more) that its loss implies.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of features, [`Error::Data`] for numbers that are not finite.
    pub fn predict(&self, x: Samples<F>, probabilities: bool, threads: usize) -> Result<Array2<F>> {
        let _mode = float_mode::standard();
        x.check(self.spec.inputs())?;
        let (samples, width) = (x.len(), self.spec.outputs());
        let mut predictions = zeros("a prediction", samples.saturating_mul(width))?;
        predictions.clear();
        let threads = if samples * self.parameters.len() < SMALL { 1 } else { threads };
        parallel::install(threads, || {
            let mut context = Context { threads, ..Context::default() };
            let (mut rows, mut outputs) = (Vec::new(), Outputs::default());
            for start in (0..samples).step_by(CHUNK) {
                let end = samples.min(start + CHUNK);
                x.gather(start..end, self.input_scale(), &mut rows);
                self.forward(Input::Rows(&rows), end - start, false, &mut outputs, &mut context)?;
                predictions.extend_from_slice(outputs.last());
            }
            Ok::<_, Error>(())
        })?;
        if probabilities && self.spec.last_activation() == Activation::Identity {
            let implied = if width == 1 { Activation::Sigmoid } else { Activation::Softmax };
            implied.forward(&mut predictions, width);
        }
        Array2::from_shape_vec((samples, width), predictions)
            .map_err(|error| Error::shape("predict", format!("({samples}, {width})"), error.to_string()))
    }
}

/// Bytes as people write them.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
