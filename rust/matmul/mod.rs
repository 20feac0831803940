//! Matrix multiplication.
//!
//! Every element of the product has one owner, and its sum over the depth runs in one order: blocks of [`BLOCK`]
//! steps, each a chain of fused multiply-adds from zero, the blocks added one after the other. Tile shape, operand
//! order, thread count and instruction set cannot change a bit of it: [`matmul_naive`] is the definition, and tests
//! demand equality. Fresh sums for each block are also what keeps the error small: with `eps` half the distance of 1
//! to the next number, it is below `(BLOCK + depth / BLOCK + 1) eps (|a| · |b|)` elementwise (Higham, Accuracy and
//! Stability of Numerical Algorithms, 2002, section 3.1).
//!
//! - `operand.rs`: where numbers lie.  `tile.rs`: the micro-kernel.  `row.rs`: few rows.  `naive.rs`: the twin.

mod naive;
mod operand;
mod row;
mod tile;

use std::ops::Range;

use ndarray::{Array2, ArrayView2};

use crate::error::{Error, Result};
use crate::isa::versions;
use crate::math::{Float, zeros};
use crate::parallel;
pub use naive::matmul_naive;
pub use operand::LanePanels;
use operand::{Lanes, Place, contiguous, panel_width};
use row::{FEW, multiply_row};
use tile::{LANES, Tiles, largest, multiply_tiles};

/// Steps of the depth that share one chain of sums.
pub const BLOCK: usize = 256;

/// Multiply-adds below which a second thread costs more than it saves.
const SERIAL: usize = 3_000_000;

/// Rows that use a panel of lanes before the next panel is read: in one block of the depth 256 KiB of `f32`, for the
/// second cache.
const ROWS: usize = 256;

/// Lanes of so many numbers are packed as a whole where several blocks of rows use them.
const WORTH_PACKING: usize = 1 << 16;

/// Sums that are held until the whole depth is done, where they are stored transposed: 64 KiB of `f32`.
const SUMS: usize = 1 << 14;

/// `a (m, k) · b (k, n)` -> `(m, n)`, on `threads` threads.
///
/// # Errors
/// [`Error::Shape`] unless `a` has as many columns as `b` has rows.
///
/// ```
/// # use ndarray::array;
/// let c = purrceptron::matmul::matmul(array![[1.0, 2.0]].view(), array![[3.0], [4.0]].view(), 1)?;
/// assert_eq!(c, array![[11.0]]);
/// # Ok::<(), purrceptron::error::Error>(())
/// ```
pub fn matmul<F: Float>(a: ArrayView2<F>, b: ArrayView2<F>, threads: usize) -> Result<Array2<F>> {
    let (m, n) = (a.nrows(), b.ncols());
    let mut c = zeros("a product", m.saturating_mul(n))?;
    parallel::install(threads, || Product::default().multiply(&a, &b, &mut c, threads, |_, _| {}))?;
    Ok(Array2::from_shape_vec((m, n), c)?)
}

/// The memory of a multiplication, reused from call to call.
#[derive(Default)]
pub struct Product<F: Float> {
    packed: LanePanels<F>,
    scratch: Vec<Scratch<F>>,
    row_sums: Vec<F>,
}

/// What a thread needs for itself.
#[derive(Default)]
struct Scratch<F> {
    sums: Vec<F>,
    panel: Vec<F>,
    block: Vec<F>,
}

/// Which operand the product has its rows from; the other one gives its columns.
#[derive(Clone, Copy, PartialEq)]
enum Outer {
    Rows,
    Lanes,
}

impl<F: Float> Product<F> {
    /// `out (m, n) = a (m, k) · b (k, n)`; then `finish` is called with the index of a first row and some whole rows of
    /// `out`, until it has seen all of them, on the thread that computed them.
    ///
    /// # Errors
    /// [`Error::Shape`] if these do not fit together.
    pub fn multiply(
        &mut self,
        a: &ArrayView2<F>,
        b: &ArrayView2<F>,
        out: &mut [F],
        threads: usize,
        finish: impl Fn(usize, &mut [F]) + Sync,
    ) -> Result<()> {
        check(a.dim(), b.dim(), out.len())?;
        let ((m, depth), n) = (a.dim(), b.ncols());
        if m <= FEW
            && depth > 0
            && n > 0
            && let (Some(a), Some(b)) = (a.as_slice(), b.as_slice())
        {
            for (a, out) in a.chunks_exact(depth).zip(out.chunks_exact_mut(n)) {
                multiply_row(a, b, out, &mut self.row_sums);
            }
            finish(0, out);
            return Ok(());
        }
        let (a, b) = (contiguous(a), contiguous(&b.t()));
        let (a, b) = (Place::of(&a), Place::of(&b));
        let (rows, lanes, outer) = if cost(m, &b, n, depth, Outer::Rows) <= cost(n, &a, m, depth, Outer::Lanes) {
            ((a, m), (Lanes::In(b), n), Outer::Rows)
        } else {
            ((b, n), (Lanes::In(a), m), Outer::Lanes)
        };
        let lanes = match lanes {
            (Lanes::In(place), count) if rows.1 > ROWS && count * depth >= WORTH_PACKING => {
                self.packed.pack(&place, count, depth, threads);
                (Lanes::Packed(&self.packed), count)
            }
            lanes => lanes,
        };
        multiply_blocks(rows, lanes, depth, outer, out, &mut self.scratch, threads, &finish);
        Ok(())
    }

    /// [`Product::multiply`] with `a` packed beforehand.
    ///
    /// # Errors
    /// [`Error::Shape`] if these do not fit together.
    pub fn multiply_packed(
        &mut self,
        a: &LanePanels<F>,
        b: &ArrayView2<F>,
        out: &mut [F],
        threads: usize,
        finish: impl Fn(usize, &mut [F]) + Sync,
    ) -> Result<()> {
        check(a.dim(), b.dim(), out.len())?;
        let ((m, depth), n) = (a.dim(), b.ncols());
        let b = contiguous(&b.t());
        let (rows, lanes) = ((Place::of(&b), n), (Lanes::Packed(a), m));
        multiply_blocks(rows, lanes, depth, Outer::Lanes, out, &mut self.scratch, threads, &finish);
        Ok(())
    }
}

fn check(a: (usize, usize), b: (usize, usize), out: usize) -> Result<()> {
    if a.1 != b.0 {
        return Err(Error::shape("matmul: rows of b", format!("{}, the columns of a", a.1), b.0.to_string()));
    }
    if out != a.0.saturating_mul(b.1) {
        return Err(Error::shape("matmul: length of the output", (a.0 * b.1).to_string(), out.to_string()));
    }
    Ok(())
}

/// Estimated time of a product in tenths of a cycle: multiplying, reading the lanes, storing. Turning numbers from one
/// order into the other takes a cycle each.
fn cost<F: Float>(rows: usize, lanes: &Place<F>, lane_count: usize, depth: usize, outer: Outer) -> usize {
    let (_, groups) = largest::<F>();
    let multiply = rows * lane_count.next_multiple_of(LANES) * depth * 10 / (groups * LANES);
    let turned = |turned, numbers| if turned { 10 * numbers } else { numbers };
    let read = turned(matches!(lanes, Place::AlongDepth(..)), lane_count * depth);
    multiply + read + turned(outer == Outer::Lanes, rows * lane_count)
}

/// A range in parts of at most `most`, as equal as can be.
fn parts(range: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> {
    let count = range.len().div_ceil(most).max(1);
    (0..count).map(move |i| {
        let at = |i| range.start + range.len() * i / count;
        at(i)..at(i + 1)
    })
}

/// A range cut at the multiples of `width`.
fn panels(range: Range<usize>, width: usize) -> impl Iterator<Item = Range<usize>> {
    (range.start / width..range.end.div_ceil(width))
        .map(move |i| (i * width).max(range.start)..((i + 1) * width).min(range.end))
}

/// Cuts the product along its rows between the threads.
fn multiply_blocks<F: Float>(
    (rows, row_count): (Place<F>, usize),
    (lanes, lane_count): (Lanes<F>, usize),
    depth: usize,
    outer: Outer,
    out: &mut [F],
    scratch: &mut Vec<Scratch<F>>,
    threads: usize,
    finish: &(impl Fn(usize, &mut [F]) + Sync),
) {
    if out.is_empty() {
        return;
    }
    if depth == 0 {
        out.fill(F::ZERO);
        return finish(0, out);
    }
    let threads = if row_count * lane_count * depth < SERIAL { 1 } else { threads };
    let unit = match outer {
        Outer::Rows => lane_count,
        Outer::Lanes => LANES * row_count,
    };
    parallel::split(threads, out, unit, scratch, &|first, run: &mut [F], scratch: &mut Scratch<F>| match outer {
        Outer::Rows => {
            for block in parts(0..run.len() / lane_count, ROWS) {
                let out = &mut run[block.start * lane_count..block.end * lane_count];
                let rows_here = first + block.start..first + block.end;
                multiply_rows(&rows, rows_here.clone(), &lanes, lane_count, depth, out, scratch);
                finish(rows_here.start, out);
            }
        }
        Outer::Lanes => {
            let (start, width) = (first * LANES, panel_width::<F>());
            let end = start + run.len() / row_count;
            // One block of the depth leaves nothing to be added up later.
            let at_once = if depth <= BLOCK { 4 * width } else { (SUMS / row_count.min(ROWS)).next_multiple_of(width) };
            for block in panels(start..end, at_once) {
                let out = &mut run[(block.start - start) * row_count..(block.end - start) * row_count];
                for rows_here in parts(0..row_count, ROWS) {
                    multiply_lanes(&rows, rows_here, row_count, &lanes, block.clone(), depth, out, scratch);
                }
                finish(block.start, out);
            }
        }
    });
}

/// Some rows by all lanes, stored row after row.
fn multiply_rows<F: Float>(
    rows: &Place<F>,
    rows_here: Range<usize>,
    lanes: &Lanes<F>,
    lane_count: usize,
    depth: usize,
    out: &mut [F],
    scratch: &mut Scratch<F>,
) {
    let Scratch { sums, panel, block } = scratch;
    let tiles = Tiles::of::<F>(rows_here.len());
    out.fill(F::ZERO);
    for start in (0..depth).step_by(BLOCK) {
        let steps = start..depth.min(start + BLOCK);
        let rows = rows.block(rows_here.clone(), steps.clone(), lane_count, block);
        for here in panels(0..lane_count, panel_width::<F>()) {
            let lanes = lanes.panel(here.clone(), steps.clone(), tiles.count(), panel);
            let width = lanes.groups * LANES;
            if here.len() == width {
                multiply_tiles(tiles, rows, lanes, steps.len(), &mut out[here.start..], lane_count);
            } else {
                // The last lanes, fewer than a tile has.
                sums.clear();
                sums.resize(rows_here.len() * width, F::ZERO);
                multiply_tiles(tiles, rows, lanes, steps.len(), sums, width);
                for (out, sums) in out.chunks_mut(lane_count).zip(sums.chunks_exact(width)) {
                    out[here.clone()].iter_mut().zip(sums).for_each(|(out, sum)| *out += *sum);
                }
            }
        }
    }
}

/// Some rows by some lanes, stored lane after lane, `pitch` numbers each.
fn multiply_lanes<F: Float>(
    rows: &Place<F>,
    rows_here: Range<usize>,
    pitch: usize,
    lanes: &Lanes<F>,
    lanes_here: Range<usize>,
    depth: usize,
    out: &mut [F],
    scratch: &mut Scratch<F>,
) {
    let Scratch { sums, panel, block } = scratch;
    let tiles = Tiles::of::<F>(rows_here.len());
    let offset = |lane: usize| (lane - lanes_here.start) * rows_here.len(); // of a panel's sums (rows, its lanes)
    let panels = || panels(lanes_here.clone(), panel_width::<F>());
    sums.clear();
    sums.resize(offset(lanes_here.end.next_multiple_of(LANES)), F::ZERO);
    for start in (0..depth).step_by(BLOCK) {
        let steps = start..depth.min(start + BLOCK);
        let rows = rows.block(rows_here.clone(), steps.clone(), lanes_here.len(), block);
        for here in panels() {
            let lanes = lanes.panel(here.clone(), steps.clone(), tiles.count(), panel);
            let sums = &mut sums[offset(here.start)..];
            multiply_tiles(tiles, rows, lanes, steps.len(), sums, lanes.groups * LANES);
        }
    }
    for here in panels() {
        let width = here.len().next_multiple_of(LANES);
        let sums = &sums[offset(here.start)..][..rows_here.len() * width];
        let out = &mut out[(here.start - lanes_here.start) * pitch + rows_here.start..];
        if width == LANES {
            transpose(sums.as_chunks::<LANES>().0, out, pitch, here.len());
        } else {
            transpose(sums.as_chunks::<{ 2 * LANES }>().0, out, pitch, here.len());
        }
    }
}

versions! {
    /// `out[lane * pitch + i] = sums[i][lane]` for the first `lanes` lanes: some rows at a time, so that a lane's numbers
    /// are written side by side.
    fn transpose[F: Float, const W: usize](sums: &[[F; W]], out: &mut [F], pitch: usize, lanes: usize) {
        let rest = transpose_rows::<F, W, 16>(sums, out, 0, pitch, lanes);
        let rest = transpose_rows::<F, W, 4>(sums, out, rest, pitch, lanes);
        transpose_rows::<F, W, 1>(sums, out, rest, pitch, lanes);
    }
}

/// Whole groups of `N` rows from row `first` on; returns the row after them.
#[inline(always)]
fn transpose_rows<F: Float, const W: usize, const N: usize>(
    sums: &[[F; W]],
    out: &mut [F],
    first: usize,
    pitch: usize,
    lanes: usize,
) -> usize {
    let groups = sums[first..].as_chunks::<N>().0;
    for (index, group) in groups.iter().enumerate() {
        let start = first + index * N;
        for (lane, out) in out.chunks_mut(pitch).take(lanes.min(W)).enumerate() {
            let numbers: [F; N] = std::array::from_fn(|row| group[row][lane]);
            if let Some(out) = out.get_mut(start..).and_then(|out| out.first_chunk_mut()) {
                *out = numbers;
            }
        }
    }
    first + groups.len() * N
}
