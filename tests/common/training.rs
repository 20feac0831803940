//! Trainings in a line: optimizers, data and options that the tests agree on.

use purrceptron::error::Result;
use purrceptron::loss::Loss;
use purrceptron::math::Float;
use purrceptron::metric::Metric;
use purrceptron::network::{Network, Samples};
use purrceptron::optimizer::{Optimizer, Rule};
use purrceptron::spec::LayerSpec;
use purrceptron::train::*;

pub const SGD: Optimizer = Optimizer::new(Rule::Sgd { momentum: 0.0, nesterov: false }, 0.1);

pub const NESTEROV: Optimizer = Optimizer::new(Rule::Sgd { momentum: 0.9, nesterov: true }, 0.05);

pub const ADAM: Optimizer =
    Optimizer::new(Rule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, epsilon_hat: false }, 0.01);
pub const PIXELS: LayerSpec = LayerSpec::Rescale { scale: 1.0 / 255.0 };

/// Every loss, with settings that make a difference; `tests/losses.rs` demands that none is missing.
pub fn every_loss() -> Vec<Loss> {
    vec![
        Loss::BINARY_CROSS_ENTROPY,
        Loss::BinaryCrossEntropy { label_smoothing: 0.2 },
        Loss::CROSS_ENTROPY,
        Loss::CrossEntropy { label_smoothing: 0.1 },
        Loss::Focal { gamma: 2.0, alpha: None },
        Loss::Focal { gamma: 0.7, alpha: Some(0.25) },
        Loss::Focal { gamma: 0.0, alpha: None },
        Loss::CategoricalFocal { gamma: 2.0 },
        Loss::CategoricalFocal { gamma: 0.5 },
        Loss::CategoricalFocal { gamma: 0.0 },
        Loss::Hinge,
        Loss::SquaredHinge,
        Loss::MeanSquaredError,
        Loss::MeanAbsoluteError,
        Loss::Huber { delta: 0.7 },
        Loss::LogCosh,
        Loss::Poisson,
        Loss::PoissonDeviance,
        Loss::GaussianNll,
        Loss::KlDivergence,
        Loss::Quantile { quantile: 0.3 },
    ]
}

pub fn options(epochs: u64, batch_size: Option<usize>) -> FitOptions {
    FitOptions {
        epochs,
        batch_size,
        shuffle: true,
        metrics: vec![Metric::Accuracy],
        solver: Solver::Direct,
        accumulate: 1,
        mixup: None,
        augmentation: vec![],
    }
}

/// Trains a copy of `network`; gives it back with the history.
pub fn trained<F: Float>(
    network: &Network<F>,
    (optimizer, loss, threads): (Optimizer, Loss, usize),
    x: Samples<F>,
    targets: &OwnedTargets<F>,
    options: &FitOptions,
) -> Result<(Network<F>, History)> {
    let mut network = network.clone();
    let mut trainer = Trainer::new(&network, optimizer, loss, threads)?;
    let history = fit_arrays(&mut trainer, &mut network, x, targets.clone(), None, options, &mut ())?;
    Ok((network, history))
}

pub fn fingerprint<F: Float>(trained: Result<(Network<F>, History)>) -> String {
    trained.and_then(|(network, _)| network.fingerprint()).expect("training that works")
}

pub fn labels<F: Float>(count: usize) -> OwnedTargets<F> {
    OwnedTargets::Values((0..count).map(|i| F::from(u8::from(i % 3 == 0))).collect())
}

pub fn classes<F: Float>(count: usize, classes: usize) -> OwnedTargets<F> {
    OwnedTargets::Classes((0..count).map(|i| (i * i % classes) as u32).collect())
}
