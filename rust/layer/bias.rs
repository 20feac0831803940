//! Adding a bias to every row.

use crate::isa::versions;
use crate::math::Float;

/// Numbers of short rows that get their biases together.
const TOGETHER: usize = 128;

/// Numbers of a register, or of several: rows of a multiple leave nothing over, which is what costs.
const REGISTER: usize = 16;

versions! {
    /// `z[s, j] += bias[j]` in rows of `bias.len()`. A step of 12288-20-7-5-1 in the span of 209 photos takes 0.97 of the time
    /// that it takes row by row.
    pub(super) fn add_bias[F: Float](z: &mut [F], bias: &[F]) {
        let width = bias.len().max(1);
        let rows = TOGETHER / width;
        if rows < 2 || width.is_multiple_of(REGISTER) || z.len() < 2 * TOGETHER { return add_repeated(z, bias); }
        let mut several = [F::ZERO; TOGETHER];
        for row in several.chunks_exact_mut(width).take(rows) {
            for (several, b) in row.iter_mut().zip(bias) { *several = *b; }
        }
        add_repeated(z, &several[..rows * width]);
    }
}

/// Adds `x` to every part of `z` that is as long.
#[inline(always)]
fn add_repeated<F: Float>(z: &mut [F], x: &[F]) {
    for part in z.chunks_mut(x.len().max(1)) {
        for (z, x) in part.iter_mut().zip(x) {
            *z += *x;
        }
    }
}
