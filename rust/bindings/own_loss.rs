//! A loss that is a Python function.

use std::sync::Arc;

use numpy::{Element, IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::error::{Error, Result};
use crate::loss::Targets;
use crate::network::InModel;
use crate::train::{Labels, OwnLoss};

/// Calls `function(predictions, targets)`, or with the weights of the samples as a third argument where there are any.
pub fn own_loss<F: InModel + Element>(function: Py<PyAny>) -> OwnLoss<F> {
    Arc::new(move |outputs, width, labels, gradient| {
        Python::attach(|py| call(function.bind(py), outputs, width, labels, gradient))
            .map_err(|error| Error::Callback(Box::new(error)))?
    })
}

fn call<F: InModel + Element>(
    function: &Bound<PyAny>,
    outputs: &[F],
    width: usize,
    labels: Labels<F>,
    gradient: &mut [F],
) -> PyResult<Result<f64>> {
    let py = function.py();
    let rows = |flat: &[F]| flat.to_vec().into_pyarray(py).reshape([flat.len() / width, width]);
    let targets = match labels.targets {
        Targets::Values(values) => rows(values)?.into_any(),
        Targets::Classes(classes) => PyArray1::from_slice(py, classes).into_any(),
    };
    let answer = match labels.weights {
        None => function.call1((rows(outputs)?, targets))?,
        Some(weights) => function.call1((rows(outputs)?, targets, PyArray1::from_slice(py, weights)))?,
    };
    let (value, given): (f64, PyReadonlyArray2<F>) = answer.extract()?;
    let given = given.as_array();
    if given.dim() != (outputs.len() / width, width) {
        let expected = format!("({}, {width})", outputs.len() / width);
        return Ok(Err(Error::shape("gradient of the loss function", expected, format!("{:?}", given.dim()))));
    }
    gradient.iter_mut().zip(given).for_each(|(to, from)| *to = *from);
    Ok(Ok(value))
}
