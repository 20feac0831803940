//! The loop: epochs of batches, validation after each, and a word to whoever watches.

use std::time::Instant;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::reduced::Reduction;
use super::source::{BatchSource, FullBatch, MiniBatches, Order, OwnedTargets, check_data};
use super::step::{Evaluation, Trainer};
use crate::error::{Error, Result};
use crate::loss::Targets;
use crate::math::{Float, first_not_finite};
use crate::metric::Metric;
use crate::network::{Network, Samples};
use crate::parallel;
use crate::spec::LayerSpec;

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
    /// In the span of the data, which has no more dimensions than there are samples.
    Reduced,
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

    /// Whether [`Watch::epoch`] reads the weights. If not, it may get those of an earlier epoch, which saves work.
    fn reads_weights(&self) -> bool {
        false
    }

    /// Scores on validation data of the watcher's own, where [`fit`] has none.
    fn validate(&mut self, _network: &Network<F>) -> Option<Result<Evaluation>> {
        None
    }

    /// After every epoch.
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
    /// Why it was chosen.
    pub reason: String,
    /// Wall time.
    pub seconds: f64,
}

/// Trains `network` on `x` and `targets`: packed once where one batch holds all samples, gathered batch by batch
/// otherwise; directly, or in the span of the data.
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
    if options.batch_size == Some(0) {
        return Err(Error::value("batch_size", "at least 1", 0));
    }
    check_data(network, trainer.loss(), &x, targets.view())?;
    if let Some((x, targets)) = &validation {
        check_data(network, trainer.loss(), x, *targets).map_err(|error| error.of("validation data"))?;
    }
    let (solver, reason) = choose_solver(trainer, network, x.len(), options)?;
    let mut history = match solver {
        Solver::Reduced => fit_reduced(trainer, network, x, targets, validation, options, watch)?,
        _ => fit_direct(trainer, network, x, targets, validation, options, watch)?,
    };
    history.reason = if history.solver == solver { reason } else { "all samples are zero".into() };
    Ok(history)
}

/// Direct or reduced, and why: from network, optimizer and shapes alone, so that the choice is the same everywhere.
fn choose_solver<F: Float>(
    trainer: &Trainer<F>,
    network: &Network<F>,
    samples: usize,
    options: &FitOptions,
) -> Result<(Solver, String)> {
    let features = network.spec().inputs();
    let optimizer: &str = trainer.optimizer().into();
    let units = first_units(network);
    let obstacle = if units.is_none() {
        Some("the first layer is not dense".to_string())
    } else if !trainer.optimizer().commutes_with_rotation() {
        Some(format!("{optimizer} treats every weight by itself"))
    } else if trainer.steps() > 0 {
        Some("the optimizer remembers earlier steps".to_string())
    } else if samples >= features {
        Some(format!("{samples} samples may span all {features} features"))
    } else {
        None
    };
    let span = format!("{samples} samples span at most {samples} of {features} dimensions");
    match (options.solver, obstacle) {
        (Solver::Direct, _) => Ok((Solver::Direct, "asked for".into())),
        (Solver::Reduced, None) => Ok((Solver::Reduced, "asked for".into())),
        (Solver::Reduced, Some(obstacle)) => {
            Err(Error::value("solver", "auto or direct here", format!("reduced, but {obstacle}")))
        }
        (Solver::Auto, Some(obstacle)) => Ok((Solver::Direct, obstacle)),
        (Solver::Auto, None) => {
            // Multiply-adds: two products a sample and epoch, against the factor and the way there and back.
            let work = [samples, features, units.unwrap_or(0), options.epochs as usize].map(|count| count as f64);
            let [samples, features, units, epochs] = work;
            let direct = 2.0 * epochs * samples * features * units;
            let reduced = 2.0 * samples * (samples * features + 2.0 * features * units + epochs * samples * units);
            Ok(if reduced < direct {
                (Solver::Reduced, span)
            } else {
                (Solver::Direct, format!("{span}, but for {} epochs that saves nothing", options.epochs))
            })
        }
    }
}

/// Units of the first layer that is run, if it is dense.
fn first_units<F: Float>(network: &Network<F>) -> Option<usize> {
    match network.run_layers().first() {
        Some(LayerSpec::Dense { units, .. }) => Some(*units),
        _ => None,
    }
}

fn fit_direct<F: Float>(
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
        _ => {
            let mut batch = parallel::install(threads, || FullBatch::new(network, loss, x, targets, threads))?;
            fit(trainer, network, &mut batch, validation, options, watch)
        }
    }
}

/// The same training in the span of the data; see [`super::reduced`].
fn fit_reduced<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    x: Samples<F>,
    targets: OwnedTargets<F>,
    validation: Option<(Samples<F>, Targets<F>)>,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    let (start, threads) = (Instant::now(), trainer.threads());
    let units = first_units(network).unwrap_or(0);
    let reduction = parallel::install(threads, || Reduction::new(network, x, units, threads))?;
    let Some(reduction) = reduction else {
        return fit_direct(trainer, network, x, targets, validation, options, watch);
    };
    let mut small = reduction.network(network)?;
    let mut small_trainer = Trainer::new(&small, trainer.optimizer(), trainer.loss(), threads)?;
    let samples = reduction.samples();
    let validation_data = match &validation {
        Some((x, _)) => Some(reduction.validation(network, *x)?),
        None => None,
    };
    let mut through = ThroughReduction {
        watch,
        reduction: &reduction,
        network,
        validation: validation_data.as_ref().zip(validation.map(|(_, targets)| targets)),
        evaluator: Trainer::new(&reduction.validation_network(&small)?, trainer.optimizer(), trainer.loss(), threads)?,
        metrics: &options.metrics,
    };
    let x = Samples::Floats(samples.view());
    let result = fit_direct(&mut small_trainer, &mut small, x, targets, None, options, &mut through);
    // Also after an interrupt: the weights of the last finished step.
    *network = reduction.restore(&small, network)?;
    let state = small_trainer.state_mut();
    trainer.state_mut().steps += state.steps;
    for (slot, small) in trainer.state_mut().slots.iter_mut().zip(&state.slots) {
        *slot = reduction.restore_slot(small)?;
    }
    let history = result?;
    Ok(History { solver: Solver::Reduced, seconds: start.elapsed().as_secs_f64(), ..history })
}

/// Shows a reduced training to whoever watches the whole network.
struct ThroughReduction<'a, F: Float, W> {
    watch: &'a mut W,
    reduction: &'a Reduction<F>,
    network: &'a Network<F>,
    validation: Option<(&'a Array2<F>, Targets<'a, F>)>,
    evaluator: Trainer<F>,
    metrics: &'a [Metric],
}

impl<F: Float, W: Watch<F>> Watch<F> for ThroughReduction<'_, F, W> {
    fn step(&mut self) -> Result<()> {
        self.watch.step()
    }

    fn epoch(&mut self, report: &EpochReport, network: &Network<F>) -> Result<Flow> {
        let restored;
        let shown = if self.watch.reads_weights() {
            restored = self.reduction.restore(network, self.network)?;
            &restored
        } else {
            self.network
        };
        self.watch.epoch(report, shown)
    }

    fn validate(&mut self, network: &Network<F>) -> Option<Result<Evaluation>> {
        let (x, targets) = self.validation?;
        let network = self.reduction.validation_network(network);
        Some(network.and_then(|n| self.evaluator.evaluate(&n, Samples::Floats(x.view()), targets, self.metrics)))
    }
}

/// Trains `network` for some epochs of `source`; of `options` it reads epochs and metrics.
///
/// # Errors
/// [`Error::Diverged`] if a loss or a weight is not finite: the weights are then as before the call. Whatever `watch`
/// returns: the weights are then those of the last step.
pub fn fit<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    source: &mut (impl BatchSource<F> + Send),
    validation: Option<(Samples<F>, Targets<F>)>,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    let start = Instant::now();
    let before = network.parameters().to_vec();
    let mut epochs = Vec::with_capacity(options.epochs.min(1 << 20) as usize);
    let result = parallel::install(trainer.threads(), || {
        let mut last_loss = None;
        for epoch in 0..options.epochs {
            let training = run_epoch(trainer, network, source, epoch, &options.metrics, &mut last_loss, watch)?;
            let validation = match validation {
                Some((x, targets)) => Some(trainer.evaluate(network, x, targets, &options.metrics)?),
                None => watch.validate(network).transpose()?,
            };
            let report = EpochReport { epoch, training, validation };
            let flow = watch.epoch(&report, network);
            epochs.push(report);
            if flow? == Flow::Stop {
                break;
            }
        }
        match first_not_finite(network.parameters()) {
            Some(_) => Err(Error::Diverged { epoch: epochs.len().saturating_sub(1) as u64, last_loss }),
            None => Ok(()),
        }
    });
    if let Err(error) = result {
        if let Error::Diverged { .. } = error {
            network.parameters_mut().copy_from_slice(&before);
        }
        return Err(error);
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(History { epochs, solver: Solver::Direct, reason: String::new(), seconds })
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
