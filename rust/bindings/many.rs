//! `_core.fit_many`: several networks side by side.

use numpy::Element;
use pyo3::prelude::*;

use super::convert::{ReadonlySamples, detach_for_long, labels, loss as loss_from};
use super::network::Network;
use super::trainer::{history_to_dict, stay_on_main_thread};
use crate::error::{Error, Result};
use crate::math::DType;
use crate::network::InModel;
use crate::optimizer::Optimizer;
use crate::parallel::thread_count;
use crate::train::{FitOptions, Flow, Member, Trainer, fit_many as core_fit_many};

/// A network, its loss as JSON, its targets, and those of the validation samples.
type Job<'py> = (Py<Network>, String, Bound<'py, PyAny>, Option<Bound<'py, PyAny>>);

/// Trains networks of one dtype on `x`, each on one thread, `n_threads` at a time. `jobs` are (network, loss, targets,
/// validation targets); `optimizer` and `options` are JSON. What became of each network is the dictionary that
/// `Trainer.fit` gives, or the error.
///
/// Networks get their new weights at the end, also after an interrupt; those that diverged keep what they had.
#[pyfunction]
#[pyo3(signature = (jobs, x, optimizer, options, validation=None, n_threads=None))]
pub fn fit_many<'py>(
    py: Python<'py>,
    jobs: Vec<Job<'py>>,
    x: &Bound<'py, PyAny>,
    optimizer: &str,
    options: &str,
    validation: Option<Bound<'py, PyAny>>,
    n_threads: Option<usize>,
) -> PyResult<Vec<Py<PyAny>>> {
    stay_on_main_thread(py)?;
    let optimizer = serde_json::from_str(optimizer).map_err(|error| Error::Spec(format!("optimizer: {error}")))?;
    let options = serde_json::from_str(options).map_err(|error| Error::Spec(format!("fit: {error}")))?;
    let threads = thread_count(n_threads)?;
    let first = jobs.first().map(|job| job.0.get());
    match first.map(|shared| py.detach(|| shared.read().dtype())) {
        Some(DType::Float32) => fit_typed::<f32>(py, jobs, x, validation, optimizer, &options, threads),
        Some(DType::Float64) => fit_typed::<f64>(py, jobs, x, validation, optimizer, &options, threads),
        None => Ok(Vec::new()),
    }
}

fn fit_typed<'py, F: InModel + Element>(
    py: Python<'py>,
    jobs: Vec<Job<'py>>,
    x: &Bound<'py, PyAny>,
    validation: Option<Bound<'py, PyAny>>,
    optimizer: Optimizer,
    options: &FitOptions,
    threads: usize,
) -> PyResult<Vec<Py<PyAny>>> {
    let shared: Vec<&Network> = jobs.iter().map(|job| job.0.get()).collect();
    let _trainings = shared.iter().map(|shared| shared.begin_training()).collect::<PyResult<Vec<_>>>()?;
    let mut members = Vec::with_capacity(jobs.len());
    for (i, (shared, (_, loss, y, validation_y))) in shared.iter().zip(&jobs).enumerate() {
        let loss = loss_from(loss)?;
        let outputs = loss.target_width(shared.outputs(py));
        let validation_labels = validation_y.as_ref().map(|y| labels(y, outputs)).transpose()?;
        let network = py.detach(|| F::network(&shared.read()).cloned())?;
        let trainer =
            Trainer::new(&network, optimizer.clone(), loss, 1).map_err(|error| error.of(&format!("models[{i}]")))?;
        members.push(Member::<F> { network, trainer, labels: labels(y, outputs)?, validation_labels });
    }
    let x = ReadonlySamples::new(x)?;
    let validation = validation.as_ref().map(ReadonlySamples::new).transpose()?;
    let (x, validation) = (x.view(), validation.as_ref().map(ReadonlySamples::view));
    let mut interrupt = None;
    let go_on = || match Python::attach(|py| py.check_signals()) {
        Ok(()) => Flow::Continue,
        Err(error) => {
            interrupt = Some(error);
            Flow::Stop
        }
    };
    let results = detach_for_long(py, || {
        let results = core_fit_many(&mut members, x, validation, options, threads, go_on)?;
        for ((shared, member), result) in shared.iter().zip(members).zip(&results) {
            if !matches!(result, Err(Error::Diverged { .. })) {
                shared.publish(member.network)?;
            }
        }
        Result::Ok(results)
    })?;
    if let Some(error) = interrupt {
        return Err(error);
    }
    let outcomes = results.into_iter().map(|result| match result {
        Ok(history) => Ok(history_to_dict(py, history, options)?.into_any().unbind()),
        Err(error) => Ok(PyErr::from(error).into_value(py).into_any()),
    });
    outcomes.collect()
}
