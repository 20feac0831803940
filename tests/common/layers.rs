//! Every layer, by reflection, with settings and shapes to test it at.

use purrceptron::activation::Activation;
use purrceptron::math::Float;
use purrceptron::network::{Network, Samples};
use purrceptron::spec::{LayerSpec, NetworkSpec};
use serde_json::{Value, json};
use strum::VariantNames;

use super::{activations, dense, matrix, numbers};

/// A layer and the shape of a sample that it reads.
#[derive(Clone, Debug)]
pub struct Example {
    pub shape: Vec<usize>,
    pub layer: LayerSpec,
}

/// Settings of a layer, and shapes: one row for each.
fn rows(name: &str) -> Vec<(Vec<usize>, Value)> {
    let given = |shapes: &[&[usize]], settings: Value| -> Vec<_> {
        shapes.iter().map(|shape| (shape.to_vec(), settings.clone())).collect()
    };
    let dense = json!({"type": "dense", "units": 5, "activation": {"prelu": {"initial_slope": 0.2}},
        "kernel_initializer": "he_normal", "bias_initializer": "scaled_uniform"});
    match name {
        "dense" => given(&[&[3], &[2, 2]], dense),
        "activation" => {
            let each = |activation| given(&[&[5], &[2, 3]], json!({ "activation": activation }));
            activations().into_iter().flat_map(each).collect()
        }
        "dropout" => given(&[&[1], &[7], &[2, 3]], json!({"rate": 0.4})),
        "alpha_dropout" => given(&[&[1], &[7], &[2, 3]], json!({"rate": 0.3})),
        "gaussian_noise" => given(&[&[1], &[7], &[2, 3]], json!({"deviation": 0.2})),
        "batch_norm" => given(&[&[1], &[7], &[3, 2]], json!({"momentum": 0.8, "epsilon": 0.01})),
        "layer_norm" => given(&[&[2], &[19], &[3, 4]], json!({"epsilon": 0.01})),
        "rms_norm" => given(&[&[1], &[19], &[3, 4]], json!({"epsilon": 0.01})),
        "flatten" => given(&[&[3], &[2, 1, 3]], json!({})),
        "rescale" => given(&[&[3], &[2, 3]], json!({"scale": -1.5})),
        "normalize" => given(&[&[3], &[2, 3]], json!({})),
        "embedding" => given(&[&[1], &[4]], json!({"entries": 5, "units": 3, "embeddings_initializer": "ones"})),
        "residual" => {
            let norm = json!({"type": "layer_norm", "epsilon": 1e-3});
            let inner = json!({"type": "residual", "layers": [norm, dense]});
            given(&[&[5]], json!({"layers": [dense, inner, {"type": "dropout", "rate": 0.3}]}))
        }
        _ => panic!("tests/common/layers.rs: a row for the layer {name}"),
    }
}

/// Every layer at several shapes.
pub fn layer_examples() -> Vec<Example> {
    let example = |name: &str, shape: Vec<usize>, mut settings: Value| {
        settings["type"] = json!(name);
        Example { shape, layer: serde_json::from_value(settings).expect("settings of the layer") }
    };
    let all = LayerSpec::VARIANTS.iter().map(|name| (name, rows(name)));
    all.flat_map(|(name, rows)| rows.into_iter().map(|(shape, settings)| example(name, shape, settings))).collect()
}

/// A layer first, in the middle, and where it can be, within a residual layer; always with parameters before and after
/// where there can be any.
pub fn networks_with<F: Float>(example: &Example, outputs: usize) -> Vec<Network<F>> {
    let Example { shape, layer } = example;
    let (units, tanh) = (shape.iter().product(), Activation::Tanh);
    let build = |input_shape: Vec<usize>, layers: Vec<LayerSpec>| {
        Network::new(NetworkSpec { input_shape, layers, dtype: F::DTYPE, seed: 11 })
    };
    let mut all = vec![
        build(shape.clone(), vec![layer.clone(), dense(outputs, Activation::Identity)]),
        build(vec![3], vec![dense(units, tanh), layer.clone(), dense(outputs, Activation::Identity)]),
    ];
    let residual = LayerSpec::Residual { layers: vec![layer.clone()] };
    all.push(build(shape.clone(), vec![residual.clone(), dense(outputs, Activation::Identity)]));
    all.push(build(vec![3], vec![dense(units, tanh), residual, dense(outputs, Activation::Identity)]));
    let mut networks: Vec<Network<F>> = all.into_iter().filter_map(Result::ok).collect();
    assert!(!networks.is_empty(), "{example:?} fits nowhere");
    for network in &mut networks {
        // No parameter at a value that hides mistakes, such as a shift of 0.
        let moved = numbers::<F>(7, network.parameters().len()).into_iter().zip(network.parameters());
        let moved = moved.map(|(n, w)| *w + n * F::from_f64(0.25)).collect();
        network.set_parameters(moved).expect("as many");
        let x = samples_for::<F>(network, 40);
        let rows = ndarray::ArrayView2::from_shape((40, network.spec().inputs()), &x).expect("rows");
        network.adapt(Samples::Floats(rows), false, 1).expect("data that fit");
    }
    networks
}

/// Rows that the network can read: whole numbers for an embedding.
pub fn samples_for<F: Float>(network: &Network<F>, samples: usize) -> Vec<F> {
    let x = matrix::<F>(5, samples, network.spec().inputs());
    let whole = |entries: usize| {
        x.iter().map(|x| F::from_f64(((Into::<f64>::into(*x) + 1.0) * 0.5 * entries as f64).floor())).collect()
    };
    let embedding = network.spec().layers.iter().find_map(|layer| match layer {
        LayerSpec::Embedding { entries, .. } => Some(*entries),
        _ => None,
    });
    embedding.map_or_else(|| x.iter().copied().collect(), whole)
}
