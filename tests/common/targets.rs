//! What hostile bytes are fed to: by `tests/fuzz.rs` some thousand inputs in every run of the tests, by `make fuzz` as many
//! as one likes. A target takes any bytes, and panics where a promise is broken.

use std::path::Path;

use ndarray::Array2;
use peak_alloc::PeakAlloc;
use purrceptron::activation::Activation;
use purrceptron::error::{Error, Result};
use purrceptron::file::{AnyCheckpoint, checkpoint_from_bytes, from_bytes, to_bytes};
use purrceptron::initializer::Initializer;
use purrceptron::loss::Loss;
use purrceptron::math::{DType, Float};
use purrceptron::network::{Model, Network, Samples};
use purrceptron::optimizer::Optimizer;
use purrceptron::spec::{LayerSpec, NetworkSpec};
use purrceptron::train::{FitOptions, OwnedTargets, Trainer, fit_arrays};
use purrceptron::with_network;
use serde_json::Value;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A model file: it is refused, or what it holds is saved and read again without a difference. Either takes at most 10 MB
/// beside the weights.
pub fn model_file(data: &[u8]) {
    let path = Path::new("the file");
    let Some((model, notes)) = measured(data, || from_bytes(data, path)) else { return };
    let saved = to_bytes(&model, &notes, path).expect("what is read can be saved");
    let (again, same_notes) = from_bytes(&saved, path).expect("what is saved can be read");
    assert_eq!((told(&again), same_notes), (told(&model), notes));
}

/// A checkpoint of a training, which is a model file, too: it is refused, or its network is the one that a reader of model
/// files finds.
pub fn checkpoint(data: &[u8]) {
    let path = Path::new("the file");
    let Some(file) = measured(data, || checkpoint_from_bytes(data, path)) else { return };
    let model = from_bytes(data, path).expect("a checkpoint is a model file").0;
    let network = match file.checkpoint {
        AnyCheckpoint::F32(own) => Model::F32(own.network),
        AnyCheckpoint::F64(own) => Model::F64(own.network),
    };
    assert_eq!(told(&network), told(&model));
}

/// What a file holds, or nothing if it is refused as one should be.
fn measured<T>(data: &[u8], read: impl FnOnce() -> Result<T>) -> Option<T> {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = read();
    let taken = MEMORY.peak_usage() - before;
    assert!(taken < 10_000_000 + data.len(), "{taken} bytes for a file of {}", data.len());
    match result {
        Ok(contents) => Some(contents),
        Err(Error::ModelFile { reason, .. }) => {
            assert!(reason.chars().count() < 4000 && !reason.contains(char::is_control), "{reason:?}");
            None
        }
        Err(error) => panic!("no error of a model file: {error:?}"),
    }
}

/// Makes the header's length fit where the bytes of the tensors, `data` in number, are still at the end: a fuzzer would
/// seldom guess it.
pub fn mend_length(file: &mut [u8], data: usize) {
    if let Some(length) = file.len().checked_sub(8 + data) {
        file[..8].copy_from_slice(&(length as u64).to_le_bytes());
    }
}

/// Description and weights.
fn told(model: &Model) -> (NetworkSpec, String) {
    with_network!(model, network => (network.spec().clone(), network.fingerprint().expect("finite weights")))
}

/// The JSON of a network: it is refused, or written again without a difference; a small one is built, asked, saved and
/// read.
pub fn network(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(spec) = NetworkSpec::from_json(text) else { return };
    let json = spec.to_json().expect("what is read can be written");
    assert_eq!(NetworkSpec::from_json(&json).expect("what is written can be read"), spec);
    if spec.inputs() > 64 || !small(&spec.layers) {
        return;
    }
    let path = Path::new("the file");
    let model = Model::new(spec).expect("a description that makes sense");
    with_network!(&model, network => ask(network));
    match to_bytes(&model, &Default::default(), path) {
        Ok(saved) => assert_eq!(told(&from_bytes(&saved, path).expect("what is saved can be read").0), told(&model)),
        Err(error) => assert!(matches!(error, Error::ModelFile { .. } | Error::Data(_)), "{error:?}"),
    }
}

/// Whether it takes little time and memory to build these layers.
fn small(layers: &[LayerSpec]) -> bool {
    layers.len() < 50
        && layers.iter().all(|layer| match layer {
            LayerSpec::Dense { units, .. } => *units <= 64,
            LayerSpec::Embedding { entries, units, .. } => *entries <= 64 && *units <= 16,
            LayerSpec::Residual { layers } => small(layers),
            _ => true,
        })
}

/// Predictions are of the shape that the description says, or an error says why there are none.
fn ask<F: Float>(network: &Network<F>) {
    let x = Array2::from_shape_fn((3, network.spec().inputs()), |(i, j)| F::from(((i + j) % 2) as u8));
    if let Ok(predictions) = network.predict(Samples::Floats(x.view()), true, 1) {
        assert_eq!(predictions.dim(), (3, network.spec().outputs()));
    }
}

/// The JSON of a training, `{"optimizer": .., "loss": .., "options": ..}`: it is refused, or a small network is trained to
/// finite weights, or it is as it was before.
pub fn training(data: &[u8]) {
    let Ok(Value::Object(mut json)) = serde_json::from_slice(data) else { return };
    let mut part = |name: &str| json.remove(name).unwrap_or_default();
    let Ok(loss) = serde_json::from_value::<Loss>(part("loss")) else { return };
    let Ok(optimizer) = serde_json::from_value::<Optimizer>(part("optimizer")) else { return };
    let again = serde_json::to_value(&optimizer).and_then(serde_json::from_value).expect("what is written can be read");
    assert_eq!(optimizer, again);
    let Ok(mut options) = serde_json::from_value::<FitOptions>(part("options")) else { return };
    options.epochs = options.epochs.min(4);
    for last in loss.undoes().into_iter().chain([Activation::Identity]) {
        train::<f32>(&optimizer, loss, &options, last);
        train::<f64>(&optimizer, loss, &options, last);
    }
}

fn train<F: Float>(optimizer: &Optimizer, loss: Loss, options: &FitOptions, last: Activation) {
    let outputs = if last == Activation::Sigmoid { 1 } else { 2 };
    let layers = [(3, Activation::Tanh), (outputs, last)]
        .map(|(units, activation)| LayerSpec::dense(units, activation, Initializer::GlorotUniform, Initializer::Zeros));
    let dtype: DType = F::DTYPE;
    let spec = NetworkSpec { input_shape: vec![2], layers: layers.into(), dtype, seed: 0 };
    let mut network = Network::<F>::new(spec).expect("a network that makes sense");
    let before = network.parameters().to_vec();
    let x = Array2::from_shape_fn((5, 2), |(i, j)| F::from_f64((i * 3 + j) as f64 / 7.0 - 1.0));
    let width = loss.target_width(outputs);
    let values = (0..5 * width).map(|i| F::from(((i / width + i) % 2) as u8)).collect();
    for targets in [OwnedTargets::Values(values), OwnedTargets::Classes(vec![0, 1, 1, 0, 1])] {
        let fit = || -> Result<()> {
            let mut trainer = Trainer::new(&network, optimizer.clone(), loss, 1)?;
            fit_arrays(&mut trainer, &mut network, Samples::Floats(x.view()), targets, None, options, &mut ())?;
            Ok(())
        };
        match fit() {
            Ok(()) => assert!(network.parameters().iter().all(|w| (*w).is_finite())),
            Err(_) => assert!(network.parameters() == before),
        }
        network.set_parameters(before.clone()).expect("as many");
    }
}
