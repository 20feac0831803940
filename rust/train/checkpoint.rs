//! Checkpoints: all that a training needs to go on with the very bits that it would have had.
//!
//! A training is a function of its description, its data, and what it has come to so far. The first two are the caller's to
//! bring again; the third is here. Random numbers need nothing: every stream is addressed by the number of a step or an
//! epoch. What is left is the weights and buffers, what the optimizer remembers, an average of the weights, the part of a
//! reduced training that lies outside the span of its data, the scores so far, and the place: between two epochs, or after
//! some batches of one, with the sums and the gathered gradients of that moment. A training that goes on from within an
//! epoch draws that epoch's order again and passes over the batches that it has seen.
//!
//! The arrays stand in two maps by name, which `file/checkpoint.rs` writes as they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::evaluate::Evaluation;
use super::fit::{EpochReport, FitOptions};
use super::step::Trainer;
use crate::error::{Error, Result};
use crate::math::{Float, check_room, sum};
use crate::metric::{Metric, Tally};
use crate::network::Network;
use crate::optimizer::OptimizerState;
use crate::schedule::{Plateau, Schedule};

/// The state of a training. [`Trainer::resume_from`] goes on from it.
#[derive(Clone, Debug)]
pub struct Checkpoint<F: Float> {
    /// The network as it shows itself: with the average of the weights where the optimizer has one.
    pub network: Network<F>,
    /// Where the training is.
    pub progress: Progress,
    /// Arrays in the network's float type.
    pub(crate) floats: BTreeMap<String, Vec<F>>,
    /// Arrays in double precision.
    pub(crate) doubles: BTreeMap<String, Vec<f64>>,
}

/// Where a training is: the whole numbers of a [`Checkpoint`], and its learning rates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Epochs that are finished.
    pub epochs: u64,
    /// Batches that are done of the epoch at work, if one is.
    pub batches: Option<u64>,
    /// Whether it was stopped before its last epoch, as by a callback: then it has come to its end.
    pub stopped: bool,
    /// Steps that the optimizer has made, in earlier trainings, too.
    pub steps: u64,
    /// The number by which the samples of the epoch at work, or of the next, are put in order.
    order: u64,
    /// The learning rates: those of the optimizer, unless somebody has set another.
    schedule: Schedule,
    /// What [`Plateau`] counts.
    waited: u64,
    /// Steps that the average has seen.
    averaged: u64,
    /// Batches gathered to the step at work.
    gathered: usize,
    /// Of a reduced training the steps that the optimizer had made before it.
    pub(super) reduced_after: Option<u64>,
}

/// More than a training ever counts, and far from where counting ends.
const MOST_COUNTED: u64 = 1 << 40;

impl Progress {
    /// Refuses numbers that no training has come to.
    pub(crate) fn check(&self) -> Result<()> {
        let counts = [
            ("epochs", self.epochs),
            ("batches", self.batches.unwrap_or(0)),
            ("steps", self.steps),
            ("order", self.order),
            ("waited", self.waited),
            ("averaged", self.averaged),
            ("gathered", self.gathered as u64),
            ("reduced_after", self.reduced_after.unwrap_or(0)),
        ];
        match counts.into_iter().find(|(_, count)| *count > MOST_COUNTED) {
            Some((name, count)) => Err(Error::value(name, format!("at most {MOST_COUNTED}"), count)),
            None => Ok(()),
        }
    }
}

/// An epoch at work: its place and its sums so far.
#[derive(Clone, Debug)]
pub(super) struct Running {
    /// The number by which its samples are put in order.
    pub order: u64,
    pub batches: u64,
    pub samples: f64,
    pub weight: f64,
    pub loss: f64,
    pub scores: Vec<Tally>,
}

impl Running {
    /// Before the first batch.
    pub fn new(order: u64, metrics: &[Metric]) -> Running {
        let scores = metrics.iter().copied().map(Tally::new).collect();
        Running { order, batches: 0, samples: 0.0, weight: 0.0, loss: 0.0, scores }
    }

    /// What the epoch gave.
    pub fn evaluation(&self) -> Evaluation {
        let loss = if self.samples > 0.0 && self.weight > 0.0 { self.loss / self.weight } else { 0.0 };
        Evaluation { loss, metrics: self.scores.iter().map(Tally::value).collect() }
    }
}

/// What the loop of a training knows beside the trainer.
#[derive(Default)]
pub(super) struct Course {
    /// Reports of the epochs that are finished.
    pub reports: Vec<EpochReport>,
    /// The epoch at work.
    pub running: Option<Running>,
    /// Of a batch.
    pub last_loss: Option<f64>,
    /// Whether a watcher has stopped it.
    pub stopped: bool,
    /// Wall time of the trainings that this one goes on from.
    pub seconds: f64,
}

/// Places in the array `numbers`.
const NUMBERS: usize = 8;

impl<F: Float> Checkpoint<F> {
    /// An array in the network's float type, `length` long.
    pub(super) fn floats(&mut self, name: &str, length: usize) -> Result<Vec<F>> {
        of_length(name, self.floats.remove(name).unwrap_or_default(), length)
    }

    /// An array in double precision, `length` long.
    fn doubles(&mut self, name: &str, length: usize) -> Result<Vec<f64>> {
        of_length(name, self.doubles.remove(name).unwrap_or_default(), length)
    }

    /// Scores of the last finished epoch, in the order of the history's columns: of the training and of the validation.
    pub fn last_report(&self, metrics: usize) -> Option<EpochReport> {
        let history = self.doubles.get("history")?;
        let columns = columns(history, self.progress.epochs)?;
        let last = history.len().checked_sub(columns)?;
        report(self.progress.epochs.checked_sub(1)?, &history[last..], metrics)
    }
}

fn of_length<T>(name: &str, array: Vec<T>, length: usize) -> Result<Vec<T>> {
    if array.len() == length {
        return Ok(array);
    }
    Err(Error::shape(format!("{name} of the checkpoint"), format!("{length} numbers"), array.len().to_string()))
}

impl<F: Float> Trainer<F> {
    /// The next [`super::fit`] on this trainer goes on from `checkpoint`: with its weights, optimizer, average, learning
    /// rates and history, in the epoch where it was. The result is that of the training that was never stopped, bit for
    /// bit, if network, optimizer, loss, data and options are those of then; more epochs are allowed.
    pub fn resume_from(&mut self, checkpoint: Checkpoint<F>) {
        self.resumed = Some(Box::new(checkpoint));
    }

    /// Drops a checkpoint that no training has gone on from.
    pub fn forget_checkpoint(&mut self) {
        (self.resumed, self.course) = (None, Course::default());
    }

    /// All that a training of `network` needs to go on from here.
    pub(super) fn checkpoint(&self, network: &Network<F>, course: &Course, seconds: f64) -> Result<Checkpoint<F>> {
        let slots = &self.state.slots;
        check_room::<F>("a checkpoint", network.parameters().len().saturating_mul(2 + slots.len()))?;
        let mut network = network.clone();
        let mut average = self.average.clone();
        average.show(&mut network);
        let running = course.running.as_ref();
        let progress = Progress {
            epochs: course.reports.len() as u64,
            batches: running.map(|running| running.batches),
            stopped: course.stopped,
            steps: self.state.steps,
            order: running.map_or(self.epochs, |running| running.order),
            schedule: self.optimizer.learning_rate.clone(),
            waited: self.state.plateau.waited,
            averaged: average.steps,
            gathered: self.gathered.batches,
            reduced_after: None,
        };
        let mut floats: BTreeMap<String, Vec<F>> =
            slots.iter().enumerate().map(|(i, slot)| (format!("slots.{i}"), slot.clone())).collect();
        if average.shown.is_some() {
            floats.insert("weights".into(), average.hidden);
        }
        if self.gathered.batches > 0 {
            floats.insert("gathered".into(), self.gathered.sum.clone());
        }
        let Plateau { factor, best, .. } = self.state.plateau;
        let sums = running.map_or([0.0; 3], |running| [running.samples, running.weight, running.loss]);
        let [samples, weight, loss] = sums;
        let last_loss = course.last_loss.unwrap_or(f64::NAN);
        let seconds = course.seconds + seconds;
        let numbers = [seconds, last_loss, factor, best, samples, weight, loss, self.gathered.weight];
        let mut doubles = BTreeMap::from([("numbers".to_string(), numbers.to_vec())]);
        doubles.insert("history".into(), course.reports.iter().flat_map(row).collect());
        for (i, score) in running.iter().flat_map(|running| &running.scores).enumerate() {
            doubles.insert(format!("scores.{i}"), score.counted());
        }
        if let Some(outside) = &self.outside {
            doubles.insert("outside".into(), outside.weights().to_vec());
            for (i, slot) in outside.slots().iter().enumerate() {
                doubles.insert(format!("outside.slots.{i}"), slot.clone());
            }
        }
        Ok(Checkpoint { network, progress, floats, doubles })
    }

    /// Goes on where a checkpoint says, if there is one: puts `network` and the trainer there, its `course`, too. Nothing
    /// has changed where it fails.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Value`] for a checkpoint of another training.
    pub(super) fn go_on(&mut self, network: &mut Network<F>, options: &FitOptions) -> Result<()> {
        let Some(mut checkpoint) = self.resumed.take() else { return Ok(()) };
        let (metrics, epochs) = (&options.metrics[..], options.epochs);
        let progress = checkpoint.progress.clone();
        if progress.reduced_after.is_some() {
            return Err(Error::value("solver", "reduced, as of the checkpoint", "direct"));
        }
        let begun = progress.epochs.saturating_add(u64::from(progress.batches.is_some()));
        if begun > epochs {
            return Err(Error::value("epochs", format!("at least {begun}, as of the checkpoint"), epochs));
        }
        progress.schedule.check(F::DTYPE)?;
        let length = network.parameters().len();
        let slots = (0..self.state.slots.len()).map(|i| checkpoint.floats(&format!("slots.{i}"), length));
        let slots = slots.collect::<Result<Vec<_>>>()?;
        let hidden = match (progress.averaged > 0, self.optimizer.average) {
            (true, Some(_)) => Some(checkpoint.floats("weights", length)?),
            _ => None,
        };
        let gathered =
            if progress.gathered > 0 { checkpoint.floats("gathered", length)? } else { vec![F::ZERO; length] };
        let numbers = checkpoint.doubles("numbers", NUMBERS)?;
        let &[seconds, last_loss, factor, best, samples, weight, loss, gathered_weight] = &numbers[..] else {
            return Err(Error::shape("numbers of the checkpoint", NUMBERS.to_string(), numbers.len().to_string()));
        };
        let history = checkpoint.doubles.remove("history").unwrap_or_default();
        let reports = reports(&history, progress.epochs, metrics.len())?;
        let running = match progress.batches {
            None => None,
            Some(batches) => {
                let mut running = Running { batches, samples, weight, loss, ..Running::new(progress.order, metrics) };
                for (i, score) in running.scores.iter_mut().enumerate() {
                    score.recall(&checkpoint.doubles.remove(&format!("scores.{i}")).unwrap_or_default())?;
                }
                Some(running)
            }
        };
        let outside = match &self.outside {
            Some(outside) => {
                let length = outside.weights().len();
                let weights = checkpoint.doubles("outside", length)?;
                let slots =
                    (0..outside.slots().len()).map(|i| checkpoint.doubles(&format!("outside.slots.{i}"), length));
                Some((weights, slots.collect::<Result<Vec<_>>>()?))
            }
            None => None,
        };
        let (parameters, buffers) = (checkpoint.network.parameters(), checkpoint.network.buffers());
        if (parameters.len(), buffers.len()) != (length, network.buffers().len()) {
            let expected = format!("{length} and {}", network.buffers().len());
            let got = format!("{} and {}", parameters.len(), buffers.len());
            return Err(Error::shape("weights and buffers of the checkpoint", expected, got));
        }
        network.parameters_mut().copy_from_slice(parameters);
        network.buffers_mut().copy_from_slice(buffers);
        if let (Some(outside), Some((weights, slots))) = (&mut self.outside, outside) {
            outside.go_on_from(weights, slots);
        }
        let plateau = Plateau { factor, best, waited: progress.waited };
        self.state = OptimizerState { steps: progress.steps, slots, plateau };
        self.optimizer.learning_rate = progress.schedule;
        self.epochs = progress.order;
        self.average.shown = hidden.as_ref().map(|_| sum(network.parameters()));
        (self.average.hidden, self.average.steps) = (hidden.unwrap_or_default(), progress.averaged);
        self.gathered.sum = gathered;
        (self.gathered.weight, self.gathered.batches) = (gathered_weight, progress.gathered);
        let last_loss = (!last_loss.is_nan()).then_some(last_loss);
        self.course = Course { reports, running, last_loss, stopped: progress.stopped, seconds };
        Ok(())
    }
}

/// A report as the history has it: loss, learning rate and metrics, and of the validation loss and metrics.
fn row(report: &EpochReport) -> Vec<f64> {
    let mut row = vec![report.training.loss, report.learning_rate];
    row.extend(&report.training.metrics);
    if let Some(validation) = &report.validation {
        row.push(validation.loss);
        row.extend(&validation.metrics);
    }
    row
}

/// Numbers of one row, where there is any.
fn columns(history: &[f64], epochs: u64) -> Option<usize> {
    let epochs = usize::try_from(epochs).ok().filter(|epochs| *epochs > 0)?;
    history.len().is_multiple_of(epochs).then_some(history.len() / epochs).filter(|columns| *columns > 0)
}

/// A report from its row.
fn report(epoch: u64, row: &[f64], metrics: usize) -> Option<EpochReport> {
    let (&[loss, learning_rate], rest) = row.split_first_chunk::<2>()?;
    let (of_training, rest) = rest.split_at_checked(metrics)?;
    let training = Evaluation { loss, metrics: of_training.to_vec() };
    let validation = match rest.split_first() {
        None => None,
        Some((loss, rest)) if rest.len() == metrics => Some(Evaluation { loss: *loss, metrics: rest.to_vec() }),
        Some(_) => return None,
    };
    Some(EpochReport { epoch, training, validation, learning_rate })
}

/// All reports of a history.
fn reports(history: &[f64], epochs: u64, metrics: usize) -> Result<Vec<EpochReport>> {
    if epochs == 0 && history.is_empty() {
        return Ok(Vec::new());
    }
    let read = || -> Option<Vec<EpochReport>> {
        let rows = history.chunks_exact(columns(history, epochs)?);
        rows.enumerate().map(|(epoch, row)| report(epoch as u64, row, metrics)).collect()
    };
    let expected = || format!("{epochs} rows with {metrics} metrics");
    read().ok_or_else(|| Error::shape("history of the checkpoint", expected(), format!("{} numbers", history.len())))
}
