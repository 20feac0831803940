//! The kernels as functions on arrays. The first array's type, float32 or float64, is that of all.

use ndarray::ArrayView2;
use numpy::{
    Element, IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use serde::de::DeserializeOwned;

use super::convert::{by_name, is_single, targets};
use super::trainer::stay_on_main_thread;
use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::float_mode;
use crate::initializer::Initializer;
use crate::layer;
use crate::loss::Loss;
use crate::math::{Float, zeros};
use crate::parallel::thread_count;
use crate::random::Stream;

/// Calls a function for the type of the array that is named first.
macro_rules! by_type {
    ($function:ident($py:expr, $first:expr $(, $argument:expr)*)) => {
        if is_single($first) {
            $function::<f32>($py, $first $(, $argument)*)
        } else {
            $function::<f64>($py, $first $(, $argument)*)
        }
    };
}

type Any<'py> = Bound<'py, PyAny>;

/// Works with the interpreter released, in the standard floating-point mode.
pub(super) fn compute<R: Send>(py: Python<'_>, work: impl FnOnce() -> R + Send) -> R {
    py.detach(|| {
        let _mode = float_mode::standard();
        work()
    })
}

/// The number of threads for a product. In Python's main thread others help it, which takes less time than handing the
/// work on to them.
fn threads_here(py: Python<'_>, n_threads: Option<usize>) -> PyResult<usize> {
    let threads = thread_count(n_threads)?;
    if threads > 1 {
        stay_on_main_thread(py)?;
    }
    Ok(threads)
}

/// Product of two matrices. Other arrays than aligned ones of one type are a TypeError.
#[pyfunction]
#[pyo3(signature = (a, b, n_threads=None))]
pub fn matmul<'py>(py: Python<'py>, a: &Any<'py>, b: &Any<'py>, n_threads: Option<usize>) -> PyResult<Any<'py>> {
    fn typed<'py, F: Float + Element>(
        py: Python<'py>,
        a: &Any<'py>,
        b: &Any<'py>,
        threads: usize,
    ) -> PyResult<Any<'py>> {
        let (a, b): (PyReadonlyArray2<F>, PyReadonlyArray2<F>) = (a.extract()?, b.extract()?);
        if !(a.is_aligned() && b.is_aligned()) {
            return Err(PyTypeError::new_err("an array is not aligned to its numbers"));
        }
        let (a, b) = (a.as_array(), b.as_array());
        let c = compute(py, || crate::matmul::matmul(a, b, threads))?;
        Ok(c.into_pyarray(py).into_any())
    }
    by_type!(typed(py, a, b, threads_here(py, n_threads)?))
}

/// Affine map of a dense layer.
#[pyfunction]
#[pyo3(signature = (x, kernel, bias, n_threads=None))]
pub fn dense_forward<'py>(
    py: Python<'py>,
    x: &Any<'py>,
    kernel: &Any<'py>,
    bias: &Any<'py>,
    n_threads: Option<usize>,
) -> PyResult<Any<'py>> {
    fn typed<'py, F: Float + Element>(
        py: Python<'py>,
        x: &Any<'py>,
        kernel: &Any<'py>,
        bias: &Any<'py>,
        threads: usize,
    ) -> PyResult<Any<'py>> {
        let (x, kernel): (PyReadonlyArray2<F>, PyReadonlyArray2<F>) = (x.extract()?, kernel.extract()?);
        let bias: PyReadonlyArray1<F> = bias.extract()?;
        let (x, kernel, bias) = (x.as_array(), kernel.as_array(), bias.as_array());
        let z = compute(py, || layer::dense_forward(x, kernel, bias, threads))?;
        Ok(z.into_pyarray(py).into_any())
    }
    by_type!(typed(py, x, kernel, bias, threads_here(py, n_threads)?))
}

/// Gradients of a dense layer's affine map: dx, dkernel, dbias.
#[pyfunction]
#[pyo3(signature = (dz, x, kernel, n_threads=None))]
pub fn dense_backward<'py>(
    py: Python<'py>,
    dz: &Any<'py>,
    x: &Any<'py>,
    kernel: &Any<'py>,
    n_threads: Option<usize>,
) -> PyResult<(Any<'py>, Any<'py>, Any<'py>)> {
    fn typed<'py, F: Float + Element>(
        py: Python<'py>,
        dz: &Any<'py>,
        x: &Any<'py>,
        kernel: &Any<'py>,
        threads: usize,
    ) -> PyResult<(Any<'py>, Any<'py>, Any<'py>)> {
        let (dz, x): (PyReadonlyArray2<F>, PyReadonlyArray2<F>) = (dz.extract()?, x.extract()?);
        let kernel: PyReadonlyArray2<F> = kernel.extract()?;
        let (dz, x, kernel) = (dz.as_array(), x.as_array(), kernel.as_array());
        let gradients = compute(py, || layer::dense_backward(dz, x, kernel, threads))?;
        let (dx, dkernel) = (gradients.dx.into_pyarray(py), gradients.dkernel.into_pyarray(py));
        Ok((dx.into_any(), dkernel.into_any(), gradients.dbias.into_pyarray(py).into_any()))
    }
    by_type!(typed(py, dz, x, kernel, threads_here(py, n_threads)?))
}

fn flat<F: Float + Element>(view: ArrayView2<F>) -> Vec<F> {
    view.iter().copied().collect()
}

fn matrix<'py, F: Float + Element>(py: Python<'py>, flat: Vec<F>, dim: (usize, usize)) -> PyResult<Any<'py>> {
    Ok(PyArray1::from_vec(py, flat).reshape(<[usize; 2]>::from(dim))?.into_any())
}

/// A member of a closed set from its JSON description.
fn from_json<T: DeserializeOwned>(what: &str, json: &str) -> Result<T> {
    let _mode = float_mode::standard(); // numbers are read from text, too
    serde_json::from_str(json).map_err(|error| Error::Spec(format!("{what}: {error}")))
}

/// Outputs of an activation, which its JSON describes, for rows z.
#[pyfunction]
pub fn activation_forward<'py>(py: Python<'py>, activation: &str, z: &Any<'py>) -> PyResult<Any<'py>> {
    fn typed<'py, F: Float + Element>(py: Python<'py>, z: &Any<'py>, activation: Activation) -> PyResult<Any<'py>> {
        let z: PyReadonlyArray2<F> = z.extract()?;
        let z = z.as_array();
        let mut a = flat(z);
        compute(py, || activation.forward(&mut a, z.ncols()));
        matrix(py, a, z.dim())
    }
    by_type!(typed(py, z, from_json("activation", activation)?))
}

/// Gradient with respect to z, given that with respect to the outputs a; z itself where the derivative needs it.
#[pyfunction]
#[pyo3(signature = (activation, a, da, z=None))]
pub fn activation_backward<'py>(
    py: Python<'py>,
    activation: &str,
    a: &Any<'py>,
    da: &Any<'py>,
    z: Option<&Any<'py>>,
) -> PyResult<Any<'py>> {
    fn typed<'py, F: Float + Element>(
        py: Python<'py>,
        a: &Any<'py>,
        da: &Any<'py>,
        z: Option<&Any<'py>>,
        activation: Activation,
    ) -> PyResult<Any<'py>> {
        let kept = match (activation.keeps_z(), z) {
            (false, _) => ("a", a),
            (true, Some(z)) => ("z", z),
            (true, None) => {
                let name: &str = activation.into();
                return Err(Error::value("z", format!("given for {name}, whose derivative needs it"), "none").into());
            }
        };
        let (what, kept): (_, PyReadonlyArray2<F>) = (kept.0, kept.1.extract()?);
        let (kept, da): (_, PyReadonlyArray2<F>) = (kept.as_array(), da.extract()?);
        let da = da.as_array();
        if kept.dim() != da.dim() {
            let (expected, got) = (format!("{:?}, that of {what}", kept.dim()), format!("{:?}", da.dim()));
            return Err(Error::shape("shape of da", expected, got).into());
        }
        let (kept, mut dz, dim) = (flat(kept), flat(da), da.dim());
        compute(py, || activation.backward(&kept, &mut dz, dim.1));
        matrix(py, dz, dim)
    }
    by_type!(typed(py, a, da, z, from_json("activation", activation)?))
}

/// Mean loss, by its JSON description, and its gradient with respect to the outputs (logits where the loss is computed
/// from them).
#[pyfunction]
pub fn loss_forward_backward<'py>(
    py: Python<'py>,
    loss: &str,
    outputs: &Any<'py>,
    y: &Any<'py>,
) -> PyResult<(f64, Any<'py>)> {
    fn typed<'py, F: Float + Element>(
        py: Python<'py>,
        outputs: &Any<'py>,
        y: &Any<'py>,
        loss: Loss,
    ) -> PyResult<(f64, Any<'py>)> {
        let outputs: PyReadonlyArray2<F> = outputs.extract()?;
        let (samples, width) = outputs.as_array().dim();
        loss.check::<F>()?;
        loss.check_outputs(width)?;
        let y = targets::<F>(y, loss.target_width(width))?;
        loss.check_targets(y.view(), samples, width)?;
        if samples * width == 0 {
            return Err(Error::Data(format!("{samples} samples of {width}: no mean loss")).into());
        }
        let outputs = flat(outputs.as_array());
        let mut gradient = vec![F::ZERO; outputs.len()];
        let value = compute(py, || loss.forward_backward(&outputs, width, y.view(), &mut gradient, &mut Vec::new()));
        Ok((value, matrix(py, gradient, (samples, width))?))
    }
    by_type!(typed(py, outputs, y, super::convert::loss(loss)?))
}

/// First values of a kernel (inputs, units) by an initializer, which its JSON describes: those of the stream `stream`
/// under `seed`.
#[pyfunction]
pub fn initialize<'py>(
    py: Python<'py>,
    initializer: &str,
    shape: (usize, usize),
    seed: u64,
    stream: &str,
    dtype: &str,
) -> PyResult<Any<'py>> {
    fn typed<F: Float + Element>(
        py: Python<'_>,
        initializer: Initializer,
        (inputs, units): (usize, usize),
        mut stream: Stream,
    ) -> PyResult<Bound<'_, PyAny>> {
        let mut values = zeros::<F>("a kernel", inputs.saturating_mul(units))?;
        compute(py, || initializer.fill(&mut values, inputs, units, &mut stream));
        matrix(py, values, (inputs, units))
    }
    let (initializer, stream) = (from_json("initializer", initializer)?, Stream::new(seed, stream, 0));
    match by_name("dtype", dtype)? {
        crate::math::DType::Float32 => typed::<f32>(py, initializer, shape, stream),
        crate::math::DType::Float64 => typed::<f64>(py, initializer, shape, stream),
    }
}
