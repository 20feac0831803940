//! The same seed, data and spec give the same bits: for any threads, instruction set, form of the data, run after run.

use std::collections::HashSet;

use crate::common::training::*;
use crate::common::{bits, bytes, dense, matrix, network, numbers, same_at_every_level, sized};
use ndarray::{Array2, ArrayView2, Axis};
use purrceptron::activation::Activation::{Gelu, Identity, Relu, Sigmoid, Softmax, Softplus, Tanh};
use purrceptron::error::Result;
use purrceptron::loss::Loss;
use purrceptron::math::Float;
use purrceptron::network::{Network, Samples};
use purrceptron::parallel::install;
use purrceptron::spec::LayerSpec;
use purrceptron::train::*;

/// Networks of several sizes, each with its data; every one trained in minibatches and on the full batch.
fn every_training(threads: usize) -> Vec<String> {
    let mut all = Vec::new();
    for batch_size in [Some(32), None] {
        let options = options(3, batch_size);
        let net = network::<f32>(64, vec![dense(32, Tanh), dense(1, Sigmoid)], 1);
        let (x, y) = (matrix(1, 100, 64), labels(100));
        let with = (ADAM, Loss::BINARY_CROSS_ENTROPY, threads);
        all.push(fingerprint(trained(&net, with, Samples::Floats(x.view()), &y, &options)));

        let net = network::<f64>(30, vec![dense(100, Relu), dense(10, Softmax)], 2);
        let (x, y) = (matrix(2, 77, 30), classes(77, 10));
        let with = (NESTEROV, Loss::CROSS_ENTROPY, threads);
        all.push(fingerprint(trained(&net, with, Samples::Floats(x.view()), &y, &options)));

        let digit = sized(784, 100);
        let net = network::<f32>(digit, vec![PIXELS, dense(128, Relu), dense(10, Identity)], 3);
        let (x, y) = (bytes(3, 130, digit), classes(130, 10));
        let with = (ADAM, Loss::CROSS_ENTROPY, threads);
        all.push(fingerprint(trained(&net, with, Samples::Bytes(x.view()), &y, &options)));

        let layers = vec![PIXELS, dense(20, Relu), dense(7, Relu), dense(5, Relu), dense(1, Sigmoid)];
        let photo = sized(12288, 1000);
        let net = network::<f32>(photo, layers, 4);
        let (x, y) = (bytes(4, 50, photo), labels(50));
        let with = (SGD, Loss::BINARY_CROSS_ENTROPY, threads);
        all.push(fingerprint(trained(&net, with, Samples::Bytes(x.view()), &y, &options)));
    }
    all
}

#[test]
fn no_number_of_threads_and_no_second_run_changes_a_bit() {
    let first = every_training(1);
    assert_eq!(first.iter().collect::<HashSet<_>>().len(), first.len(), "all trainings are different");
    for threads in [1, 2, 3] {
        assert_eq!(every_training(threads), first, "{threads} threads");
    }
}

/// A trainer tries whether threads shall share what is small too: rows of a batch, its loss, an activation, a layer's step.
/// Its sixth step is the first that does.
#[test]
fn small_work_that_threads_share_changes_no_bit() {
    let (samples, batch, features, outputs) = (900, 700, 40, 4);
    let x = matrix::<f32>(6, samples, features);
    for loss in every_loss() {
        let last = if loss.on_logits() { Identity } else { Softplus };
        let net = network::<f32>(features, vec![dense(110, Relu), dense(outputs, last)], 6);
        let mut targets = vec![labels(samples * loss.target_width(outputs))];
        if matches!(loss, Loss::CrossEntropy { .. } | Loss::CategoricalFocal { .. }) {
            targets.push(classes(samples, outputs));
        }
        for y in &targets {
            let trained = |threads| {
                let with = (ADAM, loss, threads);
                let options = FitOptions { metrics: vec![], ..options(8, Some(batch)) };
                fingerprint(trained(&net, with, Samples::Floats(x.view()), y, &options))
            };
            assert_eq!((trained(2), trained(3)), (trained(1), trained(1)), "{loss:?}");
        }
    }
}

/// It goes on trying through a longer training, with batches of several sizes.
#[test]
fn trials_of_threads_change_no_bit() {
    let net = network::<f64>(30, vec![dense(60, Tanh), dense(60, Gelu), dense(10, Softmax)], 7);
    let (x, y) = (matrix(7, 500, 30), classes(500, 10));
    let with = |threads| (ADAM, Loss::CROSS_ENTROPY, threads);
    let trained =
        |threads| fingerprint(trained(&net, with(threads), Samples::Floats(x.view()), &y, &options(20, Some(150))));
    assert_eq!((trained(2), trained(3)), (trained(1), trained(1)));
}

#[test]
fn training_gives_the_same_bits_at_every_instruction_set() {
    same_at_every_level(module_path!(), "training_gives_the_same_bits_at_every_instruction_set", || {
        let net = network::<f32>(17, vec![dense(33, Tanh), dense(9, Sigmoid), dense(7, Relu), dense(3, Softmax)], 1);
        let (x, y) = (matrix(1, 50, 17), classes(50, 3));
        let with = (ADAM, Loss::CROSS_ENTROPY, 2);
        let single = fingerprint(trained(&net, with, Samples::Floats(x.view()), &y, &options(5, Some(16))));
        let net = network::<f64>(300, vec![PIXELS, dense(9, Relu), dense(2, Sigmoid)], 1);
        let (x, y) = (bytes(1, 30, 300), OwnedTargets::Values(numbers::<f64>(1, 60).iter().map(|y| y.abs()).collect()));
        let with = (NESTEROV, Loss::BINARY_CROSS_ENTROPY, 1);
        let double = fingerprint(trained(&net, with, Samples::Bytes(x.view()), &y, &options(5, None)));
        single + &double
    });
}

/// Bytes or floats, packed once or gathered row by row, in any layout: the same numbers, so the same weights.
#[test]
fn every_form_of_the_same_data_gives_the_same_bits() {
    fn check<F: Float>(first: Vec<LayerSpec>) {
        let net = network::<F>(300, [first, vec![dense(11, Relu), dense(1, Sigmoid)]].concat(), 5);
        let as_bytes = bytes(5, 40, 300);
        let (floats, y) = (as_bytes.mapv(F::from), labels::<F>(40));
        let (bytes_t, floats_t) =
            (as_bytes.t().as_standard_layout().into_owned(), floats.t().as_standard_layout().into_owned());
        let weights = |x: Samples<F>, batch_size, shuffle, threads| {
            let options = FitOptions { shuffle, ..options(3, batch_size) };
            fingerprint(trained(&net, (ADAM, Loss::BINARY_CROSS_ENTROPY, threads), x, &y, &options))
        };
        for (batch_size, shuffle) in [(None, true), (Some(7), true), (Some(7), false), (Some(39), true)] {
            let expected = weights(Samples::Floats(floats.view()), batch_size, shuffle, 1);
            for x in [Samples::Bytes(as_bytes.view()), Samples::Bytes(bytes_t.t()), Samples::Floats(floats_t.t())] {
                assert_eq!(weights(x, batch_size, shuffle, 2), expected, "batch size {batch_size:?}");
            }
        }
        // A batch of all samples, gathered row by row, is the full batch.
        let mut network = net.clone();
        let mut trainer = Trainer::new(&network, ADAM, Loss::BINARY_CROSS_ENTROPY, 2).expect("in range");
        let x = Samples::Bytes(as_bytes.view());
        let mut rows =
            MiniBatches::new(&network, Loss::BINARY_CROSS_ENTROPY, x, y.clone(), 40, Order::Sequential).expect("fits");
        fit(&mut trainer, &mut network, &mut rows, None, &options(3, None), &mut ()).expect("training that works");
        assert_eq!(network.fingerprint().expect("finite"), weights(x, None, true, 1));
    }
    check::<f32>(vec![PIXELS]);
    check::<f64>(vec![PIXELS]);
    check::<f32>(vec![PIXELS, LayerSpec::Rescale { scale: -2.5 }]);
    check::<f64>(Vec::new());
}

#[test]
fn a_prediction_does_not_depend_on_the_samples_beside_it_or_on_threads() {
    let net = network::<f32>(40, vec![PIXELS, dense(30, Tanh), dense(4, Softmax)], 0);
    let x = bytes(1, 1100, 40); // more than two of the pieces that prediction is cut into
    let all = net.predict(Samples::Bytes(x.view()), false, 1).expect("fits");
    assert_eq!(all.dim(), (1100, 4));
    assert_eq!(bits(&net.predict(Samples::Bytes(x.view()), false, 3).expect("fits")), bits(&all));
    for i in [0, 1, 511, 512, 1099] {
        let one = net.predict(Samples::Bytes(x.select(Axis(0), &[i]).view()), false, 2).expect("fits");
        assert_eq!(bits(&one), bits(all.row(i)));
    }
    let none =
        net.predict(Samples::Bytes(ArrayView2::from_shape((0, 40), &[]).expect("empty")), false, 2).expect("fits");
    assert_eq!(none.dim(), (0, 4));
}

#[test]
fn packing_on_another_number_of_threads_than_training_changes_nothing() {
    let start = network::<f32>(600, vec![dense(33, Relu), dense(1, Sigmoid)], 0);
    let (x, y) = (matrix(0, 70, 600), labels(70));
    let run = |packing, threads| {
        let mut network = start.clone();
        let loss = Loss::BINARY_CROSS_ENTROPY;
        let x = Samples::Floats(x.view());
        let mut batch = install(packing, || FullBatch::new(&network, loss, x, y.clone(), packing)).expect("fits");
        let mut trainer = Trainer::new(&network, ADAM, loss, threads).expect("in range");
        fit(&mut trainer, &mut network, &mut batch, None, &options(3, None), &mut ()).expect("works");
        network.fingerprint().expect("finite")
    };
    let expected = run(1, 1);
    for (packing, threads) in [(3, 1), (1, 3), (2, 3)] {
        assert_eq!(run(packing, threads), expected);
    }
}

/// Predicts while it watches, on threads of another number than the training's.
struct Onlooker(Array2<f32>, Vec<Vec<u64>>);

impl Watch<f32> for Onlooker {
    fn epoch(&mut self, _: &EpochReport, network: &Network<f32>) -> Result<Flow> {
        self.1.push(bits(&network.predict(Samples::Floats(self.0.view()), false, 1 + self.1.len() % 3)?));
        Ok(Flow::Continue)
    }
}

#[test]
fn trainings_side_by_side_and_predictions_in_between_do_not_disturb_each_other() {
    let inputs = sized(300, 40);
    let start = network::<f32>(inputs, vec![dense(150, Relu), dense(1, Sigmoid)], 0);
    let (x, y) = (matrix(0, 60, inputs), labels(60));
    let run = |threads| {
        let (mut network, mut onlooker) = (start.clone(), Onlooker(matrix(1, 600, inputs), Vec::new()));
        let mut trainer = Trainer::new(&network, ADAM, Loss::BINARY_CROSS_ENTROPY, threads).expect("in range");
        let x = Samples::Floats(x.view());
        fit_arrays(&mut trainer, &mut network, x, y.clone(), None, &options(6, Some(16)), &mut onlooker)
            .expect("works");
        (network.fingerprint().expect("finite"), onlooker.1)
    };
    let alone = run(1);
    std::thread::scope(|scope| {
        let all: Vec<_> = [1, 2, 3, 2].map(|threads| scope.spawn(move || run(threads))).into_iter().collect();
        for training in all {
            assert!(training.join().expect("no panic") == alone);
        }
    });
}
