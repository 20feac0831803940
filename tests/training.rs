//! Steps, batches and the fit loop: the same numbers as a loop written by hand, and they learn.

use std::collections::HashSet;

use crate::common::training::*;
use crate::common::{bits, dense, matrix, network, numbers};
use ndarray::{Array2, Axis, array};
use purrceptron::activation::Activation::{Identity, Relu, Sigmoid, Softmax, Tanh};
use purrceptron::error::{Error, Result};
use purrceptron::layer::{Input, dense_backward, dense_forward};
use purrceptron::loss::{Loss, Targets};
use purrceptron::math::Float;
use purrceptron::metric::Metric;
use purrceptron::network::{Network, Samples};
use purrceptron::optimizer::{Optimizer, Rule};
use purrceptron::train::*;

/// The seven steps of the series on arrays, for a 20-7-1 network of ReLU and sigmoid.
#[test]
fn fit_on_the_full_batch_equals_the_loop_written_by_hand_bit_for_bit() {
    fn check<F: Float>() {
        let start = network::<F>(300, vec![dense(20, Relu), dense(7, Relu), dense(1, Sigmoid)], 3);
        let (x, targets) = (matrix::<F>(1, 41, 300), labels::<F>(41));
        let OwnedTargets::Values(y) = &targets else { unreachable!() };
        let mut weights: Vec<Array2<F>> = start
            .named_parameters()
            .iter()
            .map(|p| {
                let shape = (p.shape[..p.shape.len() - 1].iter().product(), p.shape[p.shape.len() - 1]);
                Array2::from_shape_vec(shape, start.parameters()[p.range.clone()].to_vec()).expect("its shape")
            })
            .collect();
        let mut losses = Vec::new();
        for _ in 0..10 {
            let mut activations = vec![x.clone()];
            for layer in 0..3 {
                let (kernel, bias) = (&weights[2 * layer], weights[2 * layer + 1].row(0));
                let mut z = dense_forward(activations[layer].view(), kernel.view(), bias, 1).expect("fits");
                if layer < 2 {
                    z.mapv_inplace(|z| if z > F::ZERO { z } else { F::ZERO });
                }
                activations.push(z);
            }
            let mut da = activations[3].clone();
            let logits = activations[3].as_slice().expect("row after row");
            let dz = da.as_slice_mut().expect("row after row");
            losses.push(Loss::BINARY_CROSS_ENTROPY.forward_backward(
                logits,
                1,
                Targets::Values(y),
                dz,
                &mut Vec::new(),
            ));
            for layer in (0..3).rev() {
                if layer < 2 {
                    da.zip_mut_with(&activations[layer + 1], |da, a| *da = if *a > F::ZERO { *da } else { F::ZERO });
                }
                let g =
                    dense_backward(da.view(), activations[layer].view(), weights[2 * layer].view(), 1).expect("fits");
                let step = |w: &mut F, g: &F| *w -= F::from_f64(0.1) * *g;
                weights[2 * layer].zip_mut_with(&g.dkernel, step);
                weights[2 * layer + 1].zip_mut_with(&g.dbias.insert_axis(Axis(0)), step);
                da = g.dx;
            }
        }
        let by_hand = bits(weights.iter().flatten());
        for threads in [1, 2] {
            let with = (SGD, Loss::BINARY_CROSS_ENTROPY, threads);
            let (network, history) = trained(&start, with, Samples::Floats(x.view()), &targets, &options(10, None))
                .expect("training that works");
            assert!(bits(network.parameters()) == by_hand, "{:?} {threads} threads", F::DTYPE);
            assert_eq!(history.epochs.iter().map(|epoch| epoch.training.loss).collect::<Vec<_>>(), losses);
        }
        // The same by `Trainer::step`, from rows.
        let mut network = start.clone();
        let mut trainer = Trainer::new(&network, SGD, Loss::BINARY_CROSS_ENTROPY, 1).expect("in range");
        let rows = x.as_slice().expect("row after row");
        for _ in 0..10 {
            let batch = Batch { input: Input::Rows(rows), targets: targets.view(), samples: 41, weights: None };
            trainer.step(&mut network, batch).expect("a finite loss");
        }
        assert_eq!((bits(network.parameters()) == by_hand, trainer.steps()), (true, 10));
    }
    check::<f32>();
    check::<f64>();
}

/// The samples of each batch of an epoch, told by their only feature.
fn epoch_of(source: &mut impl BatchSource<f32>, epoch: u64) -> Vec<Vec<u32>> {
    source.begin_epoch(epoch);
    let mut batches = Vec::new();
    while let Some(batch) = source.next_batch() {
        let Input::Rows(rows) = batch.input else { panic!("minibatches are rows") };
        let Targets::Classes(classes) = batch.targets else { panic!("the targets were classes") };
        let samples: Vec<u32> = rows.iter().map(|x| *x as u32).collect();
        assert_eq!(classes, samples.iter().map(|i| i % 5).collect::<Vec<_>>(), "targets follow their samples");
        assert_eq!(batch.samples, samples.len());
        batches.push(samples);
    }
    batches
}

#[test]
fn an_epoch_holds_every_sample_once_in_an_order_of_its_own_and_the_last_batch_is_short() {
    let net = network::<f32>(1, vec![dense(5, Softmax)], 0);
    let x = Array2::from_shape_fn((103, 1), |(i, _)| i as f32);
    let y = OwnedTargets::Classes((0..103).map(|i| i % 5).collect());
    let source = |size, order| {
        MiniBatches::new(&net, Loss::CROSS_ENTROPY, Samples::Floats(x.view()), y.clone(), size, order).expect("fits")
    };
    let mut shuffled = source(10, Order::Shuffled(7));
    let epochs: Vec<_> = (0..5).map(|epoch| epoch_of(&mut shuffled, epoch)).collect();
    for batches in &epochs {
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 3]);
        let mut samples = batches.concat();
        samples.sort_unstable();
        assert_eq!(samples, (0..103).collect::<Vec<_>>());
    }
    assert_eq!(epochs.iter().collect::<HashSet<_>>().len(), 5, "every epoch has another order");
    assert_eq!(epoch_of(&mut source(10, Order::Shuffled(7)), 3), epochs[3], "an order depends on its epoch alone");
    assert_ne!(epoch_of(&mut source(10, Order::Shuffled(8)), 3), epochs[3], "another seed, another order");
    assert_eq!(
        epoch_of(&mut source(500, Order::Shuffled(7)), 0).concat(),
        epochs[0].concat(),
        "whatever the batch size"
    );
    assert_eq!(epoch_of(&mut source(50, Order::Sequential), 1).concat(), (0..103).collect::<Vec<_>>());
    assert_eq!(epoch_of(&mut source(2, Order::Given(vec![4, 4, 9])), 1), [vec![4, 4], vec![9]]);
}

#[test]
fn epochs_of_zero_leave_everything_as_it_was() {
    let net = network::<f32>(4, vec![dense(1, Sigmoid)], 0);
    let with = (ADAM, Loss::BINARY_CROSS_ENTROPY, 1);
    let (after, history) =
        trained(&net, with, Samples::Floats(matrix(0, 9, 4).view()), &labels(9), &options(0, Some(4)))
            .expect("nothing to do");
    assert_eq!((history.epochs.len(), after.fingerprint().ok()), (0, net.fingerprint().ok()));
}

/// Means are over samples, each batch before its step, a short last batch counting for what it holds.
#[test]
fn an_epochs_loss_and_accuracy_are_means_over_its_samples() {
    let mut net = network::<f64>(4, vec![dense(3, Softmax)], 0);
    let (x, y) = (matrix::<f64>(0, 10, 4), classes::<f64>(10, 3));
    let mut trainer = Trainer::new(&net, SGD, Loss::CROSS_ENTROPY, 1).expect("in range");
    let options = FitOptions { shuffle: false, ..options(1, Some(4)) };
    let mut twin = net.clone();
    let history = fit_arrays(&mut trainer, &mut net, Samples::Floats(x.view()), y.clone(), None, &options, &mut ());
    let (mut losses, mut right) = (0.0, 0);
    let OwnedTargets::Classes(y) = y else { unreachable!() };
    for (x, y) in x.axis_chunks_iter(Axis(0), 4).zip(y.chunks(4)) {
        let p = twin.predict(Samples::Floats(x), false, 1).expect("fits");
        for (p, y) in p.outer_iter().zip(y) {
            losses -= p[*y as usize].ln();
            right += usize::from(p.iter().all(|other| *other <= p[*y as usize]));
        }
        let batch = Batch {
            input: Input::Rows(x.as_slice().expect("rows")),
            targets: Targets::Classes(y),
            samples: y.len(),
            weights: None,
        };
        Trainer::new(&twin, SGD, Loss::CROSS_ENTROPY, 1).expect("in range").step(&mut twin, batch).expect("finite");
    }
    let training = history.expect("training that works").epochs[0].training.clone();
    assert!((training.loss - losses / 10.0).abs() < 1e-14, "{training:?} {losses}");
    assert_eq!(training.metrics, [right as f64 / 10.0]);
}

/// Stops after epoch 2, or fails at a step.
struct Stopper {
    seen: Vec<(u64, Option<String>)>,
    stop_after: u64,
    fail_at_step: u64,
    steps: u64,
}

impl Watch<f32> for Stopper {
    fn step(&mut self) -> Result<()> {
        self.steps += 1;
        if self.steps == self.fail_at_step { Err(Error::Callback("enough".into())) } else { Ok(()) }
    }

    fn epoch(&mut self, report: &EpochReport, network: &Network<f32>) -> Result<Flow> {
        self.seen.push((report.epoch, network.fingerprint().ok()));
        Ok(if report.epoch == self.stop_after { Flow::Stop } else { Flow::Continue })
    }
}

#[test]
fn whoever_watches_can_stop_and_sees_the_weights_of_that_moment() {
    let start = network::<f32>(4, vec![dense(5, Tanh), dense(1, Sigmoid)], 0);
    let (x, y) = (matrix(0, 20, 4), labels(20));
    let run = |epochs, stop_after, fail_at_step, threads| {
        let mut network = start.clone();
        let mut watch = Stopper { seen: Vec::new(), stop_after, fail_at_step, steps: 0 };
        let mut trainer = Trainer::new(&network, ADAM, Loss::BINARY_CROSS_ENTROPY, threads).expect("in range");
        let options = options(epochs, Some(6));
        let x = Samples::Floats(x.view());
        let history = fit_arrays(&mut trainer, &mut network, x, y.clone(), None, &options, &mut watch);
        (network.fingerprint().expect("finite"), history, watch, trainer.steps())
    };
    let (stopped, history, watch, _) = run(9, 2, 0, 2);
    let (three_epochs, ..) = run(3, 99, 0, 1);
    assert_eq!(stopped, three_epochs);
    assert_eq!(history.expect("no error").epochs.iter().map(|epoch| epoch.epoch).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((watch.seen.len(), &watch.seen[2]), (3, &(2, Some(stopped))));
    // 4 steps an epoch: the sixth is the second of the second epoch, and its weights stay.
    let (failed, history, watch, steps) = run(9, 99, 6, 2);
    assert!(matches!(history, Err(Error::Callback(_))));
    assert_eq!((steps, watch.seen.len()), (6, 1));
    assert_ne!(Some(failed), watch.seen[0].1);
}

#[test]
fn validation_changes_no_bit_of_the_weights() {
    let start = network::<f32>(30, vec![dense(9, Tanh), dense(1, Sigmoid)], 0);
    let (x, y, held_out, held_out_y) = (matrix(0, 50, 30), labels(50), matrix(1, 700, 30), labels(700));
    let run = |validation, batch_size| {
        let mut network = start.clone();
        let mut trainer = Trainer::new(&network, ADAM, Loss::BINARY_CROSS_ENTROPY, 2).expect("in range");
        let x = Samples::Floats(x.view());
        let history =
            fit_arrays(&mut trainer, &mut network, x, y.clone(), validation, &options(4, batch_size), &mut ());
        (network, history.expect("training that works"))
    };
    for batch_size in [None, Some(8)] {
        let (plain, without) = run(None, batch_size);
        let (network, with) = run(Some((Samples::Floats(held_out.view()), held_out_y.view().into())), batch_size);
        assert_eq!(network.fingerprint().expect("finite"), plain.fingerprint().expect("finite"));
        assert!(with.epochs.iter().zip(&without.epochs).all(|(with, without)| with.training == without.training));
        let p = network.predict(Samples::Floats(held_out.view()), true, 1).expect("fits");
        let OwnedTargets::Values(y) = &held_out_y else { unreachable!() };
        let cost = |(p, y): (&f32, &f32)| -(if *y > 0.5 { f64::from(*p) } else { 1.0 - f64::from(*p) }).ln();
        let loss = p.iter().zip(y).map(cost).sum::<f64>() / 700.0;
        let right = p.iter().zip(y).filter(|(p, y)| (**p > 0.5) == (**y > 0.5)).count();
        let validation = with.epochs[3].validation.clone().expect("there was validation data");
        assert!((validation.loss - loss).abs() < 1e-5, "{validation:?} {loss}");
        assert_eq!(validation.metrics, [right as f64 / 700.0]);
    }
}

#[test]
fn probabilities_come_out_whichever_way_a_network_ends() {
    let x = matrix::<f64>(1, 20, 6);
    for (outputs, last) in [(1, Sigmoid), (3, Softmax)] {
        let logits = network::<f64>(6, vec![dense(outputs, Identity)], 0);
        let probabilities = network::<f64>(6, vec![dense(outputs, last)], 0);
        let p = probabilities.predict(Samples::Floats(x.view()), true, 1).expect("fits");
        assert_eq!(bits(&logits.predict(Samples::Floats(x.view()), true, 1).expect("fits")), bits(&p));
        assert_eq!(bits(&probabilities.predict(Samples::Floats(x.view()), false, 1).expect("fits")), bits(&p));
        assert!(p.iter().all(|p| *p > 0.0 && *p < 1.0));
        assert!(outputs == 1 || p.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-14));
        assert_ne!(logits.predict(Samples::Floats(x.view()), false, 1).expect("fits"), p);
    }
}

#[test]
fn exclusive_or_is_learned() {
    let x = array![[0.0f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let y = OwnedTargets::Values(vec![0.0, 1.0, 1.0, 0.0]);
    for (seed, batch_size) in [(0, None), (1, Some(2)), (2, None)] {
        let net = network::<f32>(2, vec![dense(8, Tanh), dense(1, Sigmoid)], seed);
        let optimizer =
            Optimizer::new(Rule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, epsilon_hat: false }, 0.05);
        let with = (optimizer, Loss::BINARY_CROSS_ENTROPY, 1);
        let (_, history) =
            trained(&net, with, Samples::Floats(x.view()), &y, &options(400, batch_size)).expect("works");
        let last = &history.epochs[399].training;
        assert!(last.loss < 0.02 && last.metrics == [1.0], "seed {seed}: {last:?}");
    }
}

/// Two half circles that reach into each other, with noise.
#[test]
fn two_moons_are_told_apart_on_points_not_seen() {
    let moons = |seed, count: usize| {
        let noise = numbers::<f32>(seed, 3 * count);
        let point = |i: usize| {
            let angle = std::f32::consts::PI * (noise[3 * i] * 0.5 + 0.5);
            let (x, y) =
                if i.is_multiple_of(2) { (angle.cos(), angle.sin()) } else { (1.0 - angle.cos(), 0.5 - angle.sin()) };
            [x + 0.2 * noise[3 * i + 1], y + 0.2 * noise[3 * i + 2]]
        };
        let points: Vec<f32> = (0..count).flat_map(point).collect();
        (
            Array2::from_shape_vec((count, 2), points).expect("pairs"),
            OwnedTargets::Classes((0..count).map(|i| (i % 2) as u32).collect()),
        )
    };
    let ((x, y), (unseen, unseen_y)) = (moons(1, 400), moons(2, 400));
    let net = network::<f32>(2, vec![dense(16, Relu), dense(16, Relu), dense(2, Softmax)], 0);
    let (net, _) =
        trained(&net, (ADAM, Loss::CROSS_ENTROPY, 1), Samples::Floats(x.view()), &y, &options(100, Some(32)))
            .expect("works");
    let mut trainer = Trainer::new(&net, ADAM, Loss::CROSS_ENTROPY, 1).expect("in range");
    let score =
        trainer.evaluate(&net, Samples::Floats(unseen.view()), unseen_y.view(), &[Metric::Accuracy]).expect("fits");
    assert!(score.metrics[0] >= 0.98, "{score:?}");
}
