//! A training that goes on from a checkpoint, taken after any step or epoch, has the bits of one that never stopped; and a
//! damaged file of one can only fail cleanly.

#[path = "common/forged.rs"]
mod forged;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::common::training::*;
use crate::common::{bytes, dense, matrix, network};
use forged::Parts;
use purrceptron::activation::Activation::{Relu, Sigmoid};
use purrceptron::augmentation::Augmentation;
use purrceptron::error::{Error, Result};
use purrceptron::file::{CheckpointFile, DirectoryLock, InCheckpoint, load, load_checkpoint, save_checkpoint};
use purrceptron::loss::Loss;
use purrceptron::math::Float;
use purrceptron::metric::Metric;
use purrceptron::network::{Network, Samples};
use purrceptron::optimizer::{Average, Optimizer};
use purrceptron::schedule::Schedule;
use purrceptron::spec::{LayerSpec, NetworkSpec};
use purrceptron::train::*;
use safetensors::tensor::Dtype;
use serde_json::{Value, json};

const PLATEAU: Schedule =
    Schedule::ReduceOnPlateau { learning_rate: 0.1, factor: 0.5, patience: 1, min_delta: 0.05, end: 1e-3 };

fn layers(units: usize, l2: f64) -> Vec<LayerSpec> {
    let mut first = json!({"type": "dense", "units": units, "activation": "relu", "kernel_initializer": "he_normal",
        "bias_initializer": "zeros"});
    if l2 > 0.0 {
        first["l2"] = json!(l2);
    }
    let spec = |layer: Value| serde_json::from_value(layer).expect("a layer");
    vec![
        spec(first),
        spec(json!({"type": "batch_norm", "momentum": 0.8, "epsilon": 0.01})),
        spec(json!({"type": "dropout", "rate": 0.3})),
        dense(1, Sigmoid),
    ]
}

/// Takes a checkpoint after every step and every epoch, through a file.
struct TakeAll<'a, F: Float> {
    folder: &'a Path,
    taken: Vec<Checkpoint<F>>,
}

impl<F: InCheckpoint> Watch<F> for TakeAll<'_, F> {
    fn wants_checkpoint(&mut self, _finished: Option<&EpochReport>) -> bool {
        true
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint<F>) -> Result<()> {
        let path = self.folder.join("checkpoint.safetensors");
        save_checkpoint(&checkpoint, &[&path], &BTreeMap::new(), b"mine")?;
        let CheckpointFile { checkpoint, attached, .. } = load_checkpoint(&path)?;
        assert_eq!(attached, b"mine");
        self.taken.push(F::of(&checkpoint).expect("of this type").clone());
        Ok(())
    }
}

/// One training: what it needs, besides a trainer that has trained before where `earlier` says so.
struct Training<'a, F: Float> {
    network: Network<F>,
    optimizer: Optimizer,
    x: Samples<'a, F>,
    options: FitOptions,
    earlier: bool,
}

impl<F: InCheckpoint> Training<'_, F> {
    /// What it comes to, from a checkpoint or from the start, and what the trainer makes of three more epochs.
    fn run(&self, from: Option<Checkpoint<F>>, watch: &mut (impl Watch<F> + Send)) -> (Vec<String>, Vec<EpochReport>) {
        let y: OwnedLabels<F> = labels(self.x.len()).into();
        let validation = || Some((self.x, y.view()));
        let mut network = self.network.clone();
        let threads = if self.options.augmentation.is_empty() { 1 } else { 2 }; // one more makes the pictures
        let mut trainer =
            Trainer::new(&network, self.optimizer.clone(), Loss::BINARY_CROSS_ENTROPY, threads).expect("ok");
        let once = FitOptions { epochs: 1, ..self.options.clone() };
        if self.earlier && from.is_none() {
            fit_arrays(&mut trainer, &mut network, self.x, y.clone(), None, &once, &mut ()).expect("trains");
        }
        if let Some(checkpoint) = from {
            trainer.resume_from(checkpoint);
        }
        let history = fit_arrays(&mut trainer, &mut network, self.x, y.clone(), validation(), &self.options, watch);
        let history = history.expect("trains");
        let mut prints = vec![network.fingerprint().expect("finite")];
        let more = FitOptions { epochs: 3, solver: Solver::Direct, ..self.options.clone() };
        fit_arrays(&mut trainer, &mut network, self.x, y.clone(), None, &more, &mut ()).expect("trains");
        prints.push(network.fingerprint().expect("finite"));
        (prints, history.epochs)
    }

    /// From every checkpoint the same comes out as without a stop.
    fn check(&self, name: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = self.run(None, &mut ());
        let mut all = TakeAll { folder: folder.path(), taken: Vec::new() };
        assert_eq!(self.run(None, &mut all), whole, "{name}: watching changes nothing");
        let places: Vec<_> = all.taken.iter().map(|c| (c.progress.epochs, c.progress.batches)).collect();
        assert!(places.contains(&(2, None)) && places.contains(&(1, Some(1))), "{name}: {places:?}");
        for (checkpoint, place) in all.taken.into_iter().zip(places) {
            assert_eq!(self.run(Some(checkpoint), &mut ()), whole, "{name}: from {place:?}");
        }
    }
}

fn every_training<F: InCheckpoint>() {
    let (narrow, wide, pixels) = (matrix::<F>(1, 22, 6), matrix::<F>(2, 12, 40), bytes(3, 12, 40));
    let [narrow, wide, pixels] =
        [Samples::Floats(narrow.view()), Samples::Floats(wide.view()), Samples::Bytes(pixels.view())];
    let all =
        |epochs, batch_size| FitOptions { metrics: vec![Metric::Accuracy, Metric::R2], ..options(epochs, batch_size) };
    let direct = |optimizer: Optimizer, options: FitOptions, name: &str| {
        let network = network(6, layers(4, 0.0), 1);
        Training { network, optimizer, x: narrow, options, earlier: name.contains("earlier") }.check(name);
    };
    direct(ADAM, all(3, Some(5)), "batches");
    direct(ADAM, all(3, None), "all samples");
    direct(ADAM, all(3, Some(5)), "earlier steps");
    direct(NESTEROV, FitOptions { accumulate: 2, ..all(3, Some(4)) }, "gathered batches");
    direct(ADAM, FitOptions { mixup: Some(0.2), ..all(3, Some(7)) }, "mixup");
    direct(ADAM, FitOptions { shuffle: false, ..all(3, Some(7)) }, "in order");
    let average = |average| Optimizer { average: Some(average), ..ADAM };
    direct(average(Average::Ema { decay: 0.9 }), all(3, Some(5)), "moving average");
    direct(average(Average::Swa { start: 6 }), all(3, Some(5)), "average from a step on");
    direct(Optimizer { learning_rate: PLATEAU, clip_norm: Some(0.5), ..NESTEROV }, all(4, Some(9)), "plateau");
    let pictures = NetworkSpec {
        input_shape: vec![4, 10, 1],
        ..network::<F>(40, [vec![PIXELS], layers(3, 0.0)].concat(), 3).spec().clone()
    };
    for batch_size in [Some(5), None] {
        let augmentation = vec![Augmentation::Rotate { degrees: 30.0 }, Augmentation::Noise { deviation: 9.0 }];
        let options = FitOptions { augmentation, ..all(3, batch_size) };
        let network = Network::new(pictures.clone()).expect("a network");
        Training { network, optimizer: ADAM, x: pixels, options, earlier: true }.check("augmented");
    }
    for (x, name) in [(wide, "floats"), (pixels, "bytes")] {
        for (optimizer, l2) in [(SGD, 0.0), (NESTEROV, 1e-2), (Optimizer { weight_decay: 0.1, ..NESTEROV }, 0.0)] {
            for (batch_size, earlier) in [(None, false), (Some(5), true)] {
                let options = FitOptions { solver: Solver::Reduced, ..all(3, batch_size) };
                let first = if name == "bytes" { vec![PIXELS] } else { vec![] };
                let network = network(40, [first, layers(3, l2)].concat(), 2);
                let training = Training { network, optimizer: optimizer.clone(), x, options, earlier };
                training.check(&format!("reduced, {name}, l2 {l2}, earlier {earlier}"));
            }
        }
    }
}

#[test]
fn a_training_goes_on_from_any_step_with_the_bits_of_one_that_never_stopped_in_single_precision() {
    every_training::<f32>();
}

#[test]
fn a_training_goes_on_from_any_step_with_the_bits_of_one_that_never_stopped_in_double_precision() {
    every_training::<f64>();
}

// Files

fn small_training() -> (Network<f32>, Trainer<f32>) {
    let network = network(3, vec![dense(2, Relu), dense(1, Sigmoid)], 0);
    let optimizer = Optimizer { average: Some(Average::Ema { decay: 0.5 }), ..ADAM };
    let trainer = Trainer::new(&network, optimizer, Loss::BINARY_CROSS_ENTROPY, 1).expect("ok");
    (network, trainer)
}

fn train_small(
    trainer: &mut Trainer<f32>,
    network: &mut Network<f32>,
    epochs: u64,
    watch: &mut (impl Watch<f32> + Send),
) -> Result<History> {
    let (x, y) = (matrix::<f32>(0, 9, 3), labels::<f32>(9));
    let options = FitOptions { accumulate: 2, ..options(epochs, Some(2)) };
    fit_arrays(trainer, network, Samples::Floats(x.view()), y, None, &options, watch)
}

/// A small checkpoint within an epoch, with an average and gathered gradients: all kinds of arrays.
fn small(folder: &Path) -> Vec<u8> {
    let (mut network, mut trainer) = small_training();
    let mut watch = TakeAll { folder, taken: Vec::new() };
    train_small(&mut trainer, &mut network, 2, &mut watch).expect("trains");
    let checkpoint = watch.taken.swap_remove(8); // after three batches of the second epoch
    assert_eq!(checkpoint.progress.batches, Some(3));
    let path = folder.join("small.safetensors");
    save_checkpoint(&checkpoint, &[&path], &BTreeMap::from([("note".into(), "mine".into())]), b"bytes").expect("ok");
    fs::read(path).expect("written")
}

fn read(folder: &Path, file: &[u8]) -> Result<CheckpointFile> {
    let path = folder.join("damaged.safetensors");
    fs::write(&path, file).expect("written");
    load_checkpoint(&path)
}

fn shown(file: &CheckpointFile) -> String {
    format!("{:?} {:?}", file.checkpoint, file.attached)
}

#[test]
fn a_checkpoint_is_a_model_file_of_the_network_that_it_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = small(folder.path());
    let (model, notes) = load(&folder.path().join("small.safetensors")).expect("a model");
    let whole = read(folder.path(), &file).expect("a checkpoint");
    let purrceptron::network::Model::F32(network) = model else { panic!("single precision") };
    let checkpoint = f32::of(&whole.checkpoint).expect("single precision");
    assert_eq!(network.fingerprint().ok(), checkpoint.network.fingerprint().ok());
    assert_eq!(
        (notes["note"].as_str(), whole.notes["note"].as_str(), &whole.attached[..]),
        ("mine", "mine", &b"bytes"[..])
    );
}

#[test]
fn a_checkpoint_cut_at_any_byte_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = small(folder.path());
    for length in 0..file.len() {
        assert!(matches!(read(folder.path(), &file[..length]), Err(Error::ModelFile { .. })), "{length}");
    }
}

#[test]
fn a_flipped_bit_never_changes_the_state_of_a_training() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = small(folder.path());
    let whole = shown(&read(folder.path(), &file).expect("a checkpoint"));
    let header = 8 + u64::from_le_bytes(*file.first_chunk().expect("a length")) as usize;
    let mut refused = 0;
    for bit in 0..8 * file.len() {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match read(folder.path(), &damaged) {
            Ok(read) => assert_eq!(shown(&read), whole, "bit {bit}"),
            Err(Error::ModelFile { .. }) => refused += usize::from(bit / 8 >= header),
            Err(error) => panic!("bit {bit}: {error:?}"),
        }
    }
    assert_eq!(refused, 8 * (file.len() - header), "every bit of the arrays is under a checksum");
}

/// Goes on from a forged file, as far as that goes: an error, and a network as it was.
#[track_caller]
fn assert_refused(change: impl FnOnce(&mut Parts), word: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut parts = Parts::of(&small(folder.path()));
    change(&mut parts);
    let error = match read(folder.path(), &parts.sign()) {
        Err(error) => error,
        Ok(read) => {
            let (mut network, mut trainer) = small_training();
            let before = network.fingerprint().expect("finite");
            trainer.resume_from(f32::of(&read.checkpoint).expect("single precision").clone());
            let error = train_small(&mut trainer, &mut network, 4, &mut ()).expect_err("refused");
            assert_eq!((network.fingerprint().expect("finite"), trainer.steps()), (before, 0));
            error
        }
    };
    assert!(error.to_string().contains(word), "{error} does not say {word:?}");
}

#[test]
fn a_checkpoint_that_lies_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = Parts::of(&small(folder.path()));
    read(folder.path(), &whole.sign()).expect("forged without a lie");
    for name in ["floats.slots.0", "floats.slots.1", "floats.weights", "floats.gathered", "doubles.numbers"] {
        let full = format!("training.{name}");
        let word = name.split_once('.').expect("a prefix").1;
        let short = |parts: &mut Parts| {
            let (_, dtype, shape, data) = parts.tensor(&full);
            shape[0] -= 1;
            data.truncate(shape[0] * if *dtype == Dtype::F32 { 4 } else { 8 });
        };
        assert_refused(short, word);
        assert_refused(|parts| parts.tensors.retain(|tensor| tensor.0 != full), word);
        let other_type = |parts: &mut Parts| {
            let tensor = parts.tensor(&full);
            (tensor.1, tensor.2) = (Dtype::U8, vec![tensor.3.len()]);
        };
        assert_refused(other_type, "of one axis");
    }
    let other = |parts: &mut Parts| parts.tensors.push(("training.other".into(), Dtype::U8, vec![1], vec![0]));
    assert_refused(other, "training.other is no part of a checkpoint");
    let number = |name: &'static str, value: Value| move |parts: &mut Parts| parts.described["progress"][name] = value;
    for name in ["epochs", "batches", "steps", "order", "waited", "averaged", "gathered", "reduced_after"] {
        assert_refused(number(name, json!(u64::MAX)), &format!("{name} must be at most 1099511627776"));
    }
    assert_refused(number("epochs", json!(5)), "epochs");
    assert_refused(number("epochs", json!(3)), "history of the checkpoint");
    assert_refused(number("epochs", json!(0)), "history of the checkpoint");
    assert_refused(number("epochs", json!(-1)), "does not parse");
    assert_refused(number("reduced_after", json!(0)), "solver");
    assert_refused(number("other", json!(0)), "does not parse");
    assert_refused(number("schedule", json!({"type": "constant", "learning_rate": -1.0})), "learning_rate");
    let scores = |parts: &mut Parts| {
        let tensor = parts.tensor("training.doubles.scores.0");
        (tensor.2, tensor.3) = (vec![3], vec![0; 24]);
    };
    assert_refused(scores, "a score's sums");
}

/// With other data, which one may insist on, an epoch may have fewer batches than a checkpoint has seen.
#[test]
fn a_checkpoint_of_more_batches_than_there_are_goes_on_with_the_next_epoch() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut parts = Parts::of(&small(folder.path()));
    parts.described["progress"]["batches"] = json!(1u64 << 40);
    let file = read(folder.path(), &parts.sign()).expect("a checkpoint");
    let (mut network, mut trainer) = small_training();
    trainer.resume_from(f32::of(&file.checkpoint).expect("single precision").clone());
    assert_eq!(train_small(&mut trainer, &mut network, 2, &mut ()).expect("trains").epochs.len(), 2);
}

#[test]
fn a_model_file_is_no_checkpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = purrceptron::network::Model::F32(network(3, vec![dense(1, Sigmoid)], 0));
    let path = folder.path().join("model.safetensors");
    purrceptron::file::save(&model, &path, &BTreeMap::new()).expect("saved");
    let error = load_checkpoint(&path).expect_err("no training in it");
    assert!(error.to_string().contains("no checkpoint of a training"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_directory_that_is_another_is_not_held_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("run");
    fs::create_dir(&directory).expect("created");
    let lock = DirectoryLock::take(&directory).expect("free");
    lock.check().expect("as it was");
    fs::rename(&directory, folder.path().join("away")).expect("moved");
    assert!(matches!(lock.check(), Err(Error::Io { .. })));
    fs::create_dir(&directory).expect("created");
    let _other = DirectoryLock::take(&directory).expect("free");
    let error = lock.check().expect_err("another").to_string();
    assert!(error.ends_with("run/lock: is no longer the one that this training has locked"), "{error}");
}

#[test]
fn a_file_that_is_no_lock_of_ours_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lock");
    for text in ["of another program", "12 ", "1\u{2}", &"1".repeat(100)] {
        fs::write(&path, text).expect("written");
        let error = DirectoryLock::take(folder.path()).expect_err("foreign").to_string();
        assert!(error.ends_with("lock: is no lock of a training; name another directory"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("read"), text);
    }
    fs::write(&path, "1234567").expect("of a process that is no more");
    DirectoryLock::take(folder.path()).expect("free");
    assert_eq!(fs::read_to_string(&path).expect("read"), std::process::id().to_string());
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("created");
    assert!(matches!(DirectoryLock::take(folder.path()), Err(Error::Io { .. })));
}

#[cfg(unix)]
#[test]
fn a_lock_follows_no_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("target");
    fs::write(&target, "").expect("written");
    std::os::unix::fs::symlink(&target, folder.path().join("lock")).expect("linked");
    assert!(matches!(DirectoryLock::take(folder.path()), Err(Error::Io { .. })));
    assert_eq!(fs::read_to_string(&target).expect("read"), "");
}

#[test]
fn a_directory_has_one_holder_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = DirectoryLock::take(folder.path()).expect("free");
    let error = DirectoryLock::take(folder.path()).expect_err("held");
    assert!(error.to_string().contains(&format!("another training (process {})", std::process::id())), "{error}");
    drop(first);
    DirectoryLock::take(folder.path()).expect("free again");
    assert!(matches!(DirectoryLock::take(&folder.path().join("none")), Err(Error::Io { .. })));
}
