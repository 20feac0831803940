//! `_core.score`, `_core.Scores` and `_core.held_out`: metrics on arrays, batch by batch, and the samples that are set aside
//! for them.

use std::sync::{Mutex, PoisonError};

use numpy::{Element, IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use super::convert::{by_name, is_single, targets};
use super::kernels::compute;
use crate::error::Result;
use crate::math::Float;
use crate::metric::{self, Metric, Tally};

/// The score `metric` of predictions (samples, outputs) against targets: classes, or numbers of the same shape.
#[pyfunction]
pub fn score<'py>(
    py: Python<'py>,
    metric: &str,
    y: &Bound<'py, PyAny>,
    predictions: &Bound<'py, PyAny>,
) -> PyResult<f64> {
    fn typed<'py, F: Float + Element>(
        py: Python<'py>,
        score: Metric,
        y: &Bound<'py, PyAny>,
        predictions: &Bound<'py, PyAny>,
    ) -> PyResult<f64> {
        let predictions: PyReadonlyArray2<F> = predictions.extract()?;
        let width = predictions.as_array().ncols();
        let y = targets::<F>(y, width)?;
        let predictions: Vec<F> = predictions.as_array().iter().copied().collect();
        Ok(compute(py, || metric::score(score, &predictions, width, y.view()))?)
    }
    let metric = by_name("metric", metric)?;
    if is_single(predictions) {
        typed::<f32>(py, metric, y, predictions)
    } else {
        typed::<f64>(py, metric, y, predictions)
    }
}

/// Metrics by their names.
pub(super) fn metrics(names: &[String]) -> Result<Vec<Metric>> {
    names.iter().map(|name| by_name("metric", name)).collect()
}

/// Scores of batches that come one by one: `Trainer.step` counts them.
#[pyclass(frozen, module = "purrceptron._core")]
pub struct Scores {
    pub(super) metrics: Vec<Metric>,
    pub(super) tallies: Mutex<Vec<Tally>>,
}

#[pymethods]
impl Scores {
    /// Nothing counted yet.
    #[new]
    fn new(names: Vec<String>) -> PyResult<Scores> {
        let metrics = metrics(&names)?;
        Ok(Scores { tallies: Mutex::new(metrics.iter().copied().map(Tally::new).collect()), metrics })
    }

    /// The scores of all that was counted.
    fn values(&self) -> Vec<f64> {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.iter().map(Tally::value).collect()
    }
}

/// Places of the samples that a validation takes, in order: a share of every class if `classes` are given.
#[pyfunction]
#[pyo3(signature = (samples, share, seed, classes=None))]
pub fn held_out<'py>(
    py: Python<'py>,
    samples: usize,
    share: f64,
    seed: u64,
    classes: Option<PyReadonlyArray1<'py, u32>>,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let classes = classes.map(|classes| classes.as_array().to_vec());
    Ok(py.detach(|| crate::train::held_out(samples, classes.as_deref(), share, seed))?.into_pyarray(py))
}

/// Whether a larger score of `metric` is a better one.
#[pyfunction]
pub fn larger_is_better(metric: &str) -> PyResult<bool> {
    Ok(by_name::<Metric>("metric", metric)?.larger_is_better())
}
