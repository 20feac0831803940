//! The description of a network: the same JSON in Python, in Rust and in a model file.
//!
//! There are no defaults here: Python's dataclasses hold them, with the documentation for users.

mod check;
mod drawing;

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
        /// Whether training moves the parameters.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        trainable: bool,
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
    /// An activation alone, along the last axis of a sample.
    Activation {
        /// What is applied.
        activation: Activation,
        /// Whether training moves what it learns.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        trainable: bool,
    },
    /// Zero with probability `rate` in training, else `x / (1 - rate)`.
    Dropout {
        /// Share of the numbers that are dropped, at least 0 and below 1.
        rate: f64,
    },
    /// The same for selu: mean and variance stay as they were.
    AlphaDropout {
        /// Share of the numbers that are dropped, at least 0 and below 1.
        rate: f64,
    },
    /// `x + deviation n` in training, with `n` normal.
    GaussianNoise {
        /// Standard deviation of the noise, at least 0.
        deviation: f64,
    },
    /// Mean 0 and variance 1 over the batch, then `gamma x + beta`.
    BatchNorm {
        /// Share of the running statistics that a step keeps, at least 0 and below 1.
        momentum: f64,
        /// Added to the variance, above 0.
        epsilon: f64,
        /// Whether training moves the parameters, and the statistics are those of the batch.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        trainable: bool,
    },
    /// Mean 0 and variance 1 over the features of a sample, then `gamma x + beta`.
    LayerNorm {
        /// Added to the variance, above 0.
        epsilon: f64,
        /// Whether training moves the parameters.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        trainable: bool,
    },
    /// Mean square 1 over the features of a sample, then `gamma x`.
    RmsNorm {
        /// Added to the mean square, above 0.
        epsilon: f64,
        /// Whether training moves the parameters.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        trainable: bool,
    },
    /// One axis.
    Flatten {},
    /// `x * scale`
    Rescale {
        /// The factor, 1/255 for pixels.
        scale: f64,
    },
    /// `(x - mean) / deviation`, feature by feature, of the training data.
    Normalize {},
    /// `embeddings[x]`, for whole numbers `x`.
    Embedding {
        /// Number of rows of the table: the numbers are below it.
        entries: usize,
        /// Numbers of one row.
        units: usize,
        /// First values of the table.
        embeddings_initializer: Initializer,
        /// Whether training moves the table.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        trainable: bool,
    },
    /// `x` plus what these layers make of it.
    Residual {
        /// From the input to the output, which have the same shape.
        layers: Vec<LayerSpec>,
    },
}

/// What older descriptions, which do not say it, mean by `trainable`.
fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}

/// Penalties that are not there are not written: files from before they existed stay as they were.
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

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

    /// What is asked for the weights of a name, `layers.0.kernel`: nothing but for kernels.
    pub(crate) fn regularization(&self, name: &str) -> Regularization {
        let Some(path) = name.strip_suffix(".kernel") else { return Regularization::default() };
        let (mut layers, mut found) = (&self.layers, None);
        for place in path.split('.').filter_map(|part| part.parse::<usize>().ok()) {
            found = layers.get(place);
            if let Some(LayerSpec::Residual { layers: within }) = found {
                layers = within;
            }
        }
        found.map(LayerSpec::regularization).unwrap_or_default()
    }

    /// The last layer's activation.
    pub fn last_activation(&self) -> Activation {
        match self.layers.last() {
            Some(LayerSpec::Dense { activation, .. } | LayerSpec::Activation { activation, .. }) => *activation,
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
        LayerSpec::Dense {
            units,
            activation,
            kernel_initializer,
            bias_initializer,
            trainable: true,
            l1: 0.0,
            l2: 0.0,
            max_norm: None,
        }
    }

    /// Penalties and bounds on its kernel.
    pub fn regularization(&self) -> Regularization {
        match *self {
            LayerSpec::Dense { l1, l2, max_norm, .. } => Regularization { l1, l2, max_norm },
            _ => Regularization::default(),
        }
    }

    /// Whether it draws random numbers in training, which belong to the place of a sample in its batch.
    pub(crate) fn draws(&self) -> bool {
        match self {
            LayerSpec::Dropout { .. } | LayerSpec::AlphaDropout { .. } | LayerSpec::GaussianNoise { .. } => true,
            LayerSpec::Residual { layers } => layers.iter().any(LayerSpec::draws),
            _ => false,
        }
    }

    /// Shape of one output, given that of one input.
    pub(crate) fn output_shape(&self, shape: &[usize]) -> Vec<usize> {
        match self {
            LayerSpec::Dense { units, .. } => vec![*units],
            LayerSpec::Flatten {} => vec![shape.iter().product()],
            LayerSpec::Embedding { units, .. } => shape.iter().copied().chain([*units]).collect(),
            _ => shape.to_vec(),
        }
    }

    fn outputs(&self, inputs: usize) -> usize {
        match self {
            LayerSpec::Dense { units, .. } => *units,
            LayerSpec::Embedding { units, .. } => inputs.saturating_mul(*units),
            _ => inputs,
        }
    }
}
