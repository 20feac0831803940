//! The loop: epochs of batches, validation after each, and a word to whoever watches.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::source::{BatchSource, FullBatch, MiniBatches, Order, OwnedTargets};
use super::step::{Evaluation, Trainer};
use crate::error::{Error, Result};
use crate::loss::Targets;
use crate::math::Float;
use crate::metric::Metric;
use crate::network::{Network, Samples};
use crate::parallel;

/// How the first layer is trained.
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
pub enum Solver {
    /// Decided from the spec and the shapes alone.
    Auto,
    /// On the data as it is.
    Direct,
}

/// How to train on arrays. The same JSON as in Python.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitOptions {
    /// Passes over the data.
    pub epochs: u64,
    /// Samples of one step; all of them if absent.
    pub batch_size: Option<usize>,
    /// Whether every epoch has an order of its own (of no account where one batch holds all samples).
    pub shuffle: bool,
    /// Scores for the history.
    pub metrics: Vec<Metric>,
    /// How the first layer is trained.
    pub solver: Solver,
}

/// What an epoch gave.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochReport {
    /// Counted from 0.
    pub epoch: u64,
    /// Means over the epoch's samples, each batch before its step.
    pub training: Evaluation,
    /// After the epoch's last step, on the validation data if there is any.
    pub validation: Option<Evaluation>,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// To the next epoch.
    Continue,
    /// Enough: keep the weights and return.
    Stop,
}

/// Whoever watches a training. Both methods may end it with an error, and the weights are then those of the last step.
pub trait Watch<F: Float> {
    /// After every step.
    fn step(&mut self) -> Result<()> {
        Ok(())
    }

    /// After every epoch, with the weights as they are then.
    fn epoch(&mut self, _report: &EpochReport, _network: &Network<F>) -> Result<Flow> {
        Ok(Flow::Continue)
    }
}

/// Nobody watches.
impl<F: Float> Watch<F> for () {}

/// What a training gave, epoch by epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// One for each epoch that was finished.
    pub epochs: Vec<EpochReport>,
    /// The solver that ran.
    pub solver: Solver,
    /// Wall time.
    pub seconds: f64,
}

/// Trains `network` on `x` and `targets`: packed once where one batch holds all samples, gathered batch by batch
/// otherwise.
///
/// # Errors
/// [`Error::Data`], [`Error::Shape`] and [`Error::Value`] for what cannot be trained on, before anything has changed;
/// later as [`fit`].
pub fn fit_arrays<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    x: Samples<F>,
    targets: OwnedTargets<F>,
    validation: Option<(Samples<F>, Targets<F>)>,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    let (loss, threads) = (trainer.loss(), trainer.threads());
    match options.batch_size {
        Some(size) if size < x.len() => {
            let order = if options.shuffle { Order::Shuffled(network.spec().seed) } else { Order::Sequential };
            let mut batches = MiniBatches::new(network, loss, x, targets, size, order)?;
            fit(trainer, network, &mut batches, validation, options, watch)
        }
        Some(0) => Err(Error::value("batch_size", "at least 1", 0)),
        _ => {
            let mut batch = parallel::install(threads, || FullBatch::new(network, loss, x, targets, threads))?;
            fit(trainer, network, &mut batch, validation, options, watch)
        }
    }
}

/// Trains `network` for some epochs of `source`; of `options` it reads epochs, metrics and solver.
///
/// # Errors
/// [`Error::Diverged`] if a loss is not finite, and whatever `watch` returns.
pub fn fit<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    source: &mut (impl BatchSource<F> + Send),
    validation: Option<(Samples<F>, Targets<F>)>,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    let start = Instant::now();
    let mut epochs = Vec::with_capacity(options.epochs.min(1 << 20) as usize);
    parallel::install(trainer.threads(), || {
        let mut last_loss = None;
        for epoch in 0..options.epochs {
            let training = run_epoch(trainer, network, source, epoch, &options.metrics, &mut last_loss, watch)?;
            let validation = match validation {
                Some((x, targets)) => Some(trainer.evaluate(network, x, targets, &options.metrics)?),
                None => None,
            };
            let report = EpochReport { epoch, training, validation };
            let flow = watch.epoch(&report, network);
            epochs.push(report);
            if flow? == Flow::Stop {
                break;
            }
        }
        Ok::<_, Error>(())
    })?;
    Ok(History { epochs, solver: Solver::Direct, seconds: start.elapsed().as_secs_f64() })
}

/// All steps of one epoch.
fn run_epoch<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    source: &mut impl BatchSource<F>,
    epoch: u64,
    metrics: &[Metric],
    last_loss: &mut Option<f64>,
    watch: &mut impl Watch<F>,
) -> Result<Evaluation> {
    source.begin_epoch(epoch);
    let (mut samples, mut loss, mut totals) = (0.0, 0.0, vec![0.0; metrics.len()]);
    while let Some(batch) = source.next_batch() {
        let count = batch.samples as f64;
        let step = trainer.step(network, batch).map_err(|error| match error {
            Error::Diverged { .. } => Error::Diverged { epoch, last_loss: *last_loss },
            other => other,
        })?;
        *last_loss = Some(step);
        samples += count;
        loss += step * count;
        for (total, metric) in totals.iter_mut().zip(metrics) {
            *total += trainer.metric_total(*metric, network, batch.targets);
        }
        watch.step()?;
    }
    let mean = |total: f64| if samples > 0.0 { total / samples } else { 0.0 };
    Ok(Evaluation { loss: mean(loss), metrics: totals.into_iter().map(mean).collect() })
}
