//! Matrix multiplication.
//!
//! Every element of the product has one owner, and its sum over the depth runs in one order: blocks of [`BLOCK`]
//! steps, each a chain of fused multiply-adds from zero, the blocks added one after the other. Tile shape, operand
//! order, thread count and instruction set cannot change a bit of it: [`matmul_naive`] is the definition, and tests
//! demand equality. Fresh sums for each block are also what keeps the error small: with `eps` half the distance of 1
//! to the next number, it is below `(BLOCK + depth / BLOCK + 1) eps (|a| · |b|)` elementwise (Higham, Accuracy and
//! Stability of Numerical Algorithms, 2002, section 3.1).
//!
//! - `pack.rs`: operands in panels.  `tile.rs`: the micro-kernel.  `row.rs`: few rows.  `naive.rs`: the twin.

mod naive;
mod pack;
mod row;
mod tile;

use std::ops::Range;

use ndarray::{Array2, ArrayView2};

use crate::error::{Error, Result};
use crate::isa::versions;
use crate::math::{Float, zeros};
use crate::parallel;
pub use naive::matmul_naive;
pub use pack::LanePanels;
use pack::RowPanels;
use row::{FEW, multiply_row};
use tile::{Tiling, multiply_block};

/// Steps of the depth that share one chain of sums.
pub const BLOCK: usize = 256;

/// Multiply-adds below which a second thread costs more than it saves.
const SERIAL: usize = 200_000;

/// Sums that a thread holds at a time: 128 KiB of `f32`, within the second cache beside the panels.
const SUMS: usize = 1 << 15;

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
    parallel::install(threads, || Product::default().multiply(&a, &b, &mut c, threads))?;
    Ok(Array2::from_shape_vec((m, n), c)?)
}

/// The memory of a multiplication, reused from call to call: panels of both operands, and each thread's sums.
#[derive(Default)]
pub struct Product<F: Float> {
    rows: RowPanels<F>,
    lanes: LanePanels<F>,
    scratch: Vec<Scratch<F>>,
    row_sums: Vec<F>,
}

#[derive(Default)]
struct Scratch<F> {
    /// For each lane panel of the range at hand the sums (rows, LANES).
    sums: Vec<F>,
    panel: Vec<F>,
}

/// Along which operand the product is stored row after row.
#[derive(Clone, Copy, PartialEq)]
enum Outer {
    Rows,
    Lanes,
}

impl<F: Float> Product<F> {
    /// `out (m, n) = a (m, k) · b (k, n)`.
    ///
    /// # Errors
    /// [`Error::Shape`] if these do not fit together.
    pub fn multiply(&mut self, a: &ArrayView2<F>, b: &ArrayView2<F>, out: &mut [F], threads: usize) -> Result<()> {
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
            return Ok(());
        }
        let threads = if m * n * depth < SERIAL { 1 } else { threads };
        let (a_lanes, b_lanes) = (Tiling::of(n).cost * m.div_ceil(F::LANES), Tiling::of(m).cost * n.div_ceil(F::LANES));
        // Storing a transposed tile costs about as much as two steps of the depth.
        let outer = if a_lanes * (depth + 2) < b_lanes * depth { Outer::Lanes } else { Outer::Rows };
        match outer {
            Outer::Lanes => {
                self.rows.pack(&b.t(), threads);
                self.lanes.pack(a, threads);
            }
            Outer::Rows => {
                self.rows.pack(a, threads);
                self.lanes.pack(&b.t(), threads);
            }
        }
        multiply_panels(&self.rows, &self.lanes, outer, out, &mut self.scratch, threads);
        Ok(())
    }

    /// `out (m, n) = a (m, k) · b (k, n)` with `a` packed beforehand.
    ///
    /// # Errors
    /// [`Error::Shape`] if these do not fit together.
    pub fn multiply_packed(
        &mut self,
        a: &LanePanels<F>,
        b: &ArrayView2<F>,
        out: &mut [F],
        threads: usize,
    ) -> Result<()> {
        check(a.dim(), b.dim(), out.len())?;
        let threads = if a.lanes * a.depth * b.ncols() < SERIAL { 1 } else { threads };
        self.rows.pack(&b.t(), threads);
        multiply_panels(&self.rows, a, Outer::Lanes, out, &mut self.scratch, threads);
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

/// Cuts the product along its outer dimension between the threads, and each part into ranges of tiles and panels whose
/// sums fit into a cache.
fn multiply_panels<F: Float>(
    rows: &RowPanels<F>,
    lanes: &LanePanels<F>,
    outer: Outer,
    out: &mut [F],
    scratch: &mut Vec<Scratch<F>>,
    threads: usize,
) {
    let (tiles, panels) = (rows.tiling.tiles(), lanes.panels());
    if out.is_empty() {
        return;
    }
    if rows.depth == 0 {
        return out.fill(F::ZERO);
    }
    let unit = match outer {
        Outer::Rows => rows.tiling.height * lanes.lanes,
        Outer::Lanes => F::LANES * rows.rows,
    };
    parallel::split(threads, out, unit, scratch, &|first, run: &mut [F], scratch: &mut Scratch<F>| {
        let units = first..first + run.len().div_ceil(unit);
        let (tile_range, panel_range) = match outer {
            Outer::Rows => (units, 0..panels),
            Outer::Lanes => (0..tiles, units),
        };
        let tiles_at_once = (512 / rows.tiling.height).clamp(1, tiles);
        let panels_at_once = (SUMS / (tiles_at_once * rows.tiling.height * F::LANES)).max(1);
        for tiles in groups(&tile_range, tiles_at_once) {
            for panels in groups(&panel_range, panels_at_once) {
                sum_range(rows, lanes, &tiles, &panels, scratch);
                store_range(rows, lanes, outer, first, &tiles, &panels, &scratch.sums, run);
            }
        }
    });
}

fn groups(range: &Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.clone().step_by(size).map(move |start| start..end.min(start + size))
}

/// The sums of some tiles and some lane panels, over the whole depth.
fn sum_range<F: Float>(
    rows: &RowPanels<F>,
    lanes: &LanePanels<F>,
    tiles: &Range<usize>,
    panels: &Range<usize>,
    scratch: &mut Scratch<F>,
) {
    let tiling = rows.tiling;
    let full = tiles.end.min(tiling.full).max(tiles.start);
    let full_rows = (full - tiles.start) * tiling.height;
    let all_rows = full_rows + if full < tiles.end { tiling.last } else { 0 };
    scratch.sums.resize(all_rows * F::LANES * panels.len(), F::ZERO);
    for start in (0..rows.depth).step_by(BLOCK) {
        for (index, sums) in panels.clone().zip(scratch.sums.chunks_exact_mut(all_rows * F::LANES)) {
            let lanes = lanes.panel(start, index, &mut scratch.panel);
            let (sums, last_sums) = sums.split_at_mut(full_rows * F::LANES);
            multiply_block(tiling.height, rows.panels(start, tiles.start, full), lanes, sums, start == 0);
            if full < tiles.end {
                multiply_block(tiling.last, rows.panels(start, full, tiles.end), lanes, last_sums, start == 0);
            }
        }
    }
}

/// Copies the sums of some tiles and panels to their place in `run`, which starts at unit `first` of the output.
fn store_range<F: Float>(
    rows: &RowPanels<F>,
    lanes: &LanePanels<F>,
    outer: Outer,
    first: usize,
    tiles: &Range<usize>,
    panels: &Range<usize>,
    sums: &[F],
    run: &mut [F],
) {
    let height = rows.tiling.height;
    let first_row = tiles.start * height;
    let count = (tiles.end * height).min(rows.rows) - first_row;
    let size = sums.len() / panels.len();
    for (panel, sums) in panels.clone().zip(sums.chunks_exact(size)) {
        let first_lane = panel * F::LANES;
        let width = F::LANES.min(lanes.lanes - first_lane);
        match outer {
            Outer::Rows => {
                for (i, sums) in sums.chunks_exact(F::LANES).take(count).enumerate() {
                    let start = (first_row - first * height + i) * lanes.lanes + first_lane;
                    run[start..start + width].copy_from_slice(&sums[..width]);
                }
            }
            Outer::Lanes => {
                let start = (first_lane - first * F::LANES) * rows.rows + first_row;
                let run = &mut run[start..];
                if F::LANES == 16 {
                    transpose(&sums.as_chunks::<16>().0[..count], &mut run[..], rows.rows, width);
                } else {
                    transpose(&sums.as_chunks::<8>().0[..count], &mut run[..], rows.rows, width);
                }
            }
        }
    }
}

versions! {
    /// `out[lane * pitch + i] = sums[i][lane]` for the first `width` lanes: four rows at a time, so that a lane's numbers
    /// are written side by side.
    fn transpose[F: Float, const NR: usize](sums: &[[F; NR]], out: &mut [F], pitch: usize, width: usize) {
        let (groups, rest) = sums.as_chunks::<4>();
        for (index, group) in groups.iter().enumerate() {
            for (lane, out) in out.chunks_mut(pitch).take(width).enumerate() {
                if let Some(out) = out.get_mut(4 * index..4 * index + 4) {
                    for i in 0..4 { out[i] = group[i][lane]; }
                }
            }
        }
        let done = 4 * groups.len();
        for (lane, out) in out.chunks_mut(pitch).take(width).enumerate() {
            for (out, row) in out[done..].iter_mut().zip(rest) { *out = row[lane]; }
        }
    }
}
