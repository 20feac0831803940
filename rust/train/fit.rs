//! The loop: epochs of batches, validation after each, and a word to whoever watches.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoint, Course, Running};
use super::evaluate::Evaluation;
use super::labels::Labels;
use super::source::BatchSource;
use super::step::{Memory, Trainer};
use crate::augmentation::Augmentation;
use crate::error::{Error, Result};
use crate::float_mode::callback;
use crate::math::{Float, first_not_finite};
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
    /// Batches whose mean gradient makes a step; the last step of an epoch takes those that are left.
    pub accumulate: usize,
    /// The parameter of the Beta distribution by which samples are blended; none are if absent.
    pub mixup: Option<f64>,
    /// What is done to pictures, anew in every epoch. Descriptions from before there was such a thing say nothing of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub augmentation: Vec<Augmentation>,
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
    /// The learning rate of the step that comes next.
    pub learning_rate: f64,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// To the next epoch.
    Continue,
    /// Enough: keep the weights and return.
    Stop,
}

/// Whoever watches a training. All methods may end it with an error. The weights are then those of the last step, or,
/// where a word about a batch did it, those of the last finished epoch.
pub trait Watch<F: Float> {
    /// After every step.
    fn step(&mut self) -> Result<()> {
        Ok(())
    }

    /// Whether [`Watch::batch_begin`] and [`Watch::batch_end`] shall be called. If not, they cost nothing.
    fn reads_batches(&self) -> bool {
        false
    }

    /// Before the step of a batch, counted from 0 in each epoch.
    fn batch_begin(&mut self, _batch: u64) -> Result<()> {
        Ok(())
    }

    /// After the step of a batch: its mean loss before, and the weights after.
    fn batch_end(&mut self, _batch: u64, _loss: f64, _network: &Network<F>) -> Result<()> {
        Ok(())
    }

    /// Puts the samples of the epoch that comes, counted from 0, into an order of the watcher's own: indices, of which an
    /// epoch takes as many as there are. If it gives none, the source has its own. Of no account where one batch holds all
    /// samples.
    fn order(&mut self, _epoch: u64, _order: &mut Vec<u32>) -> Result<()> {
        Ok(())
    }

    /// The learning rate from now on, where it is to be another; asked after every epoch.
    fn learning_rate(&mut self) -> Option<f64> {
        None
    }

    /// Whether [`Watch::epoch`] reads the weights. If not, it may get those of an earlier epoch, which saves work.
    fn reads_weights(&self) -> bool {
        false
    }

    /// Comes before [`Watch::validate`] and [`Watch::epoch`] where the network is a reduced one: the coefficients of its
    /// first kernel outside the span of the data.
    #[doc(hidden)]
    fn outside(&mut self, _coefficients: &[f64]) {}

    /// Scores on validation data of the watcher's own, where [`fit`] has none. The penalty of the weights is added.
    fn validate(&mut self, _network: &Network<F>) -> Option<Result<Evaluation>> {
        None
    }

    /// After every epoch.
    fn epoch(&mut self, _report: &EpochReport, _network: &Network<F>) -> Result<Flow> {
        Ok(Flow::Continue)
    }

    /// Whether a checkpoint is wanted now: asked after every step, and, with its report, after every epoch.
    fn wants_checkpoint(&mut self, _finished: Option<&EpochReport>) -> bool {
        false
    }

    /// Whether a checkpoint is wanted where the training ends early: stopped, or with an error other than a divergence.
    fn wants_last_checkpoint(&self) -> bool {
        false
    }

    /// Takes a checkpoint.
    fn checkpoint(&mut self, _checkpoint: Checkpoint<F>) -> Result<()> {
        Ok(())
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

/// Trains `network` for some epochs of `source`; of `options` it reads epochs and metrics. It goes on from a checkpoint
/// where [`Trainer::resume_from`] has been given one.
///
/// # Errors
/// [`Error::Diverged`] if a loss or a weight is not finite: the weights are then as before the call. Whatever `watch`
/// returns: the weights are then those of the last step.
pub fn fit<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    source: &mut (impl BatchSource<F> + Send),
    validation: Option<(Samples<F>, Labels<F>)>,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    let start = Instant::now();
    trainer.go_on(network, options)?;
    let mut course = std::mem::take(&mut trainer.course);
    let before = (network.clone(), trainer.memory());
    let left = options.epochs.saturating_sub(course.reports.len() as u64);
    course.reports.reserve(left.min(1 << 20) as usize);
    trainer.hide_average(network);
    let result = parallel::install(trainer.threads(), || {
        let mut order = Vec::new();
        while (course.reports.len() as u64) < options.epochs && !course.stopped {
            let epoch = course.reports.len() as u64;
            callback(|| watch.order(epoch, &mut order))?;
            let training = run_epoch(trainer, network, source, &order, options, start, &mut course, watch)?;
            *trainer.epochs_mut() += 1;
            trainer.show_average(network);
            if let Some(outside) = trainer.outside_mut() {
                watch.outside(outside.weights());
            }
            let validation = match validation {
                Some((x, labels)) => Some(trainer.evaluate(network, x, labels, &options.metrics)?),
                None => callback(|| watch.validate(network))
                    .transpose()?
                    .map(|own| Evaluation { loss: own.loss + trainer.penalty(network), ..own }),
            };
            trainer.end_epoch(validation.as_ref().map_or(training.loss, |scores| scores.loss));
            let report = EpochReport { epoch, training, validation, learning_rate: trainer.learning_rate() };
            let flow = callback(|| watch.epoch(&report, network));
            let wanted = watch.wants_checkpoint(Some(&report));
            course.reports.push(report);
            course.running = None;
            course.stopped = flow.as_ref().is_ok_and(|flow| *flow == Flow::Stop);
            if let Some(rate) = watch.learning_rate() {
                trainer.set_learning_rate(rate)?;
            }
            flow?;
            if wanted || course.stopped && watch.wants_last_checkpoint() {
                offer_checkpoint(trainer, network, &course, start, watch)?;
            }
            if !course.stopped {
                trainer.hide_average(network);
            }
        }
        match first_not_finite(network.parameters()).or(first_not_finite(network.buffers())) {
            Some(_) => {
                let last = course.reports.len().saturating_sub(1) as u64;
                Err(in_epoch(trainer.diverged(network, course.last_loss), last, None))
            }
            None => Ok(()),
        }
    });
    if let Err(error) = result {
        if let Error::Diverged { .. } = error {
            *network = before.0;
            trainer.recall(before.1);
            return Err(error);
        }
        let offered = match watch.wants_last_checkpoint() {
            true => offer_checkpoint(trainer, network, &course, start, watch),
            false => Ok(()),
        };
        trainer.show_average(network);
        return Err(offered.err().unwrap_or(error));
    }
    trainer.show_average(network);
    let seconds = course.seconds + start.elapsed().as_secs_f64();
    Ok(History { epochs: course.reports, solver: Solver::Direct, reason: String::new(), seconds })
}

/// Gives whoever watches a checkpoint of this moment. Weights that are not finite make none: the next loss says so.
fn offer_checkpoint<F: Float>(
    trainer: &Trainer<F>,
    network: &Network<F>,
    course: &Course,
    start: Instant,
    watch: &mut impl Watch<F>,
) -> Result<()> {
    if first_not_finite(network.parameters()).or(first_not_finite(network.buffers())).is_some() {
        return Ok(());
    }
    let checkpoint = trainer.checkpoint(network, course, start.elapsed().as_secs_f64())?;
    watch.checkpoint(checkpoint)
}

/// A divergence, with the epoch in which it came and the loss before it.
fn in_epoch(error: Error, now: u64, before: Option<f64>) -> Error {
    match error.after(before) {
        Error::Diverged { last_loss, layer, learning_rate, .. } => {
            Error::Diverged { epoch: now, last_loss, layer, learning_rate }
        }
        other => other,
    }
}

/// All steps of one epoch, or those that are left of the one that a checkpoint was taken in.
fn run_epoch<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    source: &mut impl BatchSource<F>,
    order: &[u32],
    options: &FitOptions,
    start: Instant,
    course: &mut Course,
    watch: &mut impl Watch<F>,
) -> Result<Evaluation> {
    let epoch = course.reports.len() as u64;
    source.begin_epoch(*trainer.epochs_mut());
    if !order.is_empty() {
        source.put_in_order(order)?;
    }
    match &course.running {
        Some(running) => {
            for _ in 0..running.batches {
                // Drawn again, to leave random numbers where they were.
                if source.next_batch().is_none() {
                    break; // other data, of fewer batches
                }
                callback(|| watch.step())?;
            }
        }
        None => {
            trainer.forget_gathered(); // an interrupt may have left some
            course.running = Some(Running::new(*trainer.epochs_mut(), &options.metrics));
        }
    }
    let begun = course.running.as_ref().filter(|_| watch.reads_batches()).map(|running| Begun {
        network: network.clone(),
        memory: trainer.memory(),
        running: running.clone(),
    });
    loop {
        source.use_threads(trainer.threads_between());
        let Some(batch) = source.next_batch() else { break };
        let Some(running) = &mut course.running else { break };
        let counts = trainer.share_in_epoch(&batch);
        if let Some(begun) = &begun {
            let told = callback(|| watch.batch_begin(running.batches));
            or_back(told, begun, trainer, network, running)?;
        }
        let step = trainer.part_of_step(network, batch, options.accumulate);
        let step = step.map_err(|error| in_epoch(error, epoch, course.last_loss))?;
        course.last_loss = Some(step);
        running.samples += batch.samples as f64;
        running.weight += counts;
        running.loss += step * counts;
        trainer.count(&mut running.scores, network, batch.targets);
        if let Some(begun) = &begun {
            let told = callback(|| watch.batch_end(running.batches, step, network));
            or_back(told, begun, trainer, network, running)?;
        }
        running.batches += 1;
        if watch.wants_checkpoint(None) {
            offer_checkpoint(trainer, network, course, start, watch)?;
        }
        callback(|| watch.step())?;
    }
    trainer.finish_step(network);
    Ok(course.running.as_ref().map(Running::evaluation).unwrap_or_default())
}

/// Where an epoch begins, or goes on.
struct Begun<F: Float> {
    network: Network<F>,
    memory: Memory<F>,
    running: Running,
}

/// Where whoever watches a batch fails, weights, optimizer and place go back to where the epoch has `begun`.
fn or_back<F: Float>(
    told: Result<()>,
    begun: &Begun<F>,
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    running: &mut Running,
) -> Result<()> {
    if told.is_err() {
        network.clone_from(&begun.network);
        trainer.recall(begun.memory.clone());
        running.clone_from(&begun.running);
    }
    told
}
