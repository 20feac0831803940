//! Few rows times a matrix, a matrix times one column, or a column times a row: too few numbers for tiles to pay. One
//! answer of a network is one such product a layer, and the last layer of a network with one output has three of them in
//! a step.

use super::BLOCK;
use crate::isa::versions;
use crate::math::Float;

/// Most rows for which this is the faster way.
pub(super) const FEW: usize = 4;

/// Rows of the matrix that are read at a time: the sums are loaded and stored once for all of them.
const AT_ONCE: usize = 8;

versions! {
    /// `out (n,) = a (k,) · b (k, n)`, in the order of every product.
    pub(super) fn multiply_row[F: Float](a: &[F], b: &[F], out: &mut [F], sums: &mut Vec<F>) {
        let n = out.len();
        sums.resize(n, F::ZERO);
        out.fill(F::ZERO);
        for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK * n)) {
            sums.fill(F::ZERO);
            let (groups, rest) = a.as_chunks::<AT_ONCE>();
            let mut rows = b.chunks_exact(n);
            for group in groups {
                let rows: [&[F]; AT_ONCE] = std::array::from_fn(|_| rows.next().unwrap_or_default());
                add_rows(group, rows, sums);
            }
            for (a, row) in rest.iter().zip(rows) {
                for (sum, b) in sums.iter_mut().zip(row) { *sum = a.mul_add(*b, *sum); }
            }
            for (out, sum) in out.iter_mut().zip(sums.iter()) { *out += *sum; }
        }
    }

    /// `out (m, n) = a (m, 1) · b (1, n)`: the way back from a single output.
    pub(super) fn multiply_outer[F: Float](a: &[F], b: &[F], out: &mut [F]) {
        for (a, out) in a.iter().zip(out.chunks_exact_mut(b.len())) {
            for (out, b) in out.iter_mut().zip(b) { *out = a.mul_add(*b, F::ZERO); }
        }
    }

    /// `out (m,) = a (m, k) · b (k,)`, in the order of every product: some rows at a time, for a row's sum is a chain in
    /// which every step waits for the one before.
    pub(super) fn multiply_column[F: Float](a: &[F], b: &[F], out: &mut [F]) {
        let depth = b.len();
        out.fill(F::ZERO);
        for (block, b) in b.chunks(BLOCK).enumerate() {
            let row = |i: usize| &a[i * depth + block * BLOCK..][..b.len()];
            let (groups, rest) = out.as_chunks_mut::<AT_ONCE>();
            let first = groups.len() * AT_ONCE;
            for (group, out) in groups.iter_mut().enumerate() {
                add_dots(std::array::from_fn::<_, AT_ONCE, _>(|i| row(group * AT_ONCE + i)), b, out);
            }
            for (i, out) in rest.iter_mut().enumerate() {
                add_dots([row(first + i)], b, std::array::from_mut(out));
            }
        }
    }
}

#[inline(always)]
fn add_dots<F: Float, const N: usize>(rows: [&[F]; N], b: &[F], out: &mut [F; N]) {
    let rows = rows.map(|row| &row[..b.len()]);
    let mut sums = [F::ZERO; N];
    for (j, b) in b.iter().enumerate() {
        for i in 0..N {
            sums[i] = rows[i][j].mul_add(*b, sums[i]);
        }
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        *out += sum;
    }
}

#[inline(always)]
fn add_rows<F: Float>(a: &[F; AT_ONCE], rows: [&[F]; AT_ONCE], sums: &mut [F]) {
    let n = sums.len();
    let rows = rows.map(|row| &row[..n]);
    for (j, sum) in sums.iter_mut().enumerate() {
        let mut s = *sum;
        for i in 0..AT_ONCE {
            s = a[i].mul_add(rows[i][j], s);
        }
        *sum = s;
    }
}
