//! `_core.save` and `_core.load`: model files, of one network or of an ensemble.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;

use super::network::Network;
use crate::file::{load_ensemble, save_ensemble};
use crate::network::Model;

/// Writes networks that differ in seed and weights alone to a model file, whole or not at all.
#[pyfunction]
pub fn save(
    py: Python<'_>,
    networks: Vec<Py<Network>>,
    path: PathBuf,
    notes: BTreeMap<String, String>,
) -> PyResult<()> {
    Ok(py.detach(|| {
        let models: Vec<Arc<Model>> = networks.iter().map(|network| network.get().read()).collect();
        save_ensemble(&models, &path, &notes)
    })?)
}

/// Reads a model file: the networks, and the notes that were saved with them.
#[pyfunction]
pub fn load(py: Python<'_>, path: PathBuf) -> PyResult<(Vec<Network>, BTreeMap<String, String>)> {
    let (models, notes) = py.detach(|| load_ensemble(&path))?;
    Ok((models.into_iter().map(Network::wrap).collect(), notes))
}
