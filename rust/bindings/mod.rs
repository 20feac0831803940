//! The Python module `purrceptron._core`: convert, release the interpreter, call, convert. No policy, no arithmetic.

mod augmentation;
mod checkpoint;
mod convert;
mod kernels;
mod many;
mod metric;
mod model_file;
mod network;
mod own_loss;
mod shared;
mod trainer;

use pyo3::prelude::*;

/// The kernels, networks and training loop of purrceptron.
#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::augmentation::augment;
    #[pymodule_export]
    use super::checkpoint::{Checkpoint, DirectoryLock};
    #[pymodule_export]
    use super::kernels::{
        activation_backward, activation_forward, dense_backward, dense_forward, initialize, loss_forward_backward,
        matmul,
    };
    #[pymodule_export]
    use super::many::fit_many;
    #[pymodule_export]
    use super::metric::{Scores, held_out, larger_is_better, score};
    #[pymodule_export]
    use super::model_file::{load, save};
    #[pymodule_export]
    use super::network::Network;
    #[pymodule_export]
    use super::trainer::Trainer;
    #[pymodule_export]
    use super::{instruction_set, names, thread_count, version};

    /// Importing fails where the environment asks for what there is not.
    #[pymodule_init]
    fn init(_module: &Bound<'_, PyModule>) -> PyResult<()> {
        Ok(crate::isa::check()?)
    }
}

/// Version of the package.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Name of the instruction set that the hot loops use.
#[pyfunction]
fn instruction_set() -> &'static str {
    crate::isa::level().into()
}

/// The number of threads to use: the one asked for, else `PURRCEPTRON_NUM_THREADS`, else the cores or the fewer of
/// `OMP_NUM_THREADS`.
#[pyfunction]
#[pyo3(signature = (n_threads=None))]
fn thread_count(n_threads: Option<usize>) -> PyResult<usize> {
    Ok(crate::parallel::thread_count(n_threads)?)
}

/// The names in the closed set of a kind: "activation", "initializer", "loss", "optimizer", "schedule", "average", "metric", "solver", "dtype", "layer", "augmentation".
#[pyfunction]
fn names(kind: &str) -> Vec<&'static str> {
    use strum::VariantNames;
    let names = match kind {
        "activation" => crate::activation::Activation::VARIANTS,
        "initializer" => crate::initializer::Initializer::VARIANTS,
        "loss" => crate::loss::Loss::VARIANTS,
        "optimizer" => crate::optimizer::Rule::VARIANTS,
        "schedule" => crate::schedule::Schedule::VARIANTS,
        "average" => crate::optimizer::Average::VARIANTS,
        "metric" => crate::metric::Metric::VARIANTS,
        "solver" => crate::train::Solver::VARIANTS,
        "dtype" => crate::math::DType::VARIANTS,
        "augmentation" => crate::augmentation::Augmentation::VARIANTS,
        "layer" => crate::spec::LayerSpec::VARIANTS,
        _ => &[],
    };
    names.iter().copied().filter(|name| *name != "own").collect() // a loss without a description
}
