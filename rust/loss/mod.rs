//! Losses: value and gradient side by side.
//!
//! A loss is a mean over the samples. Those that undo an exponential of the last layer (sigmoid, softmax) are computed
//! from its logits, where nothing overflows and the gradient is simply `prediction - target`.
//!
//! - `amounts.rs`: the formulas of losses that look at one number at a time.
//! - `classes.rs`: those that look at a row of logits.

mod amounts;
mod classes;

use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::isa::versions;
use crate::math::{Float, sum};
use crate::parallel;

/// What training makes small. Means are over samples and outputs unless said otherwise; `a` is an output, `z` a logit, `y` a
/// target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[strum(serialize_all = "snake_case")]
pub enum Loss {
    /// `-y ln p - (1-y) ln(1-p)` with `p = sigmoid(z)`; targets within 0..=1
    BinaryCrossEntropy {
        /// Share of every target that becomes 1/2 (Szegedy et al., 2016).
        label_smoothing: f64,
    },
    /// `-Σ_k y_k ln p_k` with `p = softmax(z)`, mean over samples; targets are classes 0..outputs or rows of probabilities
    /// (a row that sums to 2 counts twice)
    CrossEntropy {
        /// Share of every target that is spread over all classes (Szegedy et al., 2016).
        label_smoothing: f64,
    },
    /// `-alpha (1-p)^gamma y ln p - (1-alpha) p^gamma (1-y) ln(1-p)` with `p = sigmoid(z)` (Lin et al., 2017); without
    /// alpha both sides count 1; targets within 0..=1
    Focal {
        /// How much less what is right already counts; 0 is binary cross-entropy.
        gamma: f64,
        /// What a target of 1 counts.
        alpha: Option<f64>,
    },
    /// `-Σ_k (1-p_k)^gamma y_k ln p_k` with `p = softmax(z)` (Lin et al., 2017, for several classes), mean over samples;
    /// targets are as for cross-entropy
    CategoricalFocal {
        /// How much less what is right already counts; 0 is cross-entropy.
        gamma: f64,
    },
    /// `max(0, 1 - y a)`, for targets -1 (or 0) and 1
    Hinge,
    /// `max(0, 1 - y a)²`, for targets -1 (or 0) and 1
    SquaredHinge,
    /// `(a - y)²`
    MeanSquaredError,
    /// `|a - y|`
    MeanAbsoluteError,
    /// `(a - y)² / 2` up to `|a - y| = delta`, then `delta (|a - y| - delta / 2)` (Huber, 1964)
    Huber {
        /// Where the parabola goes on as a line.
        delta: f64,
    },
    /// `ln cosh(a - y)`
    LogCosh,
    /// `e^z - y z`, the negative log-likelihood of counts `y` whose rate is `e^z`, without its constant
    Poisson,
    /// `y ln(y / e^z) - y + e^z`: half the deviance of counts `y` from the rate `e^z`, 0 where they are equal
    PoissonDeviance,
    /// `(s + (y - m)² e^-s) / 2`, the negative log-likelihood without its constant, for two outputs a target: all means `m`,
    /// then all logarithms of variances `s` (Nix and Weigend, 1994)
    GaussianNll,
    /// `Σ_k y_k ln(y_k / p_k)` with `p = softmax(z)`, mean over samples; targets are rows of probabilities
    KlDivergence,
    /// `max(q (y - a), (q - 1) (y - a))` (Koenker and Bassett, 1978)
    Quantile {
        /// The quantile that is estimated; 1/2 is the median.
        quantile: f64,
    },
    /// A function of the caller's, see [`crate::train::OwnLoss`].
    #[serde(skip)]
    Own,
}

/// What the outputs are held against.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a, F> {
    /// `(samples, outputs)`, row after row.
    Values(&'a [F]),
    /// The true class of each sample.
    Classes(&'a [u32]),
}

impl<'a, F> Targets<'a, F> {
    /// Those of the first `samples`, and the others; of each sample `width` values, or a class.
    fn split_at(self, samples: usize, width: usize) -> (Targets<'a, F>, Targets<'a, F>) {
        match self {
            Targets::Values(values) => {
                let (first, rest) = values.split_at(samples * width);
                (Targets::Values(first), Targets::Values(rest))
            }
            Targets::Classes(classes) => {
                let (first, rest) = classes.split_at(samples);
                (Targets::Classes(first), Targets::Classes(rest))
            }
        }
    }
}

/// The numbers that a loss takes for targets.
enum Range {
    Shares,
    Sides,
    Counts,
    Finite,
}

impl Loss {
    /// Binary cross-entropy of the targets as they are.
    pub const BINARY_CROSS_ENTROPY: Loss = Loss::BinaryCrossEntropy { label_smoothing: 0.0 };
    /// Cross-entropy of the targets as they are.
    pub const CROSS_ENTROPY: Loss = Loss::CrossEntropy { label_smoothing: 0.0 };

    /// The last activation that the loss undoes by reading logits, if it does: that activation is left out of training.
    pub fn undoes(self) -> Option<Activation> {
        match self {
            Loss::BinaryCrossEntropy { .. } | Loss::Focal { .. } => Some(Activation::Sigmoid),
            Loss::CrossEntropy { .. } | Loss::CategoricalFocal { .. } | Loss::KlDivergence => Some(Activation::Softmax),
            _ => None,
        }
    }

    /// Whether the loss reads the last layer's logits: its activation is then left out of training.
    pub fn on_logits(self) -> bool {
        self.undoes().is_some()
    }

    /// Numbers of a target for `outputs` outputs.
    pub fn target_width(self, outputs: usize) -> usize {
        if self == Loss::GaussianNll { outputs / 2 } else { outputs }
    }

    /// Refuses settings outside their range.
    pub fn check<F: Float>(self) -> Result<()> {
        let in_range = |name: &str, value: f64, fits: bool, expected: &str| {
            if fits { Ok(()) } else { Err(Error::value(name, expected, value)) }
        };
        match self {
            Loss::BinaryCrossEntropy { label_smoothing: share } | Loss::CrossEntropy { label_smoothing: share } => {
                in_range("label_smoothing", share, (0.0..1.0).contains(&share), "at least 0 and below 1")
            }
            Loss::Focal { gamma, .. } | Loss::CategoricalFocal { gamma }
                if !(gamma == 0.0 || gamma > 0.0 && F::DTYPE.holds(gamma)) =>
            {
                Err(Error::value("gamma", "at least 0 and finite", gamma))
            }
            Loss::Focal { alpha, .. } => {
                let share = alpha.unwrap_or(0.5);
                in_range("alpha", share, (0.0..=1.0).contains(&share), "within 0 to 1")
            }
            Loss::Huber { delta } => {
                in_range("delta", delta, delta > 0.0 && F::DTYPE.holds(delta), "above 0 and finite")
            }
            Loss::Quantile { quantile } => {
                in_range("quantile", quantile, quantile > 0.0 && quantile < 1.0, "above 0 and below 1")
            }
            _ => Ok(()),
        }
    }

    /// Refuses a number of outputs that the loss has no use for.
    pub fn check_outputs(self, outputs: usize) -> Result<()> {
        if self == Loss::GaussianNll && !outputs.is_multiple_of(2) {
            let expected = "two for each target (a mean and the logarithm of a variance)";
            return Err(Error::value("outputs of the network under loss gaussian_nll", expected, outputs));
        }
        Ok(())
    }

    /// Refuses a last activation that this loss does not undo.
    pub fn check_activation(self, last: Activation) -> Result<()> {
        let Some(undone) = self.undoes() else { return Ok(()) };
        if last == Activation::Identity || last == undone {
            return Ok(());
        }
        let (name, undone, last): (&str, &str, &str) = (self.into(), undone.into(), last.into());
        Err(Error::value(
            format!("the last activation under loss {name}"),
            format!("identity or {undone} (the loss is computed from the logits that they share)"),
            last,
        ))
    }

    fn range(self) -> Range {
        match self {
            Loss::BinaryCrossEntropy { .. } | Loss::CrossEntropy { .. } | Loss::KlDivergence => Range::Shares,
            Loss::Focal { .. } | Loss::CategoricalFocal { .. } => Range::Shares,
            Loss::Hinge | Loss::SquaredHinge => Range::Sides,
            Loss::Poisson | Loss::PoissonDeviance => Range::Counts,
            _ => Range::Finite,
        }
    }

    /// Refuses targets that do not belong to `samples` rows of `outputs` numbers, or are outside the loss's range.
    pub fn check_targets<F: Float>(self, targets: Targets<F>, samples: usize, outputs: usize) -> Result<()> {
        let (name, width): (&str, usize) = (self.into(), self.target_width(outputs));
        let (expected, got) = match targets {
            Targets::Values(values) => (samples * width, values.len()),
            Targets::Classes(classes) => (samples, classes.len()),
        };
        if expected != got {
            let expected = format!("{expected} numbers for {samples} samples, as many as the inputs");
            return Err(Error::shape("targets", expected, got.to_string()));
        }
        match targets {
            Targets::Classes(_) if self == Loss::Own => Ok(()),
            Targets::Classes(_) if !matches!(self, Loss::CrossEntropy { .. } | Loss::CategoricalFocal { .. }) => {
                Err(Error::shape(format!("targets of loss {name}"), format!("numbers (samples, {width})"), "classes"))
            }
            Targets::Classes(classes) => match classes.iter().position(|class| *class as usize >= outputs) {
                Some(i) => Err(Error::Data(format!(
                    "targets: sample {i} has class {}, but the network has {outputs} outputs (classes 0..={})",
                    classes[i],
                    outputs.saturating_sub(1)
                ))),
                None => Ok(()),
            },
            Targets::Values(values) => {
                let range = self.range();
                match values.iter().position(|y| !range.holds(*y)) {
                    Some(i) => Err(Error::Data(format!(
                        "targets: sample {} has {}, but loss {name} takes {}",
                        i / width.max(1),
                        values[i],
                        range.words()
                    ))),
                    None => Ok(()),
                }
            }
        }
    }

    /// The mean loss of `outputs (samples, width)` (logits if [`Loss::on_logits`]), and its gradient with respect to
    /// them in `gradient`. `terms` is working memory. The targets have passed [`Loss::check_targets`].
    pub fn forward_backward<F: Float>(
        self,
        outputs: &[F],
        width: usize,
        targets: Targets<F>,
        gradient: &mut [F],
        terms: &mut Vec<F>,
    ) -> f64 {
        self.forward_backward_on(1, outputs, width, targets, gradient, terms)
    }

    /// [`Loss::forward_backward`] on `threads` threads, inside [`parallel::install`].
    pub(crate) fn forward_backward_on<F: Float>(
        self,
        threads: usize,
        outputs: &[F],
        width: usize,
        targets: Targets<F>,
        gradient: &mut [F],
        terms: &mut Vec<F>,
    ) -> f64 {
        if outputs.is_empty() {
            return f64::NAN; // the mean of nothing
        }
        let samples = outputs.len() / width;
        let count = match self {
            Loss::CrossEntropy { .. } | Loss::CategoricalFocal { .. } | Loss::KlDivergence => samples,
            _ => samples * self.target_width(width),
        };
        terms.resize(count, F::ZERO);
        let share = F::from_f64(1.0 / count as f64);
        let threads = if parallel::in_pool() { threads.min(samples) } else { 1 };
        parallel::stay_awake(threads);
        self.of_samples(threads, outputs, width, targets, share, gradient, terms);
        sum(terms) / count as f64
    }

    /// The losses of some samples, each number of their gradient times `share`.
    fn of_samples<F: Float>(
        self,
        threads: usize,
        outputs: &[F],
        width: usize,
        targets: Targets<F>,
        share: F,
        gradient: &mut [F],
        terms: &mut [F],
    ) {
        if threads > 1 {
            let samples = outputs.len() / width;
            let (here, half) = (threads / 2, parallel::first_half(samples, threads));
            let (outputs, other_outputs) = outputs.split_at(half * width);
            let (targets, other_targets) = targets.split_at(half, self.target_width(width));
            let (gradient, other_gradient) = gradient.split_at_mut(half * width);
            let (terms, other_terms) = terms.split_at_mut(half * (terms.len() / samples));
            parallel::join(
                || self.of_samples(here, outputs, width, targets, share, gradient, terms),
                || {
                    let (gradient, terms) = (other_gradient, other_terms);
                    self.of_samples(threads - here, other_outputs, width, other_targets, share, gradient, terms);
                },
            );
            return;
        }
        let of = F::from_f64;
        // What smoothing leaves of a target, and what it adds to each of `among`.
        let smoothed = |smoothing: f64, among: usize| (of(1.0 - smoothing), of(smoothing / among as f64));
        match (self, targets) {
            (Loss::CrossEntropy { label_smoothing }, Targets::Classes(y)) => {
                let (keep, spread) = smoothed(label_smoothing, width);
                classes::cross_entropy_classes(outputs, width, y, share, gradient, terms, keep, spread);
            }
            (Loss::CategoricalFocal { gamma }, Targets::Classes(y)) => {
                classes::focal_classes(outputs, width, y, share, gradient, terms, of(gamma));
            }
            (_, Targets::Classes(_)) => terms.fill(of(f64::NAN)), // no loss of classes
            (Loss::BinaryCrossEntropy { label_smoothing }, Targets::Values(y)) => {
                let (keep, shift) = smoothed(label_smoothing, 2);
                amounts::binary_cross_entropy(outputs, y, share, gradient, terms, keep, shift);
            }
            (Loss::CrossEntropy { label_smoothing }, Targets::Values(y)) => {
                let (keep, spread) = smoothed(label_smoothing, width);
                classes::cross_entropy_values(outputs, width, y, share, gradient, terms, keep, spread);
            }
            (Loss::KlDivergence, Targets::Values(y)) => {
                classes::cross_entropy_values(outputs, width, y, share, gradient, terms, F::ONE, F::ZERO);
                classes::subtract_entropy(width, y, terms);
            }
            (Loss::Focal { gamma, alpha }, Targets::Values(y)) => {
                let (there, missing) = alpha.map_or((1.0, 1.0), |alpha| (alpha, 1.0 - alpha));
                amounts::focal(outputs, y, share, gradient, terms, of(gamma), of(there), of(missing));
            }
            (Loss::CategoricalFocal { gamma }, Targets::Values(y)) => {
                classes::focal_values(outputs, width, y, share, gradient, terms, of(gamma));
            }
            (Loss::Hinge, Targets::Values(y)) => amounts::hinge(outputs, y, share, gradient, terms),
            (Loss::SquaredHinge, Targets::Values(y)) => amounts::squared_hinge(outputs, y, share, gradient, terms),
            (Loss::MeanSquaredError, Targets::Values(y)) => {
                amounts::mean_squared_error(outputs, y, share, gradient, terms)
            }
            (Loss::MeanAbsoluteError, Targets::Values(y)) => {
                amounts::mean_absolute_error(outputs, y, share, gradient, terms)
            }
            (Loss::Huber { delta }, Targets::Values(y)) => {
                amounts::huber(outputs, y, share, gradient, terms, of(delta))
            }
            (Loss::LogCosh, Targets::Values(y)) => amounts::log_cosh(outputs, y, share, gradient, terms),
            (Loss::Poisson, Targets::Values(y)) => amounts::poisson(outputs, y, share, gradient, terms),
            (Loss::PoissonDeviance, Targets::Values(y)) => {
                amounts::poisson_deviance(outputs, y, share, gradient, terms)
            }
            (Loss::GaussianNll, Targets::Values(y)) => amounts::gaussian(outputs, width, y, share, gradient, terms),
            (Loss::Quantile { quantile }, Targets::Values(y)) => {
                amounts::quantile(outputs, y, share, gradient, terms, of(quantile))
            }
            (Loss::Own, Targets::Values(_)) => terms.fill(of(f64::NAN)), // the trainer asks its owner
        }
    }
}

impl Range {
    fn holds<F: Float>(&self, y: F) -> bool {
        match self {
            Range::Shares => y >= F::ZERO && y <= F::ONE,
            Range::Sides => y == F::ZERO || y.abs() == F::ONE,
            Range::Counts => y >= F::ZERO && y.is_finite(),
            Range::Finite => y.is_finite(),
        }
    }

    fn words(&self) -> &'static str {
        match self {
            Range::Shares => "0 and 1 (or numbers between)",
            Range::Sides => "-1 (or 0) and 1",
            Range::Counts => "finite numbers of at least 0",
            Range::Finite => "finite numbers",
        }
    }
}

/// Turns a mean that [`Loss::forward_backward`] took over samples that count alike into `Σ weight loss / Σ weight`, and
/// its gradient into that mean's. Weights that are all 0 give a loss of 0.
pub fn weigh<F: Float>(weights: &[F], gradient: &mut [F], terms: &mut [F]) -> f64 {
    let (samples, total) = (weights.len(), sum(weights));
    if samples == 0 {
        return f64::NAN; // the mean of nothing
    }
    let share = if total > 0.0 { samples as f64 / total } else { 0.0 };
    scale_rows(weights, F::from_f64(share), gradient);
    scale_rows(weights, F::from_f64(share), terms);
    sum(terms) / terms.len() as f64
}

versions! {
    fn scale_rows[F: Float](weights: &[F], share: F, rows: &mut [F]) {
        for (row, weight) in rows.chunks_exact_mut(rows.len() / weights.len()).zip(weights) {
            let by = *weight * share;
            for x in row { *x *= by; }
        }
    }
}
