//! Every gradient against central differences in double precision, relative to the tensor's norm.

use crate::common::differences::{assert_close, central_differences, differences_if_smooth, dot};
use crate::common::training::every_loss;
use crate::common::{activations, bits, dense, matrix, numbers, sized, spec};
use ndarray::{Array2, ArrayView2, s};
use purrceptron::activation::Activation;
use purrceptron::error::Error;
use purrceptron::layer::{Input, PackedInput, dense_backward, dense_forward};
use purrceptron::loss::{Loss, Targets};
use purrceptron::math::{DType, Float};
use purrceptron::network::Network;
use purrceptron::optimizer::{Optimizer, Rule};
use purrceptron::spec::LayerSpec;
use purrceptron::train::{Batch, OwnedTargets, Trainer};

#[test]
fn every_activation_agrees_with_central_differences() {
    for activation in activations() {
        for (rows, width) in [(0, 3), (1, 1), (3, 7), (1, 13), (5, 1), (17, 31)] {
            let z: Vec<f64> = numbers::<f64>(1, rows * width).iter().map(|z| 4.0 * z).collect();
            let da = numbers::<f64>(2, rows * width);
            let expected = central_differences(&z, |z| {
                let mut a = z.to_vec();
                activation.forward(&mut a, width);
                dot(&a, &da)
            });
            let (mut a, mut dz) = (z.clone(), da.clone());
            activation.forward(&mut a, width);
            activation.backward(if activation.keeps_z() { &z } else { &a }, &mut dz, width);
            assert_close(&format!("{activation:?} ({rows}, {width})"), &dz, &expected);
        }
    }
}

/// Targets that a loss takes: values, rows of probabilities, classes.
fn targets_of(loss: Loss, samples: usize, outputs: usize) -> Vec<OwnedTargets<f64>> {
    if loss.check_outputs(outputs).is_err() {
        return Vec::new();
    }
    let width = loss.target_width(outputs);
    let values: Vec<f64> = numbers::<f64>(3, samples * width).iter().map(|y| 0.5 + 0.5 * y).collect();
    let sides = values.iter().map(|y| if *y > 0.5 { 1.0 } else { -1.0 }).collect();
    let normalized = values.chunks(width).flat_map(|row| row.iter().map(|y| y / row.iter().sum::<f64>())).collect();
    let classes = (0..samples).map(|i| (i * 7 % outputs) as u32).collect();
    let rows = [values, normalized, sides].map(OwnedTargets::Values);
    let all = rows.into_iter().chain([OwnedTargets::Classes(classes)]);
    all.into_iter().filter(|targets| loss.check_targets(targets.view(), samples, outputs).is_ok()).collect()
}

#[test]
fn every_loss_agrees_with_central_differences() {
    for loss in every_loss() {
        for (samples, width) in [(1, 1), (1, 7), (3, 2), (13, 1), (5, 11)] {
            let targets = targets_of(loss, samples, width);
            assert!(loss.check_outputs(width).is_err() || !targets.is_empty(), "{loss:?} takes no targets");
            for targets in targets {
                let outputs: Vec<f64> = numbers::<f64>(4, samples * width).iter().map(|z| 3.0 * z).collect();
                let value = |outputs: &[f64], gradient: &mut [f64]| {
                    loss.forward_backward(outputs, width, targets.view(), gradient, &mut Vec::new())
                };
                let mut gradient = vec![f64::NAN; outputs.len()];
                value(&outputs, &mut gradient);
                let mut spare = gradient.clone();
                let expected = central_differences(&outputs, |outputs| value(outputs, &mut spare));
                assert_close(&format!("{loss:?} ({samples}, {width}) {targets:?}"), &gradient, &expected);
            }
        }
    }
}

#[test]
fn losses_have_the_values_of_their_formulas() {
    let (z, y) = ([0.3f64, -1.2, 2.0, 0.1, -0.4, 0.9], [0.2, 0.3, 0.5, 0.6, 0.4, 0.0]);
    let value = |loss: Loss, targets| loss.forward_backward(&z, 3, targets, &mut [0.0; 6], &mut Vec::new());
    let p = z.map(|z| 1.0 / (1.0 + (-z).exp()));
    let binary: f64 = (0..6).map(|i| -y[i] * p[i].ln() - (1.0 - y[i]) * (1.0 - p[i]).ln()).sum();
    assert!((value(Loss::BINARY_CROSS_ENTROPY, Targets::Values(&y)) - binary / 6.0).abs() < 1e-14);
    let square: f64 = (0..6).map(|i| (z[i] - y[i]).powi(2)).sum();
    assert!((value(Loss::MeanSquaredError, Targets::Values(&y)) - square / 6.0).abs() < 1e-14);
    let ln_softmax = |i: usize| z[i] - z[i / 3 * 3..][..3].iter().map(|z| z.exp()).sum::<f64>().ln();
    let categorical: f64 = (0..6).map(|i| -y[i] * ln_softmax(i)).sum();
    assert!((value(Loss::CROSS_ENTROPY, Targets::Values(&y)) - categorical / 2.0).abs() < 1e-14);
    let classes = -ln_softmax(2) - ln_softmax(3);
    assert!((value(Loss::CROSS_ENTROPY, Targets::Classes(&[2, 0])) - classes / 2.0).abs() < 1e-14);
}

/// Nothing overflows, and an answer that is wrong by a thousand costs a thousand.
#[test]
fn losses_and_softmax_of_huge_logits_stay_finite() {
    fn check<F: Float>() {
        let z = [1000.0, -1000.0, 80.0, -80.0].map(F::from_f64);
        let (y, mut gradient, mut terms) = ([0.0, 1.0, 0.0, 1.0].map(F::from_f64), [F::ZERO; 4], Vec::new());
        let loss = Loss::BINARY_CROSS_ENTROPY.forward_backward(&z, 1, Targets::Values(&y), &mut gradient, &mut terms);
        assert!((loss - 540.0).abs() < 1e-3, "{loss}");
        assert_eq!(gradient.map(Into::<f64>::into), [0.25, -0.25, 0.25, -0.25]);
        for targets in [Targets::Classes(&[1]), Targets::Values(&[0.0, 1.0, 0.0, 0.0].map(F::from_f64))] {
            let loss = Loss::CROSS_ENTROPY.forward_backward(&z, 4, targets, &mut gradient, &mut terms);
            assert_eq!(loss, 2000.0);
            assert_eq!(gradient.map(Into::<f64>::into), [1.0, -1.0, 0.0, 0.0]);
        }
        let mut a = z;
        Activation::Softmax.forward(&mut a, 4);
        assert_eq!(a.map(Into::<f64>::into), [1.0, 0.0, 0.0, 0.0]);
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn no_activation_and_no_derivative_is_ever_nan_at_huge_logits() {
    fn check<F: Float>() {
        for activation in activations() {
            let z = [1e4, -1e4, 0.0, -0.0, 60.0, -60.0, 1e-30, -1e-30].map(F::from_f64);
            let (mut a, mut dz) = (z, [F::ONE; 8]);
            activation.forward(&mut a, 2);
            activation.backward(if activation.keeps_z() { &z } else { &a }, &mut dz, 2);
            let finite = |x: &[F]| x.iter().all(|x| x.is_finite());
            assert!(finite(&a) && finite(&dz), "{activation:?}: {a:?} {dz:?}");
        }
    }
    check::<f32>();
    check::<f64>();
}

/// Kernels are called with what a caller has, which may be nothing.
#[test]
fn losses_and_activations_of_nothing_do_nothing() {
    for loss in every_loss() {
        for width in [0, 1, 3] {
            for targets in [Targets::Values(&[]), Targets::Classes(&[])] {
                if loss.check_targets::<f64>(targets, 0, width).is_ok() {
                    loss.forward_backward::<f64>(&[], width, targets, &mut [], &mut Vec::new());
                }
            }
        }
    }
    for activation in activations() {
        activation.forward::<f64>(&mut [], 0);
        activation.backward::<f64>(&[], &mut [], 0);
    }
}

#[test]
fn relu_turns_negative_zero_into_zero_and_keeps_nan() {
    let mut z = [-0.0f32, 0.0, -1.0, f32::NAN, 2.0, f32::NEG_INFINITY, -f32::from_bits(1)];
    Activation::Relu.forward(&mut z, 7);
    assert!(z[3].is_nan());
    z[3] = 0.0;
    assert_eq!(bits(&z), bits(&[0.0f32, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0]));
}

/// Layers that stand before the last: with and without `Rescale`, first, between and last.
fn shapes(hidden: Activation, outputs: usize, last: Activation) -> Vec<Vec<LayerSpec>> {
    let rescale = |scale| LayerSpec::Rescale { scale };
    let mut shapes = vec![
        vec![dense(outputs, last)],
        vec![dense(5, hidden), rescale(-1.7), dense(3, hidden), dense(outputs, last)],
        vec![rescale(0.5), rescale(3.0), dense(1, hidden), dense(7, Activation::Tanh), dense(outputs, last)],
    ];
    if last == Activation::Identity {
        shapes.push(vec![rescale(0.5), dense(4, hidden), dense(outputs, last), rescale(1.3)]);
    }
    shapes
}

/// Holds a network to central differences on data away from kinks.
fn check_network(network: &Network<f64>, loss: Loss, samples: usize) {
    for targets in targets_of(loss, samples, network.spec().outputs()) {
        let smooth = (5..15).any(|seed| {
            let rows = numbers::<f64>(seed, samples * network.spec().inputs());
            agrees_if_smooth(network, loss, &rows, &targets, samples)
        });
        assert!(smooth, "{:?} has a kink everywhere", network.spec().layers);
    }
}

fn agrees_if_smooth(
    network: &Network<f64>,
    loss: Loss,
    rows: &[f64],
    targets: &OwnedTargets<f64>,
    samples: usize,
) -> bool {
    let batch = Batch { input: Input::Rows(rows), targets: targets.view(), samples, weights: None };
    let optimizer = Optimizer::new(Rule::Sgd { momentum: 0.0, nesterov: false }, 1.0);
    let mut trainer = Trainer::new(network, optimizer, loss, 1).expect("a loss that fits");
    trainer.loss_and_gradient(network, batch).expect("data that fit");
    let gradient = trainer.gradient().to_vec();
    let mut moved = network.clone();
    let expected = differences_if_smooth(network.parameters(), |parameters| {
        moved.set_parameters(parameters.to_vec()).expect("as many as before");
        trainer.loss_and_gradient(&moved, batch).expect("data that fit")
    });
    let Some(expected) = expected else { return false };
    for tensor in network.named_parameters() {
        let what = format!("{} of {:?} under {loss:?}", tensor.name, network.spec().layers);
        assert_close(&what, &gradient[tensor.range.clone()], &expected[tensor.range.clone()]);
    }
    if network.reads_packed() {
        let packed = PackedInput::floats(view(rows, samples), 1);
        trainer.loss_and_gradient(network, Batch { input: Input::Packed(&packed), ..batch }).expect("data that fit");
        assert_eq!(bits(trainer.gradient()), bits(&gradient), "packed data");
    }
    true
}

fn view(rows: &[f64], samples: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((samples, rows.len() / samples), rows).expect("whole rows")
}

#[test]
fn whole_networks_agree_with_central_differences_for_every_pair_of_activation_and_loss() {
    let mut pairs = 0;
    // One loss for each way to read the last layer: every loss's own gradient is held to the differences above.
    for loss in [Loss::BINARY_CROSS_ENTROPY, Loss::CROSS_ENTROPY, Loss::MeanSquaredError, Loss::GaussianNll] {
        for last in activations().into_iter().step_by(sized(1, 4)) {
            if loss.check_activation(last).is_err() {
                continue;
            }
            pairs += 1;
            for hidden in activations().into_iter().step_by(sized(1, 9)) {
                for (outputs, samples) in [(1, 1), (3, 7), (2, 11)] {
                    for (seed, layers) in shapes(hidden, outputs, last).into_iter().enumerate() {
                        let spec = spec(3, layers, DType::Float64, seed as u64);
                        if spec.check().is_ok() {
                            // a softmax of one unit is none
                            check_network(&Network::new(spec).expect("checked"), loss, samples);
                        }
                    }
                }
            }
        }
    }
    assert!(pairs >= sized(9, 3), "{pairs} pairs of last activation and loss");
}

#[test]
fn a_loss_refuses_the_activations_that_it_does_not_undo_and_names_those_that_it_does() {
    for (loss, last, fits) in [
        (Loss::BINARY_CROSS_ENTROPY, Activation::Relu, "sigmoid"),
        (Loss::BINARY_CROSS_ENTROPY, Activation::Softmax, "sigmoid"),
        (Loss::CROSS_ENTROPY, Activation::Sigmoid, "softmax"),
        (Loss::CROSS_ENTROPY, Activation::Tanh, "softmax"),
    ] {
        let error = loss.check_activation(last).expect_err("no pair").to_string();
        let name: &str = last.into();
        assert!(error.contains(name) && error.contains(fits), "{error}");
    }
}

type View = fn(&Array2<f64>) -> ArrayView2<'_, f64>;

/// The same numbers in other memory: reversed on both axes, or every third row and second column of more.
fn spread(x: &Array2<f64>) -> [(Array2<f64>, View); 4] {
    let (rows, columns) = x.dim();
    let mut wide = Array2::from_elem((3 * rows + 1, 2 * columns), f64::NAN);
    wide.slice_mut(s![1..;3, ..;2]).assign(x);
    [
        (x.clone(), |x| x.view()),
        (x.slice(s![..;-1, ..;-1]).to_owned(), |x| x.slice(s![..;-1, ..;-1])),
        (x.t().as_standard_layout().into_owned(), |x| x.t()),
        (wide, |x| x.slice(s![1..;3, ..;2])),
    ]
}

#[test]
fn dense_layers_agree_with_central_differences_at_awkward_sizes() {
    for (samples, inputs, units) in
        [(0, 3, 2), (1, 1, 1), (2, 0, 3), (3, 2, 0), (0, 0, 0), (7, 13, 5), (1, 17, 1), (11, 1, 19)]
    {
        let (x, kernel) = (matrix::<f64>(1, samples, inputs), matrix::<f64>(2, inputs, units));
        let (bias, dz) = (numbers::<f64>(3, units), matrix::<f64>(4, samples, units));
        let gradients = dense_backward(dz.view(), x.view(), kernel.view(), 2).expect("shapes that fit");
        let value = |x: &[f64], kernel: &[f64], bias: &[f64]| {
            let x = ArrayView2::from_shape((samples, inputs), x).expect("x");
            let kernel = ArrayView2::from_shape((inputs, units), kernel).expect("kernel");
            let z = dense_forward(x, kernel, bias.into(), 1).expect("shapes that fit");
            assert_eq!(z.dim(), (samples, units));
            dot(z.as_slice().expect("row after row"), dz.as_slice().expect("row after row"))
        };
        let (flat_x, flat_kernel) = (x.as_slice().expect("x"), kernel.as_slice().expect("kernel"));
        let what = |name: &str| format!("{name} of ({samples}, {inputs}, {units})");
        let expected = central_differences(flat_x, |x| value(x, flat_kernel, &bias));
        assert_close(&what("dx"), gradients.dx.as_slice().expect("dx"), &expected);
        let expected = central_differences(flat_kernel, |kernel| value(flat_x, kernel, &bias));
        assert_close(&what("dkernel"), gradients.dkernel.as_slice().expect("dkernel"), &expected);
        let expected = central_differences(&bias, |bias| value(flat_x, flat_kernel, bias));
        assert_close(&what("dbias"), gradients.dbias.as_slice().expect("dbias"), &expected);
    }
}

#[test]
fn dense_layers_give_the_same_bits_for_views_of_any_layout() {
    for (samples, inputs, units) in [(0, 3, 2), (1, 1, 1), (7, 13, 5), (40, 300, 37), (300, 4, 6)] {
        let (x, kernel) = (matrix::<f64>(1, samples, inputs), matrix::<f64>(2, inputs, units));
        let (bias, dz) = (matrix::<f64>(3, 1, units), matrix::<f64>(4, samples, units));
        let z = dense_forward(x.view(), kernel.view(), bias.row(0), 1).expect("shapes that fit");
        let plain = dense_backward(dz.view(), x.view(), kernel.view(), 1).expect("shapes that fit");
        for (x, x_view) in spread(&x) {
            for (kernel, kernel_view) in spread(&kernel) {
                for ((dz, dz_view), (bias, bias_view)) in spread(&dz).into_iter().zip(spread(&bias)) {
                    let (x, kernel) = (x_view(&x), kernel_view(&kernel));
                    let other = dense_forward(x, kernel, bias_view(&bias).row(0), 3).expect("shapes that fit");
                    assert_eq!(bits(&other), bits(&z));
                    let other = dense_backward(dz_view(&dz), x, kernel, 3).expect("shapes that fit");
                    assert_eq!(bits(&other.dx), bits(&plain.dx));
                    assert_eq!(bits(&other.dkernel), bits(&plain.dkernel));
                    assert_eq!(bits(&other.dbias), bits(&plain.dbias));
                }
            }
        }
    }
}

#[test]
fn dense_layers_refuse_shapes_that_do_not_fit() {
    let m = |rows, columns| matrix::<f32>(0, rows, columns);
    let bias = |units| numbers::<f32>(0, units);
    let refused = |result: Result<(), Error>| assert!(matches!(result, Err(Error::Shape { .. })), "{result:?}");
    refused(dense_forward(m(2, 3).view(), m(4, 5).view(), bias(5)[..].into(), 1).map(drop));
    refused(dense_forward(m(2, 4).view(), m(4, 5).view(), bias(4)[..].into(), 1).map(drop));
    refused(dense_backward(m(2, 5).view(), m(3, 4).view(), m(4, 5).view(), 1).map(drop));
    refused(dense_backward(m(2, 5).view(), m(2, 3).view(), m(4, 5).view(), 1).map(drop));
    refused(dense_backward(m(2, 6).view(), m(2, 4).view(), m(4, 5).view(), 1).map(drop));
}
