//! Numbers of about 106 bits, each the sum of two `f64`: the yardstick for the elementary functions in double
//! precision. (Dekker 1971; exponential and logarithm by Taylor series and one Newton step.)

use std::ops::{Add, Div, Mul, Neg, Sub};

/// `high + low`, with `low` below half a unit in the last place of `high`.
#[derive(Clone, Copy, Debug)]
pub struct DoubleDouble(pub f64, pub f64);

/// `a + b` without rounding.
fn two_sum(a: f64, b: f64) -> DoubleDouble {
    let sum = a + b;
    let part = sum - a;
    DoubleDouble(sum, (a - (sum - part)) + (b - part))
}

impl From<f64> for DoubleDouble {
    fn from(x: f64) -> Self {
        DoubleDouble(x, 0.0)
    }
}

impl Add for DoubleDouble {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let DoubleDouble(high, low) = two_sum(self.0, other.0);
        let rest = two_sum(self.1, other.1);
        let DoubleDouble(high, low) = two_sum(high, low + rest.0);
        two_sum(high, low + rest.1)
    }
}

impl Neg for DoubleDouble {
    type Output = Self;
    fn neg(self) -> Self {
        DoubleDouble(-self.0, -self.1)
    }
}

impl Sub for DoubleDouble {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for DoubleDouble {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let product = self.0 * other.0;
        let error = self.0.mul_add(other.0, -product) + (self.0 * other.1 + self.1 * other.0);
        two_sum(product, error)
    }
}

impl Div for DoubleDouble {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let first = self.0 / other.0;
        let rest = self - other * first.into();
        let second = rest.0 / other.0;
        let rest = rest - other * second.into();
        two_sum(first, second) + (rest.0 / other.0).into()
    }
}

impl DoubleDouble {
    /// `(m, n)` with `e^self = m 2^n` and `m` near 1.
    pub fn exp(self) -> (Self, i32) {
        const LN_2: [f64; 3] = [std::f64::consts::LN_2, 2.3190468138462996e-17, 5.707708438416212e-34];
        let n = (self.0 / LN_2[0]).round();
        let r = LN_2.iter().fold(self, |r, part| r - DoubleDouble::from(*part) * n.into());
        let r = DoubleDouble(r.0 / 256.0, r.1 / 256.0);
        let mut sum = DoubleDouble::from(0.0);
        for k in (1..=12).rev() {
            sum = (sum + 1.0.into()) * r / f64::from(k).into();
        }
        // expm1(2x) = e (2 + e), eight times
        for _ in 0..8 {
            sum = sum * (sum + 2.0.into());
        }
        (sum + 1.0.into(), n as i32)
    }

    /// `e^self`, which must be a normal number.
    pub fn exp_normal(self) -> Self {
        let (m, n) = self.exp();
        let scale = 2f64.powi(n);
        DoubleDouble(m.0 * scale, m.1 * scale)
    }

    /// `ln(1 + self)` for `self` within 0..=1 (or larger): the series below 1e-3, else one Newton step.
    pub fn ln_1p(self) -> Self {
        if self.0 < 1e-3 {
            let mut sum = DoubleDouble::from(0.0);
            for k in (1..=12).rev() {
                sum = (DoubleDouble::from(1.0) / f64::from(k).into() - sum) * self;
            }
            return sum;
        }
        (self + 1.0.into()).ln()
    }

    /// `ln(self)`, for a normal number.
    pub fn ln(self) -> Self {
        let first = self.0.ln();
        let (m, n) = DoubleDouble::from(-first).exp();
        let scale = 2f64.powi(n / 2);
        let rest = 2f64.powi(n - n / 2);
        let scaled = DoubleDouble(self.0 * scale * rest, self.1 * scale * rest);
        let error = scaled * m - 1.0.into();
        // ln(1 + e) = e - e²/2 + .., e about 1e-16
        DoubleDouble::from(first) + error - error * error * 0.5.into()
    }

    /// `tanh(self)` for `self` above 0: the series below 1e-3.
    pub fn tanh(self) -> Self {
        if self.0 < 1e-3 {
            let z = self * self;
            let series = [(1.0, 1.0), (-1.0, 3.0), (2.0, 15.0), (-17.0, 315.0), (62.0, 2835.0), (-1382.0, 155_925.0)];
            let sum = series.iter().rev().fold(DoubleDouble::from(0.0), |sum, (over, under)| {
                sum * z + DoubleDouble::from(*over) / DoubleDouble::from(*under)
            });
            return sum * self;
        }
        if self.0 > 40.0 {
            return 1.0.into();
        }
        let e = (self * (-2.0).into()).exp_normal();
        (DoubleDouble::from(1.0) - e) / (e + 1.0.into())
    }
}

/// Distance of `got` from `exact 2^n`, in units in the last place of the latter.
pub fn ulps(got: f64, exact: DoubleDouble, n: i32) -> f64 {
    let mut exponent = exact.0.abs().log2().floor() as i32;
    if 2f64.powi(exponent) > exact.0.abs() {
        exponent -= 1;
    }
    let unit = (exponent + n - 52).max(-1074) - n;
    // Scaled in two steps: each is exact, for `got` is near `exact 2^n`.
    let scaled = got * 2f64.powi(-n / 2) * 2f64.powi(-n + n / 2);
    ((scaled - exact.0) - exact.1).abs() / 2f64.powi(unit)
}
