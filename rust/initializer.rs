//! First values of the parameters.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::isa::versions;
use crate::math::{DType, Float, lane_dot, subtract_multiple};
use crate::random::Stream;

/// How a parameter begins. `inputs` and `units` are the sides of the kernel that it belongs to. In JSON a name, or where
/// there is a setting `{"constant": {"value": 0.1}}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[strum(serialize_all = "snake_case")]
pub enum Initializer {
    /// All zero.
    Zeros,
    /// All one.
    Ones,
    /// All the same.
    Constant {
        /// What all are.
        value: f64,
    },
    /// Uniform on ±limit.
    Uniform {
        /// The largest value, above 0.
        limit: f64,
    },
    /// Normal with mean 0.
    Normal {
        /// The standard deviation, above 0.
        deviation: f64,
    },
    /// Normal with mean 0, drawn again beyond two deviations.
    TruncatedNormal {
        /// The standard deviation before the cut, above 0.
        deviation: f64,
    },
    /// Uniform on ±1/√inputs (LeCun et al., Efficient BackProp, 1998; the default of PyTorch). The series divides by the
    /// root rounded down to a whole number and draws without a seed: the same procedure, not the same numbers.
    ScaledUniform,
    /// Uniform on ±√(6/(inputs+units)) (Glorot and Bengio, 2010): for sigmoid, tanh and softmax.
    GlorotUniform,
    /// Normal with variance 2/(inputs+units) (Glorot and Bengio, 2010): for sigmoid, tanh and softmax.
    GlorotNormal,
    /// Uniform on ±√(6/inputs) (He et al., 2015): for ReLU.
    HeUniform,
    /// Normal with variance 2/inputs (He et al., 2015): for ReLU.
    HeNormal,
    /// Uniform on ±√(3/inputs) (LeCun et al., 1998; Klambauer et al., 2017): for selu.
    LecunUniform,
    /// Normal with variance 1/inputs (LeCun et al., 1998; Klambauer et al., 2017): for selu.
    LecunNormal,
    /// `gain` times a random matrix whose shorter side's vectors are orthonormal (Saxe et al., 2014).
    Orthogonal {
        /// The length of those vectors, above 0.
        gain: f64,
    },
    /// Arrays of the caller's, who sets them once the network is built; zero until then.
    FromArray,
}

impl Initializer {
    /// Fills `values` from `stream`. Numbers are drawn in double precision: both float types start alike.
    pub fn fill<F: Float>(self, values: &mut [F], inputs: usize, units: usize, stream: &mut Stream) {
        let (fan_in, fan_out) = (inputs.max(1) as f64, units as f64);
        match self {
            Initializer::Zeros | Initializer::FromArray => values.fill(F::ZERO),
            Initializer::Ones => values.fill(F::ONE),
            Initializer::Constant { value } => values.fill(F::from_f64(value)),
            Initializer::Uniform { limit } => uniform(values, limit, stream),
            Initializer::ScaledUniform => uniform(values, 1.0 / fan_in.sqrt(), stream),
            Initializer::GlorotUniform => uniform(values, (6.0 / (fan_in + fan_out)).sqrt(), stream),
            Initializer::HeUniform => uniform(values, (6.0 / fan_in).sqrt(), stream),
            Initializer::LecunUniform => uniform(values, (3.0 / fan_in).sqrt(), stream),
            Initializer::Normal { deviation } => normal(values, deviation, f64::INFINITY, stream),
            Initializer::TruncatedNormal { deviation } => normal(values, deviation, 2.0, stream),
            Initializer::GlorotNormal => normal(values, (2.0 / (fan_in + fan_out)).sqrt(), f64::INFINITY, stream),
            Initializer::HeNormal => normal(values, (2.0 / fan_in).sqrt(), f64::INFINITY, stream),
            Initializer::LecunNormal => normal(values, (1.0 / fan_in).sqrt(), f64::INFINITY, stream),
            Initializer::Orthogonal { gain } => orthogonal(values, gain, units, stream),
        }
    }

    /// Refuses settings out of their range; `at` says where.
    pub(crate) fn check(self, at: &str, dtype: DType) -> Result<()> {
        let positive = |name: &str, value: f64| {
            if value > 0.0 && dtype.holds(value) {
                return Ok(());
            }
            Err(Error::value(format!("{at}: {name}"), "finite and above 0", value))
        };
        match self {
            Initializer::Constant { value } if !(value == 0.0 || dtype.holds(value)) => {
                Err(Error::value(format!("{at}: value"), "finite", value))
            }
            Initializer::Uniform { limit } => positive("limit", limit),
            Initializer::Normal { deviation } | Initializer::TruncatedNormal { deviation } => {
                positive("deviation", deviation)
            }
            Initializer::Orthogonal { gain } => positive("gain", gain),
            _ => Ok(()),
        }
    }
}

fn uniform<F: Float>(values: &mut [F], limit: f64, stream: &mut Stream) {
    for value in values {
        *value = F::from_f64((2.0 * stream.uniform() - 1.0) * limit);
    }
}

/// Normal numbers, those beyond `cut` deviations drawn again.
fn normal<F: Float>(values: &mut [F], deviation: f64, cut: f64, stream: &mut Stream) {
    let mut values = values.iter_mut();
    loop {
        for z in stream.normal_pair().into_iter().filter(|z| z.abs() <= cut) {
            let Some(value) = values.next() else { return };
            *value = F::from_f64(z * deviation);
        }
    }
}

/// Normal vectors, one for each place on the shorter side, made orthonormal one after the other by Gram and Schmidt's
/// method. Taking the others' shares off twice is as exact as can be (Giraud et al., 2005).
fn orthogonal<F: Float>(values: &mut [F], gain: f64, units: usize, stream: &mut Stream) {
    if values.is_empty() {
        return;
    }
    let units = units.clamp(1, values.len());
    let inputs = values.len().div_ceil(units);
    let (count, length) = (inputs.min(units), inputs.max(units));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    while vectors.len() < count {
        let mut vector = vec![0.0; length];
        normal(&mut vector, 1.0, f64::INFINITY, stream);
        let before = dot(&vector, &vector);
        for _ in 0..2 {
            for other in &vectors {
                let share = dot(&vector, other);
                subtract_multiple(&mut vector, other, share);
            }
        }
        let square = dot(&vector, &vector);
        // What lies within the others' span up to rounding would be noise: draw again.
        if square > 1e-20 * before {
            let root = square.sqrt();
            vector.iter_mut().for_each(|x| *x /= root);
            vectors.push(vector);
        }
    }
    for (i, value) in values.iter_mut().enumerate() {
        let (row, column) = (i / units, i % units);
        let (vector, place) = if units <= inputs { (column, row) } else { (row, column) };
        *value = F::from_f64(gain * vectors[vector][place]);
    }
}

versions! {
    fn dot[](a: &[f64], b: &[f64]) -> f64 {
        lane_dot(a, b)
    }
}
