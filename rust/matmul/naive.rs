//! The definition: what every fast path must equal, bit for bit.

use ndarray::{Array2, ArrayView2};

use super::BLOCK;
use crate::math::Float;

/// `c = a · b`, one element after the other: the sum over `k` in blocks of [`BLOCK`], each block a chain of fused
/// multiply-adds from zero, the blocks added in order.
pub fn matmul_naive<F: Float>(a: ArrayView2<F>, b: ArrayView2<F>) -> Array2<F> {
    let depth = a.ncols();
    Array2::from_shape_fn((a.nrows(), b.ncols()), |(i, j)| {
        let mut c = F::ZERO;
        for start in (0..depth).step_by(BLOCK) {
            let mut sum = F::ZERO;
            for k in start..depth.min(start + BLOCK) {
                sum = a[(i, k)].mul_add(b[(k, j)], sum);
            }
            c += sum;
        }
        c
    })
}
