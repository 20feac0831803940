//! Scores counted while a network trains: sums that grow batch by batch, in the order of the batches.
//!
//! A score is that of scikit-learn's function of the same name on all samples at once, whatever the batches were; what
//! is no mean over samples (R², a root) is put together from sums at the end. All sums are in double precision.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{IntoEnumIterator, VariantNames};

use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::loss::{Loss, Targets};
use crate::math::{DType, Float, exp_in_place, ln_in_place, softplus_in_place};

/// A score of predictions, named as scikit-learn's scorers are.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::EnumIter,
    strum::IntoStaticStr,
    strum::VariantNames,
)]
#[serde(try_from = "String", into = "String")]
#[strum(serialize_all = "snake_case")]
pub enum Metric {
    /// Share of samples whose largest output is the true class; with one output, whose side of 1/2 is right.
    Accuracy,
    /// Share of samples whose true class is among the `k` largest outputs; "top_3_accuracy" for `k` = 3. Of equal outputs
    /// the later ones count as larger, as in scikit-learn.
    TopKAccuracy(usize),
    /// `-Σ_k y_k ln p_k` (with one output also the other class's term), mean over samples. From logits where the loss is;
    /// a probability is kept away from 0 and 1 by the type's epsilon.
    LogLoss,
    /// `Σ_k (p_k - y_k)²`, mean over samples; half of it for two outputs, so that two classes score as with one output
    /// (Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 1950).
    BrierScore,
    /// `1 - Σ(y - p)² / Σ(y - ȳ)²`, mean over outputs. Where all y are equal: 1 if all p are, too, else 0.
    R2,
    /// `|y - p|`, mean over samples and outputs.
    MeanAbsoluteError,
    /// `√(Σ(y - p)² / samples)`, mean over outputs.
    RootMeanSquaredError,
}

impl Metric {
    /// Whether a larger score is a better one.
    pub fn larger_is_better(self) -> bool {
        matches!(self, Metric::Accuracy | Metric::TopKAccuracy(_) | Metric::R2)
    }

    fn is_of_amounts(self) -> bool {
        matches!(self, Metric::R2 | Metric::MeanAbsoluteError | Metric::RootMeanSquaredError)
    }

    /// Refuses what this score cannot be counted on.
    pub fn check<F>(self, loss: Loss, last: Activation, targets: Targets<F>) -> Result<()> {
        let probabilities = loss.on_logits() || matches!(last, Activation::Sigmoid | Activation::Softmax);
        match (self, targets) {
            (metric, _) if loss == Loss::GaussianNll && !metric.is_of_amounts() => {
                let expected = "another (its outputs are amounts: means and variances)";
                Err(Error::value(format!("the loss under metric {self}"), expected, "gaussian_nll"))
            }
            (Metric::LogLoss | Metric::BrierScore, _) if !probabilities => {
                let name: &str = last.into();
                Err(Error::value(format!("the network under metric {self}"), "one that gives probabilities", name))
            }
            (metric, Targets::Classes(_)) if metric.is_of_amounts() => {
                Err(Error::value(format!("the targets of metric {self}"), "numbers", "classes, which are no amounts"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Metric::TopKAccuracy(k) => write!(f, "top_{k}_accuracy"),
            other => f.write_str(other.into()),
        }
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(name: &str) -> Result<Metric> {
        if let Some(k) = name.strip_prefix("top_").and_then(|rest| rest.strip_suffix("_accuracy")) {
            let whole = k.parse().ok().filter(|k| *k > 0);
            return whole
                .map(Metric::TopKAccuracy)
                .ok_or_else(|| Error::value("k of top_k_accuracy", "a number from 1", k));
        }
        let found = Metric::iter().find(|metric| metric.to_string() == name);
        found.ok_or_else(|| Error::value("metric", format!("one of {}", Metric::VARIANTS.join(", ")), name))
    }
}

impl TryFrom<String> for Metric {
    type Error = Error;

    fn try_from(name: String) -> Result<Metric> {
        name.parse()
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> String {
        metric.to_string()
    }
}

/// The activation that turns a network's outputs under `loss` into predictions: that which the loss leaves out.
pub(crate) fn left_out(loss: Loss) -> Activation {
    loss.undoes().unwrap_or(Activation::Identity)
}

/// The score of all `predictions (samples, width)` at once.
///
/// # Errors
/// [`Error::Data`] for no samples, [`Error::Shape`] for targets of other samples or outputs, or a class that has no
/// output.
pub fn score<F: Float>(metric: Metric, predictions: &[F], width: usize, targets: Targets<F>) -> Result<f64> {
    if predictions.is_empty() {
        return Err(Error::Data(format!("{metric}: there are no samples")));
    }
    let (expected, got) = match targets {
        Targets::Values(values) => (predictions.len(), values.len()),
        Targets::Classes(classes) => (predictions.len() / width, classes.len()),
    };
    if expected != got {
        return Err(Error::shape(format!("targets of {metric}"), expected.to_string(), got.to_string()));
    }
    if let Targets::Classes(classes) = targets
        && let Some(class) = classes.iter().find(|class| **class as usize >= width)
    {
        return Err(Error::value(format!("classes of {metric}"), format!("below {width}, the outputs"), class));
    }
    let mut tally = Tally::new(metric);
    tally.add(predictions, width, Activation::Identity, targets);
    Ok(tally.value())
}

/// One score, on the way.
#[derive(Clone, Debug)]
pub struct Tally {
    metric: Metric,
    samples: f64,
    outputs: Vec<Output>,
    /// Outputs or predictions of a batch in double precision, and what is made of them: working memory.
    rows: Vec<f64>,
    spare: Vec<f64>,
    logs: Vec<f64>,
}

/// Sums of one output; those that are no sums over samples and outputs alike.
#[derive(Clone, Copy, Debug, Default)]
struct Output {
    /// Of the score, or of the squared error.
    sum: f64,
    /// Mean of the targets so far.
    mean: f64,
    /// Sum of the targets' squared distances from their mean.
    spread: f64,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(metric: Metric) -> Tally {
        Tally { metric, samples: 0.0, outputs: Vec::new(), rows: Vec::new(), spare: Vec::new(), logs: Vec::new() }
    }

    /// Counts a batch, each sample alike. `outputs (samples, width)` become predictions by `activation`, which the loss left out.
    pub fn add<F: Float>(&mut self, outputs: &[F], width: usize, activation: Activation, targets: Targets<F>) {
        let width = width.max(1);
        let count = (outputs.len() / width) as f64;
        self.outputs.resize(width, Output::default());
        match self.metric {
            Metric::Accuracy => {
                self.outputs[0].sum += accuracy_total(outputs, width, activation != Activation::Identity, targets);
            }
            Metric::TopKAccuracy(1) if width == 1 => {
                self.outputs[0].sum += accuracy_total(outputs, width, activation != Activation::Identity, targets);
            }
            Metric::TopKAccuracy(k) => self.outputs[0].sum += top_k_total(outputs, width, k, targets),
            Metric::LogLoss => {
                let total = match activation {
                    Activation::Identity => log_loss_total(outputs, width, targets),
                    Activation::Softmax => self.log_loss_of_classes(outputs, width, targets),
                    _ => self.log_loss_of_sigmoids(outputs, width, targets),
                };
                self.outputs[0].sum += total;
            }
            Metric::BrierScore => {
                self.predict(outputs, width, activation);
                let half = if width == 2 { 0.5 } else { 1.0 };
                let squares = zip_targets(&self.rows, width, targets).map(|(p, y)| (p - y) * (p - y));
                self.outputs[0].sum += half * squares.sum::<f64>();
            }
            Metric::MeanAbsoluteError => {
                self.predict(outputs, width, activation);
                let distances = zip_targets(&self.rows, width, targets).map(|(p, y)| (p - y).abs());
                self.outputs[0].sum += distances.sum::<f64>() / width as f64;
            }
            Metric::RootMeanSquaredError => {
                self.predict(outputs, width, activation);
                for (i, (p, y)) in zip_targets(&self.rows, width, targets).enumerate() {
                    self.outputs[i % width].sum += (p - y) * (p - y);
                }
            }
            Metric::R2 => {
                self.predict(outputs, width, activation);
                for (i, output) in self.outputs.iter_mut().enumerate() {
                    let places = || (i..self.rows.len()).step_by(width);
                    let ys = || places().map(|place| target(targets, place, width));
                    output.sum += places().zip(ys()).map(|(i, y)| (self.rows[i] - y) * (self.rows[i] - y)).sum::<f64>();
                    output.merge(self.samples, count, ys);
                }
            }
        }
        self.samples += count;
    }

    /// The score of all that was counted; NaN for nothing, and for the R² of a single sample.
    pub fn value(&self) -> f64 {
        let mean_over_outputs =
            |score: &dyn Fn(&Output) -> f64| self.outputs.iter().map(score).sum::<f64>() / self.outputs.len() as f64;
        match self.metric {
            Metric::RootMeanSquaredError => mean_over_outputs(&|output| (output.sum / self.samples).sqrt()),
            Metric::R2 if self.samples < 2.0 => f64::NAN,
            Metric::R2 => mean_over_outputs(&Output::r2),
            _ => self.outputs.first().map_or(f64::NAN, |output| output.sum / self.samples),
        }
    }

    /// What it has counted, as numbers that [`Tally::recall`] takes back.
    pub(crate) fn counted(&self) -> Vec<f64> {
        let outputs = self.outputs.iter().flat_map(|output| [output.sum, output.mean, output.spread]);
        std::iter::once(self.samples).chain(outputs).collect()
    }

    /// Goes on from what another of its kind has counted.
    ///
    /// # Errors
    /// [`Error::Shape`] for numbers that no tally has given.
    pub(crate) fn recall(&mut self, counted: &[f64]) -> Result<()> {
        let parts = counted.split_first().map(|(samples, outputs)| (samples, outputs.as_chunks::<3>()));
        let Some((samples, (outputs, []))) = parts else {
            return Err(Error::shape(
                "a score's sums",
                "a number, and three for each output",
                counted.len().to_string(),
            ));
        };
        self.samples = *samples;
        self.outputs = outputs.iter().map(|&[sum, mean, spread]| Output { sum, mean, spread }).collect();
        Ok(())
    }

    /// `ln Σ e^z - Σ_k y_k z_k` of every row, from the row's largest logit on.
    fn log_loss_of_classes<F: Float>(&mut self, logits: &[F], width: usize, targets: Targets<F>) -> f64 {
        self.hold(logits);
        for row in self.rows.chunks_exact_mut(width) {
            let most = row[largest(row)];
            row.iter_mut().for_each(|z| *z -= most);
        }
        self.spare.clone_from(&self.rows);
        exp_in_place(&mut self.spare);
        let totals = self.spare.chunks_exact(width).map(|row| Float::ln(row.iter().sum::<f64>()));
        let pairs = zip_targets(&self.rows, width, targets).enumerate();
        self.logs.clear();
        self.logs.extend(totals);
        pairs.map(|(i, (z, y))| y * (self.logs[i / width] - z)).sum()
    }

    /// `max(z, 0) - y z + ln(1 + e^-|z|)`, mean over the outputs.
    fn log_loss_of_sigmoids<F: Float>(&mut self, logits: &[F], width: usize, targets: Targets<F>) -> f64 {
        self.hold(logits);
        self.spare.clear();
        self.spare.extend(self.rows.iter().map(|z| -z.abs()));
        softplus_in_place(&mut self.spare);
        let pairs = zip_targets(&self.rows, width, targets).zip(&self.spare);
        pairs.map(|((z, y), rest)| (z.at_least(0.0) - y * z) + rest).sum::<f64>() / width as f64
    }

    fn hold<F: Float>(&mut self, outputs: &[F]) {
        self.rows.clear();
        self.rows.extend(outputs.iter().map(|output| Into::<f64>::into(*output)));
    }

    fn predict<F: Float>(&mut self, outputs: &[F], width: usize, activation: Activation) {
        self.hold(outputs);
        if activation != Activation::Identity {
            activation.forward(&mut self.rows, width);
        }
    }
}

impl Output {
    /// Mean and spread of the targets so far and of `count` more (Chan, Golub and LeVeque, Updating formulae and a
    /// pairwise algorithm for computing sample variances, 1979). Distances are taken from the first target, so that equal
    /// targets have no spread at all.
    fn merge<I: Iterator<Item = f64>>(&mut self, before: f64, count: f64, targets: impl Fn() -> I) {
        let Some(first) = targets().next() else { return };
        let mean = first + targets().map(|y| y - first).sum::<f64>() / count;
        let spread = targets().map(|y| (y - mean) * (y - mean)).sum::<f64>();
        let apart = mean - self.mean;
        if before == 0.0 {
            (self.mean, self.spread) = (mean, spread);
        } else {
            self.mean += apart * (count / (before + count));
            self.spread += spread + apart * apart * (before * count / (before + count));
        }
    }

    fn r2(&self) -> f64 {
        match (self.sum, self.spread) {
            (0.0, 0.0) => 1.0,
            (_, 0.0) => 0.0,
            (error, spread) => 1.0 - error / spread,
        }
    }
}

/// Predictions with what they should be, output by output: a class is 1 where its number is, else 0.
fn zip_targets<'a, F: Float>(
    predictions: &'a [f64],
    width: usize,
    targets: Targets<'a, F>,
) -> impl Iterator<Item = (f64, f64)> + 'a {
    predictions.iter().enumerate().map(move |(i, p)| (*p, target(targets, i, width)))
}

/// What number `i` of rows of `width` should be.
fn target<F: Float>(targets: Targets<F>, i: usize, width: usize) -> f64 {
    match targets {
        Targets::Values(values) => values[i].into(),
        Targets::Classes(classes) => f64::from(u8::from(classes[i / width] as usize == i % width)),
    }
}

fn log_loss_total<F: Float>(p: &[F], width: usize, targets: Targets<F>) -> f64 {
    let epsilon = if F::DTYPE == DType::Float32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let logarithms = |of: &dyn Fn(f64) -> f64| {
        let mut values: Vec<f64> = p.iter().map(|p| of((*p).into()).at_least(epsilon).at_most(1.0 - epsilon)).collect();
        ln_in_place(&mut values);
        values
    };
    let terms = logarithms(&|p| p);
    let loss = -zip_targets(&terms, width, targets).map(|(ln_p, y)| y * ln_p).sum::<f64>();
    if width > 1 {
        return loss;
    }
    let others = logarithms(&|p| 1.0 - p);
    loss - zip_targets(&others, width, targets).map(|(ln_q, y)| (1.0 - y) * ln_q).sum::<f64>()
}

fn accuracy_total<F: Float>(outputs: &[F], width: usize, logits: bool, targets: Targets<F>) -> f64 {
    let threshold = if logits { F::ZERO } else { F::HALF };
    let predicted = |row: &[F]| if width == 1 { usize::from(row[0] > threshold) } else { largest(row) };
    let rows = outputs.chunks_exact(width);
    let right = match targets {
        Targets::Classes(classes) => {
            rows.zip(classes).filter(|(row, class)| predicted(row) == **class as usize).count()
        }
        Targets::Values(values) if width == 1 => {
            rows.zip(values).filter(|(row, y)| predicted(row) == usize::from(**y > F::HALF)).count()
        }
        Targets::Values(values) => {
            rows.zip(values.chunks_exact(width)).filter(|(row, y)| largest(row) == largest(y)).count()
        }
    };
    right as f64
}

fn top_k_total<F: Float>(outputs: &[F], width: usize, k: usize, targets: Targets<F>) -> f64 {
    let among = |row: &[F], class: usize| {
        let Some(score) = row.get(class) else { return width == 1 && k > 1 };
        let before = row.iter().enumerate().filter(|(i, other)| **other > *score || (**other == *score && *i > class));
        before.count() < k
    };
    let rows = outputs.chunks_exact(width);
    let right = match targets {
        Targets::Classes(classes) => rows.zip(classes).filter(|(row, class)| among(row, **class as usize)).count(),
        Targets::Values(values) => {
            rows.zip(values.chunks_exact(width)).filter(|(row, y)| among(row, largest(y))).count()
        }
    };
    right as f64
}

/// Index of the first largest number.
fn largest<F: Float>(row: &[F]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}
