//! Activations: `f` and `df` side by side.
//!
//! Derivatives are written in terms of the output `a = f(z)`, which is all that a layer keeps.

use serde::{Deserialize, Serialize};

use crate::isa::versions;
use crate::math::Float;

/// What a layer applies to its affine map.
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
pub enum Activation {
    /// `a = z`
    Identity,
    /// `a = max(z, 0)`; the derivative at 0 is 0
    Relu,
    /// `a = 1 / (1 + e^-z)`
    Sigmoid,
    /// `a = tanh z`
    Tanh,
    /// `a_i = e^z_i / Σ_j e^z_j` over the units of one sample
    Softmax,
}

impl Activation {
    /// Turns `z` into `a = f(z)`, in place: rows of `width` units.
    pub fn forward<F: Float>(self, z: &mut [F], width: usize) {
        match self {
            Activation::Identity => {}
            Activation::Relu => relu_forward(z),
            Activation::Sigmoid => crate::math::sigmoid_in_place(z),
            Activation::Tanh => crate::math::tanh_in_place(z),
            Activation::Softmax => softmax_forward(z, width.max(1)),
        }
    }

    /// Turns `da` into `dz = da f'(z)`, in place, given the outputs `a`.
    pub fn backward<F: Float>(self, a: &[F], da: &mut [F], width: usize) {
        match self {
            Activation::Identity => {}
            Activation::Relu => relu_backward(a, da),
            Activation::Sigmoid => sigmoid_backward(a, da),
            Activation::Tanh => tanh_backward(a, da),
            Activation::Softmax => softmax_backward(a, da, width.max(1)),
        }
    }
}

versions! {
    // A comparison, not `max`, which may give either zero for -0.0; NaN stays NaN.
    fn relu_forward[F: Float](z: &mut [F]) {
        for z in z { *z = if *z <= F::ZERO { F::ZERO } else { *z }; }
    }
    fn relu_backward[F: Float](a: &[F], da: &mut [F]) {
        for (da, a) in da.iter_mut().zip(a) { *da = if *a <= F::ZERO { F::ZERO } else { *da }; }
    }
    // f' = a (1 - a)
    fn sigmoid_backward[F: Float](a: &[F], da: &mut [F]) {
        for (da, a) in da.iter_mut().zip(a) { *da *= *a * (F::ONE - *a); }
    }
    // f' = 1 - a²
    fn tanh_backward[F: Float](a: &[F], da: &mut [F]) {
        for (da, a) in da.iter_mut().zip(a) { *da *= F::ONE - *a * *a; }
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
}
