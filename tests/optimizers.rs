//! Optimizers against scalar twins that follow the papers' formulas word for word.

use crate::common::{bits, numbers, sized};
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

/// Every rule, with settings that make a difference.
fn every_kind() -> Vec<Optimizer> {
    let (beta_1, beta_2, epsilon) = (0.9, 0.99, 1e-3);
    let rmsprop = |momentum, centered| Rule::Rmsprop { rho: 0.8, epsilon: 1e-3, momentum, centered };
    let others = [
        Rule::Amsgrad { beta_1, beta_2, epsilon },
        Rule::Adamw { beta_1, beta_2, epsilon },
        Rule::Nadam { beta_1, beta_2, epsilon },
        Rule::Adamax { beta_1, beta_2, epsilon },
        rmsprop(0.0, false),
        rmsprop(0.0, true),
        rmsprop(0.6, false),
        rmsprop(0.6, true),
        Rule::Adagrad { epsilon },
        Rule::Adadelta { rho: 0.9, epsilon: 1e-2 },
        Rule::Lion { beta_1, beta_2 },
        Rule::Rprop { shrinkage: 0.4, growth: 1.3, shortest: 1e-4, longest: 0.3 },
    ];
    let first = [
        sgd(0.1, 0.0, false),
        sgd(0.1, 0.9, false),
        sgd(0.03, 0.7, true),
        adam(1e-3, 0.9, 0.999, 1e-8, false),
        adam(0.05, 0.9, 0.999, 1e-3, true),
        adam(0.05, 0.0, 0.5, 1e-2, false),
    ];
    first.into_iter().chain(others.map(|rule| Optimizer::new(rule, 0.02))).collect()
}

fn constant(optimizer: &Optimizer) -> f64 {
    let Schedule::Constant { learning_rate } = optimizer.learning_rate else { panic!("a constant rate") };
    learning_rate
}

/// One parameter with what a paper has it remember.
#[derive(Default)]
struct Twin {
    w: f64,
    m: f64,
    v: f64,
    u: f64,
}

impl Twin {
    fn step(&mut self, optimizer: &Optimizer, t: i32, g: f64) {
        let rate = constant(optimizer);
        match optimizer.rule {
            // Sutskever et al. 2013, as in Keras: v = momentum v - rate g; w += v, or w += momentum v - rate g.
            Rule::Sgd { momentum, nesterov } => {
                self.v = momentum * self.v - rate * g;
                self.w += if nesterov { momentum * self.v - rate * g } else { self.v };
            }
            // Kingma and Ba 2015, algorithm 1, and the closing remark of its section 2.
            Rule::Adam { beta_1, beta_2, epsilon, epsilon_hat } => {
                let (m, v) = self.means(beta_1, beta_2, g);
                let (c1, c2) = (1.0 - beta_1.powi(t), 1.0 - beta_2.powi(t));
                self.w -= if epsilon_hat {
                    rate * c2.sqrt() / c1 * m / (v.sqrt() + epsilon)
                } else {
                    rate * (m / c1) / ((v / c2).sqrt() + epsilon)
                };
            }
            // Loshchilov and Hutter 2019, algorithm 2, without its decay.
            Rule::Adamw { beta_1, beta_2, epsilon } => {
                let (m, v) = self.means(beta_1, beta_2, g);
                self.w -= rate * (m / (1.0 - beta_1.powi(t))) / ((v / (1.0 - beta_2.powi(t))).sqrt() + epsilon);
            }
            // Reddi et al. 2018, algorithm 2, with Adam's corrections.
            Rule::Amsgrad { beta_1, beta_2, epsilon } => {
                let (m, v) = self.means(beta_1, beta_2, g);
                self.u = self.u.max(v);
                self.w -= rate * (m / (1.0 - beta_1.powi(t))) / ((self.u / (1.0 - beta_2.powi(t))).sqrt() + epsilon);
            }
            // Dozat 2016, algorithm 8, with one beta_1 for all steps.
            Rule::Nadam { beta_1, beta_2, epsilon } => {
                let (m, v) = self.means(beta_1, beta_2, g);
                let ahead = beta_1 * m / (1.0 - beta_1.powi(t + 1)) + (1.0 - beta_1) * g / (1.0 - beta_1.powi(t));
                self.w -= rate * ahead / ((v / (1.0 - beta_2.powi(t))).sqrt() + epsilon);
            }
            // Kingma and Ba 2015, algorithm 2.
            Rule::Adamax { beta_1, beta_2, epsilon } => {
                self.m = beta_1 * self.m + (1.0 - beta_1) * g;
                self.u = (beta_2 * self.u).max(g.abs());
                self.w -= rate / (1.0 - beta_1.powi(t)) * self.m / (self.u + epsilon);
            }
            // Tieleman and Hinton 2012; Graves 2013, equations 38 to 41.
            Rule::Rmsprop { rho, epsilon, momentum, centered } => {
                self.v = rho * self.v + (1.0 - rho) * g * g;
                self.m = rho * self.m + (1.0 - rho) * g;
                let variance = if centered { self.v - self.m * self.m } else { self.v };
                self.u = momentum * self.u - rate * g / (variance.max(0.0).sqrt() + epsilon);
                self.w += self.u;
            }
            // Duchi et al. 2011, with a diagonal matrix.
            Rule::Adagrad { epsilon } => {
                self.v += g * g;
                self.w -= rate * g / (self.v.sqrt() + epsilon);
            }
            // Zeiler 2012, algorithm 1.
            Rule::Adadelta { rho, epsilon } => {
                self.v = rho * self.v + (1.0 - rho) * g * g;
                let step = -(self.u + epsilon).sqrt() / (self.v + epsilon).sqrt() * g;
                self.u = rho * self.u + (1.0 - rho) * step * step;
                self.w += rate * step;
            }
            // Chen et al. 2023, algorithm 2.
            Rule::Lion { beta_1, beta_2 } => {
                let c = beta_1 * self.m + (1.0 - beta_1) * g;
                self.w -= rate * if c == 0.0 { 0.0 } else { c.signum() };
                self.m = beta_2 * self.m + (1.0 - beta_2) * g;
            }
            // Igel and Huesken 2003, iRprop-.
            Rule::Rprop { shrinkage, growth, shortest, longest } => {
                if t == 1 {
                    self.u = rate;
                }
                let mut g = g;
                if g * self.v > 0.0 {
                    self.u = (self.u * growth).min(longest);
                } else if g * self.v < 0.0 {
                    self.u = (self.u * shrinkage).max(shortest);
                    g = 0.0;
                }
                self.w -= if g == 0.0 { 0.0 } else { g.signum() * self.u };
                self.v = g;
            }
        }
    }

    /// The decaying means of the gradient and of its square.
    fn means(&mut self, beta_1: f64, beta_2: f64, g: f64) -> (f64, f64) {
        self.m = beta_1 * self.m + (1.0 - beta_1) * g;
        self.v = beta_2 * self.v + (1.0 - beta_2) * g * g;
        (self.m, self.v)
    }
}

#[test]
fn every_optimizer_has_a_twin_here() {
    for name in Rule::VARIANTS {
        assert!(every_kind().iter().any(|optimizer| optimizer.name() == *name), "{name} has no twin");
    }
}

#[test]
fn every_optimizer_follows_its_twin() {
    const COUNT: usize = 37;
    for optimizer in every_kind() {
        let mut parameters: Vec<f64> = numbers(0, COUNT);
        let mut twins: Vec<Twin> = parameters.iter().map(|w| Twin { w: *w, ..Twin::default() }).collect();
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

/// `Σ λ (w - minimum)² / 2` with λ of 0.1 to 10, at rates that fall to 0, which methods with steps of one length need.
#[test]
fn every_optimizer_reaches_the_minimum_of_a_convex_problem() {
    let minimum: Vec<f64> = numbers(1, 20);
    let curvature: Vec<f64> = (0..20).map(|i| 0.1 * 100f64.powf(f64::from(i) / 19.0)).collect();
    for optimizer in every_kind() {
        let learning_rate = match optimizer.rule {
            Rule::Adagrad { .. } => 0.5,
            Rule::Adadelta { .. } => 1.0,
            _ => constant(&optimizer).max(0.02),
        };
        let cosine = Schedule::CosineDecay { learning_rate, steps: 3000, end: 0.0 };
        let optimizer = Optimizer { learning_rate: cosine, ..optimizer };
        let (mut w, mut state) = (vec![0.0; 20], optimizer.start(20));
        for _ in 0..3000 {
            let slope = |i: usize| curvature[i] * (w[i] - minimum[i]);
            let gradient: Vec<f64> = (0..20).map(slope).collect();
            optimizer.update(&mut state, &mut w, &gradient, 1);
        }
        let far = w.iter().zip(&minimum).map(|(w, m)| (w - m).abs()).fold(0.0, f64::max);
        assert!(far < 1e-3, "{optimizer:?}: {far:e}");
    }
}

/// The steps of RPROP, from any first one: while the gradient keeps its sign, and while it changes it every time.
#[test]
fn the_steps_of_rprop_stay_between_the_shortest_and_the_longest() {
    let steps = |rate: f64, gradients: &[f64]| {
        let optimizer =
            Optimizer::new(Rule::Rprop { shrinkage: 0.4, growth: 1.3, shortest: 0.01, longest: 0.05 }, rate);
        let (mut w, mut state) = (vec![0.0], optimizer.start::<f64>(1));
        let mut step = |g: f64| {
            let before = w[0];
            optimizer.update(&mut state, &mut w, &[g], 1);
            (w[0] - before).abs()
        };
        gradients.iter().map(|g| step(*g)).collect::<Vec<_>>()
    };
    let (same, changing) = ([0.7; 6], [1.0, -1.0, 1.0, -1.0, 1.0]);
    for (rate, gradients, expected) in [
        (0.02, &same[..], &[0.02, 0.026, 0.0338, 0.04394, 0.05, 0.05][..]),
        (0.001, &same[..2], &[0.01, 0.013]),
        (1.0, &same[..2], &[0.05, 0.05]),
        (0.05, &changing, &[0.05, 0.0, 0.02, 0.0, 0.01]),
    ] {
        let got = steps(rate, gradients);
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{rate}: {got:?}, expected {expected:?}");
    }
}

/// A parameter that never gets a gradient stays where it is, whatever the rule divides by.
#[test]
fn no_gradient_moves_nothing() {
    for optimizer in every_kind() {
        let (mut w, mut state) = (vec![0.5f32, -0.5], optimizer.start(2));
        for _ in 0..5 {
            optimizer.update(&mut state, &mut w, &[0.0, -0.0], 1);
        }
        assert_eq!(w, [0.5, -0.5], "{optimizer:?}");
    }
}

/// The update is `w - learning_rate * g`, each rounded: what anyone writes with arrays gives the same bits.
#[test]
fn what_decays_stops_at_zero_and_not_among_the_subnormal_numbers() {
    for optimizer in every_kind() {
        let (mut weights, mut state) = (vec![1.0f32; 16], optimizer.start(16));
        optimizer.update(&mut state, &mut weights, &[1e-17; 16], 1);
        for step in 0..3000 {
            optimizer.update(&mut state, &mut weights, &[0.0; 16], 1);
            let subnormal = state.slots.iter().flatten().find(|number| number.is_subnormal());
            assert_eq!(subnormal, None, "{optimizer:?}, step {step}");
        }
    }
}

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
    for optimizer in every_kind() {
        for count in [0, 1, (1 << 15) - 1, 1 << 15, 100_003].into_iter().take(sized(5, 4)) {
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
        (Optimizer::new(Rule::Adadelta { rho: 1.0, epsilon: 1e-6 }, 1.0), "rho"),
        (Optimizer::new(Rule::Rprop { shrinkage: 1.0, growth: 1.2, shortest: 1e-6, longest: 1.0 }, 0.1), "shrinkage"),
        (Optimizer::new(Rule::Rprop { shrinkage: 0.5, growth: 1.0, shortest: 1e-6, longest: 1.0 }, 0.1), "growth"),
        (Optimizer::new(Rule::Rprop { shrinkage: 0.5, growth: 1.2, shortest: 2.0, longest: 1.0 }, 0.1), "shortest"),
        (Optimizer { weight_decay: -0.1, ..sgd(0.1, 0.0, false) }, "weight_decay"),
        (Optimizer { clip_norm: Some(0.0), ..sgd(0.1, 0.0, false) }, "clip_norm"),
        (Optimizer { clip_value: Some(f64::NAN), ..sgd(0.1, 0.0, false) }, "clip_value"),
        (Optimizer { layer_rates: [(2, -1.0)].into(), ..sgd(0.1, 0.0, false) }, "layer_rates[2]"),
    ] {
        match optimizer.check::<f32>() {
            Err(Error::Value { name: got, .. }) => assert_eq!(got, name, "{optimizer:?}"),
            other => panic!("{optimizer:?}: {other:?}"),
        }
    }
    every_kind().iter().for_each(|optimizer| optimizer.check::<f32>().expect("in range"));
}

#[test]
fn the_json_form_comes_back_and_refuses_what_it_does_not_know() {
    let all = Optimizer {
        learning_rate: Schedule::CosineDecay { learning_rate: 0.1, steps: 9, end: 0.0 },
        weight_decay: 0.1,
        clip_norm: Some(1.0),
        clip_value: Some(2.0),
        layer_rates: [(3, 0.5)].into(),
        ..sgd(0.1, 0.9, true)
    };
    for optimizer in every_kind().into_iter().chain([all]) {
        let text = serde_json::to_string(&optimizer).expect("JSON");
        assert_eq!(serde_json::from_str::<Optimizer>(&text).expect("its own JSON"), optimizer);
        let more = text.replacen('{', r#"{"warmup":3,"#, 1);
        serde_json::from_str::<Optimizer>(&more).expect_err("an unknown field");
    }
}
