//! Errors, names and arrays on their way between Python and Rust.

use std::io;
use std::str::FromStr;

use numpy::{
    BorrowError, Element, PyArray2, PyArrayDyn, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyReadwriteArray2,
    PyUntypedArrayMethods,
};
use pyo3::call::PyCallArgs;
use pyo3::exceptions::{PyBlockingIOError, PyMemoryError, PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use strum::VariantNames;

use crate::error::{Error, Result};
use crate::interrupt;
use crate::loss::Loss;
use crate::math::Float;
use crate::network::Samples;
use crate::train::{OwnedLabels, OwnedTargets};

impl From<Error> for PyErr {
    fn from(error: Error) -> PyErr {
        let message = error.to_string();
        match error {
            Error::Shape { .. } | Error::Value { .. } | Error::Spec(_) => PyValueError::new_err(message),
            Error::Memory { .. } => PyMemoryError::new_err(message),
            Error::Data(_) => own_error("DataError", (message,)),
            Error::ModelFile { .. } => own_error("ModelFileError", (message,)),
            Error::Diverged { epoch, last_loss, layer, .. } => {
                own_error("DivergedError", (message, epoch, last_loss, layer))
            }
            Error::Io { path, source } => os_error(&source, path.display().to_string()),
            Error::Callback(error) => match error.downcast::<PyErr>() {
                Ok(error) => *error,
                Err(other) => PyValueError::new_err(other.to_string()),
            },
        }
    }
}

/// Python's own error for a kind of failure: it picks the subclass (FileNotFoundError, PermissionError, ..) by a number
/// that is the same on every platform, where the system's own differ.
fn os_error(error: &io::Error, path: String) -> PyErr {
    let number = match error.kind() {
        io::ErrorKind::ResourceBusy => return busy(error, path),
        io::ErrorKind::NotFound => 2,
        io::ErrorKind::PermissionDenied => 13,
        io::ErrorKind::AlreadyExists => 17,
        io::ErrorKind::NotADirectory => 20,
        io::ErrorKind::IsADirectory => 21,
        io::ErrorKind::StorageFull => 28,
        io::ErrorKind::ReadOnlyFilesystem => 30,
        _ => match error.raw_os_error().filter(|_| cfg!(unix)) {
            Some(number) => number,
            None => return PyOSError::new_err(format!("{path}: {error}")),
        },
    };
    Python::attach(|py| {
        let reason = py.import("os").and_then(|os| os.call_method1("strerror", (number,))?.extract::<String>());
        PyOSError::new_err((number, reason.unwrap_or_else(|_| error.to_string()), path))
    })
}

/// What is in use, by whom the error says: the system's own words for it would not.
fn busy(error: &io::Error, path: String) -> PyErr {
    PyBlockingIOError::new_err((11, error.to_string(), path))
}

/// Calls `work` with the interpreter released; now and then it comes back for signals.
pub fn detach_for_long<R: Send>(py: Python<'_>, work: impl FnOnce() -> R + Send) -> R {
    detach_asking(py, |py| py.check_signals(), work)
}

/// The same, with another question whether to go on.
pub fn detach_asking<R: Send>(
    py: Python<'_>,
    ask: impl Fn(Python<'_>) -> PyResult<()> + Send + 'static,
    work: impl FnOnce() -> R + Send,
) -> R {
    py.detach(|| interrupt::asking(move || Python::attach(&ask).map_err(callback_error), work))
}

/// The error of a callback, or of a signal's handler.
pub fn callback_error(error: PyErr) -> Error {
    Error::Callback(Box::new(error))
}

/// An error class of `purrceptron.errors`.
fn own_error(class: &str, arguments: impl for<'py> PyCallArgs<'py>) -> PyErr {
    Python::attach(|py| {
        let raise = || py.import("purrceptron.errors")?.getattr(class)?.call1(arguments);
        raise().map_or_else(|error| error, PyErr::from_value)
    })
}

/// A member of a closed set by its name.
pub fn by_name<T: FromStr + VariantNames>(what: &str, name: &str) -> Result<T> {
    let expected = || format!("one of {}", T::VARIANTS.join(", "));
    name.parse().map_err(|_| Error::value(what, expected(), format!("{name:?}")))
}

/// Whether an array holds `float32`: what chooses the type that a kernel runs in.
pub fn is_single(array: &Bound<PyAny>) -> bool {
    array.cast::<PyArrayDyn<f32>>().is_ok()
}

/// Samples borrowed from an array of the network's type or of bytes.
pub enum ReadonlySamples<'py, F: Element> {
    Floats(PyReadonlyArray2<'py, F>),
    Bytes(PyReadonlyArray2<'py, u8>),
}

impl<'py, F: Float + Element> ReadonlySamples<'py, F> {
    pub fn new(array: &Bound<'py, PyAny>) -> PyResult<Self> {
        if array.cast::<PyArrayDyn<u8>>().is_ok() {
            Ok(ReadonlySamples::Bytes(array.extract()?))
        } else {
            Ok(ReadonlySamples::Floats(array.extract()?))
        }
    }

    pub fn view(&self) -> Samples<'_, F> {
        match self {
            ReadonlySamples::Floats(array) => Samples::Floats(array.as_array()),
            ReadonlySamples::Bytes(array) => Samples::Bytes(array.as_array()),
        }
    }
}

/// An array of the caller's, (samples, outputs), that results are written into.
pub fn writable<'py, F: Float + Element>(out: &Bound<'py, PyAny>) -> PyResult<PyReadwriteArray2<'py, F>> {
    let Ok(array) = out.cast::<PyArray2<F>>() else {
        let named = |name: &str| out.getattr(name).map(|value| value.to_string()).ok();
        let got = match (named("dtype"), named("shape")) {
            (Some(dtype), Some(shape)) => format!("one of {dtype}, shape {shape}"),
            _ => out.get_type().name()?.to_string(),
        };
        let expected: &str = F::DTYPE.into();
        return Err(PyTypeError::new_err(format!(
            "out: expected an array (samples, outputs) of {expected}, got {got}"
        )));
    };
    if !array.is_aligned() {
        return Err(PyValueError::new_err("out: the array is not aligned to its numbers"));
    }
    array.try_readwrite().map_err(|error| {
        PyValueError::new_err(match error {
            BorrowError::AlreadyBorrowed => "out: the array shares memory with x",
            _ => "out: the array is read-only",
        })
    })
}

/// A loss from its JSON description.
pub fn loss(described: &str) -> Result<Loss> {
    let read = || {
        let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(described)?;
        let loss: Loss = serde_json::from_str(described)?;
        // serde lets what it does not know pass where a variant has no fields of its own.
        let known = serde_json::to_value(loss)?;
        match fields.keys().find(|name| known.get(name).is_none()) {
            Some(name) => Err(serde::de::Error::custom(format!("unknown field `{name}`"))),
            None => Ok(loss),
        }
    };
    read().map_err(|error: serde_json::Error| Error::Spec(format!("loss: {error}")))
}

/// Targets, or a tuple of targets and the weights of the samples.
pub fn labels<F: Float + Element>(y: &Bound<PyAny>, outputs: usize) -> PyResult<OwnedLabels<F>> {
    let Ok((y, weights)) = y.extract::<(Bound<PyAny>, PyReadonlyArray1<F>)>() else {
        return Ok(targets(y, outputs)?.into());
    };
    Ok(OwnedLabels { targets: targets(&y, outputs)?, weights: Some(weights.as_array().to_vec()) })
}

/// Targets copied from an array: classes if it is (samples,) of `uint32`, values (samples, `outputs`) otherwise.
pub fn targets<F: Float + Element>(array: &Bound<PyAny>, outputs: usize) -> PyResult<OwnedTargets<F>> {
    if let Ok(classes) = array.extract::<PyReadonlyArray1<u32>>() {
        return Ok(OwnedTargets::Classes(classes.as_array().to_vec()));
    }
    let values = array.extract::<PyReadonlyArray2<F>>()?;
    if values.shape()[1] != outputs {
        let got = format!("(.., {})", values.shape()[1]);
        return Err(Error::shape("targets (samples, outputs)", format!("(.., {outputs})"), got).into());
    }
    Ok(OwnedTargets::Values(values.as_array().iter().copied().collect()))
}
