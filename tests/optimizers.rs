//! Optimizers against scalar twins that follow the papers' formulas word for word.

mod common;

use common::{bits, numbers};
use purrceptron::error::Error;
use purrceptron::math::Float;
use purrceptron::optimizer::{Optimizer, Rule};
use purrceptron::parallel::install;
use purrceptron::schedule::Schedule;
use strum::VariantNames;

const fn sgd(learning_rate: f64, momentum: f64, nesterov: bool) -> Optimizer {
    Optimizer::new(Rule::Sgd { momentum, nesterov }, learning_rate)
}

const fn adam(learning_rate: f64, beta_1: f64, beta_2: f64, epsilon: f64, epsilon_hat: bool) -> Optimizer {
    Optimizer::new(Rule::Adam { beta_1, beta_2, epsilon, epsilon_hat }, learning_rate)
}

const EVERY_KIND: [Optimizer; 6] = [
    sgd(0.1, 0.0, false),
    sgd(0.1, 0.9, false),
    sgd(0.03, 0.7, true),
    adam(1e-3, 0.9, 0.999, 1e-8, false),
    adam(0.05, 0.9, 0.999, 1e-3, true),
    adam(0.05, 0.0, 0.5, 1e-2, false),
];

/// One parameter with its memory: `v` of SGD, or `m` and `v` of Adam.
struct Twin {
    w: f64,
    m: f64,
    v: f64,
}

impl Twin {
    fn step(&mut self, optimizer: &Optimizer, t: i32, g: f64) {
        let Schedule::Constant { learning_rate } = optimizer.learning_rate else { panic!("a constant rate") };
        match optimizer.rule {
            // Sutskever et al. 2013, as in Keras: v = momentum v - rate g; w += v, or w += momentum v - rate g.
            Rule::Sgd { momentum, nesterov } => {
                self.v = momentum * self.v - learning_rate * g;
                self.w += if nesterov { momentum * self.v - learning_rate * g } else { self.v };
            }
            // Kingma and Ba 2015, algorithm 1, and the closing remark of its section 2.
            Rule::Adam { beta_1, beta_2, epsilon, epsilon_hat } => {
                self.m = beta_1 * self.m + (1.0 - beta_1) * g;
                self.v = beta_2 * self.v + (1.0 - beta_2) * g * g;
                let (c1, c2) = (1.0 - beta_1.powi(t), 1.0 - beta_2.powi(t));
                self.w -= if epsilon_hat {
                    learning_rate * c2.sqrt() / c1 * self.m / (self.v.sqrt() + epsilon)
                } else {
                    learning_rate * (self.m / c1) / ((self.v / c2).sqrt() + epsilon)
                };
            }
        }
    }
}

#[test]
fn every_optimizer_has_a_twin_here() {
    for name in Rule::VARIANTS {
        assert!(EVERY_KIND.iter().any(|optimizer| optimizer.name() == *name), "{name} has no twin");
    }
}

#[test]
fn every_optimizer_follows_its_twin() {
    const COUNT: usize = 37;
    for optimizer in EVERY_KIND {
        let mut parameters: Vec<f64> = numbers(0, COUNT);
        let mut twins: Vec<Twin> = parameters.iter().map(|w| Twin { w: *w, m: 0.0, v: 0.0 }).collect();
        let mut state = optimizer.start(COUNT);
        for t in 1..=200 {
            let mut gradient: Vec<f64> = numbers(t, COUNT);
            gradient[3] = 0.0; // a parameter that never gets a gradient: a dead unit
            optimizer.update(&mut state, &mut parameters, &gradient, 1);
            for (twin, g) in twins.iter_mut().zip(&gradient) {
                twin.step(&optimizer, t as i32, *g);
            }
            for (w, twin) in parameters.iter().zip(&twins) {
                assert!((w - twin.w).abs() <= 1e-13 * (1.0 + twin.w.abs()), "{optimizer:?} step {t}: {w} {}", twin.w);
            }
        }
        assert_eq!(state.steps, 200);
    }
}

/// The update is `w - learning_rate * g`, each rounded: what anyone writes with arrays gives the same bits.
#[test]
fn gradient_descent_equals_the_plain_formula_bit_for_bit() {
    let (mut w, g): (Vec<f32>, Vec<f32>) = (numbers(0, 1001), numbers(1, 1001));
    let rate = 0.0075f32;
    let expected: Vec<f32> = w.iter().zip(&g).map(|(w, g)| w - rate * g).collect();
    let optimizer = sgd(0.0075, 0.0, false);
    optimizer.update(&mut optimizer.start(w.len()), &mut w, &g, 1);
    assert_eq!(bits(&w), bits(&expected));
}

#[test]
fn no_number_of_threads_changes_a_bit_of_a_step() {
    fn weights<F: Float>(optimizer: &Optimizer, count: usize, threads: usize) -> Vec<u64> {
        let mut parameters: Vec<F> = numbers(0, count);
        let mut state = optimizer.start(count);
        for t in 0..3 {
            let gradient: Vec<F> = numbers(t, count);
            install(threads, || optimizer.update(&mut state, &mut parameters, &gradient, threads));
        }
        bits(parameters.iter().chain(state.slots.iter().flatten()))
    }
    for optimizer in EVERY_KIND {
        for count in [0, 1, (1 << 15) - 1, 1 << 15, 100_003] {
            let (single, double) = (weights::<f32>(&optimizer, count, 1), weights::<f64>(&optimizer, count, 1));
            for threads in [2, 3] {
                assert!(weights::<f32>(&optimizer, count, threads) == single, "{optimizer:?} {count} {threads}");
                assert!(weights::<f64>(&optimizer, count, threads) == double, "{optimizer:?} {count} {threads}");
            }
        }
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    for (optimizer, name) in [
        (sgd(0.0, 0.0, false), "learning_rate"),
        (sgd(-0.1, 0.0, false), "learning_rate"),
        (sgd(f64::NAN, 0.0, false), "learning_rate"),
        (sgd(f64::INFINITY, 0.0, false), "learning_rate"),
        (sgd(0.1, -0.1, false), "momentum"),
        (sgd(0.1, 1.0, false), "momentum"),
        (sgd(0.1, f64::NAN, false), "momentum"),
        (sgd(0.1, 0.0, true), "momentum"),
        (adam(-1.0, 0.9, 0.999, 1e-8, false), "learning_rate"),
        (adam(1e-3, 1.0, 0.999, 1e-8, false), "beta_1"),
        (adam(1e-3, 0.9, -0.1, 1e-8, false), "beta_2"),
        (adam(1e-3, 0.9, 0.999, 0.0, false), "epsilon"),
        (adam(1e-3, 0.9, 0.999, f64::NAN, true), "epsilon"),
    ] {
        match optimizer.check::<f32>() {
            Err(Error::Value { name: got, .. }) => assert_eq!(got, name, "{optimizer:?}"),
            other => panic!("{optimizer:?}: {other:?}"),
        }
    }
    EVERY_KIND.iter().for_each(|optimizer| optimizer.check::<f32>().expect("in range"));
}

#[test]
fn the_json_form_comes_back_and_refuses_what_it_does_not_know() {
    for optimizer in EVERY_KIND {
        let text = serde_json::to_string(&optimizer).expect("JSON");
        assert_eq!(serde_json::from_str::<Optimizer>(&text).expect("its own JSON"), optimizer);
        let more = text.replacen('{', r#"{"warmup":3,"#, 1);
        serde_json::from_str::<Optimizer>(&more).expect_err("an unknown field");
    }
}
