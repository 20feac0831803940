//! Losses of one number at a time: value and slope side by side.

use crate::isa::versions;
use crate::math::Float;

/// `fn name(prediction, target, settings) = (value, slope)`, applied to all numbers: `terms` gets the values, `da` the
/// slopes times `share`.
macro_rules! one_by_one {
    ($($(#[$meta:meta])* fn $name:ident($a:ident, $y:ident $(, $setting:ident)*) = $pair:expr;)+) => { versions! {$(
        $(#[$meta])*
        pub(super) fn $name[F: Float](
            a: &[F], y: &[F], share: F, da: &mut [F], terms: &mut [F] $(, $setting: F)*
        ) {
            for (((a, y), da), term) in a.iter().zip(y).zip(da).zip(terms) {
                let ($a, $y) = (*a, *y);
                let (value, slope) = $pair;
                *term = value;
                *da = slope * share;
            }
        }
    )+}};
}

one_by_one! {
    // max(z, 0) - y z + ln(1 + e^-|z|): no cancellation where the answer is right; d = sigmoid(z) - y
    fn binary_cross_entropy(z, y, keep, shift) = {
        let y = keep.mul_add(y, shift);
        let positive = if z > F::ZERO { z } else { F::ZERO };
        ((positive - y * z) + (-z.abs()).exp().ln_1p_unit(), z.sigmoid() - y)
    };
    // d = 2 (a - y)
    fn mean_squared_error(a, y) = {
        let difference = a - y;
        (difference * difference, difference + difference)
    };
    fn mean_absolute_error(a, y) = {
        let difference = a - y;
        (difference.abs(), sign(difference))
    };
    fn huber(a, y, delta) = {
        let difference = a - y;
        let size = difference.abs();
        let inside = size <= delta;
        let value = if inside { F::HALF * difference * difference } else { delta * (size - F::HALF * delta) };
        (value, if inside { difference } else { delta.copysign(difference) })
    };
    // ln cosh d = |d| + ln(1 + e^(-2|d|)) - ln 2; its slope is tanh d
    fn log_cosh(a, y) = {
        let difference = a - y;
        let size = difference.abs();
        let value = size + ((-size - size).exp().ln_1p_unit() - F::from_f64(std::f64::consts::LN_2));
        (value, difference.tanh())
    };
    fn quantile(a, y, quantile) = {
        let missing = y - a;
        let over = quantile - F::ONE;
        let slope = if missing > F::ZERO { -quantile } else if missing < F::ZERO { -over } else { F::ZERO };
        (if missing > F::ZERO { quantile * missing } else { over * missing }, slope)
    };
    // z is the logarithm of the rate
    fn poisson(z, y) = {
        let rate = z.exp();
        (rate - y * z, rate - y)
    };
    fn poisson_deviance(z, y) = {
        let rate = z.exp();
        let constant = if y > F::ZERO { y * y.ln() } else { F::ZERO };
        (constant - y * z + (rate - y), rate - y)
    };
    fn hinge(a, y) = {
        let side = if y > F::ZERO { F::ONE } else { -F::ONE };
        let short = F::ONE - side * a;
        if short > F::ZERO { (short, -side) } else { (F::ZERO, F::ZERO) }
    };
    fn squared_hinge(a, y) = {
        let side = if y > F::ZERO { F::ONE } else { -F::ONE };
        let short = F::ONE - side * a;
        if short > F::ZERO { (short * short, -side * (short + short)) } else { (F::ZERO, F::ZERO) }
    };
    // A class that is there gives -(1-p)^gamma ln p, one that is not the same of -z and 1-p
    fn focal(z, y, gamma, there, missing) = {
        let (value, slope) = hard(z, gamma);
        let (other_value, other_slope) = hard(-z, gamma);
        let (present, absent) = (there * y, missing * (F::ONE - y));
        (present * value + absent * other_value, present * slope - absent * other_slope)
    };
}

/// `-(1-p)^gamma ln p` for `p = sigmoid(z)`, and its slope `-(1-p)^gamma (1 - p - gamma p ln p)`.
#[inline(always)]
fn hard<F: Float>(z: F, gamma: F) -> (F, F) {
    let (p, q) = (z.sigmoid(), (-z).sigmoid());
    let information = (-z).softplus(); // -ln p
    let weight = (-gamma * z.softplus()).exp(); // (1-p)^gamma
    (weight * information, -weight * (gamma * p * information + q))
}

#[inline(always)]
fn sign<F: Float>(x: F) -> F {
    if x == F::ZERO { F::ZERO } else { F::ONE.copysign(x) }
}

versions! {
    // (s + (y - m)² e^-s) / 2, without the constant ln(2π) / 2, for rows of means m and then log-variances s
    pub(super) fn gaussian[F: Float](a: &[F], width: usize, y: &[F], share: F, da: &mut [F], terms: &mut [F]) {
        let rows = a.chunks_exact(width).zip(y.chunks_exact(width / 2));
        for (((a, y), da), terms) in rows.zip(da.chunks_exact_mut(width)).zip(terms.chunks_exact_mut(width / 2)) {
            let ((means, logs), (dmeans, dlogs)) = (a.split_at(width / 2), da.split_at_mut(width / 2));
            for i in 0..width / 2 {
                let (precision, missing) = ((-logs[i]).exp(), y[i] - means[i]);
                // Where nothing is missing, an infinite precision is no matter.
                let hit = missing == F::ZERO;
                let pull = if hit { F::ZERO } else { missing * precision };
                let square = if hit { F::ZERO } else { missing * pull };
                terms[i] = F::HALF * (logs[i] + square);
                dmeans[i] = -pull * share;
                dlogs[i] = F::HALF * (F::ONE - square) * share;
            }
        }
    }
}
