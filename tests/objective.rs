//! A training that is led from outside: its orders and its learning rates, and what a batch's loss counts.

use crate::common::differences::{assert_close, central_differences};
use crate::common::training::{classes, options};
use crate::common::{dense, matrix, network, numbers};
use purrceptron::activation::Activation::{Identity, Softmax, Tanh};
use purrceptron::error::Result;
use purrceptron::layer::Input;
use purrceptron::loss::{Loss, Targets};
use purrceptron::network::{Network, Samples};
use purrceptron::optimizer::{Optimizer, Rule};
use purrceptron::train::*;

const ADAM: Optimizer =
    Optimizer::new(Rule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, epsilon_hat: true }, 0.01);
const SGD: Optimizer = Optimizer::new(Rule::Sgd { momentum: 0.0, nesterov: false }, 0.1);

#[test]
fn the_gradient_of_an_objective_is_that_of_loss_and_penalty() {
    let net = network::<f64>(4, vec![dense(5, Tanh), dense(3, Identity)], 1);
    let (x, y, weights) = (numbers::<f64>(2, 28), numbers::<f64>(3, 21), numbers::<f64>(4, 7));
    let weights: Vec<f64> = weights.iter().map(|weight| weight.abs() + 0.1).collect();
    let objective = Objective { loss: 0.5, gradient: 1.5, alpha: 0.25 };
    let batch = Batch { input: Input::Rows(&x), targets: Targets::Values(&y), samples: 7, weights: Some(&weights) };
    let mut plain = Trainer::new(&net, SGD, Loss::MeanSquaredError, 1).expect("in range");
    let mut value_of = |parameters: &[f64]| {
        let mut moved = net.clone();
        moved.set_parameters(parameters.to_vec()).expect("as many");
        let mean = plain.loss_and_gradient(&moved, batch).expect("a loss");
        let kernels = moved.named_parameters().iter().filter(|p| p.name.ends_with(".kernel"));
        let squares: f64 = kernels.flat_map(|p| &parameters[p.range.clone()]).map(|w| w * w).sum();
        (mean, 0.25 / 2.0 * squares / weights.iter().sum::<f64>())
    };
    let (mean, penalty) = value_of(net.parameters());
    let mut counting = Trainer::new(&net, SGD, Loss::MeanSquaredError, 1).expect("in range");
    counting.set_objective(&net, objective).expect("in range");
    let value = counting.loss_and_gradient(&net, batch).expect("a loss");
    assert!((value - (0.5 * mean + penalty)).abs() < 1e-14);
    let expected = central_differences(net.parameters(), |parameters| {
        let (mean, penalty) = value_of(parameters);
        1.5 * mean + penalty
    });
    assert_close("objective", counting.gradient(), &expected);
}

#[test]
fn an_objective_out_of_range_is_refused_and_a_batch_that_counts_nothing_has_no_penalty() {
    let net = network::<f32>(2, vec![dense(1, Identity)], 1);
    let mut trainer = Trainer::new(&net, SGD, Loss::MeanSquaredError, 1).expect("in range");
    let usual = Objective { loss: 1.0, gradient: 1.0, alpha: 0.0 };
    for (wrong, name) in [
        (Objective { loss: 0.0, ..usual }, "loss"),
        (Objective { gradient: f64::NAN, ..usual }, "gradient"),
        (Objective { alpha: -1.0, ..usual }, "alpha"),
        (Objective { alpha: 1e300, ..usual }, "alpha"),
    ] {
        let error = trainer.set_objective(&net, wrong).expect_err("out of range").to_string();
        assert!(error.contains(name), "{error}");
    }
    trainer.set_objective(&net, Objective { alpha: 1.0, ..usual }).expect("in range");
    let batch =
        Batch { input: Input::Rows(&[1.0; 2]), targets: Targets::Values(&[2.0]), samples: 1, weights: Some(&[0.0]) };
    assert_eq!(trainer.loss_and_gradient(&net, batch).expect("a loss"), 0.0);
    assert!(trainer.gradient().iter().all(|g| *g == 0.0));
}

/// Leads a training: an order and a learning rate for each epoch.
struct Lead {
    orders: Vec<Vec<u32>>,
    rates: Vec<f64>,
    losses: Vec<f64>,
}

impl Watch<f64> for Lead {
    fn order(&mut self, epoch: u64, order: &mut Vec<u32>) -> Result<()> {
        order.clone_from(&self.orders[epoch as usize]);
        Ok(())
    }
    fn epoch(&mut self, report: &EpochReport, _: &Network<f64>) -> Result<Flow> {
        self.losses.push(report.training.loss);
        Ok(Flow::Continue)
    }
    fn learning_rate(&mut self) -> Option<f64> {
        self.rates.get(self.losses.len() - 1).copied()
    }
}

#[test]
fn orders_and_learning_rates_from_outside_make_the_steps_that_a_caller_would_make() {
    let (x, labels) = (matrix::<f64>(5, 11, 3), classes::<f64>(11, 4));
    let OwnedTargets::Classes(y) = &labels else { unreachable!() };
    let orders: Vec<Vec<u32>> = (0..3).map(|epoch| (0..11).map(|i| (i * 3 + epoch) % 11).collect()).collect();
    let mut lead = Lead { orders: orders.clone(), rates: vec![0.02, 0.5], losses: Vec::new() };
    let start = network::<f64>(3, vec![dense(6, Tanh), dense(4, Softmax)], 7);
    let trainer = || Trainer::new(&start, ADAM, Loss::CROSS_ENTROPY, 1).expect("in range");
    let (mut led, mut by_hand, mut led_trainer, mut trainer) = (start.clone(), start.clone(), trainer(), trainer());
    let samples = Samples::Floats(x.view());
    fit_arrays(&mut led_trainer, &mut led, samples, labels.clone(), None, &options(3, Some(4)), &mut lead)
        .expect("fits");
    for (epoch, order) in orders.iter().enumerate() {
        for batch in order.chunks(4) {
            let rows: Vec<f64> = batch.iter().flat_map(|i| x.row(*i as usize).to_vec()).collect();
            let targets: Vec<u32> = batch.iter().map(|i| y[*i as usize]).collect();
            let batch = Batch {
                input: Input::Rows(&rows),
                targets: Targets::Classes(&targets),
                samples: targets.len(),
                weights: None,
            };
            trainer.step(&mut by_hand, batch).expect("a step");
        }
        if let Some(rate) = lead.rates.get(epoch) {
            trainer.set_learning_rate(*rate).expect("in range");
        }
    }
    assert_eq!(led.parameters(), by_hand.parameters());
    assert_eq!(led_trainer.learning_rate(), 0.5);
}

#[test]
fn a_trainer_that_takes_over_goes_on_bit_for_bit() {
    let start = network::<f64>(3, vec![dense(6, Tanh), dense(4, Softmax)], 7);
    let (x, targets) = (numbers::<f64>(1, 9), [0u32, 3, 1]);
    let batch = Batch { input: Input::Rows(&x), targets: Targets::Classes(&targets), samples: 3, weights: None };
    let trainer = || Trainer::new(&start, ADAM, Loss::CROSS_ENTROPY, 1).expect("in range");
    let (mut alone, mut one, mut other) = (trainer(), trainer(), trainer());
    let (mut expected, mut handed) = (start.clone(), start.clone());
    for _ in 0..6 {
        alone.step(&mut expected, batch).expect("a step");
    }
    for _ in 0..3 {
        one.step(&mut handed, batch).expect("a step");
    }
    other.go_on_from(one.steps(), one.slots().to_vec()).expect("the same optimizer");
    for _ in 0..3 {
        other.step(&mut handed, batch).expect("a step");
    }
    assert_eq!(expected.parameters(), handed.parameters());
    assert!(other.go_on_from(3, vec![vec![0.0; 2]]).is_err());
    assert_eq!(other.steps(), 6, "what is refused changes nothing");
}
