//! Bad input gets one clear error, and a training that diverges leaves weights that can be used.

use crate::common::{dense, matrix, network, numbers};
use ndarray::{Array2, array};
use purrceptron::activation::Activation::{Identity, Relu, Sigmoid, Softmax};
use purrceptron::error::{Error, Result};
use purrceptron::layer::Input;
use purrceptron::loss::{Loss, Targets};
use purrceptron::network::{Network, Samples};
use purrceptron::optimizer::{Optimizer, Rule};
use purrceptron::train::*;

const ADAM: Optimizer =
    Optimizer::new(Rule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, epsilon_hat: false }, 0.01);

fn sgd(learning_rate: f64) -> Optimizer {
    Optimizer::new(Rule::Sgd { momentum: 0.0, nesterov: false }, learning_rate)
}

fn options(epochs: u64, batch_size: Option<usize>) -> FitOptions {
    FitOptions {
        epochs,
        batch_size,
        shuffle: true,
        metrics: Vec::new(),
        solver: Solver::Auto,
        accumulate: 1,
        mixup: None,
        augmentation: vec![],
    }
}

/// Trains, which must fail; gives the error, and demands that no weight has moved.
fn refused(
    network: &Network<f32>,
    loss: Loss,
    x: Samples<f32>,
    y: OwnedTargets<f32>,
    batch_size: Option<usize>,
) -> Error {
    let mut after = network.clone();
    let mut trainer = Trainer::new(network, ADAM, loss, 2).expect("in range");
    let result = fit_arrays(&mut trainer, &mut after, x, y, None, &options(2, batch_size), &mut ());
    assert_eq!(after.fingerprint().expect("finite"), network.fingerprint().expect("finite"));
    result.expect_err("bad input")
}

#[track_caller]
fn assert_says(error: &Error, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{text:?} does not say {word:?}");
    }
    assert!(!text.contains('\n') && text.len() < 300, "{text:?} is no clear line");
}

#[test]
fn inputs_that_do_not_fit_are_refused_with_what_was_expected_and_what_came() {
    let net = network::<f32>(5, vec![dense(1, Sigmoid)], 0);
    let y = || OwnedTargets::Values(vec![0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    for batch_size in [None, Some(2)] {
        let x = matrix::<f32>(0, 7, 6);
        let error = refused(&net, Loss::BINARY_CROSS_ENTROPY, Samples::Floats(x.view()), y(), batch_size);
        assert!(matches!(error, Error::Shape { .. }));
        assert_says(&error, &["features", "5", "6"]);
        assert_says(&net.predict(Samples::Floats(x.view()), false, 1).expect_err("6 features"), &["5", "6"]);

        let none = Array2::<f32>::zeros((0, 5));
        let no_targets = OwnedTargets::Values(Vec::new());
        let error = refused(&net, Loss::BINARY_CROSS_ENTROPY, Samples::Floats(none.view()), no_targets, batch_size);
        assert_says(&error, &["no samples"]);

        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = matrix::<f32>(0, 7, 5);
            (x[(3, 2)], x[(5, 1)], x[(4, 0)]) = (bad, bad, bad);
            let columns = x.t().as_standard_layout().into_owned();
            for x in [x.view(), columns.t()] {
                let error = refused(&net, Loss::BINARY_CROSS_ENTROPY, Samples::Floats(x), y(), batch_size);
                assert!(matches!(error, Error::Data(_)));
                assert_says(&error, &["sample 3", "feature 2", &bad.to_string()]);
                assert_says(&net.predict(Samples::Floats(x), false, 1).expect_err("not finite"), &["sample 3"]);
            }
        }
    }
}

#[test]
fn targets_that_do_not_fit_are_refused_with_the_sample() {
    let (one, three) = (network::<f32>(5, vec![dense(1, Sigmoid)], 0), network::<f32>(5, vec![dense(3, Softmax)], 0));
    let x = matrix::<f32>(0, 4, 5);
    let values = |values: &[f32]| OwnedTargets::Values(values.to_vec());
    let cases: [(_, _, _, &[&str]); 9] = [
        (&one, Loss::BINARY_CROSS_ENTROPY, values(&[0.0, 1.0, 1.0]), &["4", "3"]),
        (&one, Loss::BINARY_CROSS_ENTROPY, values(&[0.0, 1.0, 2.0, 1.0]), &["sample 2", "2", "0 and 1"]),
        (&one, Loss::BINARY_CROSS_ENTROPY, values(&[0.0, -1.0, 1.0, 1.0]), &["sample 1", "-1"]),
        (&one, Loss::BINARY_CROSS_ENTROPY, values(&[0.0, 1.0, 1.0, f32::NAN]), &["sample 3", "NaN"]),
        (&one, Loss::MeanSquaredError, values(&[0.0, 1.0, f32::INFINITY, 0.0]), &["sample 2", "inf"]),
        (&one, Loss::BINARY_CROSS_ENTROPY, OwnedTargets::Classes(vec![0, 1, 1, 0]), &["classes"]),
        (
            &three,
            Loss::CROSS_ENTROPY,
            OwnedTargets::Classes(vec![0, 1, 3, 9]),
            &["sample 2", "class 3", "3 outputs", "0..=2"],
        ),
        (&three, Loss::CROSS_ENTROPY, OwnedTargets::Classes(vec![0, 1, 2]), &["4", "3"]),
        (
            &three,
            Loss::CROSS_ENTROPY,
            values(&[1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]),
            &["sample 1", "2"],
        ),
    ];
    for (net, loss, targets, words) in cases {
        for batch_size in [None, Some(2)] {
            assert_says(&refused(net, loss, Samples::Floats(x.view()), targets.clone(), batch_size), words);
        }
        let mut trainer = Trainer::new(net, ADAM, loss, 1).expect("in range");
        let error = trainer.evaluate(net, Samples::Floats(x.view()), targets.view(), &[]).expect_err("bad targets");
        assert_says(&error, words);
    }
}

/// 13 numbers are not 4 rows of 3, though 13 / 3 is 4.
#[test]
fn targets_left_over_after_the_last_row_are_refused() {
    let net = network::<f32>(5, vec![dense(3, Sigmoid)], 0);
    let x = matrix::<f32>(0, 4, 5);
    for loss in [Loss::BINARY_CROSS_ENTROPY, Loss::MeanSquaredError] {
        refused(&net, loss, Samples::Floats(x.view()), OwnedTargets::Values(vec![1.0; 13]), None);
    }
}

#[test]
fn settings_of_a_training_out_of_range_are_refused() {
    let net = network::<f32>(5, vec![dense(1, Sigmoid)], 0);
    let (x, y) = (matrix::<f32>(0, 4, 5), OwnedTargets::Values(vec![0.0, 1.0, 1.0, 0.0]));
    let x = Samples::Floats(x.view());
    assert_says(&refused(&net, Loss::BINARY_CROSS_ENTROPY, x, y.clone(), Some(0)), &["batch_size", "at least 1", "0"]);
    let order = Order::Given(vec![0, 4]);
    let source = MiniBatches::new(&net, Loss::BINARY_CROSS_ENTROPY, x, y, 2, order);
    assert_says(&source.err().expect("index 4 of 4 samples"), &["order", "4"]);
    let error = Trainer::new(&net, sgd(-1.0), Loss::BINARY_CROSS_ENTROPY, 1).err().expect("a negative rate");
    assert_says(&error, &["learning_rate", "-1"]);
    let error = Trainer::new(&net, ADAM, Loss::CROSS_ENTROPY, 1).err().expect("sigmoid under cross-entropy");
    assert_says(&error, &["sigmoid", "softmax", "cross_entropy"]);
}

/// Stands beside every training here: what each epoch's loss was.
#[derive(Default)]
struct Losses(Vec<f64>);

impl Watch<f32> for Losses {
    fn epoch(&mut self, report: &EpochReport, _: &Network<f32>) -> Result<Flow> {
        self.0.push(report.training.loss);
        Ok(Flow::Continue)
    }
}

#[test]
fn divergence_says_the_epoch_and_the_last_finite_loss_and_leaves_finite_weights() {
    let start = network::<f32>(3, vec![dense(4, Relu), dense(1, Identity)], 0);
    let (x, y) = (matrix::<f32>(0, 8, 3).mapv(|x| 10.0 * x), OwnedTargets::Values(numbers(1, 8)));
    for (threads, batch_size) in [(1, None), (2, Some(8)), (1, Some(3))] {
        let (mut net, mut losses) = (start.clone(), Losses::default());
        let mut trainer = Trainer::new(&net, sgd(0.5), Loss::MeanSquaredError, threads).expect("in range");
        let x = Samples::Floats(x.view());
        let result = fit_arrays(&mut trainer, &mut net, x, y.clone(), None, &options(1000, batch_size), &mut losses);
        let Err(Error::Diverged { epoch, last_loss: Some(last), .. }) = result else { panic!("{result:?}") };
        assert_eq!(epoch, losses.0.len() as u64, "epochs before it were reported");
        assert!(last.is_finite() && last > 1e3, "{last}");
        if batch_size != Some(3) {
            assert_eq!(Some(&last), losses.0.last());
        }
        assert_says(&result.expect_err("diverged"), &[&format!("epoch {epoch}"), &last.to_string(), "learning rate"]);
        net.fingerprint().expect("finite weights after a divergence");
    }
}

#[test]
fn divergence_at_the_first_step_leaves_every_weight_as_it_was() {
    let start = network::<f32>(1, vec![dense(1, Identity)], 1);
    let mut net = start.clone();
    let mut trainer = Trainer::new(&net, sgd(0.1), Loss::MeanSquaredError, 1).expect("in range");
    let (x, y) = (array![[3e38f32], [-3e38]], OwnedTargets::Values(vec![0.0, 1.0]));
    let result = fit_arrays(&mut trainer, &mut net, Samples::Floats(x.view()), y, None, &options(5, None), &mut ());
    assert!(matches!(result, Err(Error::Diverged { epoch: 0, last_loss: None, .. })), "{result:?}");
    assert_eq!(net.fingerprint().expect("finite"), start.fingerprint().expect("finite"));
}

/// A loss can be finite and the step that follows it too long for the float type: one step of `learning_rate` 1e39
/// overflows `f32`. Whether training goes on or ends there, it must not end well with weights that are infinite.
#[test]
fn no_training_ends_with_weights_that_are_not_finite() {
    let (x, y) = (matrix::<f32>(0, 8, 3), OwnedTargets::Values(vec![0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]));
    let adam = |learning_rate, epsilon| {
        Optimizer::new(Rule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon, epsilon_hat: false }, learning_rate)
    };
    // Adam divides by an epsilon that is 0 in `f32`, and a unit without a gradient becomes 0/0.
    for optimizer in [sgd(1e39), sgd(3e38), adam(1e39, 1e-8), adam(0.01, 1e-60)] {
        for epochs in [1, 2, 10] {
            let mut net = network::<f32>(3, vec![dense(9, Relu), dense(1, Identity)], 3);
            let result = Trainer::new(&net, optimizer.clone(), Loss::MeanSquaredError, 1).and_then(|mut trainer| {
                let x = Samples::Floats(x.view());
                fit_arrays(&mut trainer, &mut net, x, y.clone(), None, &options(epochs, None), &mut ())
            });
            let finite = net.fingerprint().is_ok();
            assert!(finite, "{optimizer:?}, {epochs} epochs: {:?} with infinite weights", result.map(|_| "Ok"));
        }
    }
}

// `Trainer::step` is the public unit of training: a batch that does not fit must be an error there too, not a panic.

fn step(net: &Network<f32>, loss: Loss, rows: &[f32], targets: Targets<f32>, samples: usize) -> Result<f64> {
    Trainer::new(net, ADAM, loss, 1)?
        .step(&mut net.clone(), Batch { input: Input::Rows(rows), targets, samples, weights: None })
}

#[test]
fn a_step_refuses_a_class_beyond_the_outputs() {
    let net = network::<f32>(2, vec![dense(3, Softmax)], 0);
    step(&net, Loss::CROSS_ENTROPY, &[0.0; 4], Targets::Classes(&[1, 3]), 2).expect_err("classes 0..=2");
}

#[test]
fn a_step_refuses_classes_for_a_loss_of_values() {
    let net = network::<f32>(2, vec![dense(3, Identity)], 0);
    step(&net, Loss::BINARY_CROSS_ENTROPY, &[0.0; 4], Targets::Classes(&[1, 2]), 2).expect_err("values are needed");
}

#[test]
fn a_step_refuses_fewer_targets_than_samples() {
    let net = network::<f32>(2, vec![dense(3, Softmax)], 0);
    step(&net, Loss::CROSS_ENTROPY, &[0.0; 4], Targets::Classes(&[1]), 2).expect_err("two samples, one target");
    step(&net, Loss::CROSS_ENTROPY, &[0.0; 4], Targets::Values(&[0.0; 3]), 2).expect_err("two samples, one target");
}

#[test]
fn a_step_refuses_rows_that_are_not_as_many_as_the_samples() {
    let net = network::<f32>(2, vec![dense(3, Softmax)], 0);
    step(&net, Loss::CROSS_ENTROPY, &[0.0; 4], Targets::Classes(&[1, 1, 1]), 3).expect_err("two rows, three samples");
    step(&net, Loss::CROSS_ENTROPY, &[0.0; 6], Targets::Classes(&[1, 1]), 2).expect_err("three rows, two samples");
}

#[test]
fn a_trainer_refuses_a_network_of_other_sizes() {
    let (small, large) = (network::<f32>(2, vec![dense(1, Sigmoid)], 0), network::<f32>(5, vec![dense(1, Sigmoid)], 0));
    let mut trainer = Trainer::new(&small, ADAM, Loss::BINARY_CROSS_ENTROPY, 1).expect("in range");
    let batch = Batch { input: Input::Rows(&[0.0; 5]), targets: Targets::Values(&[1.0]), samples: 1, weights: None };
    trainer.step(&mut large.clone(), batch).expect_err("another network");
}

#[test]
fn no_threads_are_refused_or_taken_as_one() {
    let net = network::<f32>(400, vec![dense(100, Relu), dense(1, Sigmoid)], 0);
    let Ok(mut trainer) = Trainer::new(&net, ADAM, Loss::BINARY_CROSS_ENTROPY, 0) else { return };
    let batch = Batch { input: Input::Rows(&[0.5; 400]), targets: Targets::Values(&[1.0]), samples: 1, weights: None };
    let _ = trainer.step(&mut net.clone(), batch);
}
