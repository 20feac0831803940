//! Element-wise mathematics and reductions with the same bits on every machine.
//!
//! No platform library is called on any path that reaches a weight (their last bits differ): the functions here are
//! branch-free over fused multiply-add and vectorise where [`crate::isa`] compiles them. Largest errors found by a dense
//! sweep, in units in the last place, f32 / f64: `exp` 0.82 / 0.82, `ln` 0.89 / 0.84, `tanh` 2.50 / 2.48, `sigmoid`
//! 2.41 / 2.40, `softplus` 1.56 / 1.90, `erf` 1.06 / 0.92. `tests/math.rs` holds them to 2.5 and less.

use std::fmt::{Debug, Display};
use std::hint::black_box;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::isa::versions;
use crate::matmul::Tile;

/// The type of a network's weights and of the arithmetic on them.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum DType {
    /// Single precision, the default.
    Float32,
    /// Double precision.
    Float64,
}

impl DType {
    /// Whether the type holds something finite and not 0 for `value`.
    pub fn holds(self, value: f64) -> bool {
        let held = match self {
            DType::Float32 => f64::from(value as f32),
            DType::Float64 => value,
        };
        held.is_finite() && held != 0.0
    }
}

/// `f32` or `f64`: what the kernels need of a number.
pub trait Float:
    Copy
    + Debug
    + Display
    + Default
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Sum
    + Into<f64>
    + From<u8>
    + Tile
    + 'static
{
    /// The type's name in specs and files.
    const DTYPE: DType;
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// One half.
    const HALF: Self;
    /// The smallest normal number; what is smaller has fewer digits.
    const SMALLEST: Self;
    /// The smallest and the largest argument that [`Float::exp`] tells apart from 0 and infinity.
    const EXP_RANGE: (Self, Self);

    /// The nearest number to `value`.
    fn from_f64(value: f64) -> Self;
    /// `self * a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// Correctly rounded square root.
    fn sqrt(self) -> Self;
    /// Magnitude.
    fn abs(self) -> Self;
    /// Magnitude of `self` with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// `(n, p)` with `n` whole and `e^x = 2^n (1 + p)`, for `x` within [`Float::EXP_RANGE`].
    fn exp_parts(self) -> (Self, Self);
    /// `2^self` for a whole `self` that gives a normal number.
    fn exp2_whole(self) -> Self;
    /// A whole number near `self / 2`.
    fn half_whole(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// `ln(1 + self)` for `self` within 0..=1.
    fn ln_1p_unit(self) -> Self;
    /// The error function, `2/√π ∫ e^(-t²) dt` from 0 to `self`.
    fn erf(self) -> Self;
    /// Appends the number's bytes, least significant first.
    fn write_le(self, bytes: &mut Vec<u8>);
    /// Reads as many numbers as there are `values`, which [`Float::write_le`] wrote.
    fn read_le(bytes: &[u8], values: &mut [Self]);

    /// The larger; NaN when `self` is NaN.
    #[inline(always)]
    fn at_least(self, bound: Self) -> Self {
        if bound > self { bound } else { self }
    }

    /// The smaller; NaN when `self` is NaN.
    #[inline(always)]
    fn at_most(self, bound: Self) -> Self {
        if bound < self { bound } else { self }
    }

    /// Zero where it is nearer to zero than the normal numbers.
    #[inline(always)]
    fn normal_or_zero(self) -> Self {
        if self.abs() < Self::SMALLEST { Self::ZERO } else { self }
    }

    /// `e^self`.
    #[inline(always)]
    fn exp(self) -> Self {
        let (low, high) = Self::EXP_RANGE;
        let (n, p) = self.at_least(low).at_most(high).exp_parts();
        let a = n.half_whole(); // 2^n may leave the normal numbers: scale in two halves
        (p + Self::ONE) * a.exp2_whole() * (n - a).exp2_whole()
    }

    /// Hyperbolic tangent, through `expm1(-2|x|)`.
    #[inline(always)]
    fn tanh(self) -> Self {
        let two = Self::ONE + Self::ONE;
        let (n, p) = (-two * self.abs()).at_least(Self::EXP_RANGE.0 * Self::HALF).exp_parts();
        let scale = n.exp2_whole();
        let expm1 = scale.mul_add(p, scale - Self::ONE);
        (-expm1 / (two + expm1)).copysign(self)
    }

    /// `e^self - 1` for `self` at most 0, without cancellation.
    #[inline(always)]
    fn expm1_of_negative(self) -> Self {
        let (n, p) = self.at_least(Self::EXP_RANGE.0 * Self::HALF).exp_parts();
        let scale = n.exp2_whole();
        scale.mul_add(p, scale - Self::ONE)
    }

    /// `1 / (1 + e^-self)`, through `e^-|x|`, which cannot overflow.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        let e = (-self.abs()).exp();
        (if self < Self::ZERO { e } else { Self::ONE }) / (Self::ONE + e)
    }

    /// `ln(1 + e^self)`.
    #[inline(always)]
    fn softplus(self) -> Self {
        let small = (-self.abs()).exp().ln_1p_unit();
        if self > Self::ZERO { self + small } else { small }
    }

    /// Whether this is no number.
    #[inline(always)]
    #[allow(clippy::eq_op)]
    fn is_nan(self) -> bool {
        self != self
    }
}

/// `c[0] + x (c[1] + x (c[2] + ..))`.
#[inline(always)]
fn horner<F: Float, const N: usize>(x: F, coefficients: [F; N]) -> F {
    let mut sum = coefficients[N - 1];
    for i in (0..N - 1).rev() {
        sum = sum.mul_add(x, coefficients[i]);
    }
    sum
}

/// What both widths have in common: forwarding to the standard type, bytes, and the split of `exp`.
macro_rules! float {
    ($float:ident, $bits:ident, $dtype:ident, exp $low:literal..$high:literal,
     magic $magic:literal, bias $bias:literal << $shift:literal, ln2 $ln2_high:literal + $ln2_low:literal,
     tail $tail:expr, ln $ln:item, ln_1p $ln_1p:item,
     erf $erf_small:expr, below $erf_cut:literal, $erf_large:expr, below $erf_one:literal) => {
        impl Float for $float {
            const DTYPE: DType = DType::$dtype;
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const HALF: Self = 0.5;
            const SMALLEST: Self = $float::MIN_POSITIVE;
            const EXP_RANGE: (Self, Self) = ($low, $high);

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $float
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                $float::mul_add(self, a, b)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $float::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $float::abs(self)
            }
            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                $float::copysign(self, sign)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $float::is_finite(self)
            }
            // Adding 1.5 * 2^(mantissa bits) rounds to a whole number and leaves it in the low bits.
            #[inline(always)]
            fn exp_parts(self) -> (Self, Self) {
                let n = self.mul_add(std::$float::consts::LOG2_E, $magic) - $magic;
                let high = n.mul_add(-$ln2_high, self);
                let r = n.mul_add(-$ln2_low, high);
                let rounded_off = n.mul_add(-$ln2_low, high - r);
                (n, (r * r).mul_add(horner(r, $tail), rounded_off) + r)
            }
            #[inline(always)]
            fn exp2_whole(self) -> Self {
                $float::from_bits((self + $magic).to_bits().wrapping_add($bias) << $shift)
            }
            #[inline(always)]
            fn half_whole(self) -> Self {
                self.mul_add(0.5, $magic) - $magic
            }
            #[inline(always)]
            $ln
            #[inline(always)]
            $ln_1p
            // x + x P(x²) near 0; 1 - e^(-x Q(x)) beyond, up to where that rounds to 1.
            #[inline(always)]
            fn erf(self) -> Self {
                let near = self.mul_add(horner(self * self, $erf_small), self);
                let x = self.abs().at_most($erf_one);
                let far = (1.0 - Float::exp(-x * horner(x, $erf_large))).copysign(self);
                if self.abs() < $erf_cut { near } else { far }
            }
            fn write_le(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn read_le(bytes: &[u8], values: &mut [Self]) {
                for (value, word) in values.iter_mut().zip(bytes.as_chunks().0) {
                    *value = $float::from_le_bytes(*word);
                }
            }
        }
    };
}

// Coefficients: minimax fits by Remez exchange over the reduced range.
const LN_TAIL_32: [f32; 9] = [
    0.333_333_2,
    -0.250_002_7,
    0.200_017_85,
    -0.166_540_25,
    0.142_160_71,
    -0.126_368_72,
    0.121_296_45,
    -0.104_566_72,
    0.048_062_462,
];
const LN_TAIL_64: [f64; 7] = [
    0.6666666666666734,
    0.39999999999414687,
    0.28571428742386473,
    0.22222198573278898,
    0.1818356432179074,
    0.15314050651414476,
    0.14795948827546962,
];

/// `ln(1 + f) - f` for `f` within -0.3..0.5.
#[inline(always)]
fn ln_1p_tail_32(f: f32) -> f32 {
    (f * f) * f.mul_add(horner(f, LN_TAIL_32), -0.5)
}

/// `(s, h)` with `ln(1 + f) = f - (h - s)` for `f` within -0.3..0.42: `s = f/(2+f) (h + ..)`, `h = f^2/2`.
#[inline(always)]
fn ln_1p_tail_64(f: f64) -> (f64, f64) {
    let s = f / (2.0 + f);
    let z = s * s;
    let h = 0.5 * f * f;
    (s * (h + z * horner(z, LN_TAIL_64)), h)
}

float! {
    f32, u32, Float32, exp -105.0..89.0, magic 12582912.0, bias 127 << 23,
    ln2 0.693359375 + -2.12194440e-4,
    tail [0.5, 0.16666666, 0.04166636, 0.00833339, 0.0013940668, 0.0001984587],
    ln fn ln(self) -> Self {
        const ROOT_HALF: u32 = 0x3f35_04f3;
        let subnormal = self < f32::MIN_POSITIVE;
        let (x, offset) = if subnormal { (self * 8_388_608.0, 23.0) } else { (self, 0.0) };
        let shifted = x.to_bits().wrapping_sub(ROOT_HALF);
        let e = ((shifted as i32) >> 23) as f32 - offset;
        let f = f32::from_bits((shifted & 0x7f_ffff).wrapping_add(ROOT_HALF)) - 1.0;
        let y = e.mul_add(-2.12194440e-4, ln_1p_tail_32(f));
        let v = e.mul_add(0.693359375, f + y);
        let v = if self < f32::INFINITY { v } else { self };
        let v = if self == 0.0 { f32::NEG_INFINITY } else { v };
        if self < 0.0 { f32::NAN } else { v }
    },
    ln_1p fn ln_1p_unit(self) -> Self {
        let (f, c) = if self > 0.5 { ((self - 1.0) * 0.5, std::f32::consts::LN_2) } else { (self, 0.0) };
        c + (f + ln_1p_tail_32(f))
    },
    erf [0.12837917, -0.3761263, 0.11283644, -0.026856711, 0.005194661, -0.0008073548, 8.0901744e-05], below 0.95,
        [1.1286657, 0.635082, 0.106350616, -0.023859318, 0.0036881315, -0.00033396628, 1.2340083e-05], below 3.9299998
}

float! {
    f64, u64, Float64, exp -746.0..710.0, magic 6755399441055744.0, bias 1023 << 52,
    ln2 6.93147180369123816490e-01 + 1.90821492927058770002e-10,
    tail [
        0.5, 0.16666666666666677, 0.041666666666666505, 0.008333333333321653, 0.0013888888888962628, 0.000198412698860734,
        2.4801587172188985e-05, 2.7557244254289118e-06, 2.755740280822275e-07, 2.510902442311293e-08,
        2.087531936291113e-09,
    ],
    ln fn ln(self) -> Self {
        const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
        let subnormal = self < f64::MIN_POSITIVE;
        let (x, offset) = if subnormal { (self * 18_014_398_509_481_984.0, 54.0) } else { (self, 0.0) };
        let shifted = x.to_bits().wrapping_sub(ROOT_HALF).wrapping_add(1023 << 52);
        let e = f64::from_bits((shifted >> 52) | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0) - offset;
        let f = f64::from_bits((shifted & 0xf_ffff_ffff_ffff).wrapping_add(ROOT_HALF)) - 1.0;
        let (s, h) = ln_1p_tail_64(f);
        let v = e.mul_add(6.93147180369123816490e-01, f - (h - e.mul_add(1.90821492927058770002e-10, s)));
        let v = if self < f64::INFINITY { v } else { self };
        let v = if self == 0.0 { f64::NEG_INFINITY } else { v };
        if self < 0.0 { f64::NAN } else { v }
    },
    ln_1p fn ln_1p_unit(self) -> Self {
        let (f, c) = if self > 0.414 { ((self - 1.0) * 0.5, std::f64::consts::LN_2) } else { (self, 0.0) };
        let (s, h) = ln_1p_tail_64(f);
        c + (f - (h - s))
    },
    erf [
        0.1283791670955126, -0.3761263890318375, 0.11283791670954857, -0.026866170645072893, 0.005223977624780856,
        -0.0008548326978741403, 0.00012055331036866374, -1.4925593506029411e-05, 1.6460972802586814e-06,
        -1.635002506553814e-07, 1.4657878770395011e-08, -1.1365661793395931e-09, 5.945254692966e-11,
    ], below 1.0,
    [
        1.128379206488817, 0.6366193110267718, 0.10277514753676596, -0.019137234019847037, -0.0001878771787419838,
        0.0016575923460370068, -0.0005359608220312224, -3.430189691096958e-05, 0.00011814427606357922,
        -6.82771680235873e-05, 2.5607481336782997e-05, -7.170728412484509e-06, 1.5518011434997957e-06,
        -2.5877377205500823e-07, 3.217702589759081e-08, -2.7304159625056653e-09, 1.1336507126628306e-10,
        5.097466355316739e-12, -1.0857811979315114e-12, 6.684478131934374e-14, -1.5962551985379732e-15,
    ], below 5.95
}

/// The body of [`sum`], for loops that are compiled for an instruction set already.
#[inline(always)]
pub(crate) fn lane_sum<F: Float>(x: &[F]) -> f64 {
    fold_lanes(x, x, |sum, x, _| sum + x)
}

/// `Σ a b` in double precision, in the order of [`sum`].
#[inline(always)]
pub(crate) fn lane_dot<F: Float>(a: &[F], b: &[F]) -> f64 {
    fold_lanes(a, b, |sum, a, b| sum + a * b)
}

/// `add` of all pairs in the order of [`sum`]. The last lanes are filled up with zeros, which `add` must make no
/// difference of: an end of its own would be stores under a mask, which are slow (see `activation.rs`).
#[inline(always)]
pub(crate) fn fold_lanes<F: Float>(a: &[F], b: &[F], add: impl Fn(f64, f64, f64) -> f64) -> f64 {
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut lanes = [0.0f64; 16];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for i in 0..16 {
            lanes[i] = add(lanes[i], a[i].into(), b[i].into());
        }
    }
    if !a_rest.is_empty() {
        let of = |rest: &[F], i: usize| rest.get(i).map_or(0.0, |x| (*x).into());
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane = add(*lane, of(a_rest, i), of(b_rest, i));
        }
    }
    let mut half = 8;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// Zeros, or an error where the memory is not to be had.
pub(crate) fn zeros<F: Float>(what: &'static str, numbers: usize) -> Result<Vec<F>> {
    let mut zeros = space(what, numbers)?;
    zeros.resize(numbers, F::ZERO);
    Ok(zeros)
}

/// An empty array with space for so many numbers, or an error where the memory is not to be had.
pub(crate) fn space<F>(what: &'static str, numbers: usize) -> Result<Vec<F>> {
    let mut space = Vec::new();
    let bytes = size_of::<F>();
    space.try_reserve_exact(numbers).map_err(|_| Error::Memory { what, numbers, bytes })?;
    Ok(space)
}

/// An error where the memory for so many numbers is not to be had: asked before the start of work that takes them piece by
/// piece, where an allocation that fails would end the process. What is little is not asked for.
pub(crate) fn check_room<F>(what: &'static str, numbers: usize) -> Result<()> {
    if numbers > 1 << 20 {
        black_box(space::<F>(what, numbers)?); // or the compiler might leave out what nobody uses
    }
    Ok(())
}

versions! {
    /// `e^x` of every element, in place.
    pub fn exp_in_place[F: Float](x: &mut [F]) {
        for x in x { *x = x.exp(); }
    }
    /// `ln x` of every element, in place.
    pub fn ln_in_place[F: Float](x: &mut [F]) {
        for x in x { *x = x.ln(); }
    }
    /// `tanh x` of every element, in place.
    pub fn tanh_in_place[F: Float](x: &mut [F]) {
        for x in x { *x = x.tanh(); }
    }
    /// `1 / (1 + e^-x)` of every element, in place.
    pub fn sigmoid_in_place[F: Float](x: &mut [F]) {
        for x in x { *x = x.sigmoid(); }
    }
    /// `ln(1 + e^x)` of every element, in place.
    pub fn softplus_in_place[F: Float](x: &mut [F]) {
        for x in x { *x = x.softplus(); }
    }
    /// `erf x` of every element, in place.
    pub fn erf_in_place[F: Float](x: &mut [F]) {
        for x in x { *x = x.erf(); }
    }
    /// Sum in double precision, in one fixed order: lane `i` adds the elements `i, i + 16, ..`, then the lanes halve
    /// pairwise.
    pub fn sum[F: Float](x: &[F]) -> f64 {
        lane_sum(x)
    }
    /// Sums of the columns of `x (samples, sums.len())`: blocks of [`crate::matmul::BLOCK`] rows, each summed from the
    /// top, then the blocks in order; the order that a product with a row of ones has.
    pub fn column_sums[F: Float](x: &[F], sums: &mut [F]) {
        add_columns(x, x, sums, |sum, x, _| sum + x);
    }
    /// Sums of the columns of `a b`, both `(samples, sums.len())`, in the order of [`column_sums`].
    pub fn column_dots[F: Float](a: &[F], b: &[F], sums: &mut [F]) {
        add_columns(a, b, sums, |sum, a, b| a.mul_add(b, sum));
    }
    /// `byte * scale` of every byte.
    pub fn scale_bytes[F: Float](bytes: &[u8], scale: F, out: &mut [F]) {
        for (out, byte) in out.iter_mut().zip(bytes) { *out = F::from(*byte) * scale; }
    }
    /// `x -= factor * other`
    pub(crate) fn subtract_multiple[](x: &mut [f64], other: &[f64], factor: f64) {
        for (x, other) in x.iter_mut().zip(other) { *x = other.mul_add(-factor, *x); }
    }
    /// Index of the first element that is infinite or no number.
    pub fn first_not_finite[F: Float](x: &[F]) -> Option<usize> {
        for (block, chunk) in x.chunks(1024).enumerate() {
            // No early exit within a chunk: this form vectorises.
            if chunk.iter().fold(false, |found, x| found | !x.is_finite()) {
                return chunk.iter().position(|x| !x.is_finite()).map(|i| block * 1024 + i);
            }
        }
        None
    }
}

/// `add` for every row of `a` and `b`, in the order of [`column_sums`]: some columns at a time, whose sums the registers
/// hold.
#[inline(always)]
fn add_columns<F: Float>(a: &[F], b: &[F], sums: &mut [F], add: impl Fn(F, F, F) -> F + Copy) {
    let width = sums.len();
    sums.fill(F::ZERO);
    if width == 0 {
        return;
    }
    let block = crate::matmul::BLOCK * width;
    for (a, b) in a.chunks(block).zip(b.chunks(block)) {
        let next = add_some_columns::<F, 32>(a, b, 0, sums, add);
        let next = add_some_columns::<F, 16>(a, b, next, sums, add);
        let next = add_some_columns::<F, 4>(a, b, next, sums, add);
        add_some_columns::<F, 1>(a, b, next, sums, add);
    }
}

/// Whole groups of `N` columns of one block, from column `first` on; returns the column after them.
#[inline(always)]
fn add_some_columns<F: Float, const N: usize>(
    a: &[F],
    b: &[F],
    first: usize,
    sums: &mut [F],
    add: impl Fn(F, F, F) -> F,
) -> usize {
    let width = sums.len();
    let groups = sums[first..].as_chunks_mut::<N>().0;
    let next = first + groups.len() * N;
    for (group, sums) in groups.iter_mut().enumerate() {
        let start = first + group * N;
        let mut block = [F::ZERO; N];
        for (a, b) in a.chunks_exact(width).zip(b.chunks_exact(width)) {
            if let (Some(a), Some(b)) = (a[start..].first_chunk::<N>(), b[start..].first_chunk::<N>()) {
                for ((sum, a), b) in block.iter_mut().zip(a).zip(b) {
                    *sum = add(*sum, *a, *b);
                }
            }
        }
        for (sum, block) in sums.iter_mut().zip(&block) {
            *sum += *block;
        }
    }
    next
}
