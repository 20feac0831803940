//! Penalties, bounds, decay, clipping, weights of samples and gathered batches: each is what its formula says.

use crate::common::training::{ADAM, NESTEROV, SGD, classes, labels, options};
use crate::common::{bits, dense, matrix, network, numbers, same_at_every_level, sized};
use ndarray::{Array2, ArrayView2, Axis, s};
use purrceptron::activation::Activation::{Identity, Relu, Sigmoid, Softmax, Tanh};
use purrceptron::error::Error;
use purrceptron::layer::Input;
use purrceptron::loss::{Loss, Targets};
use purrceptron::math::Float;
use purrceptron::network::{Network, Samples};
use purrceptron::optimizer::{Optimizer, Rule};
use purrceptron::spec::LayerSpec;
use purrceptron::train::*;

/// A dense layer with penalties and a bound.
fn regularized(layer: LayerSpec, (with_l1, with_l2): (f64, f64), bound: Option<f64>) -> LayerSpec {
    match layer {
        LayerSpec::Dense { units, activation, kernel_initializer, bias_initializer, trainable, .. } => {
            LayerSpec::Dense {
                units,
                activation,
                kernel_initializer,
                bias_initializer,
                trainable,
                l1: with_l1,
                l2: with_l2,
                max_norm: bound,
            }
        }
        other => other,
    }
}

fn kernel<F: Float>(network: &Network<F>, layer: usize) -> &[F] {
    let name = format!("layers.{layer}.kernel");
    let parameter = network.named_parameters().iter().find(|parameter| parameter.name == name).expect("a kernel");
    &network.parameters()[parameter.range.clone()]
}

fn trainer<F: Float>(network: &Network<F>, optimizer: &Optimizer, loss: Loss) -> Trainer<F> {
    Trainer::new(network, optimizer.clone(), loss, 1).expect("in range")
}

/// `Network`, trained; and what the epochs reported.
fn fit<F: Float>(
    start: &Network<F>,
    optimizer: &Optimizer,
    x: ArrayView2<F>,
    labels: impl Into<OwnedLabels<F>>,
    options: &FitOptions,
    threads: usize,
) -> (Network<F>, Vec<EpochReport>) {
    let mut network = start.clone();
    let mut trainer = Trainer::new(&network, optimizer.clone(), Loss::CROSS_ENTROPY, threads).expect("in range");
    let history = fit_arrays(&mut trainer, &mut network, Samples::Floats(x), labels, None, options, &mut ());
    (network, history.expect("a training").epochs)
}

fn weighted<F: Float>(targets: OwnedTargets<F>, weights: Vec<F>) -> OwnedLabels<F> {
    OwnedLabels { targets, weights: Some(weights) }
}

#[test]
fn penalties_are_part_of_every_loss_and_of_its_gradient() {
    let layers = vec![
        regularized(dense(5, Tanh), (0.03, 0.02), None),
        dense(4, Tanh),
        regularized(dense(3, Softmax), (0.0, 0.5), None),
    ];
    let net = network::<f64>(7, layers, 1);
    let plain = network::<f64>(7, vec![dense(5, Tanh), dense(4, Tanh), dense(3, Softmax)], 1);
    let (x, y) = (matrix::<f64>(2, 6, 7), classes::<f64>(6, 3));
    let rows = x.as_slice().expect("row after row");
    let batch = Batch { input: Input::Rows(rows), targets: y.view(), samples: 6, weights: None };
    let (mut with, mut without) =
        (trainer(&net, &SGD, Loss::CROSS_ENTROPY), trainer(&plain, &SGD, Loss::CROSS_ENTROPY));
    let sum = |values: &[f64], f: fn(&f64) -> f64| values.iter().map(f).sum::<f64>();
    let (first, last) = (kernel(&net, 0), kernel(&net, 2));
    let penalty = 0.03 * sum(first, |w| w.abs()) + 0.02 * sum(first, |w| w * w) + 0.5 * sum(last, |w| w * w);
    let loss = with.loss_and_gradient(&net, batch).expect("fits");
    let without_penalty = without.loss_and_gradient(&plain, batch).expect("fits");
    assert!((loss - without_penalty - penalty).abs() < 1e-13, "{loss} {without_penalty} {penalty}");
    let scores = with.evaluate(&net, Samples::Floats(x.view()), y.view(), &[]).expect("fits");
    assert!((scores.loss - loss).abs() < 1e-13);
    let gradient = with.gradient().to_vec();
    let mut moved = net.clone();
    for i in 0..gradient.len() {
        let mut at = |step: f64| {
            moved.parameters_mut()[i] = net.parameters()[i] + step;
            with.loss_and_gradient(&moved, batch).expect("fits")
        };
        let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
        moved.parameters_mut()[i] = net.parameters()[i];
        assert!((gradient[i] - slope).abs() < 1e-7, "{i}: {} {slope}", gradient[i]);
    }
}

#[test]
fn a_weight_of_zero_gets_no_gradient_from_its_magnitude() {
    let mut net = network::<f64>(3, vec![regularized(dense(1, Identity), (1.0, 0.0), None)], 1);
    net.parameters_mut().copy_from_slice(&[0.0, -0.0, 2.0, 0.0]);
    let mut trainer = trainer(&net, &SGD, Loss::MeanSquaredError);
    let batch = Batch { input: Input::Rows(&[0.0; 3]), targets: Targets::Values(&[0.0]), samples: 1, weights: None };
    assert_eq!(trainer.loss_and_gradient(&net, batch).expect("fits"), 2.0);
    assert_eq!(trainer.gradient(), [0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn no_unit_is_longer_than_max_norm_after_a_step_and_shorter_ones_stay() {
    let bounded = vec![regularized(dense(6, Relu), (0.0, 0.0), Some(0.4)), dense(3, Softmax)];
    let (x, y) = (matrix::<f64>(2, 30, 8), classes::<f64>(30, 3));
    let net = network::<f64>(8, bounded, 3);
    let (after, _) = fit(&net, &ADAM, x.view(), y, &options(4, Some(8)), 1);
    let columns = ArrayView2::from_shape((8, 6), kernel(&after, 0)).expect("a kernel").to_owned();
    let lengths: Vec<f64> = columns.axis_iter(Axis(1)).map(|unit| unit.dot(&unit).sqrt()).collect();
    assert!(lengths.iter().all(|length| *length <= 0.4 + 1e-12), "{lengths:?}");
    assert!(lengths.iter().any(|length| *length > 0.399), "the bound is reached: {lengths:?}");
    let free = network::<f64>(8, vec![regularized(dense(6, Relu), (0.0, 0.0), Some(1e3)), dense(3, Softmax)], 3);
    let plain = network::<f64>(8, vec![dense(6, Relu), dense(3, Softmax)], 3);
    let run = |net| bits(fit(net, &ADAM, x.view(), classes(30, 3), &options(4, Some(8)), 1).0.parameters());
    assert_eq!(run(&free), run(&plain), "a bound that is not reached changes nothing");
}

/// `w -= rate decay w` for kernels, beside the step that the rule makes without decay.
#[test]
fn decoupled_decay_takes_its_share_of_kernels_and_of_nothing_else() {
    let net = network::<f64>(60, vec![dense(70, Tanh), dense(3, Softmax)], 5);
    let (x, y) = (matrix::<f64>(2, 9, 60), classes::<f64>(9, 3));
    for optimizer in [SGD, NESTEROV, ADAM] {
        let rate = optimizer.learning_rate.rate(0, &Default::default());
        let decayed = Optimizer { weight_decay: 0.3, ..optimizer.clone() };
        let (plain, _) = fit(&net, &optimizer, x.view(), y.clone(), &options(1, None), 1);
        let (after, _) = fit(&net, &decayed, x.view(), y.clone(), &options(1, None), 1);
        for parameter in net.named_parameters() {
            let share = if parameter.name.ends_with("kernel") { rate * 0.3 } else { 0.0 };
            for i in parameter.range.clone() {
                let expected = plain.parameters()[i] - share * net.parameters()[i];
                assert!((after.parameters()[i] - expected).abs() < 1e-15, "{optimizer:?} {}", parameter.name);
            }
        }
    }
}

#[test]
fn a_gradient_is_cut_by_value_and_then_shortened_to_its_greatest_length() {
    let gradient: Vec<f64> = numbers::<f64>(1, 1003).iter().map(|g| 3.0 * g).collect();
    let norm = |g: &[f64]| g.iter().map(|g| g * g).sum::<f64>().sqrt();
    let clip = |clip_value, clip_norm| {
        let mut clipped = gradient.clone();
        Optimizer { clip_value, clip_norm, ..SGD }.clip(&mut clipped, 0.0);
        clipped
    };
    assert_eq!(clip(None, None), gradient);
    assert_eq!(clip(Some(5.0), Some(1e3)), gradient, "within both bounds");
    let cut: Vec<f64> = gradient.iter().map(|g| g.clamp(-0.5, 0.5)).collect();
    assert_eq!(clip(Some(0.5), None), cut);
    for (clipped, from) in [(clip(None, Some(2.0)), &gradient), (clip(Some(0.5), Some(2.0)), &cut)] {
        let share = 2.0 / norm(from);
        assert!(clipped.iter().zip(from).all(|(clipped, from)| (clipped - from * share).abs() < 1e-14));
    }
}

/// What is not a number must stay so: a divergence is reported, not clipped away.
#[test]
fn clipping_keeps_what_is_no_number() {
    let mut gradient = [f32::NAN, 7.0, f32::INFINITY, -9.0];
    Optimizer { clip_value: Some(1.0), ..SGD }.clip(&mut gradient, 0.0);
    assert!(gradient[0].is_nan());
    assert_eq!(gradient[1..], [1.0, 1.0, -1.0]);
}

#[test]
fn layers_have_learning_rates_of_their_own_and_one_of_zero_stays() {
    let net = network::<f64>(5, vec![dense(4, Tanh), dense(4, Tanh), dense(3, Softmax)], 5);
    let (x, y) = (matrix::<f64>(2, 9, 5), classes::<f64>(9, 3));
    let optimizer = Optimizer { layer_rates: [(0, 0.0), (2, 0.25)].into(), weight_decay: 0.1, ..SGD };
    let (after, _) = fit(&net, &optimizer, x.view(), y.clone(), &options(1, None), 1);
    let (plain, _) = fit(&net, &Optimizer { weight_decay: 0.1, ..SGD }, x.view(), y, &options(1, None), 1);
    for parameter in net.named_parameters() {
        let share = [0.0, 1.0, 0.25][parameter.name.as_bytes()["layers.".len()] as usize - b'0' as usize];
        for i in parameter.range.clone() {
            let (moved, whole) =
                (after.parameters()[i] - net.parameters()[i], plain.parameters()[i] - net.parameters()[i]);
            assert!((moved - share * whole).abs() < 1e-15, "{}", parameter.name);
        }
    }
    let unknown = Optimizer { layer_rates: [(3, 0.5)].into(), ..SGD };
    let error = Trainer::new(&net, unknown, Loss::CROSS_ENTROPY, 1).err().expect("there is no layer 3").to_string();
    assert!(error.contains("layer_rates") && error.contains('3'), "{error}");
}

/// A weight of 2 is a sample that comes twice, one of 0 a sample that is not there, and weights of 1 change no bit.
#[test]
fn weights_of_samples_are_numbers_of_copies() {
    let net = network::<f64>(6, vec![dense(5, Tanh), dense(3, Softmax)], 7);
    let (x, y) = (matrix::<f64>(2, 8, 6), vec![0, 1, 2, 2, 1, 0, 1, 2]);
    let counts = [2.0, 0.0, 1.0, 3.0, 0.0, 1.0, 2.0, 1.0];
    let copies: Vec<usize> = (0..8).flat_map(|i| vec![i; counts[i] as usize]).collect();
    let copied = (x.select(Axis(0), &copies), copies.iter().map(|i| y[*i]).collect::<Vec<_>>());
    let labels = |weights: &[f64]| weighted(OwnedTargets::Classes(y.clone()), weights.to_vec());
    for optimizer in [SGD, ADAM] {
        let run = |x: &Array2<f64>, labels| fit(&net, &optimizer, x.view(), labels, &options(20, None), 1);
        let (expected, reports) = run(&copied.0, OwnedTargets::Classes(copied.1.clone()).into());
        for scale in [1.0, 0.125, 3.0] {
            let (after, weighted) = run(&x, labels(&counts.map(|count| count * scale)));
            let far = after.parameters().iter().zip(expected.parameters()).map(|(a, b)| (a - b).abs());
            assert!(far.fold(0.0, f64::max) < 1e-12, "{optimizer:?}");
            for (a, b) in reports.iter().zip(&weighted) {
                assert!((a.training.loss - b.training.loss).abs() < 1e-12);
            }
        }
        let plain = run(&x, OwnedTargets::Classes(y.clone()).into());
        let ones = run(&x, labels(&[1.0; 8]));
        assert_eq!((bits(ones.0.parameters()), ones.1), (bits(plain.0.parameters()), plain.1));
    }
}

#[test]
fn an_epochs_loss_is_the_weighted_mean_over_its_batches() {
    let net = network::<f64>(6, vec![dense(3, Softmax)], 7);
    let (x, y) = (matrix::<f64>(2, 10, 6), classes::<f64>(10, 3));
    let weights: Vec<f64> = (0..10).map(|i| if (4..8).contains(&i) { 0.0 } else { 0.5 + f64::from(i) }).collect();
    let still = Optimizer::new(Rule::Sgd { momentum: 0.0, nesterov: false }, 1e-300);
    let labels = weighted(y, weights);
    let whole = trainer(&net, &SGD, Loss::CROSS_ENTROPY)
        .evaluate(&net, Samples::Floats(x.view()), labels.view(), &[])
        .expect("fits");
    // The second batch counts for nothing at all, which moves nothing and is no reason to stop.
    let options = FitOptions { shuffle: false, ..options(1, Some(4)) };
    let (_, reports) = fit(&net, &still, x.view(), labels, &options, 1);
    assert!((reports[0].training.loss - whole.loss).abs() < 1e-13, "{} {}", reports[0].training.loss, whole.loss);
}

#[test]
fn an_evaluation_piece_by_piece_is_the_weighted_mean_of_all_samples() {
    let net = network::<f64>(6, vec![dense(3, Softmax)], 7);
    let (x, y) = (matrix::<f64>(2, 1300, 6), classes::<f64>(1300, 3));
    let weights: Vec<f64> = (0..1300).map(|i| f64::from(1 + i % 3) * if i < 512 { 10.0 } else { 0.5 }).collect();
    let evaluate = |samples: std::ops::Range<usize>, weights: Option<&[f64]>| {
        let OwnedTargets::Classes(y) = &y else { unreachable!() };
        let labels = Labels { targets: Targets::Classes(&y[samples.clone()]), weights };
        let x = x.slice(s![samples, ..]);
        trainer(&net, &SGD, Loss::CROSS_ENTROPY).evaluate(&net, Samples::Floats(x), labels, &[]).expect("fits").loss
    };
    let each = (0..1300).map(|i| weights[i] * evaluate(i..i + 1, None)).sum::<f64>();
    let (whole, expected) = (evaluate(0..1300, Some(&weights)), each / weights.iter().sum::<f64>());
    assert!((whole - expected).abs() < 1e-13, "{whole} {expected}");
}

#[test]
fn weights_that_give_no_mean_are_refused() {
    let mut net = network::<f32>(6, vec![dense(1, Sigmoid)], 7);
    let x = matrix::<f32>(2, 3, 6);
    for (weights, words) in [
        (vec![0.0; 3], "all are 0"),
        (vec![1.0, -1.0, 1.0], "sample 1 has -1"),
        (vec![1.0, 1.0, f32::NAN], "sample 2 has NaN"),
        (vec![f32::INFINITY, 1.0, 1.0], "sample 0 has inf"),
        (vec![1.0; 2], "expected 3"),
    ] {
        let before = net.fingerprint().expect("finite");
        let mut trainer = trainer(&net, &SGD, Loss::BINARY_CROSS_ENTROPY);
        let (x, labels) = (Samples::Floats(x.view()), weighted(labels(3), weights));
        let scores = trainer.evaluate(&net, x, labels.view(), &[]).expect_err("no mean").to_string();
        let error = fit_arrays(&mut trainer, &mut net, x, labels, None, &options(2, None), &mut ());
        let error = error.expect_err("no mean");
        assert!(matches!(error, Error::Data(_) | Error::Shape { .. }));
        assert!(error.to_string().contains(words) && scores.contains(words), "{error} {scores}");
        assert_eq!(net.fingerprint().expect("finite"), before);
    }
}

/// Batches of 4, three of them a step, are batches of 12; the last step of an epoch takes what is left.
#[test]
fn gathered_batches_make_the_step_of_one_batch_of_them_all() {
    let net = network::<f64>(6, vec![regularized(dense(5, Tanh), (0.01, 0.02), None), dense(3, Softmax)], 7);
    let (x, y) = (matrix::<f64>(2, 30, 6), classes::<f64>(30, 3));
    let weights: Vec<f64> = numbers::<f64>(4, 30).iter().map(|w| 1.5 + w).collect();
    for optimizer in [Optimizer { clip_norm: Some(0.3), ..NESTEROV }, ADAM] {
        for labels in [y.clone().into(), weighted(y.clone(), weights.clone())] {
            let run = |batch_size, accumulate| {
                let options = FitOptions { accumulate, ..options(7, Some(batch_size)) };
                fit(&net, &optimizer, x.view(), labels.clone(), &options, 1).0
            };
            let (gathered, whole) = (run(4, 3), run(12, 1));
            let far = gathered.parameters().iter().zip(whole.parameters()).map(|(a, b)| (a - b).abs());
            assert!(far.fold(0.0, f64::max) < 1e-12, "{optimizer:?}");
            assert!(bits(run(4, 1).parameters()) != bits(whole.parameters()), "small steps are others");
        }
    }
}

#[test]
fn the_same_bits_for_every_thread_count_and_instruction_set() {
    same_at_every_level(module_path!(), "the_same_bits_for_every_thread_count_and_instruction_set", || {
        let layers = vec![
            regularized(dense(sized(300, 40), Relu), (1e-4, 1e-3), Some(0.9)),
            regularized(dense(3, Softmax), (0.0, 0.1), None),
        ];
        let net = network::<f32>(200, layers, 7);
        let (x, y) = (matrix::<f32>(2, 70, 200), classes::<f32>(70, 3));
        let labels = weighted(y, numbers::<f32>(4, 70).iter().map(|w| 1.5 + w).collect());
        let optimizer = Optimizer {
            weight_decay: 0.1,
            clip_norm: Some(0.5),
            clip_value: Some(0.05),
            layer_rates: [(1, 0.5)].into(),
            ..ADAM
        };
        let options = FitOptions { accumulate: 2, ..options(4, Some(16)) };
        let run = |threads| {
            fit(&net, &optimizer, x.view(), labels.clone(), &options, threads).0.fingerprint().expect("finite")
        };
        let one = run(1);
        assert!([2, 3, 8].into_iter().all(|threads| run(threads) == one));
        one
    });
}
