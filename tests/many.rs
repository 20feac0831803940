//! Many networks at once: each gets the bits that it would get alone.

use crate::common::training::*;
use crate::common::{bytes, dense, matrix, network};
use purrceptron::activation::Activation::{Identity, Relu, Sigmoid, Softmax, Tanh};
use purrceptron::error::Error;
use purrceptron::loss::Loss;
use purrceptron::math::Float;
use purrceptron::network::{Network, Samples};
use purrceptron::optimizer::{Optimizer, Rule};
use purrceptron::spec::LayerSpec;
use purrceptron::train::*;

const FEATURES: usize = 150;

/// Networks of several shapes, with and without a first `Rescale`, each with its loss.
fn networks<F: Float>() -> Vec<(Network<F>, Loss)> {
    let (half, dropout) = (LayerSpec::Rescale { scale: 0.5 }, LayerSpec::Dropout { rate: 0.3 });
    let net = |layers, seed| network::<F>(FEATURES, layers, seed);
    vec![
        (net(vec![PIXELS, dense(9, Relu), dense(1, Sigmoid)], 1), Loss::BINARY_CROSS_ENTROPY),
        (net(vec![PIXELS, dense(4, Tanh), dense(6, Relu), dense(3, Softmax)], 2), Loss::CROSS_ENTROPY),
        (net(vec![half, dense(1, Identity)], 3), Loss::MeanSquaredError),
        (net(vec![dense(2, Sigmoid), dense(1, Sigmoid)], 4), Loss::BINARY_CROSS_ENTROPY),
        (net(vec![PIXELS.clone(), PIXELS, dense(5, Relu), dense(3, Softmax)], 5), Loss::CROSS_ENTROPY),
        (net(vec![PIXELS, dense(9, Relu), dense(1, Sigmoid)], 6), Loss::BINARY_CROSS_ENTROPY),
        // Random numbers belong to places in a batch: it needs the samples in their own order.
        (net(vec![PIXELS, dense(9, Relu), dropout, dense(1, Sigmoid)], 7), Loss::BINARY_CROSS_ENTROPY),
    ]
}

fn targets_for<F: Float>(loss: Loss, count: usize) -> OwnedTargets<F> {
    if loss == Loss::CROSS_ENTROPY { classes(count, 3) } else { labels(count) }
}

fn members<F: Float>(
    networks: &[(Network<F>, Loss)],
    optimizer: &Optimizer,
    samples: usize,
    held_out: usize,
) -> Vec<Member<F>> {
    let member = |(network, loss): &(Network<F>, Loss)| Member {
        network: network.clone(),
        trainer: Trainer::new(network, optimizer.clone(), *loss, 1).expect("in range"),
        labels: targets_for(*loss, samples).into(),
        validation_labels: (held_out > 0).then(|| targets_for(*loss, held_out).into()),
    };
    networks.iter().map(member).collect()
}

/// Trains side by side and one by one; demands equal bits of weights and scores, and equal solvers.
fn check_equal<F: Float>(
    networks: &[(Network<F>, Loss)],
    optimizer: &Optimizer,
    (x, held_out): (Samples<F>, Option<Samples<F>>),
    options: &FitOptions,
) -> Vec<Solver> {
    let held_out_count = held_out.as_ref().map_or(0, Samples::len);
    let mut solvers = Vec::new();
    for threads in [1, 2, 3] {
        solvers.clear();
        let mut many = members(networks, optimizer, x.len(), held_out_count);
        let results = fit_many(&mut many, x, held_out, options, threads, || Flow::Continue).expect("fits");
        let alone = members(networks, optimizer, x.len(), held_out_count);
        for (i, ((mut alone, many), got)) in alone.into_iter().zip(&many).zip(results).enumerate() {
            let Member { network, trainer, labels, validation_labels } = &mut alone;
            let validation = held_out.zip(validation_labels.as_ref().map(OwnedLabels::view));
            let history = fit_arrays(trainer, network, x, labels.clone(), validation, options, &mut ());
            let (history, got) = (history.expect("works"), got.expect("works"));
            let case = format!("network {i}, {threads} threads, {options:?}");
            assert_eq!((&got.epochs, got.solver, &got.reason), (&history.epochs, history.solver, &history.reason));
            assert_eq!(many.network.fingerprint().ok(), network.fingerprint().ok(), "{case}");
            assert_eq!(many.trainer.steps(), trainer.steps(), "{case}");
            solvers.push(got.solver);
        }
    }
    solvers
}

#[test]
fn many_networks_get_the_bits_of_one_by_one() {
    let (pixels, held_out) = (bytes(1, 40, FEATURES), bytes(2, 11, FEATURES));
    let data = (Samples::Bytes(pixels.view()), Some(Samples::Bytes(held_out.view())));
    for batch_size in [None, Some(16)] {
        let direct = options(4, batch_size);
        check_equal::<f32>(&networks(), &ADAM, data, &direct);
        // One network has two `Rescale`, so it cannot be reduced: it is trained directly beside those that can.
        let auto = FitOptions { solver: Solver::Auto, ..options(60, batch_size) };
        let slow = Optimizer::new(Rule::Sgd { momentum: 0.9, nesterov: true }, 1e-6);
        let solvers = check_equal::<f32>(&networks(), &slow, data, &auto);
        assert!(solvers.contains(&Solver::Reduced) && solvers.contains(&Solver::Direct), "{solvers:?}");
    }
}

#[test]
fn many_networks_get_the_bits_of_one_by_one_in_double_precision_and_without_validation() {
    let x = matrix::<f64>(3, 40, FEATURES);
    for (batch_size, solver) in [(None, Solver::Auto), (Some(7), Solver::Auto), (Some(40), Solver::Direct)] {
        let options = FitOptions { solver, ..options(50, batch_size) };
        check_equal::<f64>(&networks(), &SGD, (Samples::Floats(x.view()), None), &options);
    }
}

#[test]
fn samples_that_are_all_zero_are_trained_on_directly() {
    let x = matrix::<f32>(3, 20, FEATURES) * 0.0;
    let auto = FitOptions { solver: Solver::Auto, ..options(500, None) };
    let solvers = check_equal::<f32>(&networks()[..1], &SGD, (Samples::Floats(x.view()), None), &auto);
    assert_eq!(solvers, [Solver::Direct]);
}

#[test]
fn no_network_is_no_work() {
    let x = matrix::<f32>(3, 20, FEATURES);
    let results = fit_many(&mut [], Samples::Floats(x.view()), None, &options(5, None), 2, || Flow::Continue);
    assert!(results.expect("nothing to do").is_empty());
}

#[test]
fn what_cannot_be_trained_on_is_named_before_anything_changes() {
    let x = matrix::<f32>(3, 20, FEATURES);
    let refused = |mut many: Vec<Member<f32>>, options: &FitOptions| {
        let before: Vec<_> = many.iter().map(|member| member.network.fingerprint().ok()).collect();
        let error = fit_many(&mut many, Samples::Floats(x.view()), None, options, 2, || Flow::Continue);
        assert_eq!(before, many.iter().map(|member| member.network.fingerprint().ok()).collect::<Vec<_>>());
        error.expect_err("it does not fit").to_string()
    };
    let mut many = members(&networks::<f32>(), &SGD, 20, 0);
    many[3].labels = labels(19).into();
    assert!(refused(many, &options(5, None)).starts_with("models[3]: "));
    let mut many = members(&networks::<f32>(), &SGD, 20, 0);
    many[2].network = network(FEATURES + 1, vec![dense(1, Identity)], 0);
    assert!(refused(many, &options(5, None)).starts_with("models[2]: "));
    let reduced = FitOptions { solver: Solver::Reduced, ..options(5, None) };
    let message = refused(members(&networks::<f32>(), &SGD, 20, 0), &reduced);
    assert!(message.starts_with("models[4]: solver must be auto or direct here"), "{message}");
    let message = refused(members(&networks::<f32>(), &SGD, 20, 0), &options(5, Some(0)));
    assert!(message.contains("batch_size"), "{message}");
}

#[test]
fn one_that_diverges_has_its_weights_back_and_the_others_finish() {
    let x = matrix::<f32>(3, 40, FEATURES);
    let all = networks::<f32>();
    for solver in [Solver::Direct, Solver::Auto] {
        let options = FitOptions { solver, ..options(60, None) };
        let mut many = members(&all, &SGD, 40, 0);
        let far = Optimizer::new(Rule::Sgd { momentum: 0.0, nesterov: false }, 1e30);
        many[2].trainer = Trainer::new(&all[2].0, far, all[2].1, 1).expect("in range");
        let results = fit_many(&mut many, Samples::Floats(x.view()), None, &options, 2, || Flow::Continue);
        for (i, result) in results.expect("fits").into_iter().enumerate() {
            let unchanged = many[i].network.fingerprint().ok() == all[i].0.fingerprint().ok();
            assert_eq!((matches!(result, Err(Error::Diverged { .. })), unchanged), (i == 2, i == 2), "{i} {result:?}");
        }
    }
}

#[test]
fn the_caller_can_stop_all_of_them() {
    let x = matrix::<f32>(3, 40, FEATURES);
    let all = networks::<f32>();
    let mut many = members(&all, &SGD, 40, 0);
    let endless = FitOptions { metrics: Vec::new(), ..options(1 << 40, Some(8)) };
    let mut asked = 0;
    let results = fit_many(&mut many, Samples::Floats(x.view()), None, &endless, 2, || {
        asked += 1;
        if asked == 3 { Flow::Stop } else { Flow::Continue }
    });
    assert!(results.expect("fits").iter().all(|result| matches!(result, Err(Error::Callback(_)))));
    let changed = |i: usize| many[i].network.fingerprint().ok() != all[i].0.fingerprint().ok();
    assert_eq!([0, 1, 2, 3, 4, 5].map(changed), [true, true, false, false, false, false]);
}
