//! What a trainer keeps from step to step: averages of the weights, gathered batches, and what a step taken back undoes.

use crate::common::training::{ADAM, NESTEROV, SGD, classes, options};
use crate::common::{bits, dense, matrix, network};
use ndarray::{Array2, s};
use purrceptron::activation::Activation::{Identity, Softmax, Tanh};
use purrceptron::error::{Error, Result};
use purrceptron::layer::Input;
use purrceptron::loss::{Loss, Targets};
use purrceptron::network::{Network, Samples};
use purrceptron::optimizer::{Average, Optimizer};
use purrceptron::spec::LayerSpec;
use purrceptron::train::*;

/// A network trained with an average of its weights, and the weights after every step by which it can be checked.
fn averaged(average: Option<Average>, parts: &[u64]) -> Vec<Vec<f64>> {
    struct Keep(Vec<Vec<f64>>);
    impl Watch<f64> for Keep {
        fn reads_weights(&self) -> bool {
            true
        }
        fn epoch(&mut self, _: &EpochReport, network: &Network<f64>) -> Result<Flow> {
            self.0.push(network.parameters().to_vec());
            Ok(Flow::Continue)
        }
    }
    let mut net = network::<f64>(4, vec![dense(3, Softmax)], 2);
    let optimizer = Optimizer { average, ..NESTEROV };
    let mut trainer = Trainer::new(&net, optimizer, Loss::CROSS_ENTROPY, 1).expect("in range");
    let (x, mut seen) = (matrix::<f64>(1, 20, 4), Keep(Vec::new()));
    for epochs in parts {
        let (x, options) = (Samples::Floats(x.view()), options(*epochs, None));
        fit_arrays(&mut trainer, &mut net, x, classes(20, 3), None, &options, &mut seen).expect("a training");
        assert_eq!(seen.0.last().expect("an epoch"), net.parameters(), "what is shown stays behind");
    }
    seen.0
}

#[test]
fn averages_are_shown_and_left_behind_while_training_goes_on_from_the_weights() {
    let weights = averaged(None, &[9]);
    let mut ema = weights[0].clone();
    let shown = averaged(Some(Average::Ema { decay: 0.75 }), &[9]);
    for (w, shown) in weights.iter().zip(&shown) {
        ema.iter_mut().zip(w).for_each(|(a, w)| *a = 0.75 * *a + 0.25 * w);
        assert!(shown.iter().zip(&ema).all(|(a, b)| (a - b).abs() < 1e-14));
    }
    let shown = averaged(Some(Average::Swa { start: 3 }), &[9]);
    for (t, shown) in shown.iter().enumerate() {
        let from = t.min(3);
        let mean = |i: usize| weights[from..=t].iter().map(|w| w[i]).sum::<f64>() / (t + 1 - from) as f64;
        assert!(shown.iter().enumerate().all(|(i, a)| (a - mean(i)).abs() < 1e-14), "step {t}");
    }
    for average in [Average::Ema { decay: 0.75 }, Average::Swa { start: 3 }] {
        assert_eq!(averaged(Some(average), &[4, 1, 4]), averaged(Some(average), &[9]), "a trainer goes on");
    }
}

/// Ends a training with an error after so many batches.
struct Interrupt(usize);

impl Watch<f64> for Interrupt {
    fn step(&mut self) -> Result<()> {
        self.0 -= 1;
        if self.0 == 0 { Err(Error::Data("enough".into())) } else { Ok(()) }
    }
}

#[test]
fn an_interrupted_training_leaves_the_average_behind_and_goes_on_from_the_weights() {
    let x = matrix::<f64>(1, 20, 4);
    let (x, y, once) = (Samples::Floats(x.view()), classes::<f64>(20, 3), options(1, None));
    for average in [Average::Ema { decay: 0.75 }, Average::Swa { start: 1 }] {
        let start = network::<f64>(4, vec![dense(3, Softmax)], 2);
        let optimizer = Optimizer { average: Some(average), ..NESTEROV };
        let run = |interrupt: bool| {
            let mut net = start.clone();
            let mut trainer = Trainer::new(&net, optimizer.clone(), Loss::CROSS_ENTROPY, 1).expect("in range");
            let (many, few) = (options(9, None), options(4, None));
            if interrupt {
                let stopped = fit_arrays(&mut trainer, &mut net, x, y.clone(), None, &many, &mut Interrupt(4));
                stopped.expect_err("after four steps");
            } else {
                fit_arrays(&mut trainer, &mut net, x, y.clone(), None, &few, &mut ()).expect("a training");
            }
            let left = bits(net.parameters());
            fit_arrays(&mut trainer, &mut net, x, y.clone(), None, &once, &mut ()).expect("a training");
            (left, bits(net.parameters()))
        };
        assert_eq!(run(true), run(false), "{average:?}");
    }
}

#[test]
fn weights_that_somebody_else_sets_begin_an_average_of_their_own() {
    let (x, start) = (matrix::<f64>(1, 20, 4), network::<f64>(4, vec![dense(3, Softmax)], 2));
    let optimizer = Optimizer { average: Some(Average::Ema { decay: 0.75 }), ..SGD };
    let fit = |trainer: &mut Trainer<f64>, net: &mut Network<f64>, epochs| {
        let (x, options) = (Samples::Floats(x.view()), options(epochs, None));
        fit_arrays(trainer, net, x, classes(20, 3), None, &options, &mut ()).expect("a training");
    };
    let set = network::<f64>(4, vec![dense(3, Softmax)], 9);
    let [mut net, mut fresh] = [start, set.clone()];
    let [mut trainer, mut other] =
        [&net, &fresh].map(|net| Trainer::new(net, optimizer.clone(), Loss::CROSS_ENTROPY, 1).expect("in range"));
    fit(&mut trainer, &mut net, 3);
    net.set_parameters(set.parameters().to_vec()).expect("as many");
    fit(&mut trainer, &mut net, 4);
    fit(&mut other, &mut fresh, 4);
    assert_eq!(bits(net.parameters()), bits(fresh.parameters()));
}

/// A step to weights that are no numbers never was: not in the weights, not in the optimizer, not in the average.
#[test]
fn a_step_that_is_taken_back_leaves_no_trace() {
    let (mut x, mut unknown) = (matrix::<f64>(1, 5, 4), Array2::zeros((5, 4)));
    x.column_mut(3).fill(0.0); // so that its weights stay 0
    unknown.column_mut(3).fill(1e300);
    let (rows, far, near) = (x.as_slice().expect("rows"), unknown.as_slice().expect("rows"), [0.5; 10]);
    let no_loss = [1e160; 10]; // its square is beyond measure
    let no_step = [1e150; 10]; // a loss still, but with a gradient beyond measure
    let batch = |rows, targets| Batch {
        input: Input::Rows(rows),
        targets: Targets::Values(targets),
        samples: 5,
        weights: None,
    };
    for optimizer in [ADAM, Optimizer { average: Some(Average::Swa { start: 0 }), ..NESTEROV }] {
        let run = |astray: bool| {
            let mut net = network::<f64>(4, vec![dense(2, Identity)], 2);
            net.parameters_mut()[3 * 2..4 * 2].fill(0.0);
            let mut trainer = Trainer::new(&net, optimizer.clone(), Loss::MeanSquaredError, 1).expect("in range");
            for step in 0..6 {
                if astray && step == 3 {
                    for batch in [batch(rows, &no_loss), batch(far, &no_step)] {
                        let error = trainer.careful_step(&mut net, batch);
                        assert!(matches!(error, Err(Error::Diverged { .. })));
                    }
                }
                trainer.careful_step(&mut net, batch(rows, &near)).expect("a step");
            }
            // Shows the average, where there is one.
            let (x, y) = (Samples::Floats(x.view()), OwnedTargets::Values(near.to_vec()));
            fit_arrays(&mut trainer, &mut net, x, y, None, &options(1, None), &mut ()).expect("a training");
            (bits(net.parameters()), trainer.steps())
        };
        assert_eq!(run(true), run(false), "{optimizer:?}");
    }
}

#[test]
fn batches_gathered_before_an_interrupt_are_no_part_of_a_later_step() {
    let (x, y) = (matrix::<f64>(1, 20, 4), [0, 1, 2, 2, 1, 0, 1, 2, 0, 1, 2, 2, 1, 0, 1, 2, 0, 1, 2, 2]);
    let start = network::<f64>(4, vec![dense(3, Softmax)], 2);
    let options = FitOptions { shuffle: false, accumulate: 3, ..options(1, Some(3)) };
    let run = |interrupt: bool| {
        let mut net = start.clone();
        let mut trainer = Trainer::new(&net, NESTEROV, Loss::CROSS_ENTROPY, 1).expect("in range");
        let all = || OwnedTargets::Classes(y.to_vec());
        if interrupt {
            let whole = Samples::Floats(x.view());
            let stopped = fit_arrays(&mut trainer, &mut net, whole, all(), None, &options, &mut Interrupt(5));
            stopped.expect_err("after a step, and two batches of the next");
        } else {
            let (few, labels) = (x.slice(s![..9, ..]), OwnedTargets::Classes(y[..9].to_vec()));
            let few = Samples::Floats(few.view());
            fit_arrays(&mut trainer, &mut net, few, labels, None, &options, &mut ()).expect("a training");
        }
        let whole = Samples::Floats(x.view());
        fit_arrays(&mut trainer, &mut net, whole, all(), None, &options, &mut ()).expect("a training");
        bits(net.parameters())
    };
    assert_eq!(run(true), run(false));
}

/// The layer `place`, frozen or not, with a bound that its weights are beyond.
fn bounded(units: usize, frozen: bool) -> LayerSpec {
    let mut json = serde_json::to_value(dense(units, Tanh)).expect("JSON");
    (json["max_norm"], json["trainable"]) = (1e-3.into(), (!frozen).into());
    serde_json::from_value(json).expect("a layer")
}

/// Neither decay nor a bound nor momentum moves it, and its gradient makes no other layer's shorter.
#[test]
fn a_frozen_layer_stays_bit_for_bit_and_counts_for_nothing_in_clipping() {
    let mut net = network::<f64>(4, vec![bounded(5, true), dense(3, Softmax)], 2);
    let start = net.clone();
    let (frozen, x) = (4 * 5 + 5, matrix::<f64>(1, 20, 4));
    let optimizer = Optimizer { weight_decay: 0.5, clip_norm: Some(1e-3), ..SGD };
    let mut trainer = Trainer::new(&net, optimizer, Loss::CROSS_ENTROPY, 1).expect("in range");
    let OwnedTargets::Classes(y) = classes::<f64>(20, 3) else { unreachable!() };
    let rows = x.as_slice().expect("rows");
    let batch = Batch { input: Input::Rows(rows), targets: Targets::Classes(&y), samples: 20, weights: None };
    trainer.loss_and_gradient(&net, batch).expect("fits");
    let gradient = trainer.gradient()[frozen..].to_vec();
    assert!(trainer.gradient()[..frozen].iter().any(|g| *g != 0.0), "or there is nothing to leave out");
    let length = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    trainer.step(&mut net, batch).expect("a step");
    assert_eq!(bits(&net.parameters()[..frozen]), bits(&start.parameters()[..frozen]));
    for (i, g) in gradient.iter().enumerate() {
        let (w, decayed) = (start.parameters()[frozen + i], i < 5 * 3);
        let expected = w - if decayed { 0.1 * 0.5 * w } else { 0.0 } - 0.1 * g * 1e-3 / length;
        assert!((net.parameters()[frozen + i] - expected).abs() < 1e-15, "{i}");
    }
    let mut free = network::<f64>(4, vec![bounded(5, false), dense(3, Softmax)], 2);
    Trainer::new(&free, SGD, Loss::CROSS_ENTROPY, 1).expect("in range").step(&mut free, batch).expect("a step");
    assert!(free.parameters()[..20].iter().all(|w| w.abs() <= 1e-3), "the bound would have moved it");
}
