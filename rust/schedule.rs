//! Learning rates that change from step to step: each a function of the number of steps made before.
//!
//! The rate is computed in double precision from the step's number alone, with the mathematics of this crate, so a
//! training that is resumed in the middle goes on with the same rates, on every machine. [`Schedule::ReduceOnPlateau`]
//! alone depends on the scores; what it remembers is a [`Plateau`].

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::math::{DType, Float};

/// A learning rate as a function of the steps `t` made before. Decays stop at their last step and stay there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[strum(serialize_all = "snake_case")]
pub enum Schedule {
    /// Always the same.
    Constant {
        /// The rate.
        learning_rate: f64,
    },
    /// `learning_rate factor^⌊t / steps⌋`
    StepDecay {
        /// The first rate.
        learning_rate: f64,
        /// Steps between two changes.
        steps: u64,
        /// What a change multiplies by.
        factor: f64,
    },
    /// `learning_rate factor^k`, where `k` of the `boundaries` are at most `t`
    MultiStepDecay {
        /// The first rate.
        learning_rate: f64,
        /// Steps before which the changes come, rising.
        boundaries: Vec<u64>,
        /// What a change multiplies by.
        factor: f64,
    },
    /// `learning_rate factor^(t / steps)`
    ExponentialDecay {
        /// The first rate.
        learning_rate: f64,
        /// Steps in which the rate changes by the factor.
        steps: u64,
        /// What it is then multiplied by.
        factor: f64,
    },
    /// `end + (learning_rate - end) (1 - t / steps)^power`
    PolynomialDecay {
        /// The first rate.
        learning_rate: f64,
        /// Steps until the end.
        steps: u64,
        /// The last rate.
        end: f64,
        /// 1 is a straight line.
        power: f64,
    },
    /// `learning_rate / (1 + factor t / steps)`
    InverseTimeDecay {
        /// The first rate.
        learning_rate: f64,
        /// Steps in which the divisor grows by the factor.
        steps: u64,
        /// By how much.
        factor: f64,
    },
    /// `end + (learning_rate - end) (1 + cos(π t / steps)) / 2` (Loshchilov and Hutter, SGDR, 2017, equation 5)
    CosineDecay {
        /// The first rate.
        learning_rate: f64,
        /// Steps until the end.
        steps: u64,
        /// The last rate.
        end: f64,
    },
    /// Cosine decays one after the other (SGDR, 2017): the first takes `steps`, each later one `period_factor` times as
    /// long as the one before it, from a rate that is `peak_factor` times as high.
    CosineRestarts {
        /// The first rate.
        learning_rate: f64,
        /// Steps of the first decay.
        steps: u64,
        /// The last rate of every decay.
        end: f64,
        /// Growth of the decays' length.
        period_factor: u64,
        /// Growth of their first rate.
        peak_factor: f64,
    },
    /// Up from `learning_rate / start_divisor` along half a cosine in the first `warm_up` of the steps, then down to
    /// `learning_rate / end_divisor` along another (Smith and Topin, Super-convergence, 2019; with cosines as in
    /// PyTorch).
    OneCycle {
        /// The highest rate.
        learning_rate: f64,
        /// Steps of the whole cycle.
        steps: u64,
        /// Share of the steps that go up.
        warm_up: f64,
        /// Highest by first rate.
        start_divisor: f64,
        /// Highest by last rate.
        end_divisor: f64,
    },
    /// Grows linearly, `(t + 1) / steps` of the first rate of `then`, and goes on with `then` from its beginning (Goyal
    /// et al., 2017).
    WarmUp {
        /// Steps of growth.
        steps: u64,
        /// What follows.
        then: Box<Schedule>,
    },
    /// Multiplied by `factor` whenever the score (the validation loss if there is one, else the loss) has not become
    /// better by more than `min_delta` for `patience` epochs, but never below `end`.
    ReduceOnPlateau {
        /// The first rate.
        learning_rate: f64,
        /// What a change multiplies by.
        factor: f64,
        /// Epochs without a better score that are waited for.
        patience: u64,
        /// How much better counts.
        min_delta: f64,
        /// The lowest rate.
        end: f64,
    },
}

/// What a schedule that watches the scores remembers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    /// What the rate has been multiplied by so far.
    pub factor: f64,
    /// The best score.
    pub best: f64,
    /// Epochs since then.
    pub waited: u64,
}

impl Default for Plateau {
    fn default() -> Plateau {
        Plateau { factor: 1.0, best: f64::INFINITY, waited: 0 }
    }
}

impl Schedule {
    /// Refuses settings outside their range, or rates that `dtype` cannot hold.
    pub fn check(&self, dtype: DType) -> Result<()> {
        let positive = |name: &str, value: f64| {
            let name_of: &str = dtype.into();
            let fits = value > 0.0 && dtype.holds(value);
            if fits { Ok(()) } else { Err(Error::value(name, format!("above 0 and finite in {name_of}"), value)) }
        };
        let at_least = |name: &str, value: f64, least: f64| {
            let fits = value >= least && value.is_finite();
            if fits { Ok(()) } else { Err(Error::value(name, format!("at least {least} and finite"), value)) }
        };
        let some = |steps: u64| if steps > 0 { Ok(()) } else { Err(Error::value("steps", "at least 1", steps)) };
        match *self {
            Schedule::Constant { learning_rate } => positive("learning_rate", learning_rate),
            Schedule::StepDecay { learning_rate, steps, factor }
            | Schedule::ExponentialDecay { learning_rate, steps, factor } => {
                positive("learning_rate", learning_rate)?;
                some(steps)?;
                positive("factor", factor)
            }
            Schedule::MultiStepDecay { learning_rate, ref boundaries, factor } => {
                positive("learning_rate", learning_rate)?;
                if !boundaries.is_sorted_by(|a, b| a < b) {
                    return Err(Error::value("boundaries", "rising numbers of steps", format!("{boundaries:?}")));
                }
                positive("factor", factor)
            }
            Schedule::PolynomialDecay { learning_rate, steps, end, power } => {
                positive("learning_rate", learning_rate)?;
                some(steps)?;
                at_least("end", end, 0.0)?;
                positive("power", power)
            }
            Schedule::InverseTimeDecay { learning_rate, steps, factor } => {
                positive("learning_rate", learning_rate)?;
                some(steps)?;
                at_least("factor", factor, 0.0)
            }
            Schedule::CosineDecay { learning_rate, steps, end } => {
                positive("learning_rate", learning_rate)?;
                some(steps)?;
                at_least("end", end, 0.0)
            }
            Schedule::CosineRestarts { learning_rate, steps, end, period_factor, peak_factor } => {
                positive("learning_rate", learning_rate)?;
                some(steps)?;
                at_least("end", end, 0.0)?;
                at_least("period_factor", period_factor as f64, 1.0)?;
                positive("peak_factor", peak_factor)
            }
            Schedule::OneCycle { learning_rate, steps, warm_up, start_divisor, end_divisor } => {
                positive("learning_rate", learning_rate)?;
                some(steps)?;
                if !(0.0..=1.0).contains(&warm_up) {
                    return Err(Error::value("warm_up", "a share, 0 to 1", warm_up));
                }
                at_least("start_divisor", start_divisor, 1.0)?;
                at_least("end_divisor", end_divisor, 1.0)
            }
            Schedule::WarmUp { steps, ref then } => {
                some(steps)?;
                then.check(dtype)
            }
            Schedule::ReduceOnPlateau { learning_rate, factor, patience, min_delta, end } => {
                positive("learning_rate", learning_rate)?;
                if !(factor > 0.0 && factor < 1.0) {
                    return Err(Error::value("factor", "above 0 and below 1", factor));
                }
                if patience == 0 {
                    return Err(Error::value("patience", "at least 1", patience));
                }
                at_least("min_delta", min_delta, 0.0)?;
                at_least("end", end, 0.0)
            }
        }
    }

    /// The rate of the step that `t` steps come before.
    pub fn rate(&self, t: u64, plateau: &Plateau) -> f64 {
        match *self {
            Schedule::Constant { learning_rate } => learning_rate,
            Schedule::StepDecay { learning_rate, steps, factor } => learning_rate * power(factor, t / steps.max(1)),
            Schedule::MultiStepDecay { learning_rate, ref boundaries, factor } => {
                learning_rate * power(factor, boundaries.iter().filter(|boundary| **boundary <= t).count() as u64)
            }
            Schedule::ExponentialDecay { learning_rate, steps, factor } => {
                learning_rate * real_power(factor, t as f64 / steps as f64)
            }
            Schedule::PolynomialDecay { learning_rate, steps, end, power } => {
                end + (learning_rate - end) * real_power(1.0 - share(t, steps), power)
            }
            Schedule::InverseTimeDecay { learning_rate, steps, factor } => {
                learning_rate / (1.0 + factor * (t as f64 / steps as f64))
            }
            Schedule::CosineDecay { learning_rate, steps, end } => cosine(learning_rate, end, share(t, steps)),
            Schedule::CosineRestarts { learning_rate, steps, end, period_factor, peak_factor } => {
                let (mut t, mut period, mut peak) = (t, steps.max(1), learning_rate);
                if period_factor == 1 {
                    (peak, t) = (peak * power(peak_factor, t / period), t % period);
                }
                while t >= period {
                    t -= period;
                    period = period.saturating_mul(period_factor);
                    peak *= peak_factor;
                }
                cosine(peak, end, t as f64 / period as f64)
            }
            Schedule::OneCycle { learning_rate, steps, warm_up, start_divisor, end_divisor } => {
                let (at, last) = (t.min(steps - 1) as f64, (steps - 1) as f64);
                let top = warm_up * last;
                if at < top {
                    cosine(learning_rate / start_divisor, learning_rate, at / top)
                } else {
                    let way = if last > top { (at - top) / (last - top) } else { 0.0 };
                    cosine(learning_rate, learning_rate / end_divisor, way)
                }
            }
            Schedule::WarmUp { steps, ref then } => {
                if t < steps {
                    then.rate(0, plateau) * ((t + 1) as f64 / steps as f64)
                } else {
                    then.rate(t - steps, plateau)
                }
            }
            Schedule::ReduceOnPlateau { learning_rate, end, .. } => {
                let rate = learning_rate * plateau.factor;
                if rate > end { rate } else { end.min(learning_rate) }
            }
        }
    }

    /// Whether nobody needs to ask it again: the rate never changes.
    pub fn is_constant(&self) -> bool {
        matches!(self, Schedule::Constant { .. })
    }

    /// Takes note of an epoch's score, smaller being better.
    pub fn end_epoch(&self, score: f64, plateau: &mut Plateau) {
        match self {
            Schedule::WarmUp { then, .. } => then.end_epoch(score, plateau),
            Schedule::ReduceOnPlateau { factor, patience, min_delta, .. } => {
                if score < plateau.best - min_delta {
                    (plateau.best, plateau.waited) = (score, 0);
                    return;
                }
                plateau.waited += 1;
                if plateau.waited >= *patience {
                    (plateau.factor, plateau.waited) = (plateau.factor * factor, 0);
                }
            }
            _ => {}
        }
    }
}

/// `t / steps`, at most 1.
fn share(t: u64, steps: u64) -> f64 {
    t.min(steps) as f64 / steps as f64
}

/// From `start` (`way` 0) to `end` (`way` 1) along half a cosine.
fn cosine(start: f64, end: f64, way: f64) -> f64 {
    end + (start - end) * (0.5 * (1.0 + cos_pi(way)))
}

/// `base^exponent` by squaring: the standard library's `powi` may differ between platforms.
pub(crate) fn power(base: f64, mut exponent: u64) -> f64 {
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

/// `base^exponent` for a base of at least 0.
fn real_power(base: f64, exponent: f64) -> f64 {
    if exponent == 1.0 || base == 0.0 {
        return base;
    }
    Float::exp(exponent * Float::ln(base))
}

/// `cos(π x)` for `x` within 0..=1, by the series of cosine and sine on an eighth of the circle.
pub(crate) fn cos_pi(x: f64) -> f64 {
    const COS: [f64; 9] = series(0);
    const SIN: [f64; 9] = series(1);
    let folded = if x > 0.5 { 1.0 - x } else { x };
    let value = if folded > 0.25 {
        let y = std::f64::consts::PI * (0.5 - folded);
        y * evaluate(&SIN, y * y)
    } else {
        let y = std::f64::consts::PI * folded;
        evaluate(&COS, y * y)
    };
    if x > 0.5 { -value } else { value }
}

/// `sin(π x)` for `x` within -1..=1.
pub(crate) fn sin_pi(x: f64) -> f64 {
    let value = cos_pi((x.abs() - 0.5).abs());
    if x < 0.0 { -value } else { value }
}

/// `(-1)^k / (2k + offset)!`
const fn series(offset: usize) -> [f64; 9] {
    let (mut coefficients, mut k, mut term) = ([0.0; 9], 0, 1.0);
    while k < 9 {
        coefficients[k] = term;
        term /= -(((2 * k + offset + 1) * (2 * k + offset + 2)) as f64);
        k += 1;
    }
    coefficients
}

fn evaluate(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| f64::mul_add(sum, x, *c))
}
