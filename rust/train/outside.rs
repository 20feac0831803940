//! What a reduced training does to the first kernel outside the span of the data.
//!
//! No gradient of the loss points there, but momentum, decay and an L2 penalty go on acting. All of them are linear, so
//! the part outside stays a combination of what it was at the start, `W⊥_t = a_t W⊥_0 + b_t V⊥_0`, where `V⊥_0` is the
//! velocity of earlier steps, if there were any. The coefficients are weights like any others: they follow the
//! optimizer's own rule, in double precision, with the penalty's gradient `2 l2 (a, b)` alone. What the part outside adds to
//! the penalty, and to the length of the whole gradient where that is clipped, follows from the lengths and the angle of
//! `W⊥_0` and `V⊥_0`.

use crate::optimizer::{Optimizer, OptimizerState, Part};

/// The coefficients, and what moves them.
#[derive(Clone, Debug)]
pub(super) struct Outside {
    weights: Vec<f64>,
    gradient: Vec<f64>,
    state: OptimizerState<f64>,
    /// Inner products of what the coefficients multiply.
    gram: Vec<f64>,
    l2: f64,
    part: Part,
}

impl Outside {
    /// At the start, `(1)` or, where there is a velocity, `(1, 0)` with the velocity `(0, 1)`. `kernel` is how the optimizer
    /// moves the kernel, `l2` its penalty.
    pub fn new(optimizer: &Optimizer, gram: Vec<f64>, kernel: &Part, l2: f64) -> Outside {
        let count = gram.len().isqrt();
        let unit = |place: usize| (0..count).map(|i| f64::from(u8::from(i == place))).collect::<Vec<_>>();
        let mut state = optimizer.start(count);
        if let (Some(velocity), true) = (state.slots.first_mut(), count > 1) {
            *velocity = unit(1);
        }
        let part = Part { range: 0..count, ..kernel.clone() };
        Outside { weights: unit(0), gradient: vec![0.0; count], state, gram, l2, part }
    }

    /// `(a, b)`
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Their velocity; zeros where the rule has none.
    pub fn velocity(&self) -> Vec<f64> {
        self.state.slots.first().cloned().unwrap_or_else(|| vec![0.0; self.weights.len()])
    }

    /// What the rule remembers of them.
    pub fn slots(&self) -> &[Vec<f64>] {
        &self.state.slots
    }

    /// Goes on from what [`Outside::weights`] and [`Outside::slots`] gave.
    pub fn go_on_from(&mut self, weights: Vec<f64>, slots: Vec<Vec<f64>>) {
        (self.weights, self.state.slots) = (weights, slots);
    }

    /// Squared length of the part outside.
    fn square(&self) -> f64 {
        let rows = self.gram.chunks_exact(self.weights.len());
        let dot = |row: &[f64]| row.iter().zip(&self.weights).map(|(g, w)| g * w).sum::<f64>();
        let square = rows.zip(&self.weights).map(|(row, w)| w * dot(row)).sum::<f64>();
        if square > 0.0 { square } else { 0.0 } // lengths near 0 come from differences
    }

    /// What it adds to the loss.
    pub fn penalty(&self) -> f64 {
        self.l2 * self.square()
    }

    /// Squared length of its gradient.
    pub fn gradient_square(&self) -> f64 {
        if self.l2 == 0.0 { 0.0 } else { 4.0 * self.l2 * self.l2 * self.square() }
    }

    /// The step of `optimizer` that comes after `state`, with the gradient scaled by `scale`.
    pub fn step<F>(&mut self, optimizer: &Optimizer, state: &OptimizerState<F>, scale: f64) {
        (self.state.steps, self.state.plateau) = (state.steps, state.plateau);
        for (gradient, weight) in self.gradient.iter_mut().zip(&self.weights) {
            *gradient = 2.0 * self.l2 * weight * scale;
        }
        let part = std::slice::from_ref(&self.part);
        optimizer.update_parts(&mut self.state, part, &mut self.weights, &self.gradient, 1);
    }
}
