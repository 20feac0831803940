//! Row-space reduction: the same training in the span of the data.

use crate::common::training::{ADAM, NESTEROV, PIXELS, SGD, labels, options, trained};
use crate::common::{bytes, dense, matrix, network, same_at_every_level};
use ndarray::{Array2, Axis, concatenate, s};
use purrceptron::activation::Activation::{Relu, Sigmoid, Tanh};
use purrceptron::loss::Loss;
use purrceptron::network::{Network, Samples};
use purrceptron::train::{FitOptions, Solver, Trainer, fit_arrays};

const LOSS: Loss = Loss::BINARY_CROSS_ENTROPY;

fn with(solver: Solver, epochs: u64, batch_size: Option<usize>) -> FitOptions {
    FitOptions { solver, ..options(epochs, batch_size) }
}

/// The largest difference of two networks' weights, relative to the norm of the array it is in.
fn distance(a: &Network<f64>, b: &Network<f64>) -> f64 {
    let ranges = a.named_parameters().iter().map(|parameter| parameter.range.clone());
    let relative = ranges.map(|range| {
        let (a, b) = (&a.parameters()[range.clone()], &b.parameters()[range]);
        let norm = a.iter().map(|a| a * a).sum::<f64>().sqrt().max(1e-300);
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / norm
    });
    relative.fold(0.0, f64::max)
}

#[test]
fn reduced_training_arrives_where_direct_training_does() {
    let plain = matrix::<f64>(1, 23, 300);
    let twice = concatenate![Axis(0), plain, plain.slice(s![..9, ..]), Array2::zeros((2, 300))];
    let flat = matrix::<f64>(2, 31, 4).dot(&matrix(3, 4, 300)); // of rank 4
    for (data, x) in [("plain", plain), ("samples twice, and zeros", twice), ("of low rank", flat)] {
        let start = network::<f64>(300, vec![dense(6, Tanh), dense(3, Relu), dense(1, Sigmoid)], 4);
        for optimizer in [SGD, NESTEROV] {
            for (batch_size, threads) in [(None, 1), (None, 2), (Some(7), 1)] {
                let run = |solver| {
                    let settings = (optimizer.clone(), LOSS, threads);
                    trained(
                        &start,
                        settings,
                        Samples::Floats(x.view()),
                        &labels(x.nrows()),
                        &with(solver, 100, batch_size),
                    )
                };
                let (direct, direct_history) = run(Solver::Direct).expect("direct");
                let (reduced, history) = run(Solver::Reduced).expect("reduced");
                assert_eq!((direct_history.solver, history.solver), (Solver::Direct, Solver::Reduced));
                let far = distance(&direct, &reduced);
                assert!(far < 1e-9, "{data}, {optimizer:?}, batches of {batch_size:?}: {far:e}");
                assert!(distance(&start, &reduced) > 1e-3, "nothing was learnt");
                for (a, b) in direct_history.epochs.iter().zip(&history.epochs) {
                    assert!((a.training.loss - b.training.loss).abs() < 1e-9, "epoch {}", a.epoch);
                }
            }
        }
    }
}

#[test]
fn pictures_of_bytes_are_scaled_before_they_are_reduced() {
    let x = bytes(5, 20, 192);
    let start = network::<f64>(192, vec![PIXELS, dense(5, Relu), dense(1, Sigmoid)], 6);
    let run = |solver| {
        let x = Samples::Bytes(x.view());
        trained(&start, (SGD, LOSS, 1), x, &labels(20), &with(solver, 100, None)).expect("a training").0
    };
    assert!(distance(&run(Solver::Direct), &run(Solver::Reduced)) < 1e-9);
}

#[test]
fn validation_scores_are_those_of_the_whole_network() {
    let (x, unseen, y, truth) = (matrix::<f64>(7, 15, 90), matrix::<f64>(8, 40, 90), labels(15), labels(40));
    let start = network::<f64>(90, vec![dense(4, Tanh), dense(1, Sigmoid)], 9);
    let run = |solver| {
        let mut network = start.clone();
        let mut trainer = Trainer::new(&network, NESTEROV, LOSS, 1).expect("in range");
        let validation = Some((Samples::Floats(unseen.view()), truth.view().into()));
        let (x, options) = (Samples::Floats(x.view()), with(solver, 50, None));
        fit_arrays(&mut trainer, &mut network, x, y.clone(), validation, &options, &mut ()).expect("a training").epochs
    };
    for (direct, reduced) in run(Solver::Direct).into_iter().zip(run(Solver::Reduced)) {
        let (direct, reduced) = (direct.validation.expect("scores"), reduced.validation.expect("scores"));
        assert!((direct.loss - reduced.loss).abs() < 1e-9);
        assert_eq!(direct.metrics, reduced.metrics);
    }
}

#[test]
fn a_trainer_goes_on_after_a_reduced_training_with_its_velocity() {
    let (x, y) = (matrix::<f64>(10, 12, 80), labels(12));
    let start = network::<f64>(80, vec![dense(4, Tanh), dense(1, Sigmoid)], 11);
    let run = |solver| {
        let mut network = start.clone();
        let mut trainer = Trainer::new(&network, NESTEROV, LOSS, 1).expect("in range");
        for solver in [solver, Solver::Direct] {
            let (x, options) = (Samples::Floats(x.view()), with(solver, 20, None));
            fit_arrays(&mut trainer, &mut network, x, y.clone(), None, &options, &mut ()).expect("a training");
        }
        assert_eq!(trainer.steps(), 40);
        network
    };
    assert!(distance(&run(Solver::Direct), &run(Solver::Reduced)) < 1e-9);
}

/// From spec, optimizer and shapes alone.
#[test]
fn auto_reduces_where_it_is_exact_and_saves_work_and_says_why() {
    let choose = |rows: usize, optimizer, epochs, layers| {
        let (x, start) = (matrix::<f64>(12, rows, 60), network::<f64>(60, layers, 13));
        let x = Samples::Floats(x.view());
        let (_, history) = trained(&start, (optimizer, LOSS, 1), x, &labels(rows), &with(Solver::Auto, epochs, None))
            .expect("a training");
        (history.solver, history.reason)
    };
    let layers = || vec![dense(20, Tanh), dense(1, Sigmoid)];
    let cases = [
        (choose(10, SGD, 100, layers()), Solver::Reduced, "10 of 60"),
        (choose(10, SGD, 1, layers()), Solver::Direct, "1 epochs"),
        (choose(10, ADAM, 100, layers()), Solver::Direct, "adam"),
        (choose(60, SGD, 100, layers()), Solver::Direct, "60 samples may span all 60 features"),
        (choose(10, SGD, 100, vec![PIXELS, PIXELS, dense(1, Sigmoid)]), Solver::Direct, "not dense"),
    ];
    for ((solver, reason), expected, word) in cases {
        assert!(solver == expected && reason.contains(word), "{solver:?} because {reason}");
    }
}

#[test]
fn reduced_is_refused_where_it_would_be_wrong() {
    let (x, y) = (matrix::<f64>(14, 10, 60), labels(10));
    let start = network::<f64>(60, vec![dense(4, Tanh), dense(1, Sigmoid)], 15);
    let x = Samples::Floats(x.view());
    let result = trained(&start, (ADAM, LOSS, 1), x, &y, &with(Solver::Reduced, 5, None));
    let error = result.expect_err("Adam is not gradient descent").to_string();
    assert!(error.contains("adam") && error.contains("solver"), "{error}");
}

#[test]
fn nothing_but_zeros_is_trained_directly() {
    let (x, y) = (Array2::<f64>::zeros((8, 30)), labels(8));
    let start = network::<f64>(30, vec![dense(4, Tanh), dense(1, Sigmoid)], 16);
    let run = |solver| {
        trained(&start, (SGD, LOSS, 1), Samples::Floats(x.view()), &y, &with(solver, 9, None)).expect("a training")
    };
    let ((direct, _), (reduced, history)) = (run(Solver::Direct), run(Solver::Reduced));
    assert_eq!(direct.fingerprint().expect("finite"), reduced.fingerprint().expect("finite"));
    assert_eq!((history.solver, history.reason.as_str()), (Solver::Direct, "all samples are zero"));
}

#[test]
fn the_same_bits_for_every_thread_count_and_instruction_set() {
    same_at_every_level(module_path!(), "the_same_bits_for_every_thread_count_and_instruction_set", || {
        let x = bytes(17, 40, 500);
        let start = network::<f32>(500, vec![PIXELS, dense(20, Relu), dense(1, Sigmoid)], 18);
        let run = |threads| {
            let x = Samples::Bytes(x.view());
            let done = trained(&start, (NESTEROV, LOSS, threads), x, &labels(40), &with(Solver::Reduced, 20, None));
            done.and_then(|(network, _)| network.fingerprint()).expect("a training")
        };
        let one = run(1);
        assert!([2, 3, 8].into_iter().all(|threads| run(threads) == one));
        one
    });
}
