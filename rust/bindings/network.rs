//! `_core.Network`: a model that many threads may use.
//!
//! Who reads takes a snapshot and holds no lock: a prediction may last, and a signal's handler in its midst may change the
//! network. Who writes makes a new model, with the interpreter released.

use std::collections::BTreeMap;
use std::sync::Arc;

use numpy::{Element, IntoPyArray, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::convert::{ReadonlySamples, detach_for_long, is_single, writable};
use super::shared::{Shared, Taken, Turn};
use super::trainer::stay_on_main_thread;
use crate::error::{Error, Result};
use crate::float_mode;
use crate::math::{DType, check_room, space};
use crate::network::{CHUNK, InModel, Model, Network as CoreNetwork};
use crate::parallel::thread_count;
use crate::spec::NetworkSpec;
use crate::with_network;

/// A network with its weights.
#[pyclass(frozen, module = "purrceptron._core")]
pub struct Network {
    shared: Shared,
    training: Turn,
}

impl Network {
    /// A model that is shared from now on.
    pub fn wrap(model: Model) -> Network {
        Network { shared: Shared::new(model), training: Turn::default() }
    }

    /// Begins a training, unless one is at work: the later end of the two would overwrite what the other has learned.
    pub fn begin_training(&self) -> PyResult<Taken<'_>> {
        self.training.take().ok_or_else(in_training)
    }

    /// Refuses what a training at work would overwrite.
    pub fn refuse_in_training(&self) -> PyResult<()> {
        if self.training.is_taken() { Err(in_training()) } else { Ok(()) }
    }

    /// The model as it is now.
    pub fn read(&self) -> Arc<Model> {
        self.shared.read()
    }

    /// Numbers of one output.
    pub fn outputs(&self, py: Python<'_>) -> usize {
        py.detach(|| with_network!(&*self.read(), network => network.spec().outputs()))
    }

    /// Puts a network of the same spec in the place of this one.
    pub fn publish<F: InModel>(&self, network: CoreNetwork<F>) -> Result<()> {
        self.shared.replace(|model| {
            let sizes = |network: &CoreNetwork<F>| (network.parameters().len(), network.buffers().len());
            let (expected, got) = (sizes(F::network(model)?), sizes(&network));
            if expected != got {
                return Err(Error::shape("weights", format!("{expected:?}"), format!("{got:?}")));
            }
            Ok((F::model(network), ()))
        })
    }

    /// Puts a changed copy of the network in its place, or leaves it where `change` fails.
    pub fn change<F: InModel, R>(&self, change: impl FnOnce(&mut CoreNetwork<F>) -> Result<R>) -> Result<R> {
        self.shared.replace(|model| {
            let mut model = model.clone();
            let result = change(F::network_mut(&mut model)?)?;
            Ok((model, result))
        })
    }

    fn set_arena<F: InModel + Element>(&self, py: Python<'_>, values: &Bound<'_, PyAny>, set: Set<F>) -> PyResult<()> {
        let values = values.extract::<PyReadonlyArray1<F>>()?;
        let values = values.as_array();
        check_room::<F>("a copy of the weights", values.len())?;
        let values = values.to_vec();
        Ok(py.detach(move || self.change(|network| set(network, values)))?)
    }

    fn forward_typed<'py, F: InModel + Element>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        (training, step, threads): Pass,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let x = ReadonlySamples::<F>::new(x)?;
        let x = x.view();
        let all = py.detach(|| F::network(&self.read())?.forward_all(x, training, step, threads))?;
        Ok(all.into_iter().map(|out| out.into_pyarray(py).into_any()).collect())
    }

    fn backward_typed<'py, F: InModel + Element>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        dout: &Bound<'py, PyAny>,
        (training, step, threads): Pass,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let (x, dout) = (ReadonlySamples::<F>::new(x)?, dout.extract::<PyReadonlyArray2<F>>()?);
        let (x, dout) = (x.view(), dout.as_array().to_owned());
        let (gradient, dx) = py.detach(|| F::network(&self.read())?.backward_all(x, &dout, training, step, threads))?;
        Ok((gradient.into_pyarray(py).into_any(), dx.into_pyarray(py).into_any()))
    }

    fn adapt_typed<F: InModel + Element>(&self, py: Python<'_>, x: &Bound<'_, PyAny>, threads: usize) -> PyResult<()> {
        let x = ReadonlySamples::<F>::new(x)?;
        let x = x.view();
        Ok(py.detach(|| self.change(|network: &mut CoreNetwork<F>| network.adapt(x, true, threads)))?)
    }
}

fn in_training() -> PyErr {
    PyRuntimeError::new_err("this network is being trained already: wait until that training ends, or train a copy")
}

/// What a network answers to samples: `out`, if it is given.
fn predict<'py, F: InModel + Element>(
    py: Python<'py>,
    network: &CoreNetwork<F>,
    x: &Bound<'py, PyAny>,
    probabilities: bool,
    threads: usize,
    out: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let x = ReadonlySamples::<F>::new(x)?;
    let x = x.view();
    let is_long = x.len() > CHUNK;
    if threads > 1 && (is_long || network.is_large()) {
        stay_on_main_thread(py)?;
    }
    match out {
        Some(out) => {
            let mut array = writable::<F>(out)?;
            let view = array.as_array_mut();
            detach(py, is_long, || network.predict_into(x, probabilities, view, threads))?;
            Ok(out.clone())
        }
        None => {
            let outputs = detach(py, is_long, || network.predict(x, probabilities, threads))?;
            Ok(outputs.into_pyarray(py).into_any())
        }
    }
}

/// Works with the interpreter released; what is long asks for signals.
fn detach<R: Send>(py: Python<'_>, is_long: bool, work: impl FnOnce() -> R + Send) -> R {
    if is_long { detach_for_long(py, work) } else { py.detach(work) }
}

/// A copy of the weights, or an error where the memory is not to be had.
fn copy<F: Copy>(weights: &[F]) -> Result<Vec<F>> {
    let mut copy = space("a copy of the weights", weights.len())?;
    copy.extend_from_slice(weights);
    Ok(copy)
}

/// Sets one of a network's arenas.
type Set<F> = fn(&mut CoreNetwork<F>, Vec<F>) -> Result<()>;

/// Whether it is a pass in training, its step, and the number of threads.
type Pass = (bool, u64, usize);

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
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match &*py.detach(|| self.read()) {
            Model::F32(network) => copy(network.parameters())?.into_pyarray(py).into_any(),
            Model::F64(network) => copy(network.parameters())?.into_pyarray(py).into_any(),
        })
    }

    /// Replaces all parameters by those of a flat array.
    fn set_parameters(&self, py: Python<'_>, parameters: &Bound<'_, PyAny>) -> PyResult<()> {
        match is_single(parameters) {
            true => self.set_arena::<f32>(py, parameters, CoreNetwork::set_parameters),
            false => self.set_arena::<f64>(py, parameters, CoreNetwork::set_parameters),
        }
    }

    /// Names and shapes of the buffers, in order.
    fn named_buffers(&self, py: Python<'_>) -> Vec<(String, Vec<usize>)> {
        py.detach(|| {
            let model = self.read();
            let named = with_network!(&*model, network => network.named_buffers());
            named.iter().map(|buffer| (buffer.name.clone(), buffer.shape.clone())).collect()
        })
    }

    /// A copy of all buffers, flat.
    fn buffers<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        match &*py.detach(|| self.read()) {
            Model::F32(network) => network.buffers().to_vec().into_pyarray(py).into_any(),
            Model::F64(network) => network.buffers().to_vec().into_pyarray(py).into_any(),
        }
    }

    /// Replaces all buffers by those of a flat array.
    fn set_buffers(&self, py: Python<'_>, buffers: &Bound<'_, PyAny>) -> PyResult<()> {
        match is_single(buffers) {
            true => self.set_arena::<f32>(py, buffers, CoreNetwork::set_buffers),
            false => self.set_arena::<f64>(py, buffers, CoreNetwork::set_buffers),
        }
    }

    /// Shape of one sample's output of each layer.
    fn output_shapes(&self, py: Python<'_>) -> Vec<Vec<usize>> {
        py.detach(|| with_network!(&*self.read(), network => network.output_shapes().map(<[usize]>::to_vec).collect()))
    }

    /// Gathers mean and deviation of the samples for every layer that normalizes by them.
    #[pyo3(signature = (x, n_threads=None))]
    fn adapt(&self, py: Python<'_>, x: &Bound<'_, PyAny>, n_threads: Option<usize>) -> PyResult<()> {
        let threads = thread_count(n_threads)?;
        match py.detach(|| self.read().dtype()) {
            DType::Float32 => self.adapt_typed::<f32>(py, x, threads),
            DType::Float64 => self.adapt_typed::<f64>(py, x, threads),
        }
    }

    /// Outputs of every layer, each (samples, outputs).
    #[pyo3(signature = (x, training=false, step=0, n_threads=None))]
    fn forward<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        training: bool,
        step: u64,
        n_threads: Option<usize>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let pass = (training, step, thread_count(n_threads)?);
        match py.detach(|| self.read().dtype()) {
            DType::Float32 => self.forward_typed::<f32>(py, x, pass),
            DType::Float64 => self.forward_typed::<f64>(py, x, pass),
        }
    }

    /// The gradient with respect to the parameters, flat, and to x, given that with respect to the last outputs.
    #[pyo3(signature = (x, dout, training=false, step=0, n_threads=None))]
    fn backward<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        dout: &Bound<'py, PyAny>,
        training: bool,
        step: u64,
        n_threads: Option<usize>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let pass = (training, step, thread_count(n_threads)?);
        match py.detach(|| self.read().dtype()) {
            DType::Float32 => self.backward_typed::<f32>(py, x, dout, pass),
            DType::Float64 => self.backward_typed::<f64>(py, x, dout, pass),
        }
    }

    /// Outputs (samples, outputs) for inputs (samples, features): `out`, if it is given.
    #[pyo3(signature = (x, probabilities=false, n_threads=None, out=None))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        probabilities: bool,
        n_threads: Option<usize>,
        out: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let threads = thread_count(n_threads)?;
        let model = py.detach(|| self.read());
        with_network!(&*model, network => predict(py, network, x, probabilities, threads, out))
    }

    /// SHA-256 of names, shapes and bits of the parameters.
    fn fingerprint(&self, py: Python<'_>) -> PyResult<String> {
        Ok(py.detach(|| with_network!(&*self.read(), network => network.fingerprint()))?)
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
