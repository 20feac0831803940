//! The description of a network: its JSON form, and what it refuses.

mod common;

use common::{dense, spec};
use purrceptron::activation::Activation::{Relu, Sigmoid};
use purrceptron::error::Error;
use purrceptron::math::DType;
use purrceptron::network::{Model, Network};
use purrceptron::spec::{LayerSpec, NetworkSpec};

#[track_caller]
fn refused(spec: NetworkSpec, word: &str) {
    let error = spec.check().expect_err("a spec that makes no sense");
    assert!(matches!(error, Error::Value { .. } | Error::Spec(_)) && error.to_string().contains(word), "{error}");
    Model::new(spec).expect_err("and no network");
}

#[test]
fn specs_that_make_no_sense_are_refused_by_name_before_memory_is_taken() {
    let good = || spec(4, vec![dense(3, Relu), dense(1, Sigmoid)], DType::Float32, 0);
    good().check().expect("a good spec");
    refused(NetworkSpec { input_shape: vec![0], ..good() }, "input_shape");
    refused(NetworkSpec { input_shape: vec![64, 0, 3], ..good() }, "input_shape");
    refused(NetworkSpec { input_shape: vec![usize::MAX, 2], ..good() }, "input_shape");
    refused(NetworkSpec { input_shape: vec![1 << 41], ..good() }, "input_shape");
    refused(NetworkSpec { layers: Vec::new(), ..good() }, "layer");
    refused(NetworkSpec { layers: vec![dense(3, Relu), dense(0, Relu)], ..good() }, "layers[1].units");
    refused(NetworkSpec { layers: vec![dense(3, Relu), dense(usize::MAX, Relu)], ..good() }, "layers[1]");
    refused(NetworkSpec { layers: vec![dense(1 << 39, Relu)], ..good() }, "layers[0]");
    refused(NetworkSpec { layers: vec![dense(1 << 37, Relu), dense(4, Relu), dense(1 << 37, Relu)], ..good() }, "2^40");
    for scale in [0.0, f64::NAN, f64::INFINITY] {
        refused(
            NetworkSpec { layers: vec![LayerSpec::Rescale { scale }, dense(1, Relu)], ..good() },
            "layers[0].scale",
        );
    }
    Network::<f64>::new(good()).expect_err("the spec says float32");
}

/// A `Rescale` has no parameters, however many numbers it scales: 1024 x 1024 x 3 pixels are no nonsense.
#[test]
fn large_pictures_can_be_rescaled() {
    let layers = vec![LayerSpec::Rescale { scale: 1.0 / 255.0 }, dense(1, Sigmoid)];
    let large = NetworkSpec { input_shape: vec![1024, 1024, 3], layers, dtype: DType::Float32, seed: 0 };
    large.check().expect("3 million weights");
}

#[test]
fn the_json_form_comes_back_and_refuses_what_it_does_not_know() {
    let layers = vec![LayerSpec::Rescale { scale: 1.0 / 255.0 }, dense(3, Relu), dense(1, Sigmoid)];
    let spec = NetworkSpec { input_shape: vec![8, 8, 3], layers, dtype: DType::Float64, seed: u64::MAX };
    let text = spec.to_json().expect("JSON");
    assert_eq!(NetworkSpec::from_json(&text).expect("its own JSON"), spec);
    assert_eq!((spec.inputs(), spec.outputs(), spec.last_activation()), (192, 1, Sigmoid));
    for (from, to, word) in [
        ("relu", "rely", "relu"), // the known ones are listed
        ("\"units\"", "\"unit\"", "unit"),
        ("\"seed\"", "\"sead\"", "sead"),
        ("dense", "conv", "dense"),
        ("float64", "float16", "float32"),
        ("}", "", ""),
        ("\"units\":3", "\"units\":-3", ""),
        ("\"units\":3", "\"units\":0", "units"),
        ("\"units\":3", "\"units\":3.5", ""),
    ] {
        assert!(text.contains(from), "{text}");
        let error = NetworkSpec::from_json(&text.replacen(from, to, 1)).expect_err(to);
        assert!(error.to_string().contains(word), "{error}");
    }
}
