//! The closed set of rules by which a gradient moves a weight, each with its formula, its memory and its loop.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::isa::versions;
use crate::math::Float;
use crate::schedule::power;

/// A rule and its settings. `g` is the gradient, `rate` the learning rate of the step, `t` the step's number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[strum(serialize_all = "snake_case")]
pub enum Rule {
    /// Gradient descent. Without momentum `w -= rate g`; with it `v = momentum v - rate g` and `w += v`, or, with
    /// Nesterov's look-ahead, `w += momentum v - rate g` (Sutskever et al., 2013).
    Sgd {
        /// Share of the last step that is kept.
        momentum: f64,
        /// Whether the gradient counts as taken after the momentum's part of the step.
        nesterov: bool,
    },
    /// Adam (Kingma and Ba, 2015, algorithm 1): `m` and `v` are decaying means of `g` and `g²`, corrected for their
    /// start at zero; `w -= rate m̂ / (√v̂ + epsilon)`. With `epsilon_hat` epsilon is added to the uncorrected `√v`
    /// instead (the paper's closing remark; scikit-learn's form).
    Adam {
        /// Decay of the mean of the gradient.
        beta_1: f64,
        /// Decay of the mean of its square.
        beta_2: f64,
        /// Keeps the quotient finite.
        epsilon: f64,
        /// Where epsilon is added.
        epsilon_hat: bool,
    },
}

/// Most arrays that a rule remembers.
pub(super) const MOST_SLOTS: usize = 3;

impl Rule {
    /// Refuses settings outside their range, or that `F` cannot hold.
    pub fn check<F: Float>(&self) -> Result<()> {
        let positive = |name: &str, value: f64| {
            let dtype: &str = F::DTYPE.into();
            if value > 0.0 && F::DTYPE.holds(value) {
                return Ok(());
            }
            Err(Error::value(name, format!("above 0 and finite in {dtype}"), value))
        };
        let share = |name: &str, value: f64| {
            if value >= 0.0 && F::from_f64(value) < F::ONE {
                Ok(())
            } else {
                Err(Error::value(name, "at least 0 and below 1", value))
            }
        };
        match *self {
            Rule::Sgd { momentum, nesterov } => {
                share("momentum", momentum)?;
                if nesterov && momentum == 0.0 {
                    return Err(Error::value("momentum", "above 0 with nesterov", momentum));
                }
                Ok(())
            }
            Rule::Adam { beta_1, beta_2, epsilon, .. } => {
                share("beta_1", beta_1)?;
                share("beta_2", beta_2)?;
                positive("epsilon", epsilon)
            }
        }
    }

    /// Whether a rotation of the parameters rotates every step with them: what row-space reduction needs.
    pub fn commutes_with_rotation(&self) -> bool {
        matches!(self, Rule::Sgd { .. })
    }

    /// Arrays that it remembers, as long as the parameters and zero at the start.
    pub(super) fn slots(&self) -> usize {
        match self {
            Rule::Sgd { momentum: 0.0, .. } => 0,
            Rule::Sgd { .. } => 1,
            Rule::Adam { .. } => 2,
        }
    }

    /// Step `t`: moves `w` along `g`.
    #[inline]
    pub(super) fn step<F: Float>(
        &self,
        rate: f64,
        t: u64,
        w: &mut [F],
        g: &[F],
        [first, second, _third]: [&mut [F]; MOST_SLOTS],
    ) {
        let of = F::from_f64;
        match *self {
            Rule::Sgd { momentum: 0.0, .. } => sgd(w, g, of(rate)),
            Rule::Sgd { momentum, nesterov } => sgd_with_momentum(w, g, first, of(rate), of(momentum), nesterov),
            Rule::Adam { beta_1, beta_2, epsilon, epsilon_hat } => {
                // m̂ = m / c1 and v̂ = v / c2, taken out of the loop: rate m̂ / (√v̂ + e) = (rate √c2 / c1) m / (√v + e √c2)
                let correction_1 = 1.0 - power(beta_1, t);
                let correction_2 = (1.0 - power(beta_2, t)).sqrt();
                let rate = of(rate * correction_2 / correction_1);
                let epsilon = of(if epsilon_hat { epsilon } else { epsilon * correction_2 });
                adam(w, g, first, second, of(beta_1), of(beta_2), rate, epsilon)
            }
        }
    }
}

versions! {
    // Multiplication and subtraction rounded one after the other, as anyone would write it with arrays.
    fn sgd[F: Float](w: &mut [F], g: &[F], rate: F) {
        for (w, g) in w.iter_mut().zip(g) { *w -= rate * *g; }
    }
    fn sgd_with_momentum[F: Float](w: &mut [F], g: &[F], v: &mut [F], rate: F, momentum: F, nesterov: bool) {
        for ((w, g), v) in w.iter_mut().zip(g).zip(v) {
            *v = momentum * *v - rate * *g;
            *w += if nesterov { momentum * *v - rate * *g } else { *v };
        }
    }
    fn adam[F: Float](w: &mut [F], g: &[F], m: &mut [F], v: &mut [F], beta_1: F, beta_2: F, rate: F, epsilon: F) {
        for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
            *m = beta_1.mul_add(*m, (F::ONE - beta_1) * *g);
            *v = beta_2.mul_add(*v, (F::ONE - beta_2) * *g * *g);
            *w -= rate * *m / (v.sqrt() + epsilon);
        }
    }
}
