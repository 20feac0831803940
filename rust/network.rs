//! Layers in order, with all parameters in one flat arena.

use ndarray::{Array2, ArrayView2};
use sha2::{Digest, Sha256};

use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::layer::{Context, Input, Layer, Parameter};
use crate::math::{DType, Float, first_not_finite};
use crate::parallel;
use crate::spec::{LayerSpec, NetworkSpec};

/// Samples as they come: one in each row. Bytes stay bytes until a kernel reads them.
#[derive(Clone, Copy)]
pub enum Samples<'a, F> {
    /// Numbers of the network's own type, `(samples, features)`.
    Floats(ArrayView2<'a, F>),
    /// Bytes that stand for 0..=255, `(samples, features)`.
    Bytes(ArrayView2<'a, u8>),
}

impl<F: Float> Samples<'_, F> {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.dim().0
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn dim(&self) -> (usize, usize) {
        match self {
            Samples::Floats(x) => x.dim(),
            Samples::Bytes(x) => x.dim(),
        }
    }

    /// Refuses another number of features than `features`, and numbers that are not finite.
    pub fn check(&self, features: usize) -> Result<()> {
        if self.dim().1 != features {
            let got = format!("(.., {})", self.dim().1);
            return Err(Error::shape("inputs (samples, features)", format!("(.., {features})"), got));
        }
        let Samples::Floats(x) = self else { return Ok(()) };
        for (i, row) in x.outer_iter().enumerate() {
            let row = row.as_standard_layout();
            if let Some(j) = row.as_slice().and_then(first_not_finite) {
                return Err(Error::Data(format!("inputs: sample {i}, feature {j} is {}, not a finite number", row[j])));
            }
        }
        Ok(())
    }

    /// Copies the samples `indices`, times `scale`, into `rows`.
    pub fn gather(&self, indices: impl ExactSizeIterator<Item = usize>, scale: Option<F>, rows: &mut Vec<F>) {
        let features = self.dim().1;
        rows.resize(indices.len() * features, F::ZERO);
        if features == 0 {
            return;
        }
        for (out, i) in rows.chunks_exact_mut(features).zip(indices) {
            match self {
                Samples::Bytes(x) => {
                    let row = x.row(i);
                    match row.as_slice() {
                        Some(row) => crate::math::scale_bytes(row, scale.unwrap_or(F::ONE), out),
                        None => out.iter_mut().zip(row).for_each(|(o, x)| *o = F::from(*x) * scale.unwrap_or(F::ONE)),
                    }
                }
                Samples::Floats(x) => {
                    match x.row(i).as_slice() {
                        Some(row) => out.copy_from_slice(row),
                        None => out.iter_mut().zip(x.row(i)).for_each(|(o, x)| *o = *x),
                    }
                    if let Some(scale) = scale {
                        out.iter_mut().for_each(|x| *x *= scale);
                    }
                }
            }
        }
    }
}

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

/// Samples that one pass of [`Network::predict`] takes at a time: the memory it needs does not grow with the data.
const CHUNK: usize = 512;

/// Multiply-adds of a prediction that one thread has done before others would have begun.
const SMALL: usize = 1 << 20;

impl<F: Float> Network<F> {
    /// Builds the network that `spec` describes, with its first weights drawn.
    ///
    /// # Errors
    /// [`Error::Value`] if the spec makes no sense, or is for another float type.
    pub fn new(spec: NetworkSpec) -> Result<Network<F>> {
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
        x.check(self.spec.inputs())?;
        let (samples, width) = (x.len(), self.spec.outputs());
        let mut predictions = Vec::with_capacity(samples * width);
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

/// Zeros, or an error where the memory is not to be had.
pub(crate) fn zeros<F: Float>(what: &'static str, numbers: usize) -> Result<Vec<F>> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(numbers).map_err(|_| Error::Memory { what, numbers })?;
    zeros.resize(numbers, F::ZERO);
    Ok(zeros)
}

/// Bytes as people write them.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A network of either float type: the one place that chooses.
#[derive(Clone, Debug)]
pub enum Model {
    /// Single precision.
    F32(Network<f32>),
    /// Double precision.
    F64(Network<f64>),
}

impl Model {
    /// Builds the network that `spec` describes, in its float type.
    ///
    /// # Errors
    /// [`Error::Value`] if the spec makes no sense.
    pub fn new(spec: NetworkSpec) -> Result<Model> {
        Ok(match spec.dtype {
            DType::Float32 => Model::F32(Network::new(spec)?),
            DType::Float64 => Model::F64(Network::new(spec)?),
        })
    }

    /// Its float type.
    pub fn dtype(&self) -> DType {
        match self {
            Model::F32(_) => DType::Float32,
            Model::F64(_) => DType::Float64,
        }
    }
}

/// A float type that a [`Model`] can have.
pub trait InModel: Float {
    /// The network, if it is of this type.
    fn network(model: &Model) -> Result<&Network<Self>>;
    /// The network, to be changed, if it is of this type.
    fn network_mut(model: &mut Model) -> Result<&mut Network<Self>>;
}

macro_rules! in_model {
    ($float:ident, $variant:ident, $other:ident) => {
        impl InModel for $float {
            fn network(model: &Model) -> Result<&Network<Self>> {
                match model {
                    Model::$variant(network) => Ok(network),
                    Model::$other(_) => {
                        Err(Error::value("dtype of the network", stringify!($float), stringify!($other)))
                    }
                }
            }
            fn network_mut(model: &mut Model) -> Result<&mut Network<Self>> {
                match model {
                    Model::$variant(network) => Ok(network),
                    Model::$other(_) => {
                        Err(Error::value("dtype of the network", stringify!($float), stringify!($other)))
                    }
                }
            }
        }
    };
}
in_model!(f32, F32, F64);
in_model!(f64, F64, F32);

/// Evaluates an expression with the network of a [`Model`], whichever float type it has.
#[macro_export]
macro_rules! with_network {
    ($model:expr, $network:ident => $body:expr) => {
        match $model {
            $crate::network::Model::F32($network) => $body,
            $crate::network::Model::F64($network) => $body,
        }
    };
}
