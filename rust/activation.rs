//! Activations: `f` and `df` side by side.
//!
//! Most derivatives are written in terms of the output `a = f(z)`, so that a layer keeps nothing besides; those for
//! which that would be ambiguous or inexact are written in terms of `z`, which their layers then keep.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::isa::versions;
use crate::math::{DType, Float};

/// What a layer applies to its affine map. In JSON a name, or where there is a setting `{"elu": {"alpha": 1.0}}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[strum(serialize_all = "snake_case")]
pub enum Activation {
    /// `a = z`
    Identity,
    /// `a = max(z, 0)`; the derivative at 0 is 0
    Relu,
    /// `a = z` above 0, `negative_slope z` below (Maas et al., 2013)
    LeakyRelu {
        /// The slope below 0, at least 0.
        negative_slope: f64,
    },
    /// `a = z` above 0, `slope z` below, with a slope for each unit that is learned (He et al., 2015)
    Prelu {
        /// First value of every slope.
        initial_slope: f64,
    },
    /// `a = z` above 0, `alpha (e^z - 1)` below (Clevert et al., 2016)
    Elu {
        /// Minus the limit on the left, above 0.
        alpha: f64,
    },
    /// `a = λ z` above 0, `λ α (e^z - 1)` below, `λ = 1.0507..`, `α = 1.6733..`: keeps mean 0 and variance 1 from layer to
    /// layer (Klambauer et al., 2017)
    Selu,
    /// `a = z` above 0, `alpha (e^(z/alpha) - 1)` below: smooth for every alpha (Barron, 2017)
    Celu {
        /// Minus the limit on the left, above 0.
        alpha: f64,
    },
    /// `a = z Φ(z) = z/2 (1 + erf(z/√2))` (Hendrycks and Gimpel, 2016)
    Gelu,
    /// `a = z/2 (1 + tanh(√(2/π) (z + 0.044715 z³)))`: close to gelu (same paper)
    GeluTanh,
    /// `a = z sigmoid(z)`, also called swish (Elfwing et al., 2018; Ramachandran et al., 2017)
    Silu,
    /// `a = z tanh(ln(1 + e^z))` (Misra, 2019)
    Mish,
    /// `a = 1 / (1 + e^-z)`
    Sigmoid,
    /// `a = z/6 + 1/2`, cut off at 0 and 1 (Howard et al., 2019)
    HardSigmoid,
    /// `a = z hard_sigmoid(z)` (Howard et al., 2019)
    HardSwish,
    /// `a = tanh z`
    Tanh,
    /// `a = z`, cut off at -1 and 1 (Collobert, 2004)
    HardTanh,
    /// `a = ln(1 + e^z)` (Dugas et al., 2001)
    Softplus,
    /// `a = z / (1 + |z|)` (Glorot and Bengio, 2010)
    Softsign,
    /// `a = ln sigmoid(z)`
    LogSigmoid,
    /// `a_i = e^z_i / Σ_j e^z_j` over the units of one sample
    Softmax,
    /// `a_i = ln softmax(z)_i`
    LogSoftmax,
    /// `a = max(z, 0)²` (So et al., Primer, 2021)
    SquaredRelu,
}

/// The activations by name, for [`network!`](crate::network): constants, or functions of the setting.
#[allow(non_upper_case_globals, missing_docs)]
pub mod names {
    use super::Activation;

    pub const identity: Activation = Activation::Identity;
    pub const relu: Activation = Activation::Relu;
    pub const fn leaky_relu(negative_slope: f64) -> Activation {
        Activation::LeakyRelu { negative_slope }
    }
    pub const fn prelu(initial_slope: f64) -> Activation {
        Activation::Prelu { initial_slope }
    }
    pub const fn elu(alpha: f64) -> Activation {
        Activation::Elu { alpha }
    }
    pub const selu: Activation = Activation::Selu;
    pub const fn celu(alpha: f64) -> Activation {
        Activation::Celu { alpha }
    }
    pub const gelu: Activation = Activation::Gelu;
    pub const gelu_tanh: Activation = Activation::GeluTanh;
    pub const silu: Activation = Activation::Silu;
    pub const mish: Activation = Activation::Mish;
    pub const sigmoid: Activation = Activation::Sigmoid;
    pub const hard_sigmoid: Activation = Activation::HardSigmoid;
    pub const hard_swish: Activation = Activation::HardSwish;
    pub const tanh: Activation = Activation::Tanh;
    pub const hard_tanh: Activation = Activation::HardTanh;
    pub const softplus: Activation = Activation::Softplus;
    pub const softsign: Activation = Activation::Softsign;
    pub const log_sigmoid: Activation = Activation::LogSigmoid;
    pub const softmax: Activation = Activation::Softmax;
    pub const log_softmax: Activation = Activation::LogSoftmax;
    pub const squared_relu: Activation = Activation::SquaredRelu;
}

/// `λ` and `λ α` of selu.
pub(crate) const SELU: (f64, f64) = (1.0507009873554805, 1.0507009873554805 * 1.6732632423543772);

impl Activation {
    /// Whether the derivative is written in terms of `z`, which whoever wants it has to keep.
    pub fn keeps_z(self) -> bool {
        use Activation::*;
        matches!(self, Prelu { .. } | Gelu | GeluTanh | Silu | Mish | HardSwish)
    }

    /// Turns `z` into `a = f(z)`, in place: rows of `width` units.
    pub fn forward<F: Float>(self, z: &mut [F], width: usize) {
        let of = F::from_f64;
        match self {
            Activation::Identity => {}
            Activation::Relu => relu_forward(z),
            Activation::LeakyRelu { negative_slope: slope } | Activation::Prelu { initial_slope: slope } => {
                leaky_relu_forward(z, of(slope))
            }
            Activation::Elu { alpha } => elu_forward(z, F::ONE, of(alpha), F::ONE),
            Activation::Selu => elu_forward(z, of(SELU.0), of(SELU.1), F::ONE),
            Activation::Celu { alpha } => elu_forward(z, F::ONE, of(alpha), of(alpha)),
            Activation::Gelu => gelu_forward(z),
            Activation::GeluTanh => gelu_tanh_forward(z),
            Activation::Silu => silu_forward(z),
            Activation::Mish => mish_forward(z),
            Activation::Sigmoid => crate::math::sigmoid_in_place(z),
            Activation::HardSigmoid => hard_sigmoid_forward(z),
            Activation::HardSwish => hard_swish_forward(z),
            Activation::Tanh => crate::math::tanh_in_place(z),
            Activation::HardTanh => hard_tanh_forward(z),
            Activation::Softplus => crate::math::softplus_in_place(z),
            Activation::Softsign => softsign_forward(z),
            Activation::LogSigmoid => log_sigmoid_forward(z),
            Activation::Softmax => softmax_forward(z, width.max(1)),
            Activation::LogSoftmax => log_softmax_forward(z, width.max(1)),
            Activation::SquaredRelu => squared_relu_forward(z),
        }
    }

    /// Turns `da` into `dz = da f'(z)`, in place, given what [`Activation::keeps_z`] asks for: the inputs `z` or the
    /// outputs `a`.
    pub fn backward<F: Float>(self, kept: &[F], da: &mut [F], width: usize) {
        let of = F::from_f64;
        match self {
            Activation::Identity => {}
            Activation::Relu => relu_backward(kept, da),
            Activation::LeakyRelu { negative_slope: slope } | Activation::Prelu { initial_slope: slope } => {
                leaky_relu_backward(kept, da, of(slope))
            }
            Activation::Elu { alpha } => elu_backward(kept, da, F::ONE, of(alpha), F::ONE),
            Activation::Selu => elu_backward(kept, da, of(SELU.0), of(SELU.1), F::ONE),
            Activation::Celu { alpha } => elu_backward(kept, da, F::ONE, of(alpha), of(alpha)),
            Activation::Gelu => gelu_backward(kept, da),
            Activation::GeluTanh => gelu_tanh_backward(kept, da),
            Activation::Silu => silu_backward(kept, da),
            Activation::Mish => mish_backward(kept, da),
            Activation::Sigmoid => sigmoid_backward(kept, da),
            Activation::HardSigmoid => hard_sigmoid_backward(kept, da),
            Activation::HardSwish => hard_swish_backward(kept, da),
            Activation::Tanh => tanh_backward(kept, da),
            Activation::HardTanh => hard_tanh_backward(kept, da),
            Activation::Softplus => softplus_backward(kept, da),
            Activation::Softsign => softsign_backward(kept, da),
            Activation::LogSigmoid => log_sigmoid_backward(kept, da),
            Activation::Softmax => softmax_backward(kept, da, width.max(1)),
            Activation::LogSoftmax => log_softmax_backward(kept, da, width.max(1)),
            Activation::SquaredRelu => squared_relu_backward(kept, da),
        }
    }

    /// Refuses settings out of their range, and what makes no sense for rows of `width`; `at` says where.
    pub(crate) fn check(self, at: &str, width: usize, dtype: DType) -> Result<()> {
        let name: &str = self.into();
        match self {
            Activation::Softmax | Activation::LogSoftmax if width == 1 => Err(Error::value(
                at,
                format!("another than {name}, or 2 units and more"),
                format!("{name} of one unit"),
            )),
            Activation::LeakyRelu { negative_slope: slope }
                if !(slope == 0.0 || (slope > 0.0 && dtype.holds(slope))) =>
            {
                Err(Error::value(format!("{at}: negative_slope"), "finite and at least 0", slope))
            }
            Activation::Prelu { initial_slope: slope } if !(slope == 0.0 || dtype.holds(slope)) => {
                Err(Error::value(format!("{at}: initial_slope"), "finite", slope))
            }
            Activation::Elu { alpha } | Activation::Celu { alpha } if !(alpha > 0.0 && dtype.holds(alpha)) => {
                Err(Error::value(format!("{at}: alpha"), "finite and above 0", alpha))
            }
            _ => Ok(()),
        }
    }
}

/// `z` cut off at `low` and `high`; NaN stays NaN.
#[inline(always)]
fn clamp<F: Float>(z: F, low: F, high: F) -> F {
    let z = if z <= low { low } else { z };
    if z >= high { high } else { z }
}

/// `√(2/π)` and the factor of `z³` in gelu_tanh.
#[inline(always)]
fn gelu_tanh_constants<F: Float>() -> (F, F) {
    (F::from_f64(0.7978845608028654), F::from_f64(0.044715))
}

// A number that is put back as it was, or else replaced, becomes a masked store of AVX2, for which Zen 3 takes 20 cycles: a
// relu of 200 x 100 took 17 us, now 2. So zero is added to it, or it is multiplied by a factor that is chosen.
versions! {
    // A comparison, not `max`, which may give either zero for -0.0 (and -0.0 + 0.0 is 0.0); NaN stays NaN.
    fn relu_forward[F: Float](z: &mut [F]) {
        for z in z { *z = z.at_least(F::ZERO) + F::ZERO; }
    }
    fn relu_backward[F: Float](a: &[F], da: &mut [F]) {
        for (da, a) in da.iter_mut().zip(a) { *da = (if *a <= F::ZERO { F::ZERO } else { *da }) + F::ZERO; }
    }
    // The output has the sign of z, unless the slope is 0: then it is 0, and so is the derivative.
    fn leaky_relu_forward[F: Float](z: &mut [F], slope: F) {
        for z in z { *z *= if *z <= F::ZERO { slope } else { F::ONE }; }
    }
    fn leaky_relu_backward[F: Float](a: &[F], da: &mut [F], slope: F) {
        for (da, a) in da.iter_mut().zip(a) { *da *= if *a <= F::ZERO { slope } else { F::ONE }; }
    }
    /// The learned form: rows of `slopes.len()`.
    pub(crate) fn prelu_forward[F: Float](z: &mut [F], slopes: &[F]) {
        for row in z.chunks_exact_mut(slopes.len().max(1)) {
            for (z, slope) in row.iter_mut().zip(slopes) { *z *= if *z <= F::ZERO { *slope } else { F::ONE }; }
        }
    }
    /// `dz` in place, and in `terms` what `dslope` is the sum of columns of: `da z` where `z` is below 0.
    pub(crate) fn prelu_backward[F: Float](z: &[F], da: &mut [F], slopes: &[F], terms: &mut [F]) {
        let width = slopes.len().max(1);
        let rows = z.chunks_exact(width).zip(da.chunks_exact_mut(width)).zip(terms.chunks_exact_mut(width));
        for ((z, da), terms) in rows {
            for (((z, da), term), slope) in z.iter().zip(da).zip(terms).zip(slopes) {
                let below = *z <= F::ZERO;
                *term = if below { *da * *z } else { F::ZERO };
                *da *= if below { *slope } else { F::ONE };
            }
        }
    }
    // elu (scale 1, length 1), selu (length 1) and celu (length alpha): f = scale z or alpha (e^(z/length) - 1).
    fn elu_forward[F: Float](z: &mut [F], scale: F, alpha: F, length: F) {
        for z in z {
            let left = alpha * (*z / length).expm1_of_negative();
            *z = if *z <= F::ZERO { left } else { *z * scale };
        }
    }
    // On the left f' = (alpha / length) e^(z/length) = (a + alpha) / length.
    fn elu_backward[F: Float](a: &[F], da: &mut [F], scale: F, alpha: F, length: F) {
        for (da, a) in da.iter_mut().zip(a) {
            *da *= if *a <= F::ZERO { (*a + alpha) / length } else { scale };
        }
    }
    fn gelu_forward[F: Float](z: &mut [F]) {
        let root_half = F::from_f64(std::f64::consts::FRAC_1_SQRT_2);
        for z in z { let half = F::HALF * *z; *z = half.mul_add((*z * root_half).erf(), half); }
    }
    // f' = Φ(z) + z φ(z)
    fn gelu_backward[F: Float](z: &[F], da: &mut [F]) {
        let (root_half, density) = (F::from_f64(std::f64::consts::FRAC_1_SQRT_2), F::from_f64(0.3989422804014327));
        for (da, z) in da.iter_mut().zip(z) {
            let cumulative = F::HALF.mul_add((*z * root_half).erf(), F::HALF);
            *da *= (*z * density).mul_add((-F::HALF * *z * *z).exp(), cumulative);
        }
    }
    fn gelu_tanh_forward[F: Float](z: &mut [F]) {
        let (root, cubic) = gelu_tanh_constants::<F>();
        for z in z {
            let t = (root * *z * (cubic * *z).mul_add(*z, F::ONE)).tanh();
            *z = F::HALF * *z * (F::ONE + t);
        }
    }
    // f' = (1 + t)/2 + z/2 (1 - t²) √(2/π) (1 + 3 0.044715 z²)
    fn gelu_tanh_backward[F: Float](z: &[F], da: &mut [F]) {
        let (root, cubic) = gelu_tanh_constants::<F>();
        let three = F::from_f64(3.0);
        for (da, z) in da.iter_mut().zip(z) {
            let t = (root * *z * (cubic * *z).mul_add(*z, F::ONE)).tanh();
            let inner = root * (three * cubic * *z).mul_add(*z, F::ONE);
            *da *= F::HALF * (F::ONE + t) + F::HALF * *z * ((F::ONE - t * t) * inner);
        }
    }
    fn silu_forward[F: Float](z: &mut [F]) {
        for z in z { *z *= z.sigmoid(); }
    }
    // f' = s (1 + z (1 - s)), 1 - s = sigmoid(-z)
    fn silu_backward[F: Float](z: &[F], da: &mut [F]) {
        for (da, z) in da.iter_mut().zip(z) { *da *= z.sigmoid() * z.mul_add((-*z).sigmoid(), F::ONE); }
    }
    fn mish_forward[F: Float](z: &mut [F]) {
        for z in z { *z *= z.softplus().tanh(); }
    }
    // f' = t + z (1 - t²) sigmoid(z), t = tanh(softplus z)
    fn mish_backward[F: Float](z: &[F], da: &mut [F]) {
        for (da, z) in da.iter_mut().zip(z) {
            let t = z.softplus().tanh();
            *da *= (*z * (F::ONE - t * t)).mul_add(z.sigmoid(), t);
        }
    }
    // f' = a (1 - a)
    fn sigmoid_backward[F: Float](a: &[F], da: &mut [F]) {
        for (da, a) in da.iter_mut().zip(a) { *da *= *a * (F::ONE - *a); }
    }
    fn hard_sigmoid_forward[F: Float](z: &mut [F]) {
        let sixth = F::from_f64(1.0 / 6.0);
        for z in z { *z = clamp(z.mul_add(sixth, F::HALF), F::ZERO, F::ONE); }
    }
    fn hard_sigmoid_backward[F: Float](a: &[F], da: &mut [F]) {
        let sixth = F::from_f64(1.0 / 6.0);
        for (da, a) in da.iter_mut().zip(a) { *da *= if *a > F::ZERO && *a < F::ONE { sixth } else { F::ZERO }; }
    }
    fn hard_swish_forward[F: Float](z: &mut [F]) {
        let sixth = F::from_f64(1.0 / 6.0);
        for z in z { *z *= clamp(z.mul_add(sixth, F::HALF), F::ZERO, F::ONE); }
    }
    // f' = z/3 + 1/2 between -3 and 3
    fn hard_swish_backward[F: Float](z: &[F], da: &mut [F]) {
        let (third, three) = (F::from_f64(1.0 / 3.0), F::from_f64(3.0));
        for (da, z) in da.iter_mut().zip(z) {
            let inside = z.mul_add(third, F::HALF);
            *da *= if *z <= -three { F::ZERO } else if *z >= three { F::ONE } else { inside };
        }
    }
    // f' = 1 - a²
    fn tanh_backward[F: Float](a: &[F], da: &mut [F]) {
        for (da, a) in da.iter_mut().zip(a) { *da *= F::ONE - *a * *a; }
    }
    fn hard_tanh_forward[F: Float](z: &mut [F]) {
        for z in z { *z = clamp(*z, -F::ONE, F::ONE); }
    }
    fn hard_tanh_backward[F: Float](a: &[F], da: &mut [F]) {
        for (da, a) in da.iter_mut().zip(a) { *da = (if a.abs() >= F::ONE { F::ZERO } else { *da }) + F::ZERO; }
    }
    // f' = sigmoid(z) = 1 - e^-a
    fn softplus_backward[F: Float](a: &[F], da: &mut [F]) {
        for (da, a) in da.iter_mut().zip(a) { *da *= -(-*a).expm1_of_negative(); }
    }
    fn softsign_forward[F: Float](z: &mut [F]) {
        for z in z { *z = *z / (F::ONE + z.abs()); }
    }
    // f' = 1 / (1 + |z|)² = (1 - |a|)²
    fn softsign_backward[F: Float](a: &[F], da: &mut [F]) {
        for (da, a) in da.iter_mut().zip(a) { let rest = F::ONE - a.abs(); *da *= rest * rest; }
    }
    // ln sigmoid(z) = -ln(1 + e^-z)
    fn log_sigmoid_forward[F: Float](z: &mut [F]) {
        for z in z { *z = -(-*z).softplus(); }
    }
    // f' = 1 - sigmoid(z) = 1 - e^a
    fn log_sigmoid_backward[F: Float](a: &[F], da: &mut [F]) {
        for (da, a) in da.iter_mut().zip(a) { *da *= -a.expm1_of_negative(); }
    }
    // The largest z of a row is taken off first: e^z cannot overflow, and the quotient is the same.
    fn softmax_forward[F: Float](z: &mut [F], width: usize) {
        for row in z.chunks_exact_mut(width) {
            let largest = row.iter().fold(row[0], |m, z| if *z > m { *z } else { m });
            for z in row.iter_mut() { *z = (*z - largest).exp(); }
            let total: F = row.iter().copied().sum();
            for z in row { *z = *z / total; }
        }
    }
    // dz_i = a_i (da_i - Σ_j a_j da_j)
    fn softmax_backward[F: Float](a: &[F], da: &mut [F], width: usize) {
        for (a, da) in a.chunks_exact(width).zip(da.chunks_exact_mut(width)) {
            let mut dot = F::ZERO;
            for (a, da) in a.iter().zip(da.iter()) { dot = a.mul_add(*da, dot); }
            for (a, da) in a.iter().zip(da) { *da = *a * (*da - dot); }
        }
    }
    fn log_softmax_forward[F: Float](z: &mut [F], width: usize) {
        for row in z.chunks_exact_mut(width) {
            let largest = row.iter().fold(row[0], |m, z| if *z > m { *z } else { m });
            let mut total = F::ZERO;
            for z in row.iter() { total += (*z - largest).exp(); }
            let ln_total = total.ln();
            for z in row { *z = (*z - largest) - ln_total; }
        }
    }
    // dz_i = da_i - e^a_i Σ_j da_j
    fn log_softmax_backward[F: Float](a: &[F], da: &mut [F], width: usize) {
        for (a, da) in a.chunks_exact(width).zip(da.chunks_exact_mut(width)) {
            let total: F = da.iter().copied().sum();
            for (a, da) in a.iter().zip(da) { *da = (-a.exp()).mul_add(total, *da); }
        }
    }
    fn squared_relu_forward[F: Float](z: &mut [F]) {
        for z in z { *z = if *z <= F::ZERO { F::ZERO } else { *z * *z }; }
    }
    // f' = 2 z = 2 √a
    fn squared_relu_backward[F: Float](a: &[F], da: &mut [F]) {
        for (da, a) in da.iter_mut().zip(a) { *da *= a.sqrt() + a.sqrt(); }
    }
}
