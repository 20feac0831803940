//! Penalties and bounds on the weights of a kernel.
//!
//! `l1 Σ|w| + l2 Σ w²` is added to the loss (Keras's convention: no factor of 1/2), so its gradient `l1 sign(w) + 2 l2 w`
//! is clipped and scaled with the loss's own. `max_norm` bounds the length of what enters each unit, after every step
//! (Srebro and Shraibman, 2005; Srivastava et al., 2014).

use crate::error::{Error, Result};
use crate::isa::versions;
use crate::math::{DType, Float, fold_lanes};

/// What a layer asks for its kernel; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regularization {
    /// Weight of `Σ|w|` in the loss.
    pub l1: f64,
    /// Weight of `Σ w²` in the loss.
    pub l2: f64,
    /// Greatest length of a unit's weights.
    pub max_norm: Option<f64>,
}

impl Regularization {
    /// Refuses settings outside their range, by the name of their layer.
    pub fn check(&self, layer: &str, dtype: DType) -> Result<()> {
        for (name, weight) in [("l1", self.l1), ("l2", self.l2)] {
            if weight != 0.0 && !(weight > 0.0 && dtype.holds(weight)) {
                return Err(Error::value(format!("{layer}.{name}"), "at least 0 and finite", weight));
            }
        }
        match self.max_norm {
            Some(most) if !(most > 0.0 && dtype.holds(most)) => {
                Err(Error::value(format!("{layer}.max_norm"), "above 0 and finite", most))
            }
            _ => Ok(()),
        }
    }

    /// Whether it adds to the loss.
    pub fn is_penalty(&self) -> bool {
        self.l1 != 0.0 || self.l2 != 0.0
    }

    /// Whether a rotation of the kernel's rows leaves it as it is: what row-space reduction needs.
    pub fn commutes_with_rotation(&self) -> bool {
        self.l1 == 0.0 && self.max_norm.is_none()
    }

    /// What `weights` add to the loss.
    pub fn penalty<F: Float>(&self, weights: &[F]) -> f64 {
        let of = |share: f64, sum: &dyn Fn() -> f64| if share == 0.0 { 0.0 } else { share * sum() };
        of(self.l1, &|| sum_of_magnitudes(weights)) + of(self.l2, &|| sum_of_squares(weights))
    }

    /// Adds the penalty's gradient to `gradient`.
    pub fn add_gradient<F: Float>(&self, weights: &[F], gradient: &mut [F]) {
        add_gradient(weights, gradient, F::from_f64(self.l1), F::from_f64(2.0 * self.l2));
    }

    /// Scales the columns of `kernel (inputs, units)` that are longer than `max_norm` to that length.
    pub fn bound<F: Float>(&self, kernel: &mut [F], units: usize, squares: &mut Vec<f64>) {
        let Some(most) = self.max_norm else { return };
        squares.clear();
        squares.resize(units, 0.0);
        column_squares(kernel, squares);
        if squares.iter().any(|square| *square > most * most) {
            squares
                .iter_mut()
                .for_each(|square| *square = if *square > most * most { most / square.sqrt() } else { 1.0 });
            scale_columns(kernel, squares);
        }
    }
}

versions! {
    // In the order of `math::sum`.
    fn sum_of_magnitudes[F: Float](x: &[F]) -> f64 {
        fold_lanes(x, x, |sum, x, _| sum + x.abs())
    }
    /// Sum of squares in double precision, in the order of [`sum`](crate::math::sum).
    pub fn sum_of_squares[F: Float](x: &[F]) -> f64 {
        fold_lanes(x, x, |sum, x, _| x.mul_add(x, sum))
    }
    fn add_gradient[F: Float](w: &[F], g: &mut [F], l1: F, double_l2: F) {
        for (g, w) in g.iter_mut().zip(w) {
            let slope = if *w == F::ZERO { F::ZERO } else { l1.copysign(*w) };
            *g += double_l2.mul_add(*w, slope);
        }
    }
    fn column_squares[F: Float](kernel: &[F], squares: &mut [f64]) {
        for row in kernel.chunks_exact(squares.len()) {
            for (square, w) in squares.iter_mut().zip(row) {
                let w: f64 = (*w).into();
                *square = w.mul_add(w, *square);
            }
        }
    }
    fn scale_columns[F: Float](kernel: &mut [F], by: &[f64]) {
        for row in kernel.chunks_exact_mut(by.len()) {
            for (w, by) in row.iter_mut().zip(by) { *w = F::from_f64((*w).into() * *by); }
        }
    }
}
