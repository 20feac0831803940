//! `_core.Trainer`: one step, the loop, and the way back to Python for those who watch.

use std::borrow::Borrow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Instant;

use numpy::{Element, IntoPyArray, PyReadonlyArray1};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::checkpoint::{Checkpoint, Plan};
use super::convert::{ReadonlySamples, callback_error, detach_asking, detach_for_long, labels, loss as loss_from};
use super::metric::{Scores, metrics as metrics_by_name};
use super::network::Network;
use super::own_loss::own_loss as own_loss_from;
use crate::error::{Error, Result};
use crate::file::InCheckpoint;
use crate::float_mode;
use crate::interrupt::{self, PAUSE};
use crate::loss::Loss;
use crate::math::Float;
use crate::network::{InModel, Model, Network as CoreNetwork, Samples};
use crate::optimizer::Optimizer;
use crate::parallel::{install, stay_on_this_thread, stays_on_this_thread, thread_count};
use crate::train::{
    Batch, BatchSource, Checkpoint as CoreCheckpoint, EpochReport, Evaluation, FitOptions, Flow, History, Labels,
    MiniBatches, Objective, Order, OwnedLabels, Trainer as CoreTrainer, Watch, fit_arrays,
};

/// Trains one network: optimizer with its state, loss, working memory.
#[pyclass(frozen, module = "purrceptron._core")]
pub struct Trainer {
    network: Py<Network>,
    trainer: Mutex<Typed>,
    /// Bits of the learning rate, for those who ask while a training has the lock.
    rate: AtomicU64,
    /// Bits of the learning rate that was asked for meanwhile; [`NOTHING`] if none was.
    asked_rate: AtomicU64,
}

/// Bits of no learning rate.
const NOTHING: u64 = u64::MAX;

enum Typed {
    F32(CoreTrainer<f32>),
    F64(CoreTrainer<f64>),
}

/// Evaluates an expression with the trainer, whichever float type it has.
macro_rules! with_trainer {
    ($typed:expr, $trainer:ident => $body:expr) => {
        match $typed {
            Typed::F32($trainer) => $body,
            Typed::F64($trainer) => $body,
        }
    };
}

impl Trainer {
    /// A trainer serves one caller at a time. Waiting here could wait for the interpreter, so a second one is refused.
    fn lock(&self) -> PyResult<MutexGuard<'_, Typed>> {
        match self.trainer.try_lock() {
            Ok(guard) => Ok(guard),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(PyRuntimeError::new_err("this trainer is at work in another thread")),
        }
    }
}

#[pymethods]
impl Trainer {
    /// A trainer for `network`; `optimizer` and `loss` are JSON. Instead of a loss it takes a function (predictions, targets)
    /// or (predictions, targets, weights) -> (value, gradient). `objective` is JSON, too.
    #[new]
    #[pyo3(signature = (network, optimizer, loss=None, n_threads=None, own_loss=None, objective=None))]
    fn new(
        py: Python<'_>,
        network: Py<Network>,
        optimizer: &str,
        loss: Option<&str>,
        n_threads: Option<usize>,
        own_loss: Option<Py<PyAny>>,
        objective: Option<&str>,
    ) -> PyResult<Trainer> {
        stay_on_main_thread(py)?;
        let _mode = float_mode::standard(); // numbers are read from text, too
        let optimizer: Optimizer =
            serde_json::from_str(optimizer).map_err(|error| Error::Spec(format!("optimizer: {error}")))?;
        let (loss, threads) = (loss.map_or(Ok(Loss::Own), loss_from)?, thread_count(n_threads)?);
        let shared = network.get();
        let mut trainer = py.detach(|| match &*shared.read() {
            Model::F32(network) => CoreTrainer::new(network, optimizer, loss, threads).map(Typed::F32),
            Model::F64(network) => CoreTrainer::new(network, optimizer, loss, threads).map(Typed::F64),
        })?;
        if let Some(function) = own_loss {
            with_trainer!(&mut trainer, trainer => *trainer.own_loss_mut() = Some(own_loss_from(function)));
        }
        if let Some(objective) = objective {
            let objective: Objective =
                serde_json::from_str(objective).map_err(|error| Error::Spec(format!("objective: {error}")))?;
            with_trainer!(&mut trainer, trainer => {
                py.detach(|| trainer.set_objective(InModel::network(&shared.read())?, objective))?
            });
        }
        let rate = AtomicU64::new(with_trainer!(&trainer, trainer => trainer.learning_rate()).to_bits());
        Ok(Trainer { network, trainer: Mutex::new(trainer), rate, asked_rate: AtomicU64::new(NOTHING) })
    }

    /// Steps made so far.
    fn steps(&self) -> PyResult<u64> {
        Ok(with_trainer!(&*self.lock()?, trainer => trainer.steps()))
    }

    /// What the optimizer remembers: steps, and arrays as long as the parameters.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<(u64, Vec<Bound<'py, PyAny>>)> {
        with_trainer!(&*self.lock()?, trainer => {
            let slots = trainer.slots().iter().map(|slot| slot.clone().into_pyarray(py).into_any()).collect();
            Ok((trainer.steps(), slots))
        })
    }

    /// Goes on from what another trainer of this kind remembered.
    fn set_state(&self, steps: u64, slots: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
        with_trainer!(&mut *self.lock()?, trainer => {
            let slots = slots.iter().map(array).collect::<PyResult<_>>()?;
            Ok(trainer.go_on_from(steps, slots)?)
        })
    }

    /// Length of the next step.
    fn learning_rate(&self) -> PyResult<f64> {
        if let Ok(typed) = self.lock() {
            return Ok(with_trainer!(&*typed, trainer => trainer.learning_rate()));
        }
        Ok(f64::from_bits(self.rate.load(Ordering::Relaxed))) // as the training at work last reported it
    }

    /// Sets the length of all steps to come; in the midst of a training, from the next epoch on.
    fn set_learning_rate(&self, learning_rate: f64) -> PyResult<()> {
        if let Ok(mut typed) = self.lock() {
            return Ok(with_trainer!(&mut *typed, trainer => trainer.set_learning_rate(learning_rate))?);
        }
        self.rate.store(learning_rate.to_bits(), Ordering::Relaxed);
        self.asked_rate.store(learning_rate.to_bits(), Ordering::Relaxed);
        Ok(())
    }

    /// One step on a batch: the mean loss before it. `y` is targets, here and below, or (targets, weights of samples).
    /// `scores` count the batch as it was before the step.
    #[pyo3(signature = (x, y, scores=None))]
    fn step(
        &self,
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        y: &Bound<'_, PyAny>,
        scores: Option<Py<Scores>>,
    ) -> PyResult<f64> {
        let scores = scores.as_ref().map(Py::get);
        with_trainer!(&mut *self.lock()?, trainer => {
            let shared = self.network.get();
            shared.refuse_in_training()?;
            let (x, y) = (ReadonlySamples::new(x)?, labels(y, trainer.loss().target_width(shared.outputs(py)))?);
            let x = x.view();
            // A function of the caller's may change the network that it judges: then the turn is taken for the end alone.
            let judged_by_caller = trainer.own_loss_mut().is_some();
            let step = |network: &mut _| {
                let work = |trainer: &mut CoreTrainer<_>, network: &mut _, batch: Batch<_>| {
                    let Some(scores) = scores else { return trainer.careful_step(network, batch) };
                    trainer.check_metrics(&scores.metrics, network, batch.targets)?;
                    let loss = trainer.careful_step(network, batch)?;
                    let mut tallies = scores.tallies.lock().unwrap_or_else(PoisonError::into_inner);
                    trainer.count(&mut tallies, network, batch.targets);
                    Ok(loss)
                };
                on_batch(trainer, network, x, y, work)
            };
            let loss = py.detach(|| {
                if !judged_by_caller {
                    return shared.change(|network| Ok(step(network)));
                }
                let mut network = InModel::network(&shared.read())?.clone();
                let loss = step(&mut network);
                shared.publish(network)?;
                Result::Ok(loss)
            })?;
            Ok(loss?)
        })
    }

    /// The mean loss of a batch and its gradient, flat, in the order of the parameters. The weights stay.
    fn loss_and_gradient<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        y: &Bound<'py, PyAny>,
    ) -> PyResult<(f64, Bound<'py, PyAny>)> {
        with_trainer!(&mut *self.lock()?, trainer => {
            let shared = self.network.get();
            let (x, y) = (ReadonlySamples::new(x)?, labels(y, trainer.loss().target_width(shared.outputs(py)))?);
            let x = x.view();
            let loss = py.detach(|| {
                let model = shared.read();
                on_batch(trainer, InModel::network(&model)?, x, y, |trainer, network, batch| {
                    trainer.loss_and_gradient(network, batch)
                })
            })?;
            Ok((loss, trainer.gradient().to_vec().into_pyarray(py).into_any()))
        })
    }

    /// Mean loss and metrics on arrays.
    fn evaluate(
        &self,
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        y: &Bound<'_, PyAny>,
        metrics: Vec<String>,
    ) -> PyResult<(f64, Vec<f64>)> {
        stay_on_main_thread(py)?;
        let metrics = metrics_by_name(&metrics)?;
        let shared = self.network.get();
        let Evaluation { loss, metrics } = with_trainer!(&mut *self.lock()?, trainer => {
            let (x, y) = (ReadonlySamples::new(x)?, labels(y, trainer.loss().target_width(shared.outputs(py)))?);
            let x = x.view();
            detach_for_long(py, || trainer.evaluate(InModel::network(&shared.read())?, x, y.view(), &metrics))?
        });
        Ok((loss, metrics))
    }

    /// Trains on arrays; `options` is JSON. `watch(epoch, loss, metrics, val_loss, val_metrics)` is called after every
    /// epoch if `every_epoch`, else at most 20 times a second and after the last; if it returns True, training stops.
    /// `order(epoch)` is called before every epoch: the indices (uint32) of its samples, or None for the usual order.
    /// `batches(batch, loss)` is called before (loss None) and after every step, with the new weights in place.
    /// `checkpoints` is a function that takes a `Checkpoint`, and after how many epochs and how many seconds it gets one;
    /// it gets one at the end and after an interrupt, too. `watch` then has one argument more, whether one comes next.
    /// `resume` is the checkpoint to go on from. `ask()` is called between steps, at most 20 times a second: what it raises
    /// ends the training there, as an interrupt does.
    ///
    /// The network gets its new weights at the end, when `watch` is called after every epoch, and when something other
    /// than divergence ends the training early.
    #[pyo3(signature = (x, y, options, validation=None, watch=None, every_epoch=false, batches=None, order=None,
        checkpoints=None, resume=None, ask=None))]
    fn fit<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        y: &Bound<'py, PyAny>,
        options: &str,
        validation: Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
        watch: Option<Py<PyAny>>,
        every_epoch: bool,
        batches: Option<Py<PyAny>>,
        order: Option<Py<PyAny>>,
        checkpoints: Option<(Py<PyAny>, Option<u64>, Option<f64>)>,
        resume: Option<Py<Checkpoint>>,
        ask: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        stay_on_main_thread(py)?;
        let options: FitOptions =
            serde_json::from_str(options).map_err(|error| Error::Spec(format!("fit: {error}")))?;
        let shared = self.network.get();
        let (last_report, epochs) = (Instant::now(), options.epochs);
        let (rate, asked_rate) = (&self.rate, &self.asked_rate);
        let plan = checkpoints.map(|(take, epochs, seconds)| Plan::new(take, epochs, seconds));
        let mut watcher =
            Watcher { shared, rate, asked_rate, watch, every_epoch, batches, order, plan, epochs, last_report };
        let history = with_trainer!(&mut *self.lock()?, trainer => {
            let _training = shared.begin_training()?;
            let resume = resume.as_ref().map(|checkpoint| checkpoint.get().of()).transpose()?;
            self.rate.store(trainer.learning_rate().to_bits(), Ordering::Relaxed);
            let outputs = trainer.loss().target_width(shared.outputs(py));
            let (x, y) = (ReadonlySamples::new(x)?, labels(y, outputs)?);
            let validation = match &validation {
                Some((x, y)) => Some((ReadonlySamples::new(x)?, labels(y, outputs)?)),
                None => None,
            };
            let validation = validation.as_ref().map(|(x, y)| (x.view(), y.view()));
            let x = x.view();
            let ask = move |py: Python<'_>| {
                py.check_signals()?;
                ask.as_ref().map_or(Ok(()), |ask| ask.call0(py).map(drop))
            };
            detach_asking(py, ask, || fit_shared(trainer, shared, x, y, validation, &options, resume, &mut watcher))?
        });
        history_to_dict(py, history, &options)
    }
}

/// A copy of a flat array.
fn array<F: Float + Element>(array: &Bound<'_, PyAny>) -> PyResult<Vec<F>> {
    Ok(array.extract::<PyReadonlyArray1<F>>()?.as_array().to_vec())
}

/// Signals reach Python in its main thread only: a training that begins there stays there.
pub(super) fn stay_on_main_thread(py: Python<'_>) -> PyResult<()> {
    if stays_on_this_thread() {
        return Ok(());
    }
    let threading = py.import("threading")?;
    if threading.call_method0("current_thread")?.is(threading.call_method0("main_thread")?) {
        stay_on_this_thread();
    }
    Ok(())
}

/// Trains a copy of the shared network, so that others can read it meanwhile, and gives the weights back.
fn fit_shared<F: InCheckpoint>(
    trainer: &mut CoreTrainer<F>,
    shared: &Network,
    x: Samples<F>,
    y: OwnedLabels<F>,
    validation: Option<(Samples<F>, Labels<F>)>,
    options: &FitOptions,
    resume: Option<CoreCheckpoint<F>>,
    watcher: &mut Watcher,
) -> Result<History> {
    let _mode = float_mode::standard(); // also for the way into the span of the data and back
    let mut network = {
        let model = shared.read();
        let network = F::network(&model)?;
        trainer.check_room(network, x, options)?;
        network.clone()
    };
    if let Some(checkpoint) = resume {
        trainer.resume_from(checkpoint);
    }
    let result =
        install_attached(trainer.threads(), || fit_arrays(trainer, &mut network, x, y, validation, options, watcher));
    trainer.forget_checkpoint(); // a training that was refused has not gone on from it
    if !matches!(result, Err(Error::Diverged { .. })) {
        shared.publish(network)?;
    }
    result
}

/// [`install`], on a thread that the interpreter knows all the while. It would else get to know it anew with every callback,
/// under a lock that stays closed in a child forked meanwhile.
fn install_attached<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    install(threads, || Python::attach(|py| py.detach(work)))
}

/// Calls `work` on all samples as one batch.
fn on_batch<F: Float, N: Borrow<CoreNetwork<F>> + Send>(
    trainer: &mut CoreTrainer<F>,
    network: N,
    x: Samples<F>,
    y: OwnedLabels<F>,
    work: impl FnOnce(&mut CoreTrainer<F>, N, Batch<F>) -> Result<f64> + Send,
) -> Result<f64> {
    let mut batch = MiniBatches::new(network.borrow(), trainer.loss(), x, y, x.len().max(1), Order::Sequential)?;
    batch.begin_epoch(0);
    match batch.next_batch() {
        Some(batch) => install(trainer.threads(), || work(trainer, network, batch)),
        None => Err(Error::Data("no samples".into())),
    }
}

/// Brings a training back to Python now and then: for signals, for progress, and for callbacks.
struct Watcher<'a> {
    shared: &'a Network,
    rate: &'a AtomicU64,
    asked_rate: &'a AtomicU64,
    watch: Option<Py<PyAny>>,
    every_epoch: bool,
    batches: Option<Py<PyAny>>,
    order: Option<Py<PyAny>>,
    plan: Option<Plan>,
    epochs: u64,
    last_report: Instant,
}

impl Watcher<'_> {
    fn tell_batch(&self, batch: u64, loss: Option<f64>) -> Result<()> {
        let Some(batches) = &self.batches else { return Ok(()) };
        Python::attach(|py| batches.call1(py, (batch, loss)).map(drop)).map_err(callback_error)
    }
}

impl<F: InCheckpoint> Watch<F> for Watcher<'_> {
    fn step(&mut self) -> Result<()> {
        interrupt::check()
    }

    fn reads_batches(&self) -> bool {
        self.batches.is_some()
    }

    fn batch_begin(&mut self, batch: u64) -> Result<()> {
        self.tell_batch(batch, None)
    }

    fn batch_end(&mut self, batch: u64, loss: f64, network: &CoreNetwork<F>) -> Result<()> {
        self.shared.publish(network.clone())?;
        self.tell_batch(batch, Some(loss))
    }

    fn order(&mut self, epoch: u64, order: &mut Vec<u32>) -> Result<()> {
        let Some(function) = &self.order else { return Ok(()) };
        order.clear();
        Python::attach(|py| {
            if let Some(given) = function.call1(py, (epoch,))?.extract::<Option<PyReadonlyArray1<u32>>>(py)? {
                order.extend(given.as_array());
            }
            Ok(())
        })
        .map_err(callback_error)
    }

    fn learning_rate(&mut self) -> Option<f64> {
        let asked = self.asked_rate.swap(NOTHING, Ordering::Relaxed);
        (asked != NOTHING).then(|| f64::from_bits(asked))
    }

    fn reads_weights(&self) -> bool {
        self.every_epoch
    }

    fn epoch(&mut self, report: &EpochReport, network: &CoreNetwork<F>) -> Result<Flow> {
        self.rate.store(report.learning_rate.to_bits(), Ordering::Relaxed);
        let due = self.plan.as_mut().map(|plan| plan.end_epoch(report, self.epochs));
        let Some(watch) = &self.watch else { return Ok(Flow::Continue) };
        if !self.every_epoch && report.epoch + 1 < self.epochs && self.last_report.elapsed() < PAUSE {
            return Ok(Flow::Continue);
        }
        self.last_report = Instant::now();
        if self.every_epoch {
            self.shared.publish(network.clone())?;
        }
        let (loss, metrics) = (report.training.loss, report.training.metrics.clone());
        let (val_loss, val_metrics) = report.validation.as_ref().map(|v| (v.loss, v.metrics.clone())).unzip();
        let stop = Python::attach(|py| match due {
            None => watch.call1(py, (report.epoch, loss, metrics, val_loss, val_metrics))?.is_truthy(py),
            Some(due) => watch.call1(py, (report.epoch, loss, metrics, val_loss, val_metrics, due))?.is_truthy(py),
        });
        Ok(if stop.map_err(callback_error)? { Flow::Stop } else { Flow::Continue })
    }

    fn wants_checkpoint(&mut self, finished: Option<&EpochReport>) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.is_due(finished.is_some()))
    }

    fn wants_last_checkpoint(&self) -> bool {
        self.plan.as_ref().is_some_and(Plan::goes_on)
    }

    fn checkpoint(&mut self, checkpoint: CoreCheckpoint<F>) -> Result<()> {
        self.plan.as_mut().map_or(Ok(()), |plan| plan.take(checkpoint))
    }
}

/// Lists by name: loss, each metric, the same of the validation data with `val_` before them; solver and seconds.
pub(super) fn history_to_dict<'py>(
    py: Python<'py>,
    history: History,
    options: &FitOptions,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let column = |get: &dyn Fn(&EpochReport) -> Option<f64>| history.epochs.iter().filter_map(get).collect::<Vec<_>>();
    dict.set_item("loss", column(&|epoch| Some(epoch.training.loss)))?;
    dict.set_item("learning_rate", column(&|epoch| Some(epoch.learning_rate)))?;
    dict.set_item("val_loss", column(&|epoch| epoch.validation.as_ref().map(|v| v.loss)))?;
    for (i, metric) in options.metrics.iter().enumerate() {
        let name = metric.to_string();
        dict.set_item(&name, column(&|epoch| epoch.training.metrics.get(i).copied()))?;
        dict.set_item(format!("val_{name}"), column(&|epoch| epoch.validation.as_ref().map(|v| v.metrics[i])))?;
    }
    let solver: &str = history.solver.into();
    dict.set_item("solver", solver)?;
    dict.set_item("solver_reason", history.reason)?;
    dict.set_item("seconds", history.seconds)?;
    Ok(dict)
}
