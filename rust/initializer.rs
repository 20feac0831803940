//! First values of the parameters.

use serde::{Deserialize, Serialize};

use crate::math::Float;
use crate::random::Stream;

/// How a parameter begins. `inputs` and `units` are the sides of the kernel that it belongs to.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Initializer {
    /// All zero.
    Zeros,
    /// Uniform on ±1/√inputs (LeCun et al., Efficient BackProp, 1998; the default of PyTorch). The series divides by the
    /// root rounded down to a whole number and draws without a seed: the same procedure, not the same numbers.
    ScaledUniform,
    /// Uniform on ±√(6/(inputs+units)) (Glorot and Bengio, 2010): for sigmoid, tanh and softmax.
    GlorotUniform,
    /// Uniform on ±√(6/inputs) (He et al., 2015): for ReLU.
    HeUniform,
}

impl Initializer {
    /// Fills `values` from `stream`. Numbers are drawn in double precision: both float types start alike.
    pub fn fill<F: Float>(self, values: &mut [F], inputs: usize, units: usize, stream: &mut Stream) {
        let (inputs, units) = (inputs.max(1) as f64, units as f64);
        let limit = match self {
            Initializer::Zeros => 0.0,
            Initializer::ScaledUniform => 1.0 / inputs.sqrt(),
            Initializer::GlorotUniform => (6.0 / (inputs + units)).sqrt(),
            Initializer::HeUniform => (6.0 / inputs).sqrt(),
        };
        for value in values {
            *value = if limit == 0.0 { F::ZERO } else { F::from_f64((2.0 * stream.uniform() - 1.0) * limit) };
        }
    }
}
