//! Models to save, and what makes two of them equal.

use std::collections::BTreeMap;
use std::path::Path;

use purrceptron::activation::Activation::{Relu, Sigmoid, Softmax, Tanh};
use purrceptron::error::Error;
use purrceptron::file::{ensemble_from_bytes, ensemble_to_bytes, from_bytes, to_bytes};
use purrceptron::network::Model;
use purrceptron::spec::LayerSpec;
use purrceptron::with_network;
use safetensors::tensor::SafeTensors;
use serde_json::Value;

use super::{bits, dense, network};

pub type Notes = BTreeMap<String, String>;

pub fn notes() -> Notes {
    let pairs = [("classes", "[\"no cat\", \"cat\"]"), ("empty", ""), ("quote \" \\ \n", "ж 猫 \u{1F408} \u{0}")];
    pairs.into_iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

pub fn models() -> Vec<Model> {
    let layers = || vec![LayerSpec::Rescale { scale: 1.0 / 255.0 }, dense(5, Tanh), dense(3, Softmax)];
    let rescale = vec![LayerSpec::Rescale { scale: -0.1 }];
    vec![
        Model::F32(network(7, layers(), u64::MAX)),
        Model::F64(network(7, layers(), 1)),
        Model::F32(network(1, vec![dense(1, Sigmoid)], 0)),
        Model::F64(network(300, vec![dense(41, Relu), dense(1, Sigmoid)], 2)),
        Model::F32(network(4, rescale, 0)), // no parameters at all
    ]
}

/// Networks that differ in seed and weights alone, and have buffers.
pub fn ensemble() -> Vec<Model> {
    let norm = LayerSpec::BatchNorm { momentum: 0.9, epsilon: 1e-3, trainable: true };
    let layers = || vec![dense(2, Tanh), norm.clone(), dense(1, Sigmoid)];
    [7, u64::MAX, 7].into_iter().map(|seed| Model::F32(network(3, layers(), seed))).collect()
}

pub fn read_ensemble(bytes: &[u8]) -> Result<(Vec<Model>, Notes), Error> {
    ensemble_from_bytes(bytes, Path::new("the file"))
}

pub fn write_ensemble(models: &[Model]) -> Vec<u8> {
    ensemble_to_bytes(models, &notes(), Path::new("the file")).expect("an ensemble that can be saved")
}

pub fn fingerprint(model: &Model) -> String {
    with_network!(model, network => network.fingerprint()).expect("finite")
}

pub fn spec_of(model: &Model) -> &purrceptron::spec::NetworkSpec {
    with_network!(model, network => network.spec())
}

pub fn weights(model: &Model) -> Vec<u64> {
    with_network!(model, network => bits(network.parameters()))
}

#[track_caller]
pub fn assert_equal(got: &(Model, Notes), model: &Model, notes: &Notes) {
    assert_eq!(spec_of(&got.0), spec_of(model));
    assert_eq!((weights(&got.0), fingerprint(&got.0), &got.1), (weights(model), fingerprint(model), notes));
}

pub fn read(bytes: &[u8]) -> Result<(Model, Notes), Error> {
    from_bytes(bytes, Path::new("the file"))
}

pub fn write(model: &Model) -> Vec<u8> {
    to_bytes(model, &notes(), Path::new("the file")).expect("a model that can be saved")
}

/// The file's description of itself.
pub fn metadata(file: &[u8]) -> Value {
    let (_, header) = SafeTensors::read_metadata(file).expect("a safetensors file");
    let all = header.metadata().clone().expect("metadata");
    assert_eq!(all.len(), 1);
    serde_json::from_str(&all["purrceptron"]).expect("JSON")
}
