//! Optimizers: how a gradient moves the parameters. Both are flat arrays; state is a number of arrays of that length.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::isa::versions;
use crate::math::Float;

/// An optimizer and its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[strum(serialize_all = "snake_case")]
pub enum Optimizer {
    /// Gradient descent. Without momentum `w -= learning_rate g`; with it `v = momentum v - learning_rate g` and
    /// `w += v`, or, with Nesterov's look-ahead, `w += momentum v - learning_rate g` (Sutskever et al., 2013).
    Sgd {
        /// Length of a step.
        learning_rate: f64,
        /// Share of the last step that is kept.
        momentum: f64,
        /// Whether the gradient counts as taken after the momentum's part of the step.
        nesterov: bool,
    },
    /// Adam (Kingma and Ba, 2015, algorithm 1): `m` and `v` are decaying means of `g` and `g²`, corrected for their
    /// start at zero; `w -= learning_rate m̂ / (√v̂ + epsilon)`. With `epsilon_hat` epsilon is added to the
    /// uncorrected `√v` instead (the paper's closing remark; scikit-learn's form).
    Adam {
        /// Length of a step.
        learning_rate: f64,
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

/// What an optimizer remembers between steps.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimizerState<F> {
    /// Steps made.
    pub steps: u64,
    /// Arrays as long as the parameters: the velocity of SGD, the two means of Adam.
    pub slots: Vec<Vec<F>>,
}

/// Parameters of one run of work; below two of them a second thread costs more than it saves.
const RUN: usize = 1 << 14;

impl Optimizer {
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
            Optimizer::Sgd { learning_rate, momentum, nesterov } => {
                positive("learning_rate", learning_rate)?;
                share("momentum", momentum)?;
                if nesterov && momentum == 0.0 {
                    return Err(Error::value("momentum", "above 0 with nesterov", momentum));
                }
                Ok(())
            }
            Optimizer::Adam { learning_rate, beta_1, beta_2, epsilon, .. } => {
                positive("learning_rate", learning_rate)?;
                share("beta_1", beta_1)?;
                share("beta_2", beta_2)?;
                positive("epsilon", epsilon)
            }
        }
    }

    /// Whether a rotation of the parameters rotates every step with them: what row-space reduction needs.
    pub fn commutes_with_rotation(&self) -> bool {
        matches!(self, Optimizer::Sgd { .. })
    }

    /// The state before the first step of `parameters` numbers.
    pub fn start<F: Float>(&self, parameters: usize) -> OptimizerState<F> {
        let slots = match self {
            Optimizer::Sgd { momentum: 0.0, .. } => 0,
            Optimizer::Sgd { .. } => 1,
            Optimizer::Adam { .. } => 2,
        };
        OptimizerState { steps: 0, slots: vec![vec![F::ZERO; parameters]; slots] }
    }

    /// One step: moves `parameters` along `gradient`.
    pub fn update<F: Float>(
        &self,
        state: &mut OptimizerState<F>,
        parameters: &mut [F],
        gradient: &[F],
        threads: usize,
    ) {
        state.steps += 1;
        let of = F::from_f64;
        match *self {
            Optimizer::Sgd { learning_rate, momentum, nesterov } => match &mut state.slots[..] {
                [velocity] => for_each_run(threads, parameters, gradient, [velocity], |w, g, [v]| {
                    sgd_with_momentum(w, g, v, of(learning_rate), of(momentum), nesterov)
                }),
                _ => for_each_run(threads, parameters, gradient, [], |w, g, []| sgd(w, g, of(learning_rate))),
            },
            Optimizer::Adam { learning_rate, beta_1, beta_2, epsilon, epsilon_hat } => {
                // m̂ = m / c1 and v̂ = v / c2, taken out of the loop: lr m̂ / (√v̂ + e) = (lr √c2 / c1) m / (√v + e √c2)
                let correction_1 = 1.0 - power(beta_1, state.steps);
                let correction_2 = (1.0 - power(beta_2, state.steps)).sqrt();
                let rate = of(learning_rate * correction_2 / correction_1);
                let epsilon = of(if epsilon_hat { epsilon } else { epsilon * correction_2 });
                if let [m, v] = &mut state.slots[..] {
                    for_each_run(threads, parameters, gradient, [m, v], |w, g, [m, v]| {
                        adam(w, g, m, v, of(beta_1), of(beta_2), rate, epsilon)
                    });
                }
            }
        }
    }
}

/// `base^exponent` by squaring: the standard library's `powi` may differ between platforms.
fn power(base: f64, mut exponent: u64) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

/// Calls `update` for matching runs of all arrays, on `threads` threads. Every number has one owner.
fn for_each_run<F: Float, const SLOTS: usize>(
    threads: usize,
    parameters: &mut [F],
    gradient: &[F],
    slots: [&mut Vec<F>; SLOTS],
    update: impl Fn(&mut [F], &[F], [&mut [F]; SLOTS]) + Sync,
) {
    let mut slots = slots.map(|slot| slot.as_mut_slice());
    if threads == 1 || parameters.len() < 2 * RUN || !crate::parallel::in_pool() {
        return update(parameters, gradient, slots);
    }
    let run = parameters.len().div_ceil(threads).max(RUN);
    let runs: Vec<_> = parameters
        .chunks_mut(run)
        .zip(gradient.chunks(run))
        .map(|(w, g)| {
            let parts = slots.each_mut().map(|slot| slot.split_off_mut(..w.len()).unwrap_or_default());
            (w, g, parts)
        })
        .collect();
    runs.into_par_iter().for_each(|(w, g, slots)| update(w, g, slots));
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
