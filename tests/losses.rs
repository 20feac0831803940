//! Losses: values by their formulas, no NaN at any logits, targets out of range, losses of the caller's own, divergence.

use std::sync::Arc;

use crate::common::training::{SGD, every_loss, labels, options};
use crate::common::{bits, dense, matrix, network, numbers, same_at_every_level};
use ndarray::Array2;
use purrceptron::activation::Activation::{Identity, Relu, Tanh};
use purrceptron::error::Error;
use purrceptron::layer::Input;
use purrceptron::loss::{Loss, Targets, weigh};
use purrceptron::math::Float;
use purrceptron::network::Samples;
use purrceptron::optimizer::{Optimizer, Rule};
use purrceptron::train::*;
use strum::VariantNames;

#[test]
fn every_loss_is_tested_here() {
    for name in Loss::VARIANTS.iter().filter(|name| **name != "own") {
        assert!(every_loss().iter().any(|loss| Into::<&str>::into(loss) == *name), "{name} is not in every_loss");
    }
}

/// The mean over samples (and outputs) of a formula written with the standard library; `None` where a row is one term.
fn formula(loss: Loss, z: &[f64], y: &[f64], width: usize) -> f64 {
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    let mean =
        |term: &dyn Fn(f64, f64) -> f64| z.iter().zip(y).map(|(z, y)| term(*z, *y)).sum::<f64>() / z.len() as f64;
    let samples = z.len() / width;
    let by_row = |term: &dyn Fn(&[f64], &[f64]) -> f64| {
        z.chunks(width).zip(y.chunks(y.len() / samples)).map(|(z, y)| term(z, y)).sum::<f64>() / samples as f64
    };
    let ln_softmax = |z: &[f64], k: usize| z[k] - z.iter().map(|z| z.exp()).sum::<f64>().ln();
    let side = |y: f64| if y > 0.0 { 1.0 } else { -1.0 };
    match loss {
        Loss::BinaryCrossEntropy { label_smoothing } => mean(&|z, y| {
            let y = y * (1.0 - label_smoothing) + label_smoothing / 2.0;
            -y * sigmoid(z).ln() - (1.0 - y) * (1.0 - sigmoid(z)).ln()
        }),
        Loss::CrossEntropy { label_smoothing } => by_row(&|z, y| {
            let mass = y.iter().sum::<f64>() / width as f64;
            (0..width).map(|k| -(y[k] * (1.0 - label_smoothing) + label_smoothing * mass) * ln_softmax(z, k)).sum()
        }),
        Loss::KlDivergence => by_row(&|z, y| (0..width).map(|k| y[k] * (y[k].ln() - ln_softmax(z, k))).sum()),
        Loss::Focal { gamma, alpha } => mean(&|z, y| {
            let (p, (there, missing)) = (sigmoid(z), alpha.map_or((1.0, 1.0), |alpha| (alpha, 1.0 - alpha)));
            -there * (1.0 - p).powf(gamma) * y * p.ln() - missing * p.powf(gamma) * (1.0 - y) * (1.0 - p).ln()
        }),
        Loss::CategoricalFocal { gamma } => by_row(&|z, y| {
            (0..width).map(|k| -y[k] * (1.0 - ln_softmax(z, k).exp()).powf(gamma) * ln_softmax(z, k)).sum()
        }),
        Loss::Hinge => mean(&|z, y| (1.0 - side(y) * z).max(0.0)),
        Loss::SquaredHinge => mean(&|z, y| (1.0 - side(y) * z).max(0.0).powi(2)),
        Loss::MeanSquaredError => mean(&|z, y| (z - y).powi(2)),
        Loss::MeanAbsoluteError => mean(&|z, y| (z - y).abs()),
        Loss::Huber { delta } => mean(&|z, y| {
            let d = (z - y).abs();
            if d <= delta { d * d / 2.0 } else { delta * (d - delta / 2.0) }
        }),
        Loss::LogCosh => mean(&|z, y| (z - y).cosh().ln()),
        Loss::Poisson => mean(&|z, y| z.exp() - y * z),
        Loss::PoissonDeviance => mean(&|z, y| if y > 0.0 { y * (y.ln() - z) - y + z.exp() } else { z.exp() }),
        Loss::GaussianNll => by_row(&|z, y| {
            let (m, s) = z.split_at(width / 2);
            (0..y.len()).map(|i| (s[i] + (y[i] - m[i]).powi(2) / s[i].exp()) / 2.0).sum::<f64>() / y.len() as f64
        }),
        Loss::Quantile { quantile } => mean(&|z, y| (quantile * (y - z)).max((quantile - 1.0) * (y - z))),
        Loss::Own => unreachable!("no formula"),
    }
}

/// Outputs and targets within every range.
fn example<F: Float>(loss: Loss, samples: usize, width: usize) -> (Vec<F>, Vec<F>) {
    let y = numbers::<f64>(2, samples * loss.target_width(width)).into_iter();
    let y = y.map(|y| if matches!(loss, Loss::Hinge | Loss::SquaredHinge) { y.signum() } else { 0.5 + 0.5 * y });
    (numbers::<f64>(1, samples * width).iter().map(|z| F::from_f64(3.0 * z)).collect(), y.map(F::from_f64).collect())
}

fn value<F: Float>(loss: Loss, z: &[F], width: usize, y: Targets<F>) -> (f64, Vec<F>) {
    let mut gradient = vec![F::ZERO; z.len()];
    (loss.forward_backward(z, width, y, &mut gradient, &mut Vec::new()), gradient)
}

#[test]
fn every_loss_has_the_value_of_its_formula() {
    for loss in every_loss() {
        for (samples, width) in [(1, 2), (7, 4), (33, 2)] {
            let (z, y) = example::<f64>(loss, samples, width);
            let (got, expected) = (value(loss, &z, width, Targets::Values(&y)).0, formula(loss, &z, &y, width));
            assert!((got - expected).abs() <= 1e-13 * (1.0 + expected.abs()), "{loss:?}: {got} {expected}");
        }
    }
}

#[test]
fn classes_and_rows_with_one_1_are_alike_also_when_they_are_smoothed() {
    let (z, _) = example::<f64>(Loss::CROSS_ENTROPY, 5, 3);
    let rows: Vec<f64> =
        [2, 0, 1, 1, 2].iter().flat_map(|y| (0..3).map(move |k| f64::from(u8::from(k == *y)))).collect();
    for loss in every_loss() {
        if loss.check_targets::<f64>(Targets::Classes(&[2, 0, 1, 1, 2]), 5, 3).is_err() {
            continue;
        }
        let (by_class, slopes) = value(loss, &z, 3, Targets::Classes(&[2, 0, 1, 1, 2]));
        let (by_row, row_slopes) = value(loss, &z, 3, Targets::Values(&rows));
        assert!((by_class - by_row).abs() < 1e-14);
        assert!(slopes.iter().zip(&row_slopes).all(|(a, b)| (a - b).abs() < 1e-15));
    }
}

/// Value and slope of the loss of one output far from zero, where every exponential is 0 or beyond measure. Of losses of
/// classes: of the first of two logits `a` and `-a`.
fn far_away(loss: Loss, a: f64, y: f64) -> (f64, f64) {
    let step = |yes: bool| f64::from(u8::from(yes));
    let side = if y > 0.0 { 1.0 } else { -1.0 };
    match loss {
        Loss::BinaryCrossEntropy { label_smoothing } => {
            let y = y * (1.0 - label_smoothing) + label_smoothing / 2.0;
            (a.max(0.0) - y * a, step(a > 0.0) - y)
        }
        Loss::CrossEntropy { label_smoothing } => {
            let y = y * (1.0 - label_smoothing) + label_smoothing / 2.0;
            (2.0 * (a.max(0.0) - y * a), step(a > 0.0) - y)
        }
        Loss::KlDivergence => (2.0 * (a.max(0.0) - y * a), step(a > 0.0) - y),
        Loss::Focal { alpha, .. } => {
            let count = alpha.map_or(1.0, |alpha| if y > 0.0 { alpha } else { 1.0 - alpha });
            (count * (a.max(0.0) - y * a), count * (step(a > 0.0) - y))
        }
        Loss::CategoricalFocal { .. } => (2.0 * (a.max(0.0) - y * a), step(a > 0.0) - y),
        Loss::Hinge => ((1.0 - side * a).max(0.0), -side * step(side * a < 1.0)),
        Loss::SquaredHinge => ((1.0 - side * a).max(0.0).powi(2), -2.0 * side * (1.0 - side * a).max(0.0)),
        Loss::MeanSquaredError => ((a - y).powi(2), 2.0 * (a - y)),
        Loss::MeanAbsoluteError => ((a - y).abs(), (a - y).signum()),
        Loss::Huber { delta } => (delta * ((a - y).abs() - delta / 2.0), delta * (a - y).signum()),
        Loss::LogCosh => ((a - y).abs() - std::f64::consts::LN_2, (a - y).signum()),
        Loss::Poisson => (a.exp() - y * a, a.exp() - y),
        Loss::PoissonDeviance => (a.exp() - y * a - y, a.exp() - y), // y ln y is 0 for both
        Loss::Quantile { quantile: q } => ((q * (y - a)).max((q - 1.0) * (y - a)), if y > a { -q } else { 1.0 - q }),
        Loss::GaussianNll | Loss::Own => unreachable!("no loss of one output"),
    }
}

/// What is never met in a test of random logits: the value and the slope where a training has gone astray.
#[test]
fn far_from_zero_every_loss_is_its_asymptote() {
    let by_class =
        |loss| matches!(loss, Loss::CrossEntropy { .. } | Loss::CategoricalFocal { .. } | Loss::KlDivergence);
    for loss in every_loss().into_iter().filter(|loss| *loss != Loss::GaussianNll) {
        for (a, y) in [60.0, -60.0, 400.0, -400.0, 1e4, -1e4].into_iter().flat_map(|a| [(a, 0.0), (a, 1.0)]) {
            let expected = far_away(loss, a, y);
            let (got, slopes) = if by_class(loss) {
                value(loss, &[a, -a], 2, Targets::Values(&[y, 1.0 - y]))
            } else {
                value(loss, &[a], 1, Targets::Values(&[y]))
            };
            for (what, got, expected) in [("value", got, expected.0), ("slope", slopes[0], expected.1)] {
                let same = got == expected || (got - expected).abs() <= 1e-13 * (expected.abs() + 1e-7);
                assert!(same, "{loss:?} at {a} for {y}: {what} {got}, expected {expected}");
            }
            if by_class(loss) && loss != Loss::KlDivergence {
                let (by_class, by_class_slopes) = value(loss, &[a, -a], 2, Targets::Classes(&[u32::from(y == 0.0)]));
                let near = |a: f64, b: f64| (a - b).abs() <= 1e-15 * (a.abs() + 1.0);
                assert!(near(by_class, got) && near(by_class_slopes[0], slopes[0]), "{loss:?} at {a} for {y}");
            }
        }
    }
    for (m, s, y) in [(3.0, 40.0, -1.0), (1e4, 50.0, 0.0), (0.0, -50.0, 1e-9), (2.0, -700.0, 2.0)] {
        let (pull, square) = ((m - y) * f64::exp(-s), (m - y) * (m - y) * f64::exp(-s));
        let (got, slopes) = value(Loss::GaussianNll, &[m, s], 2, Targets::Values(&[y]));
        for (got, expected) in [(got, (s + square) / 2.0), (slopes[0], pull), (slopes[1], (1.0 - square) / 2.0)] {
            assert!((got - expected).abs() <= 1e-13 * expected.abs(), "gaussian at {m} {s} for {y}: {got} {expected}");
        }
    }
}

/// What is all but certain already counts little, and exactly how little is not lost in `1 - p`.
#[test]
fn focal_losses_are_right_to_the_last_digits_where_a_class_is_all_but_certain() {
    for gamma in [0.5, 1.0, 2.0] {
        for z in [20.0f64, 36.0, 45.0] {
            let rest = (-z).exp(); // 1 - p, to within its own square
            let expected = (rest.powf(1.0 + gamma), -(1.0 + gamma) * rest.powf(1.0 + gamma));
            let binary = value(Loss::Focal { gamma, alpha: None }, &[z], 1, Targets::Values(&[1.0]));
            let categorical = value(Loss::CategoricalFocal { gamma }, &[0.0, z], 2, Targets::Classes(&[1]));
            for (got, slope) in [(binary.0, binary.1[0]), (categorical.0, categorical.1[1])] {
                assert!((got / expected.0 - 1.0).abs() < 1e-8, "{gamma} {z}: {got} {}", expected.0);
                assert!((slope / expected.1 - 1.0).abs() < 1e-8, "{gamma} {z}: {slope} {}", expected.1);
            }
        }
    }
}

#[test]
fn without_its_weight_a_focal_loss_is_a_cross_entropy() {
    let (z, y) = example::<f64>(Loss::CROSS_ENTROPY, 5, 3);
    let pairs = [
        (Loss::Focal { gamma: 0.0, alpha: None }, Loss::BINARY_CROSS_ENTROPY),
        (Loss::CategoricalFocal { gamma: 0.0 }, Loss::CROSS_ENTROPY),
    ];
    for (focal, plain) in pairs {
        let (focal, plain) = (value(focal, &z, 3, Targets::Values(&y)), value(plain, &z, 3, Targets::Values(&y)));
        assert!((focal.0 - plain.0).abs() < 1e-14);
        assert!(focal.1.iter().zip(&plain.1).all(|(a, b)| (a - b).abs() < 1e-15));
    }
}

/// An infinite loss of a rate of e^10000 is right; no number is not.
#[test]
fn no_loss_or_gradient_is_nan_at_logits_of_ten_thousand() {
    fn check<F: Float>() {
        for loss in every_loss() {
            let far = [1e4, -1e4, 0.0, -0.0].map(F::from_f64);
            let z: Vec<F> = far.iter().flat_map(|a| far.iter().flat_map(|b| [*a, *b])).collect();
            for y in [0.0, 1.0, 0.5, 1e4].map(F::from_f64) {
                let y = vec![y; 16 * loss.target_width(2)];
                if loss.check_targets(Targets::Values(&y), 16, 2).is_err() {
                    continue;
                }
                let (loss_value, gradient) = value(loss, &z, 2, Targets::Values(&y));
                assert!(!loss_value.is_nan() && gradient.iter().all(|g| !g.is_nan()), "{loss:?} {y:?}");
                let infinite = matches!(loss, Loss::Poisson | Loss::PoissonDeviance | Loss::GaussianNll);
                assert!(infinite || (loss_value.is_finite() && gradient.iter().all(|g| g.is_finite())), "{loss:?}");
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn every_loss_takes_weights_of_samples() {
    for loss in every_loss() {
        let (z, y) = example::<f64>(loss, 6, 4);
        let weights = [0.5, 2.0, 0.0, 1.0, 3.0, 0.25];
        let wide = y.len() / 6;
        let singles: Vec<_> = (0..6)
            .map(|i| value(loss, &z[4 * i..4 * i + 4], 4, Targets::Values(&y[wide * i..wide * (i + 1)])))
            .collect();
        let total: f64 = weights.iter().sum();
        let (mut gradient, mut terms) = (vec![0.0; 24], Vec::new());
        loss.forward_backward(&z, 4, Targets::Values(&y), &mut gradient, &mut terms);
        let got = weigh(&weights, &mut gradient, &mut terms);
        let expected: f64 = singles.iter().zip(&weights).map(|((loss, _), w)| loss * w / total).sum();
        assert!((got - expected).abs() < 1e-13 * (1.0 + expected.abs()), "{loss:?}: {got} {expected}");
        for (i, g) in gradient.iter().enumerate() {
            assert!((g - singles[i / 4].1[i % 4] * weights[i / 4] / total).abs() < 1e-13, "{loss:?}");
        }
    }
}

#[test]
fn targets_and_settings_out_of_range_are_refused_by_name() {
    for (loss, y, words) in [
        (Loss::Hinge, [0.0, 0.5], "-1 (or 0) and 1"),
        (Loss::Poisson, [1.0, -1.0], "at least 0"),
        (Loss::KlDivergence, [0.5, 1.5], "0 and 1"),
        (Loss::Focal { gamma: 1.0, alpha: None }, [2.0, 0.0], "0 and 1"),
        (Loss::LogCosh, [0.0, f64::NAN], "finite"),
    ] {
        let error = loss.check_targets(Targets::Values(&y), 1, 2).expect_err("out of range").to_string();
        let name: &str = loss.into();
        assert!(error.contains(words) && error.contains(name), "{error}");
    }
    for (loss, name) in [
        (Loss::BinaryCrossEntropy { label_smoothing: 1.0 }, "label_smoothing"),
        (Loss::CrossEntropy { label_smoothing: -0.1 }, "label_smoothing"),
        (Loss::Focal { gamma: -1.0, alpha: None }, "gamma"),
        (Loss::Focal { gamma: 1.0, alpha: Some(1.5) }, "alpha"),
        (Loss::CategoricalFocal { gamma: f64::INFINITY }, "gamma"),
        (Loss::Huber { delta: 0.0 }, "delta"),
        (Loss::Quantile { quantile: 1.0 }, "quantile"),
    ] {
        let error = loss.check::<f32>().expect_err("out of range").to_string();
        assert!(error.starts_with(name), "{error}");
    }
    let odd = network::<f32>(2, vec![dense(3, Identity)], 0);
    let error = Trainer::new(&odd, SGD, Loss::GaussianNll, 1).err().expect("a mean without a variance").to_string();
    assert!(error.contains("two for each target"), "{error}");
}

/// The gaussian loss learns a spread that depends on the input.
#[test]
fn a_mean_and_a_variance_are_learnt_together() {
    let noise = numbers::<f64>(5, 400);
    let x = Array2::from_shape_fn((400, 1), |(i, _)| f64::from(u8::from(i % 2 == 0)));
    let y = (0..400).map(|i| 2.0 * x[(i, 0)] + noise[i] * (0.1 + x[(i, 0)])).collect();
    let mut net = network::<f64>(1, vec![dense(2, Identity)], 0);
    let rate = Optimizer::new(Rule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, epsilon_hat: false }, 0.05);
    let mut trainer = Trainer::new(&net, rate, Loss::GaussianNll, 1).expect("two outputs a target");
    let (x, y) = (Samples::Floats(x.view()), OwnedTargets::Values(y));
    fit_arrays(&mut trainer, &mut net, x, y, None, &FitOptions { metrics: vec![], ..options(1500, None) }, &mut ())
        .expect("a training");
    let at = net.predict(Samples::Floats(ndarray::array![[0.0], [1.0]].view()), false, 1).expect("fits");
    for (row, mean, spread) in [(0, 0.0, 0.1), (1, 2.0, 1.1)] {
        let deviation = (at[(row, 1)] / 2.0).exp();
        let expected = spread / 3f64.sqrt(); // of numbers drawn evenly from -1..1
        assert!((at[(row, 0)] - mean).abs() < 0.15 && (deviation / expected - 1.0).abs() < 0.15, "{at}");
    }
}

/// A loss of the caller's own, and the same that is built in: the same bits, weights, validation and reduction included.
#[test]
fn a_loss_of_the_callers_own_trains_as_one_that_is_built_in() {
    let own: OwnLoss<f64> = Arc::new(|outputs, width, labels, gradient| {
        let mut terms = Vec::new();
        let value = Loss::MeanSquaredError.forward_backward(outputs, width, labels.targets, gradient, &mut terms);
        Ok(labels.weights.map_or(value, |weights| weigh(weights, gradient, &mut terms)))
    });
    let start = network::<f64>(40, vec![dense(5, Tanh), dense(1, Identity)], 3);
    let (x, unseen) = (matrix::<f64>(1, 12, 40), matrix::<f64>(2, 9, 40));
    for solver in [Solver::Direct, Solver::Reduced] {
        for weights in [None, Some(numbers::<f64>(3, 12).iter().map(|w| 1.5 + w).collect())] {
            let run = |loss, own: Option<OwnLoss<f64>>| {
                let (mut net, truth) = (start.clone(), labels::<f64>(9));
                let mut trainer = Trainer::new(&net, SGD, loss, 1).expect("in range");
                *trainer.own_loss_mut() = own;
                let labels = OwnedLabels { targets: labels(12), weights: weights.clone() };
                let validation = Some((Samples::Floats(unseen.view()), truth.view().into()));
                let options = FitOptions { solver, ..options(30, Some(5)) };
                let x = Samples::Floats(x.view());
                let history = fit_arrays(&mut trainer, &mut net, x, labels, validation, &options, &mut ());
                (bits(net.parameters()), history.expect("a training").epochs)
            };
            assert_eq!(run(Loss::Own, Some(own.clone())), run(Loss::MeanSquaredError, None));
        }
    }
    let failing: OwnLoss<f64> = Arc::new(|_, _, _, _| Err(Error::Data("no idea".into())));
    let mut net = start.clone();
    let mut trainer = Trainer::new(&net, SGD, Loss::Own, 1).expect("in range");
    *trainer.own_loss_mut() = Some(failing);
    let x = Samples::Floats(x.view());
    let result = fit_arrays(&mut trainer, &mut net, x, labels::<f64>(12), None, &options(2, None), &mut ());
    assert!(matches!(result, Err(Error::Data(message)) if message == "no idea"));
}

#[test]
fn a_divergence_names_the_layer_and_the_rate() {
    let mut net =
        network::<f32>(3, vec![crate::common::training::PIXELS, dense(4, Relu), dense(4, Relu), dense(1, Identity)], 1);
    let far = net.named_parameters()[2].range.start; // of layers.2
    net.parameters_mut()[far..far + 16].fill(1e30);
    net.parameters_mut()[..12].fill(1e30);
    let mut trainer = Trainer::new(&net, SGD, Loss::MeanSquaredError, 1).expect("in range");
    let batch = Batch { input: Input::Rows(&[1.0; 3]), targets: Targets::Values(&[0.0]), samples: 1, weights: None };
    let Err(Error::Diverged { layer, learning_rate, last_loss, .. }) = trainer.step(&mut net, batch) else {
        panic!("1e60 is beyond f32")
    };
    assert_eq!((layer.as_deref(), learning_rate, last_loss), (Some("layers.2"), 0.1, None));
}

#[test]
fn losses_give_the_same_bits_at_every_instruction_set() {
    same_at_every_level(module_path!(), "losses_give_the_same_bits_at_every_instruction_set", || {
        let mut all = Vec::new();
        for loss in every_loss() {
            let (z, y) = example::<f32>(loss, 37, 6);
            let (single, gradient) = value(loss, &z, 6, Targets::Values(&y));
            let (z, y) = example::<f64>(loss, 37, 6);
            let (double, slopes) = value(loss, &z, 6, Targets::Values(&y));
            all.extend([single, double]);
            all.extend(gradient.iter().map(|g| f64::from(*g)).chain(slopes));
        }
        crate::common::digest(&all)
    });
}
