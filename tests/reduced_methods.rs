//! Row-space reduction of everything that does not care about rotation: after 500 iterations the weights are those of
//! direct training.

use crate::common::training::{SGD, labels, options};
use crate::common::{dense, matrix, network, numbers, same_at_every_level, sized};
use ndarray::{Array2, Axis, concatenate, s};
use purrceptron::activation::Activation::{Relu, Sigmoid, Tanh};
use purrceptron::error::{Error, Result};
use purrceptron::loss::Loss;
use purrceptron::math::Float;
use purrceptron::network::{Network, Samples};
use purrceptron::optimizer::{Average, Optimizer, Rule};
use purrceptron::schedule::Schedule;
use purrceptron::spec::LayerSpec;
use purrceptron::train::{FitOptions, History, OwnedLabels, Solver, Trainer, fit_arrays};

const LOSS: Loss = Loss::BINARY_CROSS_ENTROPY;
const MOMENTUM: Optimizer = Optimizer::new(Rule::Sgd { momentum: 0.8, nesterov: false }, 0.03);
const NESTEROV: Optimizer = Optimizer::new(Rule::Sgd { momentum: 0.8, nesterov: true }, 0.03);

/// A training to be run both ways.
#[derive(Clone)]
struct Case {
    name: &'static str,
    optimizer: Optimizer,
    layers: Vec<LayerSpec>,
    x: Array2<f64>,
    weights: Option<Vec<f64>>,
    options: FitOptions,
}

fn case(name: &'static str, optimizer: Optimizer) -> Case {
    Case {
        name,
        optimizer,
        layers: vec![dense(5, Tanh), dense(3, Tanh), dense(1, Sigmoid)],
        x: matrix(1, 19, 120),
        weights: None,
        options: options(sized(500, 40) as u64, None),
    }
}

fn with_rate(learning_rate: Schedule) -> Optimizer {
    Optimizer { learning_rate, ..MOMENTUM }
}

/// A dense layer with penalties.
fn penalized(layer: LayerSpec, with_l1: f64, with_l2: f64) -> LayerSpec {
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
                max_norm: None,
            }
        }
        other => other,
    }
}

fn l2(name: &'static str, optimizer: Optimizer) -> Case {
    let layers = vec![penalized(dense(5, Tanh), 0.0, 3e-3), dense(3, Tanh), penalized(dense(1, Sigmoid), 1e-3, 1e-2)];
    Case { layers, ..case(name, optimizer) }
}

fn decayed(optimizer: Optimizer) -> Optimizer {
    Optimizer { weight_decay: 0.02, ..optimizer }
}

fn clipped(optimizer: Optimizer) -> Optimizer {
    Optimizer { clip_norm: Some(0.05), ..optimizer }
}

/// Everything that the reduction is for.
fn cases() -> Vec<Case> {
    let plain = |learning_rate| Optimizer::new(Rule::Sgd { momentum: 0.0, nesterov: false }, learning_rate);
    let one_cycle =
        Schedule::OneCycle { learning_rate: 0.1, steps: 400, warm_up: 0.3, start_divisor: 25.0, end_divisor: 1e3 };
    let cosine = Schedule::CosineDecay { learning_rate: 0.1, steps: 450, end: 0.001 };
    let plateau =
        Schedule::ReduceOnPlateau { learning_rate: 0.1, factor: 0.5, patience: 4, min_delta: 1e-3, end: 1e-3 };
    let warm = Schedule::WarmUp { steps: 50, then: Box::new(cosine.clone()) };
    let halving = Schedule::StepDecay { learning_rate: 0.1, steps: 100, factor: 0.5 };
    let batches = FitOptions { batch_size: Some(4), epochs: 100, ..options(500, None) };
    let weights: Vec<f64> = numbers::<f64>(3, 19).iter().map(|w| 1.0 + w).collect();
    let base = case("", SGD);
    let twice = concatenate![Axis(0), base.x, base.x.slice(s![..7, ..]), Array2::zeros((2, 120))];
    let rates = |rates: &[(usize, f64)]| Optimizer { layer_rates: rates.iter().copied().collect(), ..NESTEROV };
    vec![
        case("gradient descent", SGD),
        case("momentum", MOMENTUM),
        case("Nesterov's momentum", NESTEROV),
        l2("an L2 penalty", SGD),
        l2("an L2 penalty with momentum", MOMENTUM),
        l2("an L2 penalty with Nesterov's momentum", NESTEROV),
        case("decoupled decay", decayed(plain(0.1))),
        case("decoupled decay with momentum", decayed(MOMENTUM)),
        case("decoupled decay with Nesterov's momentum", decayed(NESTEROV)),
        l2("both kinds of decay", decayed(NESTEROV)),
        case("a cosine", decayed(with_rate(cosine))),
        case("one cycle", decayed(with_rate(one_cycle))),
        case("a warm-up", with_rate(warm)),
        case("steps", decayed(with_rate(halving))),
        l2("plateaus", decayed(with_rate(plateau))),
        Case { weights: Some(weights.clone()), ..case("weights of samples", NESTEROV) },
        Case { options: batches.clone(), ..l2("mini-batches", decayed(NESTEROV)) },
        Case { options: FitOptions { accumulate: 3, ..batches.clone() }, ..case("gathered mini-batches", MOMENTUM) },
        case("clipping", clipped(NESTEROV)),
        l2("clipping of a penalty's gradient", clipped(NESTEROV)),
        Case { x: twice.clone(), ..l2("duplicates and zeros", decayed(clipped(NESTEROV))) },
        case("a rate for each layer", rates(&[(0, 0.3), (2, 2.0)])),
        Case { layers: l2("", SGD).layers, ..case("a first layer that stays", decayed(rates(&[(0, 0.0)]))) },
        Case {
            x: twice,
            weights: Some([weights.as_slice(), &[0.5; 9]].concat()),
            options: batches,
            ..l2("all of it", Optimizer { layer_rates: [(0, 0.5)].into(), ..decayed(clipped(NESTEROV)) })
        },
    ]
}

/// Trains one after the other on the given rows, with one trainer.
fn run<F: Float>(case: &Case, solver: Solver, rows: &[Array2<F>]) -> Result<(Network<F>, Vec<History>)> {
    let mut network = network::<F>(case.x.ncols(), case.layers.clone(), 4);
    let mut trainer = Trainer::new(&network, case.optimizer.clone(), LOSS, 2)?;
    let unseen = matrix::<F>(8, 30, case.x.ncols());
    let truth = labels::<F>(30);
    let mut histories = Vec::new();
    for x in rows {
        let weights = case.weights.as_ref().map(|weights| weights.iter().map(|w| F::from_f64(*w)).collect());
        let labels = OwnedLabels { targets: labels(x.nrows()), weights };
        let validation = Some((Samples::Floats(unseen.view()), truth.view().into()));
        let options = FitOptions { solver, ..case.options.clone() };
        let x = Samples::Floats(x.view());
        histories.push(fit_arrays(&mut trainer, &mut network, x, labels, validation, &options, &mut ())?);
        assert_eq!(histories[histories.len() - 1].solver, solver, "{}", case.name);
    }
    Ok((network, histories))
}

/// The largest difference of two networks' weights, relative to the norm of the array it is in.
fn distance(a: &Network<f64>, b: &Network<f64>) -> f64 {
    let ranges = a.named_parameters().iter().map(|parameter| parameter.range.clone());
    let relative = ranges.map(|range| {
        let (a, b) = (&a.parameters()[range.clone()], &b.parameters()[range]);
        let norm = a.iter().map(|a| a * a).sum::<f64>().sqrt().max(1e-300);
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / norm
    });
    relative.fold(0.0, f64::max)
}

fn assert_alike(case: &Case, rows: &[Array2<f64>]) {
    let (direct, expected) = run(case, Solver::Direct, rows).expect("direct");
    let (reduced, histories) = run(case, Solver::Reduced, rows).expect("reduced");
    let far = distance(&direct, &reduced);
    assert!(far < 1e-9, "{}: {far:e}", case.name);
    let start = network::<f64>(case.x.ncols(), case.layers.clone(), 4);
    assert!(distance(&start, &reduced) > 1e-2, "{}: nothing was learnt", case.name);
    for (a, b) in expected.iter().flat_map(|h| &h.epochs).zip(histories.iter().flat_map(|h| &h.epochs)) {
        let (unseen, of_reduced) = (a.validation.clone().expect("scores"), b.validation.clone().expect("scores"));
        for (what, a, b) in [("loss", a.training.loss, b.training.loss), ("val_loss", unseen.loss, of_reduced.loss)] {
            assert!((a - b).abs() < 1e-9, "{}: {what} {a} {b}", case.name);
        }
        assert_eq!((unseen.metrics, a.learning_rate), (of_reduced.metrics, b.learning_rate), "{}", case.name);
    }
}

#[test]
fn everything_that_commutes_with_rotation_arrives_where_direct_training_does() {
    for case in cases() {
        assert_alike(&case, std::slice::from_ref(&case.x));
    }
}

/// The penalty must reach where no sample does, or these tests would show nothing.
#[test]
fn decay_reaches_the_part_of_the_kernel_that_no_sample_sees() {
    for case in [l2("a penalty", MOMENTUM), case("decay", decayed(MOMENTUM))] {
        let length = |network: &Network<f64>| network.parameters()[..600].iter().map(|w| w * w).sum::<f64>();
        let mut blind = case.clone();
        blind.options.epochs = 500;
        blind.x.fill(0.0);
        blind.x[(0, 0)] = 1e-9; // one dimension that carries nothing: the kernel only decays
        blind.optimizer.learning_rate = Schedule::Constant { learning_rate: 0.5 };
        let (after, _) = run(&blind, Solver::Reduced, &[blind.x.clone()]).expect("reduced");
        let before = network::<f64>(120, blind.layers.clone(), 4);
        assert!(length(&after) < 0.1 * length(&before), "{}: {}", case.name, length(&after) / length(&before));
    }
}

/// On the same rows, and on others, where velocity stands outside their span.
#[test]
fn more_epochs_with_the_same_trainer_go_on_where_the_first_ended() {
    for mut case in cases() {
        case.options.epochs = case.options.epochs.div_ceil(4);
        let other = matrix::<f64>(2, case.x.nrows(), 120);
        assert_alike(&case, &[case.x.clone(), case.x.clone(), other, case.x.clone()]);
    }
}

#[test]
fn what_the_reduction_is_not_for_is_trained_directly_and_says_why() {
    let bounded = |layers: &mut Vec<LayerSpec>| {
        if let LayerSpec::Dense { max_norm, .. } = &mut layers[0] {
            *max_norm = Some(1.0);
        }
    };
    let sparse = vec![penalized(dense(5, Tanh), 1e-3, 0.0), dense(1, Sigmoid)];
    let mut short = case("max_norm", SGD);
    bounded(&mut short.layers);
    let mut still = case("frozen", SGD);
    if let LayerSpec::Dense { trainable, .. } = &mut still.layers[0] {
        *trainable = false;
    }
    for (case, word) in [
        (still, "frozen"),
        (case("average", Optimizer { average: Some(Average::Ema { decay: 0.9 }), ..SGD }), "average"),
        (Case { layers: sparse, ..case("l1", SGD) }, "l1"),
        (short, "max_norm"),
        (case("clip_value", Optimizer { clip_value: Some(0.1), ..SGD }), "clip_value"),
    ] {
        let x = [case.x.clone()];
        let error = run(&case, Solver::Reduced, &x).expect_err("not for the reduction").to_string();
        assert!(error.contains(word) && error.contains("solver"), "{error}");
        let mut network = network::<f64>(120, case.layers.clone(), 4);
        let mut trainer = Trainer::new(&network, case.optimizer.clone(), LOSS, 1).expect("in range");
        let options = FitOptions { solver: Solver::Auto, ..case.options.clone() };
        let x = Samples::Floats(x[0].view());
        let history = fit_arrays(&mut trainer, &mut network, x, labels::<f64>(19), None, &options, &mut ());
        let history = history.expect("direct");
        assert!(history.solver == Solver::Direct && history.reason.contains(word), "{}", history.reason);
    }
}

/// Training at such rates is chaotic, so single precision can be compared in the mean only: over seeds, the reduced
/// network is no farther from double precision than the direct one.
#[test]
fn in_single_precision_the_reduction_is_as_close_to_double_precision_as_direct_training_is() {
    let (mut direct, mut reduced) = (0.0, 0.0);
    for seed in 0..12 {
        let layers = vec![penalized(dense(8, Relu), 0.0, 1e-4), dense(5, Tanh), dense(1, Sigmoid)];
        let case = Case {
            layers,
            x: matrix(seed, 24, 400),
            options: options(sized(300, 30) as u64, None),
            ..case("", decayed(NESTEROV))
        };
        let (exact, _) = run(&case, Solver::Direct, std::slice::from_ref(&case.x)).expect("in double precision");
        let rows = [case.x.mapv(|x| x as f32)];
        let far = |solver| {
            let (network, _) = run::<f32>(&case, solver, &rows).expect("in single precision");
            let pairs = network.parameters().iter().zip(exact.parameters());
            pairs.map(|(a, b)| (f64::from(*a) - b).powi(2)).sum::<f64>().sqrt()
        };
        direct += far(Solver::Direct);
        reduced += far(Solver::Reduced);
    }
    assert!(direct > 0.0 && reduced <= direct, "{reduced:e} from double precision, direct training {direct:e}");
}

#[test]
fn a_divergence_leaves_weights_and_trainer_as_they_were() {
    let mut case = l2("a divergence", decayed(NESTEROV));
    case.options.epochs = 30;
    let mut network = network::<f64>(120, case.layers.clone(), 4);
    let mut trainer = Trainer::new(&network, case.optimizer.clone(), LOSS, 1).expect("in range");
    let mut fit = |network: &mut Network<f64>, x: &Array2<f64>| {
        let options = FitOptions { solver: Solver::Reduced, ..case.options.clone() };
        fit_arrays(&mut trainer, network, Samples::Floats(x.view()), labels::<f64>(19), None, &options, &mut ())
    };
    fit(&mut network, &case.x).expect("a training");
    let before = network.clone();
    let far = case.x.mapv(|x| x * 1e200);
    assert!(matches!(fit(&mut network, &far), Err(Error::Diverged { .. })));
    let gap = distance(&before, &network);
    assert!(gap < 1e-14, "{gap:e}");
}

#[test]
fn the_same_bits_for_every_thread_count_and_instruction_set() {
    same_at_every_level(module_path!(), "the_same_bits_for_every_thread_count_and_instruction_set", || {
        let mut all = cases().pop().expect("a case");
        all.options.epochs = 20;
        let x = all.x.mapv(|x| x as f32);
        let (network, _) = run::<f32>(&all, Solver::Reduced, &[x.clone(), x]).expect("a training");
        crate::common::digest(network.parameters())
    });
}
