//! The description of a network: the same JSON in Python, in Rust and in a model file.
//!
//! There are no defaults here: Python's dataclasses hold them, with the documentation for users.

use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::initializer::Initializer;
use crate::math::DType;
use crate::regularization::Regularization;

/// A network, before it has weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// Shape of one sample.
    pub input_shape: Vec<usize>,
    /// From the input to the output.
    pub layers: Vec<LayerSpec>,
    /// Type of the weights and of all arithmetic.
    pub dtype: DType,
    /// Seed of every random stream of the network.
    pub seed: u64,
}

/// A layer and its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[strum(serialize_all = "snake_case")]
pub enum LayerSpec {
    /// `activation(x · kernel + bias)`
    Dense {
        /// Number of outputs.
        units: usize,
        /// What follows the affine map.
        activation: Activation,
        /// First values of the kernel.
        kernel_initializer: Initializer,
        /// First values of the bias.
        bias_initializer: Initializer,
        /// Weight of `Σ|w|` of the kernel in the loss.
        #[serde(default, skip_serializing_if = "is_zero")]
        l1: f64,
        /// Weight of `Σ w²` of the kernel in the loss.
        #[serde(default, skip_serializing_if = "is_zero")]
        l2: f64,
        /// Greatest length of what enters a unit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_norm: Option<f64>,
    },
    /// `x * scale`
    Rescale {
        /// The factor, 1/255 for pixels.
        scale: f64,
    },
}

/// Files from before a setting existed do not have it; those that do not use it stay as they were.
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// Most parameters that a network may have: 2^40, far beyond the memory of the machines this library is for.
const MOST_PARAMETERS: usize = 1 << 40;

impl NetworkSpec {
    /// Reads the JSON form.
    pub fn from_json(text: &str) -> Result<NetworkSpec> {
        let spec: NetworkSpec =
            serde_json::from_str(text).map_err(|error| Error::Spec(format!("network description: {error}")))?;
        spec.check()?;
        Ok(spec)
    }

    /// The JSON form.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::Spec(format!("network description: {error}")))
    }

    /// Numbers of one sample.
    pub fn inputs(&self) -> usize {
        self.input_shape.iter().fold(1, |product, size| product.saturating_mul(*size))
    }

    /// Numbers of one output.
    pub fn outputs(&self) -> usize {
        self.layers.iter().fold(self.inputs(), |inputs, layer| layer.outputs(inputs))
    }

    /// Refuses what cannot be built. Nothing is allocated for it.
    pub fn check(&self) -> Result<()> {
        let product = |sizes: &[usize]| {
            let all = sizes.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
            all.filter(|product| *product <= MOST_PARAMETERS)
        };
        let inputs = product(&self.input_shape).filter(|inputs| *inputs > 0 && !self.input_shape.is_empty());
        let Some(mut inputs) = inputs else {
            return Err(Error::value("input_shape", "sizes above 0", format!("{:?}", self.input_shape)));
        };
        if self.layers.is_empty() {
            return Err(Error::value("layers", "at least one layer", "none"));
        }
        let mut total = 0usize;
        for (index, layer) in self.layers.iter().enumerate() {
            match layer {
                LayerSpec::Dense { units: 0, .. } => {
                    return Err(Error::value(format!("layers[{index}].units"), "at least 1", 0));
                }
                LayerSpec::Rescale { scale } if !self.dtype.holds(*scale) => {
                    let dtype: &str = self.dtype.into();
                    let expected = format!("finite and not 0 in {dtype}");
                    return Err(Error::value(format!("layers[{index}].scale"), expected, scale));
                }
                _ => {}
            }
            layer.regularization().check(&format!("layers[{index}]"), self.dtype)?;
            let units = layer.outputs(inputs);
            let sizes = if layer.has_parameters() { [inputs.saturating_add(1), units] } else { [0, 0] };
            let Some(parameters) = product(&sizes) else {
                return Err(Error::value(
                    format!("layers[{index}]"),
                    "at most 2^40 parameters",
                    format!("{inputs} x {units}"),
                ));
            };
            total = total.saturating_add(parameters);
            inputs = units;
        }
        if total > MOST_PARAMETERS {
            return Err(Error::value("the network", "at most 2^40 parameters", total));
        }
        Ok(())
    }

    /// What is asked for the weights of a name, `layers.0.kernel`: nothing but for kernels.
    pub(crate) fn regularization(&self, name: &str) -> Regularization {
        let place = name.strip_prefix("layers.").and_then(|rest| rest.strip_suffix(".kernel"));
        let layer = place.and_then(|place| self.layers.get(place.parse::<usize>().ok()?));
        layer.map(LayerSpec::regularization).unwrap_or_default()
    }

    /// The last layer's activation.
    pub fn last_activation(&self) -> Activation {
        match self.layers.last() {
            Some(LayerSpec::Dense { activation, .. }) => *activation,
            _ => Activation::Identity,
        }
    }
}

impl LayerSpec {
    /// A dense layer with nothing else to it.
    pub const fn dense(
        units: usize,
        activation: Activation,
        kernel_initializer: Initializer,
        bias_initializer: Initializer,
    ) -> LayerSpec {
        LayerSpec::Dense { units, activation, kernel_initializer, bias_initializer, l1: 0.0, l2: 0.0, max_norm: None }
    }

    /// Penalties and bounds on its kernel.
    pub fn regularization(&self) -> Regularization {
        match *self {
            LayerSpec::Dense { l1, l2, max_norm, .. } => Regularization { l1, l2, max_norm },
            _ => Regularization::default(),
        }
    }

    fn has_parameters(&self) -> bool {
        matches!(self, LayerSpec::Dense { .. })
    }

    fn outputs(&self, inputs: usize) -> usize {
        match self {
            LayerSpec::Dense { units, .. } => *units,
            LayerSpec::Rescale { .. } => inputs,
        }
    }
}
