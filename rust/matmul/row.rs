//! Few rows times a matrix, a matrix times one column, or a column times a row: too few numbers for tiles to pay. One
//! answer of a network is one such product a layer, and the last layer of a network with one output has three of them in
//! a step.

use super::BLOCK;
use crate::buffer::Buffer;
use crate::isa::versions;
use crate::math::Float;

/// Most rows for which this is the faster way.
pub(crate) const FEW: usize = 4;

/// Bytes of a matrix from which threads share its columns.
pub(super) const LARGE: usize = 1 << 18;

/// Rows of the matrix that are read at a time: the sums are loaded and stored once for all of them.
const AT_ONCE: usize = 8;

/// Bytes of the sums that stay in registers from row to row: eight of those of AVX2.
const IN_REGISTERS: usize = 256;

/// Bytes of a matrix that the caches give as fast in any order. One core of Zen 3, AVX2, `f32`: 64 x 32 takes 0.12 us, as
/// long rows took 0.52, and 12288 x 20 takes 23 instead of 74; 784 x 512, read in bands of columns, would take 43, not 38.
const CACHED: usize = 1 << 16;

versions! {
    /// `out (n,) = a (k,) · b (k, n)`, in the order of every product. The rows of `b` begin `pitch` numbers apart.
    pub(super) fn multiply_row[F: Float](a: &[F], b: &[F], pitch: usize, out: &mut [F], sums: &mut Buffer<F>) {
        let band = IN_REGISTERS / size_of::<F>();
        if out.len() > band && size_of_val(b) > CACHED { return add_long_rows(a, b, pitch, out, sums); }
        for (i, out) in out.chunks_mut(band).enumerate() {
            let b = &b[i * band..];
            match out.len() {
                0 | 1 => add_band::<F, 1>(a, b, pitch, out),
                2..=8 => add_band::<F, 8>(a, b, pitch, out),
                9..=16 => add_band::<F, 16>(a, b, pitch, out),
                len if len.min(band) <= 32 => add_band::<F, 32>(a, b, pitch, out),
                _ => add_band::<F, 64>(a, b, pitch, out),
            }
        }
    }

    /// `out (m, n) = a (m, 1) · b (1, n)`: the way back from a single output.
    pub(super) fn multiply_outer[F: Float](a: &[F], b: &[F], out: &mut [F]) {
        for (a, out) in a.iter().zip(out.chunks_exact_mut(b.len())) {
            for (out, b) in out.iter_mut().zip(b) { *out = a.mul_add(*b, F::ZERO); }
        }
    }

    /// `out (m,) = a (m, k) · b (k,)`, in the order of every product: some rows at a time, for a row's sum is a chain in
    /// which every step waits for the one before. Sharing the rows between threads, and those of [`multiply_outer`], gains
    /// nothing (30-100-1, Zen 5), and takes 3 % more of a step of 20-32-1 on one.
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

/// Some columns, at most `W`, whose sums stay in registers. Beyond them the next row is multiplied too, where there is one.
#[inline(always)]
fn add_band<F: Float, const W: usize>(a: &[F], b: &[F], pitch: usize, out: &mut [F]) {
    out.fill(F::ZERO);
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK * pitch)) {
        let mut sums = [F::ZERO; W];
        let whole = b.len().checked_sub(W).map_or(0, |last| last / pitch + 1).min(a.len());
        for (a, start) in a[..whole].iter().zip((0..).step_by(pitch)) {
            if let Some(row) = b[start..].first_chunk() {
                add_row(*a, row, &mut sums);
            }
        }
        for (i, a) in a.iter().enumerate().skip(whole) {
            let mut row = [F::ZERO; W];
            row[..out.len()].copy_from_slice(&b[i * pitch..][..out.len()]);
            add_row(*a, &row, &mut sums);
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out += sum;
        }
    }
}

#[inline(always)]
fn add_row<F: Float, const W: usize>(a: F, row: &[F; W], sums: &mut [F; W]) {
    for (sum, b) in sums.iter_mut().zip(row) {
        *sum = a.mul_add(*b, *sum);
    }
}

/// All columns of a large matrix, which is read in the order of the memory.
#[inline(always)]
fn add_long_rows<F: Float>(a: &[F], b: &[F], pitch: usize, out: &mut [F], sums: &mut Buffer<F>) {
    let n = out.len();
    let sums = sums.room(n);
    out.fill(F::ZERO);
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK * pitch)) {
        sums.fill(F::ZERO);
        let (groups, rest) = a.as_chunks::<AT_ONCE>();
        let mut rows = b.chunks(pitch).map(|row| &row[..n]);
        for group in groups {
            let rows: [&[F]; AT_ONCE] = std::array::from_fn(|_| rows.next().unwrap_or_default());
            add_rows(group, rows, sums);
        }
        for (a, row) in rest.iter().zip(rows) {
            for (sum, b) in sums.iter_mut().zip(row) {
                *sum = a.mul_add(*b, *sum);
            }
        }
        for (out, sum) in out.iter_mut().zip(sums.iter()) {
            *out += *sum;
        }
    }
}

#[inline(always)]
fn add_dots<F: Float, const N: usize>(rows: [&[F]; N], b: &[F], out: &mut [F; N]) {
    let rows = rows.map(|row| &row[..b.len()]);
    let mut sums = [F::ZERO; N];
    let (squares, rest) = (rows.map(|row| row.as_chunks::<N>().0), b.as_chunks::<N>().1);
    for (square, b) in b.as_chunks::<N>().0.iter().enumerate() {
        let columns = turned(std::array::from_fn(|i| squares[i][square]));
        for k in 0..N {
            add_row(b[k], &columns[k], &mut sums);
        }
    }
    for (k, b) in rest.iter().enumerate() {
        add_row(*b, &rows.map(|row| row[row.len() - rest.len() + k]), &mut sums);
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        *out += sum;
    }
}

/// The columns of a square: rows `i` and `i + N / 2` shuffled into each other like cards, as often as `N` can be halved. Of
/// numbers taken one by one the compiler gathers a column, for which Zen 5 needs more than twice as long (200 x 100, `f64`:
/// 5.6 us, so 2.6; squares of 16 it keeps in memory: 16).
#[inline(always)]
fn turned<F: Float, const N: usize>(mut square: [[F; N]; N]) -> [[F; N]; N] {
    for _ in 0..N.ilog2() {
        square = std::array::from_fn(|i| {
            let (a, b, half) = (square[i / 2], square[i / 2 + N / 2], i % 2 * (N / 2));
            std::array::from_fn(|k| if k % 2 == 0 { a[half + k / 2] } else { b[half + k / 2] })
        });
    }
    square
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
