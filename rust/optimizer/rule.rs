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
    /// Adam with the largest `v` so far (Reddi, Kale and Kumar, 2018), bias-corrected: `u = max(u, v)`,
    /// `w -= rate m̂ / (√û + epsilon)`.
    Amsgrad {
        /// Decay of the mean of the gradient.
        beta_1: f64,
        /// Decay of the mean of its square.
        beta_2: f64,
        /// Keeps the quotient finite.
        epsilon: f64,
    },
    /// Adam beside decoupled decay (Loshchilov and Hutter, 2019): the step is Adam's, the decay is the optimizer's.
    Adamw {
        /// Decay of the mean of the gradient.
        beta_1: f64,
        /// Decay of the mean of its square.
        beta_2: f64,
        /// Keeps the quotient finite.
        epsilon: f64,
    },
    /// Adam with Nesterov's look-ahead (Dozat, 2016): `w -= rate m̄ / (√v̂ + epsilon)` with
    /// `m̄ = beta_1 m / (1 - beta_1^(t+1)) + (1 - beta_1) g / (1 - beta_1^t)`.
    Nadam {
        /// Decay of the mean of the gradient.
        beta_1: f64,
        /// Decay of the mean of its square.
        beta_2: f64,
        /// Keeps the quotient finite.
        epsilon: f64,
    },
    /// Adam in the maximum norm (Kingma and Ba, 2015, algorithm 2): `u = max(beta_2 u, |g|)`,
    /// `w -= rate / (1 - beta_1^t) m / (u + epsilon)`.
    Adamax {
        /// Decay of the mean of the gradient.
        beta_1: f64,
        /// Decay of the greatest magnitude.
        beta_2: f64,
        /// Keeps the quotient finite.
        epsilon: f64,
    },
    /// RMSprop (Tieleman and Hinton, 2012): `v = rho v + (1 - rho) g²`, `w -= rate g / (√v + epsilon)`. With `centered`
    /// the square of the decaying mean of `g` is subtracted from `v` (Graves, 2013); with `momentum` the steps add up as in
    /// gradient descent.
    Rmsprop {
        /// Decay of the means.
        rho: f64,
        /// Keeps the quotient finite.
        epsilon: f64,
        /// Share of the last step that is kept.
        momentum: f64,
        /// Whether `v` is a variance.
        centered: bool,
    },
    /// Adagrad (Duchi, Hazan and Singer, 2011): `a += g²`, `w -= rate g / (√a + epsilon)`.
    Adagrad {
        /// Keeps the quotient finite.
        epsilon: f64,
    },
    /// Adadelta (Zeiler, 2012): `v = rho v + (1 - rho) g²`, `d = √(u + epsilon) / √(v + epsilon) g`,
    /// `u = rho u + (1 - rho) d²`, `w -= rate d`.
    Adadelta {
        /// Decay of the means.
        rho: f64,
        /// Begins the steps, and keeps the quotient finite.
        epsilon: f64,
    },
    /// Lion (Chen et al., 2023): `w -= rate sign(beta_1 m + (1 - beta_1) g)`, then `m = beta_2 m + (1 - beta_2) g`.
    Lion {
        /// Share of the mean in the step's direction.
        beta_1: f64,
        /// Decay of the mean.
        beta_2: f64,
    },
    /// Resilient propagation without backtracking (Riedmiller and Braun, 1993; iRprop- of Igel and Hüsken, 2003), for full
    /// batches: each weight has a step of its own, which begins with the learning rate, grows by `growth` while the
    /// gradient keeps its sign and shrinks by `shrinkage` when it changes, and then that gradient counts as 0;
    /// `w -= sign(g) step`.
    Rprop {
        /// What a step is multiplied by after a change of sign.
        shrinkage: f64,
        /// What a step is multiplied by while the sign stays.
        growth: f64,
        /// The shortest step.
        shortest: f64,
        /// The longest step.
        longest: f64,
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
            Rule::Adam { beta_1, beta_2, epsilon, .. }
            | Rule::Amsgrad { beta_1, beta_2, epsilon }
            | Rule::Adamw { beta_1, beta_2, epsilon }
            | Rule::Nadam { beta_1, beta_2, epsilon }
            | Rule::Adamax { beta_1, beta_2, epsilon } => {
                share("beta_1", beta_1)?;
                share("beta_2", beta_2)?;
                positive("epsilon", epsilon)
            }
            Rule::Rmsprop { rho, epsilon, momentum, .. } => {
                share("rho", rho)?;
                share("momentum", momentum)?;
                positive("epsilon", epsilon)
            }
            Rule::Adagrad { epsilon } => positive("epsilon", epsilon),
            Rule::Adadelta { rho, epsilon } => {
                share("rho", rho)?;
                positive("epsilon", epsilon)
            }
            Rule::Lion { beta_1, beta_2 } => {
                share("beta_1", beta_1)?;
                share("beta_2", beta_2)
            }
            Rule::Rprop { shrinkage, growth, shortest, longest } => {
                if !(shrinkage > 0.0 && shrinkage < 1.0) {
                    return Err(Error::value("shrinkage", "above 0 and below 1", shrinkage));
                }
                if !(growth > 1.0 && growth.is_finite()) {
                    return Err(Error::value("growth", "above 1 and finite", growth));
                }
                positive("shortest", shortest)?;
                positive("longest", longest)?;
                if shortest > longest {
                    return Err(Error::value("shortest", format!("at most longest, which is {longest}"), shortest));
                }
                Ok(())
            }
        }
    }

    /// Whether a rotation of the parameters rotates every step with them: what row-space reduction needs.
    pub fn commutes_with_rotation(&self) -> bool {
        matches!(self, Rule::Sgd { .. })
    }

    /// Arrays that it remembers, as long as the parameters and zero at the start.
    pub(crate) fn slots(&self) -> usize {
        match self {
            Rule::Sgd { momentum: 0.0, .. } => 0,
            Rule::Sgd { .. } | Rule::Adagrad { .. } | Rule::Lion { .. } => 1,
            Rule::Adam { .. } | Rule::Adamw { .. } | Rule::Nadam { .. } | Rule::Adamax { .. } => 2,
            Rule::Adadelta { .. } | Rule::Rprop { .. } => 2,
            Rule::Amsgrad { .. } => 3,
            Rule::Rmsprop { momentum, centered, .. } => 1 + usize::from(*momentum > 0.0) + usize::from(*centered),
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
        [first, second, third]: [&mut [F]; MOST_SLOTS],
    ) {
        let of = F::from_f64;
        // m̂ = m / c1 and v̂ = v / c2, taken out of the loop: rate m̂ / (√v̂ + e) = (rate √c2 / c1) m / (√v + e √c2)
        let corrected = |beta_1, beta_2, epsilon: f64| {
            let (correction_1, correction_2) = (1.0 - power(beta_1, t), (1.0 - power(beta_2, t)).sqrt());
            (rate * correction_2 / correction_1, epsilon * correction_2)
        };
        match *self {
            Rule::Sgd { momentum: 0.0, .. } => sgd(w, g, of(rate)),
            Rule::Sgd { momentum, nesterov } => sgd_with_momentum(w, g, first, of(rate), of(momentum), nesterov),
            Rule::Adam { beta_1, beta_2, epsilon, epsilon_hat } => {
                let (rate, hat) = corrected(beta_1, beta_2, epsilon);
                let epsilon = if epsilon_hat { epsilon } else { hat };
                adam(w, g, first, second, of(beta_1), of(beta_2), of(rate), of(epsilon))
            }
            Rule::Adamw { beta_1, beta_2, epsilon } => {
                let (rate, epsilon) = corrected(beta_1, beta_2, epsilon);
                adam(w, g, first, second, of(beta_1), of(beta_2), of(rate), of(epsilon))
            }
            Rule::Amsgrad { beta_1, beta_2, epsilon } => {
                let (rate, epsilon) = corrected(beta_1, beta_2, epsilon);
                amsgrad(w, g, first, second, third, of(beta_1), of(beta_2), of(rate), of(epsilon))
            }
            Rule::Nadam { beta_1, beta_2, epsilon } => {
                let root = (1.0 - power(beta_2, t)).sqrt();
                let of_mean = rate * root * beta_1 / (1.0 - power(beta_1, t + 1));
                let of_gradient = rate * root * (1.0 - beta_1) / (1.0 - power(beta_1, t));
                let [beta_1, beta_2, epsilon] = [beta_1, beta_2, epsilon * root].map(of);
                nadam(w, g, first, second, beta_1, beta_2, of(of_mean), of(of_gradient), epsilon)
            }
            Rule::Adamax { beta_1, beta_2, epsilon } => {
                let rate = rate / (1.0 - power(beta_1, t));
                adamax(w, g, first, second, of(beta_1), of(beta_2), of(rate), of(epsilon))
            }
            Rule::Rmsprop { rho, epsilon, momentum, centered } => {
                let (mean, velocity) = if centered { (second, third) } else { (third, second) };
                let [rho, momentum, rate, epsilon] = [rho, momentum, rate, epsilon].map(of);
                match (centered, momentum > F::ZERO) {
                    (false, false) => rmsprop(w, g, first, rho, rate, epsilon),
                    (true, false) => rmsprop_centered(w, g, first, mean, rho, rate, epsilon),
                    (false, true) => rmsprop_with_momentum(w, g, first, velocity, rho, momentum, rate, epsilon),
                    (true, true) => {
                        rmsprop_centered_with_momentum(w, g, first, mean, velocity, rho, momentum, rate, epsilon)
                    }
                }
            }
            Rule::Adagrad { epsilon } => adagrad(w, g, first, of(rate), of(epsilon)),
            Rule::Adadelta { rho, epsilon } => adadelta(w, g, first, second, of(rho), of(rate), of(epsilon)),
            Rule::Lion { beta_1, beta_2 } => lion(w, g, first, of(beta_1), of(beta_2), of(rate)),
            Rule::Rprop { shrinkage, growth, shortest, longest } => {
                let start = if rate < shortest {
                    shortest
                } else if rate > longest {
                    longest
                } else {
                    rate
                };
                let [shrinkage, growth, shortest, longest] = [shrinkage, growth, shortest, longest].map(of);
                rprop(w, g, first, second, of(start), shrinkage, growth, shortest, longest)
            }
        }
    }
}

// What decays stops at zero before its digits become fewer. The mean of the gradients of a unit that is dead would stay at
// the smallest of all numbers for ever, and processors take many times as long for such: a step of 784-512-512-10 with
// half of its first weights at rest took twice as long after 800 steps of Adam.
versions! {
    // Multiplication and subtraction rounded one after the other, as anyone would write it with arrays.
    fn sgd[F: Float](w: &mut [F], g: &[F], rate: F) {
        for (w, g) in w.iter_mut().zip(g) { *w -= rate * *g; }
    }
    fn sgd_with_momentum[F: Float](w: &mut [F], g: &[F], v: &mut [F], rate: F, momentum: F, nesterov: bool) {
        for ((w, g), v) in w.iter_mut().zip(g).zip(v) {
            *v = (momentum * *v - rate * *g).normal_or_zero();
            *w += if nesterov { momentum * *v - rate * *g } else { *v };
        }
    }
    fn adam[F: Float](w: &mut [F], g: &[F], m: &mut [F], v: &mut [F], beta_1: F, beta_2: F, rate: F, epsilon: F) {
        for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
            *m = beta_1.mul_add(*m, (F::ONE - beta_1) * *g).normal_or_zero();
            *v = beta_2.mul_add(*v, (F::ONE - beta_2) * *g * *g).normal_or_zero();
            *w -= rate * *m / (v.sqrt() + epsilon);
        }
    }
    fn amsgrad[F: Float](
        w: &mut [F], g: &[F], m: &mut [F], v: &mut [F], u: &mut [F], beta_1: F, beta_2: F, rate: F, epsilon: F,
    ) {
        for ((((w, g), m), v), u) in w.iter_mut().zip(g).zip(m).zip(v).zip(u) {
            *m = beta_1.mul_add(*m, (F::ONE - beta_1) * *g).normal_or_zero();
            *v = beta_2.mul_add(*v, (F::ONE - beta_2) * *g * *g).normal_or_zero();
            *u = u.at_least(*v) + F::ZERO; // not a masked store: see `activation.rs`
            *w -= rate * *m / (u.sqrt() + epsilon);
        }
    }
    fn nadam[F: Float](
        w: &mut [F], g: &[F], m: &mut [F], v: &mut [F], beta_1: F, beta_2: F, of_mean: F, of_gradient: F, epsilon: F,
    ) {
        for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
            *m = beta_1.mul_add(*m, (F::ONE - beta_1) * *g).normal_or_zero();
            *v = beta_2.mul_add(*v, (F::ONE - beta_2) * *g * *g).normal_or_zero();
            *w -= of_mean.mul_add(*m, of_gradient * *g) / (v.sqrt() + epsilon);
        }
    }
    fn adamax[F: Float](
        w: &mut [F], g: &[F], m: &mut [F], u: &mut [F], beta_1: F, beta_2: F, rate: F, epsilon: F,
    ) {
        for (((w, g), m), u) in w.iter_mut().zip(g).zip(m).zip(u) {
            *m = beta_1.mul_add(*m, (F::ONE - beta_1) * *g).normal_or_zero();
            let (decayed, now) = ((beta_2 * *u).normal_or_zero(), g.abs());
            *u = if now > decayed { now } else { decayed };
            *w -= rate * *m / (*u + epsilon);
        }
    }
    fn rmsprop[F: Float](w: &mut [F], g: &[F], v: &mut [F], rho: F, rate: F, epsilon: F) {
        for ((w, g), v) in w.iter_mut().zip(g).zip(v) {
            *v = rho.mul_add(*v, (F::ONE - rho) * *g * *g).normal_or_zero();
            *w -= rate * *g / (v.sqrt() + epsilon);
        }
    }
    fn rmsprop_centered[F: Float](
        w: &mut [F], g: &[F], v: &mut [F], mean: &mut [F], rho: F, rate: F, epsilon: F,
    ) {
        for (((w, g), v), mean) in w.iter_mut().zip(g).zip(v).zip(mean) {
            *w -= rate * *g / (deviation(*g, v, mean, rho) + epsilon);
        }
    }
    fn rmsprop_with_momentum[F: Float](
        w: &mut [F], g: &[F], v: &mut [F], velocity: &mut [F], rho: F, momentum: F, rate: F, epsilon: F,
    ) {
        for (((w, g), v), velocity) in w.iter_mut().zip(g).zip(v).zip(velocity) {
            *v = rho.mul_add(*v, (F::ONE - rho) * *g * *g).normal_or_zero();
            *velocity = (momentum * *velocity - rate * *g / (v.sqrt() + epsilon)).normal_or_zero();
            *w += *velocity;
        }
    }
    fn rmsprop_centered_with_momentum[F: Float](
        w: &mut [F], g: &[F], v: &mut [F], mean: &mut [F], velocity: &mut [F], rho: F, momentum: F, rate: F, epsilon: F,
    ) {
        for ((((w, g), v), mean), velocity) in w.iter_mut().zip(g).zip(v).zip(mean).zip(velocity) {
            *velocity = (momentum * *velocity - rate * *g / (deviation(*g, v, mean, rho) + epsilon)).normal_or_zero();
            *w += *velocity;
        }
    }
    fn adagrad[F: Float](w: &mut [F], g: &[F], a: &mut [F], rate: F, epsilon: F) {
        for ((w, g), a) in w.iter_mut().zip(g).zip(a) {
            *a = g.mul_add(*g, *a);
            *w -= rate * *g / (a.sqrt() + epsilon);
        }
    }
    fn adadelta[F: Float](w: &mut [F], g: &[F], v: &mut [F], u: &mut [F], rho: F, rate: F, epsilon: F) {
        for (((w, g), v), u) in w.iter_mut().zip(g).zip(v).zip(u) {
            *v = rho.mul_add(*v, (F::ONE - rho) * *g * *g).normal_or_zero();
            let step = (*u + epsilon).sqrt() / (*v + epsilon).sqrt() * *g;
            *u = rho.mul_add(*u, (F::ONE - rho) * step * step).normal_or_zero();
            *w -= rate * step;
        }
    }
    fn lion[F: Float](w: &mut [F], g: &[F], m: &mut [F], beta_1: F, beta_2: F, rate: F) {
        for ((w, g), m) in w.iter_mut().zip(g).zip(m) {
            *w -= rate.times_sign(beta_1.mul_add(*m, (F::ONE - beta_1) * *g));
            *m = beta_2.mul_add(*m, (F::ONE - beta_2) * *g).normal_or_zero();
        }
    }
    fn rprop[F: Float](
        w: &mut [F], g: &[F], last: &mut [F], step: &mut [F], start: F, shrinkage: F, growth: F, shortest: F, longest: F,
    ) {
        for (((w, g), last), step) in w.iter_mut().zip(g).zip(last).zip(step) {
            let before = if *step == F::ZERO { start } else { *step };
            let (same, opposite) = (positive_product(*g, *last), positive_product(-*g, *last));
            let (grown, shrunk) = (growth * before, shrinkage * before);
            let grown = if grown < longest { grown } else { longest };
            let shrunk = if shrunk > shortest { shrunk } else { shortest };
            *step = if same { grown } else if opposite { shrunk } else { before };
            *last = if opposite { F::ZERO } else { *g };
            *w -= step.times_sign(*last);
        }
    }
}

/// Whether two numbers have one sign. Their product may underflow.
#[inline(always)]
fn positive_product<F: Float>(a: F, b: F) -> bool {
    (a > F::ZERO && b > F::ZERO) || (a < F::ZERO && b < F::ZERO)
}

/// The decaying means of `g²` and `g` take note of `g`; the root of what the variance is by them.
#[inline(always)]
fn deviation<F: Float>(g: F, v: &mut F, mean: &mut F, rho: F) -> F {
    *v = rho.mul_add(*v, (F::ONE - rho) * g * g).normal_or_zero();
    *mean = rho.mul_add(*mean, (F::ONE - rho) * g).normal_or_zero();
    let variance = *v - *mean * *mean;
    if variance > F::ZERO { variance.sqrt() } else { F::ZERO }
}

/// `self sign(x)`, 0 where `x` is.
trait TimesSign: Float {
    #[inline(always)]
    fn times_sign(self, x: Self) -> Self {
        if x == Self::ZERO { Self::ZERO } else { self.copysign(x) }
    }
}

impl<F: Float> TimesSign for F {}
