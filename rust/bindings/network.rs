//! `_core.Network`: a model behind a lock, which is only ever waited for with the interpreter released.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use numpy::{Element, IntoPyArray, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::convert::{ReadonlySamples, is_single};
use crate::error::Result;
use crate::float_mode;
use crate::math::DType;
use crate::network::{InModel, Model};
use crate::parallel::thread_count;
use crate::spec::NetworkSpec;
use crate::with_network;

/// A network with its weights.
#[pyclass(frozen, module = "purrceptron._core")]
pub struct Network {
    model: RwLock<Model>,
}

impl Network {
    fn wrap(model: Model) -> Network {
        Network { model: RwLock::new(model) }
    }

    // A panic while the lock was held leaves whole weights: they are only ever replaced by moves and copies.
    pub fn read(&self) -> RwLockReadGuard<'_, Model> {
        self.model.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers of one output.
    pub fn outputs(&self, py: Python<'_>) -> usize {
        py.detach(|| with_network!(&*self.read(), network => network.spec().outputs()))
    }

    /// Replaces the weights.
    pub fn publish<F: InModel>(&self, parameters: &[F]) -> Result<()> {
        F::network_mut(&mut self.write())?.set_parameters(parameters.to_vec())
    }

    fn predict_typed<'py, F: InModel + Element>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        probabilities: bool,
        threads: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let x = ReadonlySamples::<F>::new(x)?;
        let x = x.view();
        let outputs = py.detach(|| F::network(&self.read())?.predict(x, probabilities, threads))?;
        Ok(outputs.into_pyarray(py).into_any())
    }

    pub fn write(&self) -> RwLockWriteGuard<'_, Model> {
        self.model.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Network {
    /// Builds the network that a JSON description gives.
    #[new]
    fn new(py: Python<'_>, spec: &str) -> PyResult<Network> {
        let _mode = float_mode::standard(); // numbers are read from text, too
        Ok(Network::wrap(py.detach(|| Model::new(NetworkSpec::from_json(spec)?))?))
    }

    /// The JSON description.
    fn spec(&self, py: Python<'_>) -> PyResult<String> {
        Ok(py.detach(|| with_network!(&*self.read(), network => network.spec().to_json()))?)
    }

    /// Names and shapes of the parameters, in order.
    fn named_parameters(&self, py: Python<'_>) -> Vec<(String, Vec<usize>)> {
        py.detach(|| {
            let model = self.read();
            let named = with_network!(&*model, network => network.named_parameters());
            named.iter().map(|parameter| (parameter.name.clone(), parameter.shape.clone())).collect()
        })
    }

    /// A copy of all parameters, flat.
    fn parameters<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        match py.detach(|| self.read().clone()) {
            Model::F32(network) => network.parameters().to_vec().into_pyarray(py).into_any(),
            Model::F64(network) => network.parameters().to_vec().into_pyarray(py).into_any(),
        }
    }

    /// Replaces all parameters by those of a flat array.
    fn set_parameters(&self, py: Python<'_>, parameters: &Bound<'_, PyAny>) -> PyResult<()> {
        if is_single(parameters) {
            let parameters = parameters.extract::<PyReadonlyArray1<f32>>()?;
            let parameters = parameters.as_array();
            Ok(py.detach(|| self.publish(&parameters.to_vec()))?)
        } else {
            let parameters = parameters.extract::<PyReadonlyArray1<f64>>()?;
            let parameters = parameters.as_array();
            Ok(py.detach(|| self.publish(&parameters.to_vec()))?)
        }
    }

    /// Outputs (samples, outputs) for inputs (samples, features).
    #[pyo3(signature = (x, probabilities=false, n_threads=None))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        probabilities: bool,
        n_threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let threads = thread_count(n_threads)?;
        match py.detach(|| self.read().dtype()) {
            DType::Float32 => self.predict_typed::<f32>(py, x, probabilities, threads),
            DType::Float64 => self.predict_typed::<f64>(py, x, probabilities, threads),
        }
    }

    /// SHA-256 of names, shapes and bits of the parameters.
    fn fingerprint(&self, py: Python<'_>) -> PyResult<String> {
        Ok(py.detach(|| with_network!(&*self.read(), network => network.fingerprint()))?)
    }

    /// Writes a model file, whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf, notes: BTreeMap<String, String>) -> PyResult<()> {
        Ok(py.detach(|| crate::file::save(&self.read(), &path, &notes))?)
    }

    /// Reads a model file: the network and the notes that were saved with it.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<(Network, BTreeMap<String, String>)> {
        let (model, notes) = py.detach(|| crate::file::load(&path))?;
        Ok((Network::wrap(model), notes))
    }

    /// The bytes of a model file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| crate::file::to_bytes(&self.read(), &BTreeMap::new(), "(bytes)".as_ref()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Reads the bytes of a model file.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Network> {
        let (model, _) = py.detach(|| crate::file::from_bytes(data, "(bytes)".as_ref()))?;
        Ok(Network::wrap(model))
    }
}
