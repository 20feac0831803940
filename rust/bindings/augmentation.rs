//! `_core.augment`: pictures, changed at random.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::augmentation::Augmenter;
use crate::error::Error;
use crate::parallel::thread_count;

/// Pictures `(pictures, height · width · channels)` of a shape as they are in an epoch: one flat array. `augmentation` is
/// JSON, a list; the first picture has the index `first`.
#[pyfunction]
#[pyo3(signature = (pictures, shape, augmentation, seed, epoch, first, n_threads=None))]
pub fn augment<'py>(
    py: Python<'py>,
    pictures: PyReadonlyArray2<'py, u8>,
    shape: Vec<usize>,
    augmentation: &str,
    seed: u64,
    epoch: u64,
    first: u64,
    n_threads: Option<usize>,
) -> PyResult<Bound<'py, PyArray1<u8>>> {
    let list: Vec<_> =
        serde_json::from_str(augmentation).map_err(|error| Error::Spec(format!("augmentation: {error}")))?;
    let augmenter = Augmenter::new(&list, &shape, seed)?;
    let threads = thread_count(n_threads)?;
    let pictures = pictures.as_array();
    let made = py.detach(|| augmenter.apply(pictures, first, epoch, threads))?;
    Ok(made.into_pyarray(py))
}
