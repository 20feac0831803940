//! Schedules against their formulas, written with the standard library.

use crate::common::training::{PIXELS, classes, options};
use crate::common::{dense, matrix, network};
use purrceptron::activation::Activation::{Relu, Softmax};
use purrceptron::error::Error;
use purrceptron::loss::Loss;
use purrceptron::math::DType;
use purrceptron::network::Samples;
use purrceptron::optimizer::{Optimizer, Rule};
use purrceptron::schedule::{Plateau, Schedule};
use purrceptron::train::{FitOptions, OwnedTargets, Solver, Trainer, fit_arrays};
use std::f64::consts::PI;
use strum::VariantNames;

/// One of each kind, some of them with settings that make a difference.
fn every_kind() -> Vec<Schedule> {
    let learning_rate = 0.3;
    let cosine = Schedule::CosineDecay { learning_rate, steps: 40, end: 0.01 };
    let plateau = Schedule::ReduceOnPlateau { learning_rate, factor: 0.5, patience: 2, min_delta: 0.1, end: 0.05 };
    vec![
        Schedule::Constant { learning_rate },
        Schedule::StepDecay { learning_rate, steps: 7, factor: 0.6 },
        Schedule::MultiStepDecay { learning_rate, boundaries: vec![3, 10, 50], factor: 0.1 },
        Schedule::ExponentialDecay { learning_rate, steps: 9, factor: 0.7 },
        Schedule::ExponentialDecay { learning_rate: 1e-7, steps: 10, factor: 10.0 },
        Schedule::PolynomialDecay { learning_rate, steps: 30, end: 0.02, power: 1.0 },
        Schedule::PolynomialDecay { learning_rate, steps: 30, end: 0.0, power: 2.5 },
        Schedule::InverseTimeDecay { learning_rate, steps: 11, factor: 0.5 },
        cosine.clone(),
        Schedule::CosineRestarts { learning_rate, steps: 8, end: 0.01, period_factor: 2, peak_factor: 0.8 },
        Schedule::CosineRestarts { learning_rate, steps: 8, end: 0.0, period_factor: 1, peak_factor: 0.9 },
        Schedule::OneCycle { learning_rate, steps: 60, warm_up: 0.3, start_divisor: 25.0, end_divisor: 1e4 },
        Schedule::OneCycle { learning_rate, steps: 1, warm_up: 0.0, start_divisor: 2.0, end_divisor: 3.0 },
        Schedule::WarmUp { steps: 6, then: Box::new(cosine) },
        Schedule::WarmUp { steps: 5, then: Box::new(plateau.clone()) },
        plateau,
    ]
}

/// The formula, word for word.
fn formula(schedule: &Schedule, t: u64) -> f64 {
    let half_cosine = |from: f64, to: f64, way: f64| to + (from - to) * (1.0 + (PI * way).cos()) / 2.0;
    let time = t as f64;
    match *schedule {
        Schedule::Constant { learning_rate } | Schedule::ReduceOnPlateau { learning_rate, .. } => learning_rate,
        Schedule::StepDecay { learning_rate, steps, factor } => learning_rate * factor.powf((t / steps) as f64),
        Schedule::MultiStepDecay { learning_rate, ref boundaries, factor } => {
            boundaries.iter().fold(learning_rate, |rate, boundary| if t >= *boundary { rate * factor } else { rate })
        }
        Schedule::ExponentialDecay { learning_rate, steps, factor } => learning_rate * factor.powf(time / steps as f64),
        Schedule::PolynomialDecay { learning_rate, steps, end, power } => {
            end + (learning_rate - end) * (1.0 - time.min(steps as f64) / steps as f64).powf(power)
        }
        Schedule::InverseTimeDecay { learning_rate, steps, factor } => {
            learning_rate / (1.0 + factor * time / steps as f64)
        }
        Schedule::CosineDecay { learning_rate, steps, end } => {
            half_cosine(learning_rate, end, time.min(steps as f64) / steps as f64)
        }
        Schedule::CosineRestarts { learning_rate, steps, end, period_factor, peak_factor } => {
            let (mut begin, mut period, mut peak) = (0, steps, learning_rate);
            while begin + period <= t {
                begin += period;
                period *= period_factor;
                peak *= peak_factor;
            }
            half_cosine(peak, end, (t - begin) as f64 / period as f64)
        }
        Schedule::OneCycle { steps: 1, learning_rate, .. } => learning_rate,
        Schedule::OneCycle { learning_rate, steps, warm_up, start_divisor, end_divisor } => {
            let (last, time) = ((steps - 1) as f64, time.min((steps - 1) as f64));
            let top = warm_up * last;
            if time < top {
                half_cosine(learning_rate / start_divisor, learning_rate, time / top)
            } else {
                half_cosine(learning_rate, learning_rate / end_divisor, (time - top) / (last - top))
            }
        }
        Schedule::WarmUp { steps, ref then } => {
            if t < steps {
                formula(then, 0) * (time + 1.0) / steps as f64
            } else {
                formula(then, t - steps)
            }
        }
    }
}

#[test]
fn every_schedule_is_tested_here() {
    for name in Schedule::VARIANTS {
        assert!(every_kind().iter().any(|schedule| Into::<&str>::into(schedule) == *name), "{name}");
    }
}

#[test]
fn every_schedule_follows_its_formula() {
    for schedule in every_kind() {
        schedule.check(DType::Float32).expect("in range");
        for t in (0..200).chain([1000, 1234]) {
            let (rate, expected) = (schedule.rate(t, &Plateau::default()), formula(&schedule, t));
            assert!((rate - expected).abs() <= 1e-13 * expected.abs() + 1e-17, "{schedule:?} {t}: {rate} {expected}");
        }
    }
}

#[test]
fn the_json_form_comes_back() {
    for schedule in every_kind() {
        let text = serde_json::to_string(&schedule).expect("JSON");
        assert_eq!(serde_json::from_str::<Schedule>(&text).expect("its own JSON"), schedule);
    }
}

#[test]
fn a_plateau_lowers_the_rate_after_its_patience_and_never_below_the_end() {
    let schedule =
        Schedule::ReduceOnPlateau { learning_rate: 0.4, factor: 0.25, patience: 2, min_delta: 0.1, end: 0.05 };
    let mut plateau = Plateau::default();
    let mut rates = Vec::new();
    for score in [3.0, 2.0, 1.95, 1.0, 0.95, 0.94, 0.5, 0.5, 0.45, f64::NAN, f64::NAN, 0.1] {
        schedule.end_epoch(score, &mut plateau);
        rates.push(schedule.rate(7, &plateau));
    }
    assert_eq!(rates, [0.4, 0.4, 0.4, 0.4, 0.4, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05]);
}

/// What is learnt is the contrary of what is validated: the loss falls, the validation loss rises.
#[test]
fn a_plateau_watches_the_validation_loss_if_there_is_one() {
    let (x, y) = (matrix::<f64>(1, 40, 3), OwnedTargets::Classes((0..40).map(|i| i % 2).collect()));
    let contrary = OwnedTargets::Classes((0..40).map(|i| 1 - i % 2).collect());
    let plateau = Schedule::ReduceOnPlateau { learning_rate: 0.1, factor: 0.5, patience: 1, min_delta: 0.0, end: 0.0 };
    for solver in [Solver::Direct, Solver::Reduced] {
        let x = if solver == Solver::Direct { x.clone() } else { matrix(1, 40, 50) };
        for (validation, rates) in [(None, [0.1, 0.1, 0.1]), (Some(&contrary), [0.1, 0.05, 0.025])] {
            let mut net = network::<f64>(x.ncols(), vec![dense(2, Softmax)], 1);
            net.parameters_mut().fill(0.0); // undecided
            let rule = Rule::Sgd { momentum: 0.0, nesterov: false };
            let optimizer = Optimizer { learning_rate: plateau.clone(), ..Optimizer::new(rule, 1.0) };
            let mut trainer = Trainer::new(&net, optimizer, Loss::CROSS_ENTROPY, 1).expect("in range");
            let x = Samples::Floats(x.view());
            let validation = validation.map(|labels| (x, labels.view().into()));
            let options = FitOptions { solver, ..options(3, None) };
            let history = fit_arrays(&mut trainer, &mut net, x, y.clone(), validation, &options, &mut ());
            let epochs = history.expect("a training").epochs;
            assert_eq!(epochs.iter().map(|epoch| epoch.learning_rate).collect::<Vec<_>>(), rates, "{solver:?}");
        }
    }
}

/// Steps count across calls, so two trainings are one: for the plateau, too, whose memory the trainer keeps.
#[test]
fn a_training_that_goes_on_in_the_middle_of_a_schedule_gets_the_same_bits() {
    let (x, y) = (matrix::<f32>(1, 40, 12), classes::<f32>(40, 3));
    for schedule in every_kind() {
        let rule = Rule::Sgd { momentum: 0.9, nesterov: true };
        let optimizer = Optimizer { learning_rate: schedule, ..Optimizer::new(rule, 1.0) };
        let run = |parts: &[u64]| {
            let mut net = network::<f32>(12, vec![PIXELS, dense(7, Relu), dense(3, Softmax)], 1);
            let mut trainer = Trainer::new(&net, optimizer.clone(), Loss::CROSS_ENTROPY, 1).expect("in range");
            let mut rates = Vec::new();
            for epochs in parts {
                let (x, options) = (Samples::Floats(x.view()), options(*epochs, Some(16)));
                let history = fit_arrays(&mut trainer, &mut net, x, y.clone(), None, &options, &mut ());
                rates.extend(history.expect("a training").epochs.iter().map(|epoch| epoch.learning_rate));
            }
            (net.fingerprint().expect("finite"), rates)
        };
        let whole = run(&[14]);
        assert_eq!(run(&[5, 1, 8]), whole, "{optimizer:?}");
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let learning_rate = 0.1;
    for (schedule, name) in [
        (Schedule::Constant { learning_rate: 0.0 }, "learning_rate"),
        (Schedule::StepDecay { learning_rate, steps: 0, factor: 0.5 }, "steps"),
        (Schedule::StepDecay { learning_rate, steps: 1, factor: -0.5 }, "factor"),
        (Schedule::MultiStepDecay { learning_rate, boundaries: vec![3, 3], factor: 0.5 }, "boundaries"),
        (Schedule::ExponentialDecay { learning_rate: f64::NAN, steps: 1, factor: 0.5 }, "learning_rate"),
        (Schedule::PolynomialDecay { learning_rate, steps: 1, end: -1.0, power: 1.0 }, "end"),
        (Schedule::PolynomialDecay { learning_rate, steps: 1, end: 0.0, power: 0.0 }, "power"),
        (Schedule::InverseTimeDecay { learning_rate, steps: 1, factor: f64::INFINITY }, "factor"),
        (Schedule::CosineDecay { learning_rate, steps: 0, end: 0.0 }, "steps"),
        (
            Schedule::CosineRestarts { learning_rate, steps: 1, end: 0.0, period_factor: 0, peak_factor: 1.0 },
            "period_factor",
        ),
        (Schedule::OneCycle { learning_rate, steps: 9, warm_up: 1.5, start_divisor: 2.0, end_divisor: 2.0 }, "warm_up"),
        (
            Schedule::OneCycle { learning_rate, steps: 9, warm_up: 0.5, start_divisor: 0.5, end_divisor: 2.0 },
            "start_divisor",
        ),
        (Schedule::WarmUp { steps: 0, then: Box::new(Schedule::Constant { learning_rate }) }, "steps"),
        (Schedule::WarmUp { steps: 1, then: Box::new(Schedule::Constant { learning_rate: -1.0 }) }, "learning_rate"),
        (Schedule::ReduceOnPlateau { learning_rate, factor: 1.0, patience: 1, min_delta: 0.0, end: 0.0 }, "factor"),
        (Schedule::ReduceOnPlateau { learning_rate, factor: 0.5, patience: 0, min_delta: 0.0, end: 0.0 }, "patience"),
    ] {
        match schedule.check(DType::Float64) {
            Err(Error::Value { name: got, .. }) => assert_eq!(got, name, "{schedule:?}"),
            other => panic!("{schedule:?}: {other:?}"),
        }
    }
}
