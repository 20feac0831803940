//! Few rows times a matrix: too few for packing to pay. One answer of a network is one such product a layer.

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
