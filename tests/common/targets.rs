//! What hostile bytes are fed to: by `tests/fuzz.rs` some thousand inputs in every run of the tests, by `make fuzz` as many
//! as one likes. A target takes any bytes, and panics where a promise is broken.

#[path = "forged.rs"]
#[allow(dead_code)] // what tests/checkpoints.rs needs
mod forged;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use forged::Parts;
use ndarray::Array2;
use peak_alloc::PeakAlloc;
use purrceptron::activation::Activation;
use purrceptron::error::{Error, Result};
use purrceptron::file::{
    AnyCheckpoint, checkpoint_from_bytes, ensemble_from_bytes, ensemble_to_bytes, from_bytes, save_checkpoint, to_bytes,
};
use purrceptron::initializer::Initializer;
use purrceptron::loss::Loss;
use purrceptron::math::{DType, Float};
use purrceptron::metric::Metric;
use purrceptron::network::{Model, Network, Samples};
use purrceptron::optimizer::{Average, Optimizer, Rule};
use purrceptron::spec::{LayerSpec, NetworkSpec};
use purrceptron::train::{
    Checkpoint, EpochReport, FitOptions, History, OwnedTargets, Solver, Trainer, Watch, fit_arrays,
};
use purrceptron::with_network;
use safetensors::tensor::Dtype;
use serde_json::{Value, json};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A model file, of an ensemble, too: it is refused, or what it holds is saved and read again without a difference. Either takes at most 10 MB
/// beside the weights.
pub fn model_file(data: &[u8]) {
    let path = Path::new("the file");
    let Some((models, notes)) = measured(data, || ensemble_from_bytes(data, path)) else { return };
    let saved = ensemble_to_bytes(&models, &notes, path).expect("what is read can be saved");
    let (again, same_notes) = ensemble_from_bytes(&saved, path).expect("what is saved can be read");
    let told = |models: &[Model]| models.iter().map(told).collect::<Vec<_>>();
    assert_eq!((told(&again), same_notes), (told(&models), notes));
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

/// Bytes of tensors that follow the header.
pub fn after_header(file: &[u8]) -> usize {
    let length = file.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    file.len().saturating_sub(8).saturating_sub(length.try_into().unwrap_or(usize::MAX))
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

/// The JSON of what a checkpoint says, `{"solver": .., "progress": {..}, "arrays": {"floats.slots.0": [..], ..}}`, put in
/// the place of what a real one says, under checksums that hold: it is refused and changes nothing, or the training goes
/// on from it to finite weights.
pub fn resume(data: &[u8]) {
    let Ok(Value::Object(json)) = serde_json::from_slice(data) else { return };
    let solver = if json.get("solver") == Some(&json!("reduced")) { Solver::Reduced } else { Solver::Direct };
    let mut parts = taken(solver).clone();
    if let Some(progress) = json.get("progress").and_then(Value::as_object) {
        parts.described["progress"].as_object_mut().expect("an object").extend(progress.clone());
    }
    for (name, numbers) in json.get("arrays").and_then(Value::as_object).into_iter().flatten() {
        let name = format!("training.{name}");
        parts.tensors.retain(|tensor| tensor.0 != name);
        let Some(numbers) = numbers.as_array() else { continue };
        let text = |x: &Value| x.as_str().and_then(|text| text.parse().ok()); // NaN, inf
        let numbers = numbers.iter().map(|x| x.as_f64().or_else(|| text(x)).unwrap_or_default());
        let (dtype, data) = match name.starts_with("training.floats") {
            true => (Dtype::F32, numbers.clone().flat_map(|x| (x as f32).to_le_bytes()).collect()),
            false => (Dtype::F64, numbers.clone().flat_map(f64::to_le_bytes).collect()),
        };
        parts.tensors.push((name, dtype, vec![numbers.count()], data));
    }
    let file = parts.sign();
    let Some(file) = measured(&file, || checkpoint_from_bytes(&file, Path::new("the file"))) else { return };
    let AnyCheckpoint::F32(checkpoint) = file.checkpoint else { panic!("another float type") };
    let (mut network, mut trainer) = begin(solver);
    let before = network.parameters().to_vec();
    trainer.resume_from(checkpoint);
    match go(solver, &mut network, &mut trainer, &mut ()) {
        Ok(_) | Err(Error::Diverged { .. }) => assert!(network.parameters().iter().all(|w| w.is_finite())),
        Err(_) => assert!((network.parameters(), trainer.steps()) == (&before[..], 0)),
    }
}

/// A checkpoint of the training that `begin` begins, from the midst of its second epoch.
fn taken(solver: Solver) -> &'static Parts {
    static DIRECT: OnceLock<Parts> = OnceLock::new();
    static REDUCED: OnceLock<Parts> = OnceLock::new();
    let place = if solver == Solver::Direct { &DIRECT } else { &REDUCED };
    place.get_or_init(|| {
        let (mut network, mut trainer) = begin(solver);
        let mut take = Take(None);
        go(solver, &mut network, &mut trainer, &mut take).expect("a training");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("taken.safetensors");
        let checkpoint = take.0.expect("a checkpoint");
        save_checkpoint(&checkpoint, &[&path], &Default::default(), b"").expect("saved");
        Parts::of(&fs::read(path).expect("a file"))
    })
}

/// A training with most that one can have to remember.
fn begin(solver: Solver) -> (Network<f32>, Trainer<f32>) {
    let adam = Rule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, epsilon_hat: false };
    let sgd = Rule::Sgd { momentum: 0.9, nesterov: true };
    let (rule, average, inputs) = match solver {
        Solver::Direct => (adam, Some(Average::Ema { decay: 0.9 }), 3),
        _ => (sgd, None, 20),
    };
    let rate = json!({"type": "reduce_on_plateau", "learning_rate": 0.1, "factor": 0.5, "patience": 1, "end": 1e-3,
        "min_delta": 0.05});
    let learning_rate = serde_json::from_value(rate).expect("a schedule");
    let optimizer = Optimizer { learning_rate, average, ..Optimizer::new(rule, 0.1) };
    let dense = |units, activation| LayerSpec::dense(units, activation, Initializer::GlorotUniform, Initializer::Zeros);
    let layers = vec![dense(2, Activation::Tanh), dense(1, Activation::Sigmoid)];
    let spec = NetworkSpec { input_shape: vec![inputs], layers, dtype: DType::Float32, seed: 0 };
    let network = Network::new(spec).expect("a network that makes sense");
    let trainer = Trainer::new(&network, optimizer, Loss::BINARY_CROSS_ENTROPY, 1).expect("a trainer");
    (network, trainer)
}

fn go(
    solver: Solver,
    network: &mut Network<f32>,
    trainer: &mut Trainer<f32>,
    watch: &mut (impl Watch<f32> + Send),
) -> Result<History> {
    let x = Array2::from_shape_fn((9, network.spec().inputs()), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 10.0);
    let y = OwnedTargets::Values((0..9).map(|i| f32::from(i % 3 == 0)).collect());
    let (epochs, metrics) = (4, vec![Metric::Accuracy, Metric::R2]);
    let options = FitOptions {
        epochs,
        batch_size: Some(2),
        shuffle: true,
        metrics,
        solver,
        accumulate: 2,
        mixup: None,
        augmentation: vec![],
    };
    fit_arrays(trainer, network, Samples::Floats(x.view()), y, None, &options, watch)
}

/// Takes one checkpoint: after three batches of the second epoch.
struct Take(Option<Checkpoint<f32>>);

impl Watch<f32> for Take {
    fn wants_checkpoint(&mut self, _finished: Option<&EpochReport>) -> bool {
        self.0.is_none()
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint<f32>) -> Result<()> {
        let place = (checkpoint.progress.epochs, checkpoint.progress.batches);
        self.0 = Some(checkpoint).filter(|_| place == (1, Some(3)));
        Ok(())
    }
}
