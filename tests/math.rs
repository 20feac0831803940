//! The elementary functions and reductions: errors over dense sweeps, special values, fixed orders.

use crate::common::double_double::{DoubleDouble, ulps};
use crate::common::{bits, cases, digest, matrix, numbers, same_at_every_level, sized};
use ndarray::Array2;
use proptest::prelude::*;
use purrceptron::math::*;
use purrceptron::matmul::matmul_naive;
use purrceptron::random::Stream;

/// Largest error of a function over all arguments of a sweep, and where.
#[derive(Clone, Copy, Default)]
struct Worst {
    ulps: f64,
    at: f64,
}

impl Worst {
    fn see(&mut self, error: f64, at: f64) {
        // A NaN among the errors must not be lost.
        if error > self.ulps || error.is_nan() {
            *self = Worst { ulps: error, at };
        }
    }

    fn check(self, name: &str, stated: f64) {
        println!("{name}: {:.3} ULP at {:e}, {stated} stated", self.ulps, self.at);
        assert!(self.ulps <= stated, "{name}: {} ULP at {:e}, {stated} stated", self.ulps, self.at);
    }
}

/// Distance of `got` from `exact`, in units in the last place of an `f32` there.
fn ulps_32(got: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if rounded.is_infinite() || exact.is_nan() {
        return if got == rounded || (got.is_nan() && exact.is_nan()) { 0.0 } else { f64::INFINITY };
    }
    let exponent = ((exact.abs().to_bits() >> 52) as i32 - 1023).max(-126);
    (f64::from(got) - exact).abs() / 2f64.powi(exponent - 23)
}

/// Sweeps every 199th bit pattern of `f32`, NaN left out, and the worst argument that a sweep over all has found. The standard library's `f64` is exact enough: its error
/// is below 1e-8 of a unit in the last place of `f32`.
fn sweep_32(name: &str, stated: f64, ours: fn(&mut [f32]), exact: fn(f64) -> f64, worst_known: f32) {
    let stride = sized(199, 199_999);
    let mut worst = Worst::default();
    let (mut arguments, mut results) = (Vec::new(), Vec::new());
    let patterns: Vec<u32> = (0..=u32::MAX).step_by(stride).collect();
    for patterns in patterns.chunks(1 << 14) {
        arguments.clear();
        arguments.extend(patterns.iter().map(|bits| f32::from_bits(*bits)).filter(|x| !x.is_nan()));
        arguments.push(worst_known);
        results.clone_from(&arguments);
        ours(&mut results);
        for (x, y) in arguments.iter().zip(&results) {
            worst.see(ulps_32(*y, exact(f64::from(*x))), f64::from(*x));
        }
    }
    worst.check(name, stated);
}

#[test]
fn exp_of_f32_is_within_its_error() {
    sweep_32("exp f32", 1.0, exp_in_place, f64::exp, -59.944_43);
}

#[test]
fn ln_of_f32_is_within_its_error() {
    sweep_32("ln f32", 0.9, ln_in_place, f64::ln, 0.700_085_16);
}

#[test]
fn tanh_of_f32_is_within_its_error() {
    sweep_32("tanh f32", 2.5, tanh_in_place, f64::tanh, 4.505_090_7);
}

#[test]
fn sigmoid_of_f32_is_within_its_error() {
    sweep_32("sigmoid f32", 2.41, sigmoid_in_place, |x| 1.0 / (1.0 + (-x).exp()), -4.157_294);
}

#[test]
fn softplus_of_f32_is_within_its_error() {
    sweep_32("softplus f32", 1.6, softplus_in_place, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), -1.262_826);
}

#[test]
fn erf_of_f32_is_within_its_error() {
    sweep_32("erf f32", 1.1, erf_in_place, Float::erf, 0.951_015_7);
}

/// Arguments in double precision: evenly over `-range..range`, and evenly over the exponents up to `range`.
fn arguments_64(name: &str, range: f64) -> Vec<f64> {
    let mut stream = Stream::new(0, name, 0);
    let mut sign = 1.0;
    (0..sweep())
        .map(|i| {
            sign = -sign;
            let u = stream.uniform();
            sign * if i / 2 % 2 == 0 { u * range } else { range * 2f64.powf(-60.0 * u) }
        })
        .collect()
}

fn sweep() -> usize {
    sized(400_000, 2_000)
}

/// Holds `ours` to the double-double `exact`, which gives `(m, n)` for `m 2^n`, at `arguments` and at the worst that a
/// search has found.
fn sweep_64(
    name: &str,
    stated: f64,
    ours: fn(&mut [f64]),
    exact: fn(f64) -> (DoubleDouble, i32),
    mut arguments: Vec<f64>,
    worst_known: f64,
) {
    arguments.push(worst_known);
    let (mut results, mut worst) = (arguments.clone(), Worst::default());
    ours(&mut results);
    for (x, y) in arguments.into_iter().zip(results) {
        let (m, n) = exact(x);
        worst.see(ulps(y, m, n), x);
    }
    worst.check(name, stated);
}

#[test]
fn exp_of_f64_is_within_its_error() {
    let arguments = arguments_64("exp", 745.1).into_iter().filter(|x| *x < 709.78).collect();
    sweep_64("exp f64", 1.0, exp_in_place, |x| DoubleDouble::from(x).exp(), arguments, -152.093_095_689_713_95);
}

#[test]
fn ln_of_f64_is_within_its_error() {
    let mut stream = Stream::new(0, "ln", 0);
    let arguments = (0..sweep()).map(|i| match i % 3 {
        0 => f64::from_bits((stream.uniform() * f64::INFINITY.to_bits() as f64) as u64),
        1 => 0.5 + 1.5 * stream.uniform(),
        _ => 1.0 + (stream.uniform() - 0.5) * 2f64.powf(-50.0 * stream.uniform()),
    });
    let arguments = arguments.filter(|x| *x != 1.0 && x.is_normal()).collect();
    sweep_64("ln f64", 0.9, ln_in_place, |x| (DoubleDouble::from(x).ln(), 0), arguments, 1.412_110_585_916_708);
}

#[test]
fn tanh_of_f64_is_within_its_error() {
    let exact = |x: f64| {
        let t = DoubleDouble::from(x.abs()).tanh();
        (if x < 0.0 { -t } else { t }, 0)
    };
    sweep_64("tanh f64", 2.5, tanh_in_place, exact, arguments_64("tanh", 25.0), 0.216_381_881_451_011_53);
}

/// `e^x / (1 + e^x)` for negative `x`, `1 / (1 + e^-x)` for positive.
fn sigmoid(x: f64) -> (DoubleDouble, i32) {
    let (m, n) = DoubleDouble::from(-x.abs()).exp();
    let e = if n < -1000 { 0.0.into() } else { DoubleDouble::from(-x.abs()).exp_normal() };
    let one = DoubleDouble::from(1.0);
    if x < 0.0 { (m / (one + e), n) } else { (one / (one + e), 0) }
}

#[test]
fn sigmoid_of_f64_is_within_its_error() {
    sweep_64("sigmoid f64", 2.4, sigmoid_in_place, sigmoid, arguments_64("sigmoid", 745.1), -5.541_405_457_422_181);
    sweep_64("sigmoid f64", 2.4, sigmoid_in_place, sigmoid, arguments_64("sigmoid", 40.0), -5.541_405_457_422_181);
}

fn softplus(x: f64) -> (DoubleDouble, i32) {
    let (m, n) = DoubleDouble::from(-x.abs()).exp();
    match (x > 0.0, n < -110) {
        (false, true) => (m, n),
        (true, true) => (x.into(), 0),
        (positive, false) => {
            let small = DoubleDouble::from(-x.abs()).exp_normal().ln_1p();
            (if positive { small + x.into() } else { small }, 0)
        }
    }
}

#[test]
fn softplus_of_f64_is_within_its_error() {
    sweep_64(
        "softplus f64",
        2.0,
        softplus_in_place,
        softplus,
        arguments_64("softplus", 745.1),
        -0.439_311_445_736_597_4,
    );
    sweep_64(
        "softplus f64",
        2.0,
        softplus_in_place,
        softplus,
        arguments_64("softplus", 40.0),
        -0.439_311_445_736_597_4,
    );
}

/// `2/√π e^(-x²) Σ 2^n x^(2n+1) / (1 3 5 .. (2n+1))`, of which every term has the same sign.
fn erf(x: f64) -> (DoubleDouble, i32) {
    if x.abs() > 6.0 {
        return (1f64.copysign(x).into(), 0); // up to 1e-17
    }
    let square = DoubleDouble::from(x) * x.into();
    let mut term = DoubleDouble::from(x);
    let mut sum = term;
    for n in 1..250 {
        term = term * square * DoubleDouble::from(2.0) / f64::from(2 * n + 1).into();
        sum = sum + term;
    }
    (sum * (-square).exp_normal() * DoubleDouble(std::f64::consts::FRAC_2_SQRT_PI, 1.533_545_961_316_588e-17), 0)
}

#[test]
fn erf_of_f64_is_within_its_error() {
    let arguments = |range| arguments_64("erf", range).into_iter().step_by(4).collect();
    sweep_64("erf f64", 1.0, erf_in_place, erf, arguments(7.0), -0.985_226_609_014_995_8);
    sweep_64("erf f64", 1.0, erf_in_place, erf, arguments(1.1), -1.034_673_016_352_468_2);
}

/// Constants to 33 digits, from tables: the yardstick itself is right.
#[test]
fn double_double_agrees_with_known_constants() {
    let close = |got: DoubleDouble, high: f64, low: f64| {
        let error = ((got.0 - high) + (got.1 - low)).abs();
        assert!(error <= 1e-30 * high.abs(), "{got:?} {high:e} {low:e}");
    };
    let one = DoubleDouble::from(1.0);
    close(one.exp_normal(), std::f64::consts::E, 1.4456468917292502e-16);
    close(DoubleDouble::from(10.0).ln(), std::f64::consts::LN_10, -2.1707562233822494e-16);
    close(DoubleDouble::from(2.0).ln(), std::f64::consts::LN_2, 2.3190468138462996e-17);
    close(one.ln_1p(), std::f64::consts::LN_2, 2.3190468138462996e-17);
    close(erf(1.0).0, 0.8427007929497149, -2.4801011789118602e-17);
    // Both forms of tanh and of ln(1 + x) meet where one hands over to the other.
    for x in [0.000_999_999f64, 0.001_000_001] {
        let e = DoubleDouble::from(-2.0 * x).exp_normal();
        let DoubleDouble(high, low) = (one - e) / (one + e);
        let tanh = DoubleDouble::from(x).tanh();
        assert!(((tanh.0 - high) + (tanh.1 - low)).abs() < 1e-30);
        let (series, newton) = (DoubleDouble::from(x).ln_1p(), (DoubleDouble::from(x) + one).ln());
        assert!(((series.0 - newton.0) + (series.1 - newton.1)).abs() < 1e-30);
    }
}

fn special_values<F: Float>(infinity: F, nan: F, smallest: F, huge: F, log_huge: F) {
    let same = |name: &str, x: F, got: F, expected: F| {
        let equal = if expected.is_nan() { got.is_nan() } else { bits([&got]) == bits([&expected]) };
        assert!(
            equal,
            "{name}({x:e}) = {got:e}, not {expected:e}",
            x = x.into(),
            got = got.into(),
            expected = expected.into()
        );
    };
    let (zero, one, half) = (F::ZERO, F::ONE, F::HALF);
    let ln_2 = F::from_f64(std::f64::consts::LN_2);
    // Of tanh and erf both.
    for (x, exp, ln, tanh, sigmoid, softplus) in [
        (zero, one, -infinity, zero, half, ln_2),
        (-zero, one, -infinity, -zero, half, ln_2),
        (infinity, infinity, infinity, one, one, infinity),
        (-infinity, zero, nan, -one, zero, zero),
        (nan, nan, nan, nan, nan, nan),
        (-nan, nan, nan, nan, nan, nan),
        (huge, infinity, log_huge, one, one, huge),
        (-huge, zero, nan, -one, zero, zero),
        (-smallest, one, nan, -smallest, half, ln_2),
    ] {
        if sized(1, 0) == 1 || x != zero {
            same("erf", x, x.erf(), tanh); // valgrind's fused multiply-add loses the sign of zero in double precision
        }
        same("exp", x, Float::exp(x), exp);
        same("ln", x, x.ln(), ln);
        same("tanh", x, x.tanh(), tanh);
        same("sigmoid", x, x.sigmoid(), sigmoid);
        same("softplus", x, x.softplus(), softplus);
    }
    same("tanh", smallest, smallest.tanh(), smallest);
    same("ln", one, one.ln(), zero);
}

#[test]
fn zeros_infinities_nan_and_subnormals_map_as_in_ieee_754() {
    special_values(f32::INFINITY, f32::NAN, f32::from_bits(1), f32::MAX, 88.722_84);
    special_values(f64::INFINITY, f64::NAN, f64::from_bits(1), f64::MAX, 709.782_712_893_384);
}

#[test]
fn exp_overflows_and_underflows_where_it_must() {
    // The largest argument with a finite result, and the smallest with one that does not round to zero.
    let (top, low) = (f32::from_bits(0x42b1_7217), f32::from_bits(0xc2cf_f1b4));
    assert!(Float::exp(top).is_finite() && Float::exp(top.next_up()).is_infinite());
    assert!(Float::exp(low) > 0.0 && Float::exp(low.next_down()) == 0.0);
    let (top, low) = (709.782_712_893_383_9_f64, -745.133_219_101_941_1_f64);
    assert!(Float::exp(top).is_finite() && Float::exp(top.next_up().next_up()).is_infinite());
    assert!(Float::exp(low) > 0.0 && Float::exp(low.next_down().next_down()) == 0.0);
    // Subnormal results keep their bits: rounded once.
    assert_eq!(Float::exp(-100.0f32).to_bits(), ((-100f64).exp() as f32).to_bits());
}

proptest! {
    #![proptest_config(cases(sized(256, 50)))]

    #[test]
    fn sums_of_whole_numbers_are_exact(x in prop::collection::vec(-1_000_000i32..1_000_000, 0..300)) {
        let exact: i64 = x.iter().map(|x| i64::from(*x)).sum();
        let floats: Vec<f32> = x.iter().map(|x| *x as f32).collect();
        let doubles: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        prop_assert_eq!((sum(&floats), sum(&doubles)), (exact as f64, exact as f64));
    }

    #[test]
    fn sums_run_in_the_stated_order(length in 0..300usize, seed in 0..100u64) {
        let x: Vec<f64> = numbers(seed, length);
        let mut lanes = [0.0; 16];
        x.iter().enumerate().for_each(|(i, x)| lanes[i % 16] += x);
        let pairs: Vec<f64> = (0..8).map(|i| lanes[i] + lanes[i + 8]).collect();
        let pairs: Vec<f64> = (0..4).map(|i| pairs[i] + pairs[i + 4]).collect();
        prop_assert_eq!(bits([&sum(&x)]), bits([&((pairs[0] + pairs[2]) + (pairs[1] + pairs[3]))]));
    }

    #[test]
    fn the_first_number_that_is_not_finite_is_found(
        length in 1..5000usize, places in prop::collection::vec(any::<prop::sample::Index>(), 0..3), kind in 0..3usize,
    ) {
        let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][kind];
        let mut x: Vec<f64> = numbers(0, length);
        x[length / 2] = f64::MAX;
        places.iter().for_each(|place| x[place.index(length)] = bad);
        let expected = places.iter().map(|place| place.index(length)).min();
        prop_assert_eq!(first_not_finite(&x), expected);
        let x: Vec<f32> = x.iter().map(|x| if *x == f64::MAX { f32::MAX } else { *x as f32 }).collect();
        prop_assert_eq!(first_not_finite(&x), expected);
    }
}

#[test]
fn nothing_in_an_empty_array_is_infinite_and_its_sum_is_zero() {
    assert_eq!(first_not_finite::<f32>(&[]), None);
    assert_eq!(bits([&sum::<f32>(&[])]), bits([&0.0]));
}

#[test]
fn column_sums_equal_a_product_with_a_row_of_ones() {
    for (rows, width) in
        [(0, 3), (1, 1), (2, 0), (255, 5), (256, 17), (257, 2), (512, 33), (300, 119), (1000, 7), (1025, 1)]
    {
        let x = matrix::<f32>(1, rows, width);
        let mut sums = vec![f32::NAN; width];
        column_sums(x.as_slice().expect("row after row"), &mut sums);
        let expected = matmul_naive(Array2::ones((1, rows)).view(), x.view());
        assert_eq!(bits(&sums), bits(&expected), "{rows} x {width}");

        let whole = x.mapv(|x| (x * 1000.0).round());
        column_sums(whole.as_slice().expect("row after row"), &mut sums);
        for (sum, column) in sums.iter().zip(whole.columns()) {
            assert_eq!(i64::from(*sum as i32), column.iter().map(|x| *x as i64).sum::<i64>(), "{rows} x {width}");
        }
    }
}

#[test]
fn functions_have_the_same_bits_at_every_instruction_set_and_one_by_one() {
    type Function<F> = (fn(&mut [F]), fn(F) -> F);

    fn all<F: Float>(range: f64) -> Vec<f64> {
        let x: Vec<F> = numbers::<f64>(0, 10_007).into_iter().map(|x| F::from_f64(x * range)).collect();
        let mut results = Vec::new();
        let functions: [Function<F>; 6] = [
            (exp_in_place, Float::exp),
            (ln_in_place, |x| Float::ln(x.abs())),
            (tanh_in_place, Float::tanh),
            (sigmoid_in_place, Float::sigmoid),
            (softplus_in_place, Float::softplus),
            (erf_in_place, Float::erf),
        ];
        for (i, (in_place, one)) in functions.into_iter().enumerate() {
            let mut y: Vec<F> = if i == 1 { x.iter().map(|x| x.abs()).collect() } else { x.clone() };
            in_place(&mut y);
            assert_eq!(bits(&y), bits(&x.iter().map(|x| one(*x)).collect::<Vec<_>>()));
            results.extend(y.into_iter().map(Into::<f64>::into));
        }
        let mut sums = vec![F::ZERO; 7];
        column_sums(&x[..7 * 1000], &mut sums);
        results.extend(sums.into_iter().map(Into::<f64>::into));
        results.push(sum(&x));
        results
    }
    same_at_every_level(module_path!(), "functions_have_the_same_bits_at_every_instruction_set_and_one_by_one", || {
        digest(&[all::<f32>(110.0), all::<f32>(1.0), all::<f64>(750.0), all::<f64>(1.0)].concat())
    });
}
