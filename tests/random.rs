//! Seeded streams and the first values of parameters.

use crate::common::{dense, initializers, network};
use ndarray::Array2;
use purrceptron::activation::Activation::{Relu, Sigmoid};
use purrceptron::initializer::Initializer;
use purrceptron::math::Float;
use purrceptron::random::Stream;
use purrceptron::spec::LayerSpec;

/// Golden values, taken from version 0.1.0 as it stood (ChaCha8 under the SHA-256 of seed and name). A change here
/// changes every seeded network and every order of samples.
#[test]
fn streams_are_pinned() {
    let mut stream = Stream::new(0, "layers.0.kernel", 0);
    let drawn = [stream.uniform(), stream.uniform(), stream.uniform()].map(|u| (u * 2f64.powi(53)) as u64);
    assert_eq!(drawn, GOLDEN_UNIFORM);
    let mut order: Vec<u32> = (0..12).collect();
    Stream::new(u64::MAX, "shuffle", 1 << 40).shuffle(&mut order);
    assert_eq!(order, GOLDEN_ORDER);
}

const GOLDEN_UNIFORM: [u64; 3] = [5522503586573905, 864502401771325, 852613841135453];
const GOLDEN_ORDER: [u32; 12] = [10, 4, 11, 6, 7, 3, 2, 5, 1, 8, 9, 0];

/// Golden as above: the first weights of a small network, whatever its float type.
#[test]
fn first_weights_are_pinned() {
    let layers = || vec![dense(3, Relu), dense(1, Sigmoid)];
    let (single, double) = (network::<f32>(4, layers(), 42), network::<f64>(4, layers(), 42));
    assert_eq!(double.fingerprint().expect("finite"), GOLDEN_WEIGHTS);
    let rounded: Vec<f32> = double.parameters().iter().map(|w| *w as f32).collect();
    assert_eq!(single.parameters(), rounded, "both float types start alike");
}

const GOLDEN_WEIGHTS: &str = "836dc074985feeb98df6c2f0abdf00e76c03613cb81ea491518ed2eceb62b164";

#[test]
fn seed_name_and_counter_each_give_another_stream() {
    let draw = |seed, name, counter| {
        let mut stream = Stream::new(seed, name, counter);
        [stream.uniform(), stream.uniform()]
    };
    let base = draw(1, "shuffle", 2);
    assert_eq!(draw(1, "shuffle", 2), base);
    for other in [
        draw(2, "shuffle", 2),
        draw(1, "shuffl", 2),
        draw(1, "shuffle", 3),
        draw(257, "shuffle", 2),
        draw(2, "shuffle", 1),
    ] {
        assert!(other[0] != base[0] && other[1] != base[1] && other[0] != base[1]);
    }
}

#[test]
fn a_layer_added_behind_does_not_shift_the_weights_before_it() {
    let two = network::<f32>(4, vec![dense(3, Relu), dense(2, Relu)], 5);
    let three = network::<f32>(4, vec![dense(3, Relu), dense(2, Relu), dense(1, Sigmoid)], 5);
    assert_eq!(two.parameters(), &three.parameters()[..two.parameters().len()]);
    let names: Vec<&str> = three.named_parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(
        names,
        ["layers.0.kernel", "layers.0.bias", "layers.1.kernel", "layers.1.bias", "layers.2.kernel", "layers.2.bias"]
    );
}

#[test]
fn uniform_numbers_fill_the_unit_interval_evenly() {
    const COUNT: usize = 1_000_000;
    let mut stream = Stream::new(1, "evenness", 0);
    let mut bins = [0usize; 100];
    let (mut sum, mut products, mut last) = (0.0, 0.0, 0.5);
    for _ in 0..COUNT {
        let u = stream.uniform();
        assert!((0.0..1.0).contains(&u));
        bins[(u * 100.0) as usize] += 1;
        sum += u;
        products += (u - 0.5) * (last - 0.5);
        last = u;
    }
    let expected = COUNT as f64 / 100.0;
    let chi_square: f64 = bins.iter().map(|bin| (*bin as f64 - expected).powi(2) / expected).sum();
    assert!((55.0..160.0).contains(&chi_square), "99 degrees of freedom: {chi_square}"); // about 1e-4 on either side
    assert!((sum / COUNT as f64 - 0.5).abs() < 4.0 * (1.0f64 / 12.0 / COUNT as f64).sqrt());
    assert!((products / COUNT as f64).abs() < 4.0 / 12.0 / (COUNT as f64).sqrt(), "neighbours are correlated");
}

#[test]
fn every_order_of_four_is_drawn_equally_often() {
    const COUNT: usize = 48_000;
    let mut counts = std::collections::HashMap::new();
    for counter in 0..COUNT {
        let mut order = [0u8, 1, 2, 3];
        Stream::new(9, "orders", counter as u64).shuffle(&mut order);
        *counts.entry(order).or_insert(0usize) += 1;
    }
    assert_eq!(counts.len(), 24);
    let chi_square: f64 = counts.values().map(|count| (*count as f64 - 2000.0).powi(2) / 2000.0).sum();
    assert!(chi_square < 59.0, "23 degrees of freedom: {chi_square}"); // exceeded with probability 5e-5
    for mut few in [vec![], vec![7u8]] {
        let before = few.clone();
        Stream::new(9, "orders", 0).shuffle(&mut few);
        assert_eq!(few, before);
    }
}

/// How numbers are spread.
enum Law {
    Same(f64),
    Uniform(f64),
    Normal(f64),
    /// With nothing beyond two deviations.
    Truncated(f64),
    /// Tested by itself.
    Orthogonal,
}

/// Laws in the words of the papers; by reflection, so that a new initializer is missed here.
fn law(initializer: Initializer, inputs: f64, units: f64) -> Law {
    match initializer {
        Initializer::Zeros | Initializer::FromArray => Law::Same(0.0),
        Initializer::Ones => Law::Same(1.0),
        Initializer::Constant { value } => Law::Same(value),
        Initializer::Uniform { limit } => Law::Uniform(limit),
        Initializer::Normal { deviation } => Law::Normal(deviation),
        Initializer::TruncatedNormal { deviation } => Law::Truncated(deviation),
        Initializer::ScaledUniform => Law::Uniform(1.0 / inputs.sqrt()),
        Initializer::GlorotUniform => Law::Uniform((6.0 / (inputs + units)).sqrt()),
        Initializer::GlorotNormal => Law::Normal((2.0 / (inputs + units)).sqrt()),
        Initializer::HeUniform => Law::Uniform((6.0 / inputs).sqrt()),
        Initializer::HeNormal => Law::Normal((2.0 / inputs).sqrt()),
        Initializer::LecunUniform => Law::Uniform((3.0 / inputs).sqrt()),
        Initializer::LecunNormal => Law::Normal((1.0 / inputs).sqrt()),
        Initializer::Orthogonal { .. } => Law::Orthogonal,
    }
}

#[test]
fn initializers_follow_their_laws() {
    fn check<F: Float>(initializer: Initializer, inputs: usize, units: usize) {
        let law = law(initializer, inputs as f64, units as f64);
        let mut values = vec![F::ONE; 200_000];
        initializer.fill(&mut values, inputs, units, &mut Stream::new(0, "initializer", 0));
        let values: Vec<f64> = values.into_iter().map(Into::into).collect();
        let count = values.len() as f64;
        let most = values.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        let mean = values.iter().sum::<f64>() / count;
        let moment = |power| values.iter().map(|x| x.powi(power)).sum::<f64>() / count;
        // Largest magnitude, variance, and fourth moment in terms of its square.
        let (range, variance, kurtosis) = match law {
            Law::Same(value) => {
                return assert!(values.iter().all(|x| *x == F::from_f64(value).into()), "{initializer:?}");
            }
            Law::Uniform(limit) => (0.9999 * limit..limit, limit * limit / 3.0, 9.0 / 5.0),
            Law::Normal(deviation) => (4.0 * deviation..6.0 * deviation, deviation * deviation, 3.0),
            Law::Truncated(deviation) => {
                (1.9999 * deviation..2.0 * deviation, 0.773741 * deviation * deviation, 2.36537)
            }
            Law::Orthogonal => return,
        };
        assert!(most >= range.start && most <= range.end * (1.0 + 1e-7), "{initializer:?}: {most} of {range:?}");
        assert!(mean.abs() <= 4.0 * (variance / count).sqrt(), "{initializer:?}: mean {mean}");
        assert!((moment(2) / variance - 1.0).abs() <= 0.015, "{initializer:?}: variance {}", moment(2));
        let fourth = moment(4) / moment(2).powi(2);
        assert!((fourth / kurtosis - 1.0).abs() <= 0.03, "{initializer:?}: kurtosis {fourth}");
    }
    for initializer in initializers() {
        for (inputs, units) in [(1, 1), (12288, 20), (20, 7), (3, 1000)] {
            check::<f32>(initializer, inputs, units);
            check::<f64>(initializer, inputs, units);
        }
    }
}

#[test]
fn orthogonal_kernels_have_orthonormal_vectors_on_their_shorter_side() {
    for (inputs, units) in [(1, 1), (5, 3), (3, 5), (40, 40), (7, 300)] {
        let mut kernel = Array2::<f64>::zeros((inputs, units));
        let values = kernel.as_slice_mut().expect("row after row");
        Initializer::Orthogonal { gain: 1.5 }.fill(values, inputs, units, &mut Stream::new(3, "orthogonal", 0));
        let gram = if inputs < units { kernel.dot(&kernel.t()) } else { kernel.t().dot(&kernel) };
        let error = (gram - Array2::<f64>::eye(inputs.min(units)) * 2.25).mapv(f64::abs).sum();
        assert!(error < 1e-11, "({inputs}, {units}): {error:e}");
    }
    Initializer::Orthogonal { gain: 1.0 }.fill::<f32>(&mut [], 0, 3, &mut Stream::new(0, "orthogonal", 0));
}

#[test]
fn kernel_and_bias_begin_as_their_own_initializers_say() {
    let layer = LayerSpec::dense(50, Relu, Initializer::HeUniform, Initializer::Zeros);
    let net = network::<f64>(600, vec![layer], 0);
    let (kernel, bias) = net.parameters().split_at(600 * 50);
    assert!(bias.iter().all(|b| b.to_bits() == 0));
    let most = kernel.iter().fold(0.0f64, |most, w| most.max(w.abs()));
    assert!(most <= 0.1 && most > 0.0999, "{most}");
}
