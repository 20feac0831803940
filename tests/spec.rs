//! The description of a network: its JSON form, and what it refuses.

use crate::common::{dense, spec};
use purrceptron::activation::Activation::{self, Relu, Sigmoid};
use purrceptron::error::Error;
use purrceptron::initializer::Initializer;
use purrceptron::math::DType;
use purrceptron::network::{Model, Network};
use purrceptron::spec::{LayerSpec, NetworkSpec};
use serde_json::{Value, json};

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

fn layers(json: Value) -> Vec<LayerSpec> {
    serde_json::from_value(json).expect("layers")
}

#[test]
fn layers_that_cannot_be_are_refused_by_place_and_name() {
    let initializer = |kernel: Value| {
        json!({"type": "dense", "units": 2, "activation": "relu", "kernel_initializer": kernel,
            "bias_initializer": "zeros"})
    };
    let dense = |activation: Value| {
        json!({"type": "dense", "units": 1, "activation": activation, "kernel_initializer": "ones",
            "bias_initializer": "zeros"})
    };
    let first = dense(json!("relu"));
    let norm = |momentum: f64, epsilon: f64| json!({"type": "batch_norm", "momentum": momentum, "epsilon": epsilon});
    let embedding = |entries: usize, units: usize| json!({"type": "embedding", "entries": entries, "units": units, "embeddings_initializer": "ones"});
    let residual = |inner: Value| json!({"type": "residual", "layers": [inner]});
    for (wrong, place, why) in [
        (json!({"type": "dropout", "rate": 1.5}), "layers[1].rate", "below 1"),
        (json!({"type": "dropout", "rate": 1.0}), "layers[1].rate", "below 1"),
        (json!({"type": "dropout", "rate": -0.1}), "layers[1].rate", "at least 0"),
        (json!({"type": "alpha_dropout", "rate": 1.0}), "layers[1].rate", "below 1"),
        (json!({"type": "gaussian_noise", "deviation": -1.0}), "layers[1].deviation", "above 0"),
        (norm(1.0, 1e-3), "layers[1].momentum", "below 1"),
        (norm(0.9, 0.0), "layers[1].epsilon", "above 0"),
        (norm(0.9, 1e-60), "layers[1].epsilon", "float32"),
        (json!({"type": "layer_norm", "epsilon": -1.0}), "layers[1].epsilon", "above 0"),
        (json!({"type": "rms_norm", "epsilon": 0.0}), "layers[1].epsilon", "above 0"),
        (dense(json!("softmax")), "layers[1].activation", "softmax of one unit"),
        (json!({"type": "activation", "activation": "log_softmax"}), "layers[1].activation", "log_softmax of one unit"),
        (dense(json!({"leaky_relu": {"negative_slope": -0.1}})), "layers[1].activation: negative_slope", "at least 0"),
        (dense(json!({"elu": {"alpha": 0.0}})), "layers[1].activation: alpha", "above 0"),
        (dense(json!({"celu": {"alpha": 1e300}})), "layers[1].activation: alpha", "finite"),
        (dense(json!({"prelu": {"initial_slope": 1e300}})), "layers[1].activation: initial_slope", "finite"),
        (initializer(json!({"normal": {"deviation": 0.0}})), "layers[1].kernel_initializer: deviation", "above 0"),
        (initializer(json!({"uniform": {"limit": -1.0}})), "layers[1].kernel_initializer: limit", "above 0"),
        (initializer(json!({"constant": {"value": 1e39}})), "layers[1].kernel_initializer: value", "finite"),
        (initializer(json!({"orthogonal": {"gain": 0.0}})), "layers[1].kernel_initializer: gain", "above 0"),
        (embedding(3, 2), "layers[1]", "first"),
        (residual(dense(json!("relu"))), "layers[1] (residual)", "[1]"),
        (residual(json!({"type": "dropout", "rate": 2.0})), "layers[1].layers[0].rate", "below 1"),
        (residual(json!({"type": "normalize"})), "layers[1].layers[0]", "residual"),
        (json!({"type": "residual", "layers": []}), "layers[1].layers", "at least one"),
    ] {
        let before = if place.contains("residual)") { initializer(json!("ones")) } else { first.clone() };
        let spec = NetworkSpec {
            input_shape: vec![4],
            layers: layers(json!([before, wrong])),
            dtype: DType::Float32,
            seed: 0,
        };
        refused(spec.clone(), place);
        refused(spec, why);
    }
    for (wrong, place) in [(embedding(0, 2), "entries"), (embedding(2, 0), "units"), (embedding(1 << 25, 1), "2^24")] {
        let spec = NetworkSpec { input_shape: vec![4], layers: layers(json!([wrong])), dtype: DType::Float32, seed: 0 };
        refused(spec, place);
    }
}

#[test]
fn residual_layers_within_each_other_end_somewhere() {
    let mut layer = LayerSpec::Dropout { rate: 0.1 };
    for depth in 0..40 {
        layer = LayerSpec::Residual { layers: vec![layer] };
        let spec = NetworkSpec { input_shape: vec![4], layers: vec![layer.clone()], dtype: DType::Float32, seed: 0 };
        assert_eq!(spec.check().is_ok(), depth < 32, "{depth}");
    }
}

/// Written by version 0.1.0 as it stood before layers could be frozen: it means the same now, and is written the same.
#[test]
fn descriptions_of_older_versions_mean_what_they_meant() {
    let old = r#"{"input_shape":[2,3],"layers":[{"type":"rescale","scale":0.5},{"type":"dense","units":4,"activation":"relu","kernel_initializer":"he_uniform","bias_initializer":"zeros"},{"type":"dense","units":3,"activation":"softmax","kernel_initializer":"glorot_uniform","bias_initializer":"scaled_uniform"}],"dtype":"float32","seed":5}"#;
    let spec = NetworkSpec::from_json(old).expect("an old description");
    assert_eq!(spec.to_json().expect("JSON"), old);
    assert!(matches!(spec.layers[1], LayerSpec::Dense { trainable: true, .. }));
    let frozen = old.replacen("\"zeros\"", "\"zeros\",\"trainable\":false", 1);
    let spec = NetworkSpec::from_json(&frozen).expect("a new description");
    assert_eq!(spec.to_json().expect("JSON"), frozen);
    let expected = 0..28;
    assert_eq!(Network::<f32>::new(spec).expect("fits").frozen(), std::slice::from_ref(&expected));
}

#[test]
fn a_drawn_network_is_its_description() {
    let drawn = purrceptron::network![4 => 3 relu => 2 elu(1.5) => 1 sigmoid];
    let dense = |units, activation| LayerSpec::dense(units, activation, Initializer::ScaledUniform, Initializer::Zeros);
    let layers = vec![dense(3, Relu), dense(2, Activation::Elu { alpha: 1.5 }), dense(1, Sigmoid)];
    assert_eq!(drawn, spec(4, layers, DType::Float32, 0));
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
