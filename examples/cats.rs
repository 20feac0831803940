//! The cat classifier from the crate alone, without Python: `cargo run --release --example cats`.
//!
//! The pictures are the simplest that can tell: a face with two pointed ears is a cat, a face with round ears is not.

use std::collections::BTreeMap;

use ndarray::Array2;
use purrceptron::activation::Activation::{self, Relu, Sigmoid};
use purrceptron::error::Result;
use purrceptron::initializer::Initializer;
use purrceptron::loss::Loss;
use purrceptron::math::DType;
use purrceptron::metric::Metric;
use purrceptron::network::{Model, Network, Samples};
use purrceptron::optimizer::{Optimizer, Rule};
use purrceptron::parallel::thread_count;
use purrceptron::random::Stream;
use purrceptron::spec::{LayerSpec, NetworkSpec};
use purrceptron::train::{FitOptions, OwnedTargets, Solver, Trainer, fit_arrays};

const SIDE: usize = 64;

/// One picture: red, green, blue for each pixel, row after row.
fn draw(cat: bool, random: &mut Stream) -> Vec<u8> {
    let mut between = |low: f64, high: f64| low + (high - low) * random.uniform();
    let (x0, y0, radius) = (between(27.0, 37.0), between(32.0, 40.0), between(13.0, 17.0));
    let (fur, background) = ([0; 3].map(|_| between(0.0, 120.0)), [0; 3].map(|_| between(100.0, 255.0)));
    let inside = |x: f64, y: f64| {
        // Right and left are alike; an ear stands above each side of the face.
        let (dx, dy) = ((x - x0).abs() / radius, (y0 - y) / radius);
        let (ear_x, ear_y) = (dx - 0.65, dy - 0.75);
        let pointed = ear_y > 0.0 && ear_x.abs() < 0.45 * (1.0 - ear_y);
        let round = ear_x.hypot(ear_y - 0.1) < 0.4;
        dx.hypot(dy) < 1.0 || if cat { pointed } else { round }
    };
    let mut pixels = Vec::with_capacity(SIDE * SIDE * 3);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let colour = if inside(x as f64, y as f64) { fur } else { background };
            pixels.extend(colour.map(|c| (c + between(-12.0, 12.0)).clamp(0.0, 255.0) as u8));
        }
    }
    pixels
}

fn pictures(count: usize, seed: u64) -> (Array2<u8>, OwnedTargets<f32>) {
    let mut random = Stream::new(seed, "pictures", 0);
    let labels: Vec<bool> = (0..count).map(|_| random.uniform() < 0.5).collect();
    let pixels: Vec<u8> = labels.iter().flat_map(|cat| draw(*cat, &mut random)).collect();
    let targets = labels.iter().map(|cat| f32::from(u8::from(*cat))).collect();
    (Array2::from_shape_vec((count, SIDE * SIDE * 3), pixels).unwrap(), OwnedTargets::Values(targets))
}

fn dense(units: usize, activation: Activation) -> LayerSpec {
    let (kernel_initializer, bias_initializer) = (Initializer::ScaledUniform, Initializer::Zeros);
    LayerSpec::dense(units, activation, kernel_initializer, bias_initializer)
}

fn main() -> Result<()> {
    let (x, y) = pictures(400, 0);
    let (x_unseen, y_unseen) = pictures(1000, 1);

    let spec = NetworkSpec {
        input_shape: vec![SIDE, SIDE, 3],
        layers: vec![
            LayerSpec::Rescale { scale: 1.0 / 255.0 },
            dense(20, Relu),
            dense(7, Relu),
            dense(5, Relu),
            dense(1, Sigmoid),
        ],
        dtype: DType::Float32,
        seed: 1,
    };
    let mut network = Network::<f32>::new(spec)?;
    let descent = Optimizer::new(Rule::Sgd { momentum: 0.9, nesterov: true }, 0.002);
    let mut trainer = Trainer::new(&network, descent, Loss::BINARY_CROSS_ENTROPY, thread_count(None)?)?;
    let options = FitOptions {
        epochs: 1000,
        batch_size: None,
        shuffle: false,
        metrics: vec![Metric::Accuracy],
        solver: Solver::Auto,
        accumulate: 1,
        mixup: None,
        augmentation: vec![],
    };
    let history = fit_arrays(&mut trainer, &mut network, Samples::Bytes(x.view()), y.clone(), None, &options, &mut ())?;
    for report in history.epochs.iter().step_by(200).chain(history.epochs.last()) {
        println!("iteration {:4}  cost {:.4}", report.epoch, report.training.loss);
    }
    println!("{} iterations in {:.2} s", history.epochs.len(), history.seconds);

    let metrics = [Metric::Accuracy];
    let seen = trainer.evaluate(&network, Samples::Bytes(x.view()), y.view(), &metrics)?;
    let unseen = trainer.evaluate(&network, Samples::Bytes(x_unseen.view()), y_unseen.view(), &metrics)?;
    println!("right on the 400 it learned from {:.3}, on 1000 unseen {:.3}", seen.metrics[0], unseen.metrics[0]);

    let path = std::env::temp_dir().join("cats.safetensors");
    purrceptron::file::save(&Model::F32(network.clone()), &path, &BTreeMap::new())?;
    if let (Model::F32(loaded), _) = purrceptron::file::load(&path)? {
        println!("saved and loaded: fingerprint {} as before", &loaded.fingerprint()?[..16]);
        assert_eq!(loaded.fingerprint()?, network.fingerprint()?);
    }
    Ok(())
}
