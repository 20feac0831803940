//! `_core.Checkpoint`, the state of a training, and `_core.DirectoryLock`, which keeps a second writer out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::convert::callback_error;
use crate::error::{Error, Result};
use crate::file::{self, AnyCheckpoint, CheckpointFile, InCheckpoint};
use crate::float_mode::callback;
use crate::train::{Checkpoint as CoreCheckpoint, EpochReport};

/// The state of a training, between two epochs or within one.
#[pyclass(frozen, module = "purrceptron._core")]
pub struct Checkpoint(AnyCheckpoint);

/// Evaluates an expression with the checkpoint, whichever float type it has.
macro_rules! with_checkpoint {
    ($any:expr, $checkpoint:ident => $body:expr) => {
        match $any {
            AnyCheckpoint::F32($checkpoint) => $body,
            AnyCheckpoint::F64($checkpoint) => $body,
        }
    };
}

impl Checkpoint {
    /// A copy, if it is of this float type.
    pub fn of<F: InCheckpoint>(&self) -> Result<CoreCheckpoint<F>> {
        let own = F::of(&self.0).cloned();
        own.ok_or_else(|| Error::value("dtype of the checkpoint", "that of the network", "the other"))
    }
}

/// Loss and metrics of an epoch, and of its validation.
type Scores = (f64, Vec<f64>, Option<f64>, Option<Vec<f64>>);

#[pymethods]
impl Checkpoint {
    /// Epochs that are finished, batches of the one at work if there is one, and whether the training was stopped.
    fn place(&self) -> (u64, Option<u64>, bool) {
        let progress = with_checkpoint!(&self.0, checkpoint => &checkpoint.progress);
        (progress.epochs, progress.batches, progress.stopped)
    }

    /// Loss, metrics, validation loss and validation metrics of the last finished epoch, of so many metrics.
    fn scores(&self, metrics: usize) -> Option<Scores> {
        let report = with_checkpoint!(&self.0, checkpoint => checkpoint.last_report(metrics))?;
        let (val_loss, val_metrics) = report.validation.map(|scores| (scores.loss, scores.metrics)).unzip();
        Some((report.training.loss, report.training.metrics, val_loss, val_metrics))
    }

    /// Writes it to every path, each file whole or not at all.
    fn save(
        &self,
        py: Python<'_>,
        paths: Vec<PathBuf>,
        notes: BTreeMap<String, String>,
        attached: &[u8],
    ) -> PyResult<()> {
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        let save = || with_checkpoint!(&self.0, own => file::save_checkpoint(own, &paths, &notes, attached));
        Ok(py.detach(save)?)
    }

    /// Reads a file: the checkpoint, and the notes and bytes that were saved with it.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<(Checkpoint, BTreeMap<String, String>, Bound<'_, PyBytes>)> {
        let CheckpointFile { checkpoint, notes, attached } = py.detach(|| file::load_checkpoint(&path))?;
        Ok((Checkpoint(checkpoint), notes, PyBytes::new(py, &attached)))
    }
}

/// When a training gives checkpoints, and to whom.
pub struct Plan {
    take: Py<PyAny>,
    every_epochs: Option<u64>,
    every: Option<Duration>,
    last: Instant,
    epoch_begun: Instant,
    due: bool,
    failed: bool,
}

impl Plan {
    /// `take` is called with a checkpoint, and whether it was due at an epoch's end, every so many epochs and seconds, and
    /// after the last epoch.
    pub fn new(take: Py<PyAny>, every_epochs: Option<u64>, every_seconds: Option<f64>) -> Plan {
        let every = every_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let now = Instant::now();
        Plan { take, every_epochs, every, last: now, epoch_begun: now, due: false, failed: false }
    }

    /// Decides whether one is due after an epoch of a training of so many.
    pub fn end_epoch(&mut self, report: &EpochReport, epochs: u64) -> bool {
        let done = report.epoch + 1;
        self.due = done == epochs
            || self.every_epochs.is_some_and(|every| done.is_multiple_of(every.max(1)))
            || self.every.is_some_and(|every| self.last.elapsed() >= every);
        self.epoch_begun = Instant::now();
        self.due
    }

    /// Whether one is due now: at an epoch's end, or in the midst of one that lasts longer than the time between two.
    pub fn is_due(&self, epoch_ends: bool) -> bool {
        let long = |every| self.last.max(self.epoch_begun).elapsed() >= every;
        if epoch_ends { self.due } else { self.every.is_some_and(long) }
    }

    /// Whether another one may come after the training has failed: not if that was what failed.
    pub fn goes_on(&self) -> bool {
        !self.failed
    }

    /// Hands one over, with whether it was due at an epoch's end.
    pub fn take<F: InCheckpoint>(&mut self, checkpoint: CoreCheckpoint<F>) -> Result<()> {
        let (checkpoint, due) = (Checkpoint(F::any(checkpoint)), std::mem::take(&mut self.due));
        let taken = callback(|| Python::attach(|py| self.take.call1(py, (checkpoint, due)).map(drop)));
        (self.last, self.failed) = (Instant::now(), taken.is_err());
        taken.map_err(callback_error)
    }
}

/// Holds a directory until it is released, or the process ends.
#[pyclass(frozen, module = "purrceptron._core")]
pub struct DirectoryLock(Mutex<Option<file::DirectoryLock>>);

#[pymethods]
impl DirectoryLock {
    #[new]
    fn new(directory: PathBuf) -> PyResult<DirectoryLock> {
        Ok(DirectoryLock(Mutex::new(Some(file::DirectoryLock::take(&directory)?))))
    }

    /// Refuses where the directory is no longer the one that is held, or is not held any more.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        let held = || match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(lock) => lock.check(),
            None => Err(Error::Data("the directory of the checkpoints is not held by this process".into())),
        };
        Ok(py.detach(held)?)
    }

    /// Lets go of it; in a forked child, which has it from its parent, that one keeps it.
    fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
