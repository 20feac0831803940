//! Matrix multiplication.
//!
//! Every element of the product has one owner, and its sum over the depth runs in one order: blocks of [`BLOCK`]
//! steps, each a chain of fused multiply-adds from zero, the blocks added one after the other. Tile shape, operand
//! order, thread count and instruction set cannot change a bit of it: [`matmul_naive`] is the definition, and tests
//! demand equality (for what [`LanePanels`] leave out see there). Fresh sums for each block are also what keeps the error
//! small: with `eps` half the distance of 1 to the next number, it is below `(BLOCK + depth / BLOCK + 1) eps (|a| · |b|)`
//! elementwise (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1).
//!
//! - `operand.rs`: where numbers lie.  `panels.rs`: what is packed beforehand.  `tile.rs`: the micro-kernel.
//! - `row.rs`: few rows, one column.  `naive.rs`: the twin.

mod naive;
mod operand;
mod panels;
mod row;
mod tile;

use std::ops::Range;

use ndarray::{Array2, ArrayView2};

use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::isa::{Level, level, versions};
use crate::math::{Float, zeros};
use crate::parallel;
pub use naive::matmul_naive;
use operand::{Lanes, PackedRows, Place, contiguous, panel_width};
pub use panels::LanePanels;
pub(crate) use row::FEW;
use row::{LARGE, multiply_column, multiply_outer, multiply_row};
pub(crate) use tile::Tile;
use tile::{TileRows, Tiles, group, largest, line};

/// Steps of the depth that share one chain of sums.
pub const BLOCK: usize = 256;

/// Multiply-adds of `f32` below which a second thread may cost more than it saves. Meeting takes half a microsecond; how fast
/// what one core wrote comes to the other is another matter. On Sapphire Rapids (9 GB/s) half of them make a step of
/// 64-100-10 at batch 200 slower by a sixth; on Zen 3 [`EAGER`] makes it 1.4 times as fast.
const SERIAL: usize = 3_000_000;

/// The same for one that is [`Product::eager`]: two microseconds of one thread.
const EAGER: usize = 100_000;

/// Rows that use a panel of lanes before the next panel is read: in one block of the depth 240 KiB of `f32`, for the
/// second cache, and whole tiles of every height.
const ROWS: usize = 240;

/// Most numbers from step to step of rows that more than two panels of lanes read where they are.
const FEW_PITCH: usize = 256;

/// Panels of lanes that read rows where they are, with AVX-512, whose tiles of 12 rows take a step's numbers slowly enough.
/// One core of Zen 5, against 4 (2 where steps are far apart): a step of 784-512-512-10 takes 0.94, in `f64` 0.93, of
/// 64-100-10 in `f64` 0.92, of 30-100-1 in `f64` 0.95; but 2048x2048x2048, of 64 panels, would take 1.07.
const IN_PLACE: usize = 32;

/// Bytes of rows, and of their products, that are in the first cache beside a panel: half of it.
const NEAR: usize = 24 << 10;

/// Fewest tiles that are multiplied before the next panel: where [`NEAR`] leaves no more, panels come from the second cache
/// too often. With AVX-512 8 instead of 2 take 4 % off a step of 64-100-10 and 2 % off one of 30-100-1 in `f64` (Zen 5).
fn least_tiles() -> usize {
    if level() == Level::Avx512 { 8 } else { 2 }
}

/// Lanes of so many numbers are packed as a whole where several blocks of rows use them.
const WORTH_PACKING: usize = 1 << 16;

/// Sums that are held until the whole depth is done, where they are stored transposed: 512 KiB of `f32`.
const SUMS: usize = 1 << 17;

/// Lanes that are copied at a time: in one block of the depth 512 KiB of `f32`.
const COPIED: usize = 512;

/// Bytes of operands up to which [`matmul`] keeps its working memory from call to call: fresh memory costs a product of
/// 512 x 512 x 512 as much time as half of its multiplications, one of 2048 x 2048 x 2048 a twentieth.
const KEPT: usize = 1 << 25;

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
    let threads = Product::<F>::default().worth(m.saturating_mul(a.ncols()).saturating_mul(n), threads);
    parallel::install(threads, || {
        let mut product = F::kept().take();
        product.multiply(&a, &b, &mut c, threads, |_, _| {})?;
        if (a.len() + b.len()) * size_of::<F>() <= KEPT {
            F::kept().set(product);
        }
        Ok::<_, Error>(())
    })?;
    Ok(Array2::from_shape_vec((m, n), c)?)
}

/// The memory of a multiplication, reused from call to call.
#[derive(Default)]
pub struct Product<F: Float> {
    /// Whether threads share small products too. Whether they gain by that is for the caller to find out.
    pub(crate) eager: bool,
    packed: LanePanels<F>,
    scratch: Vec<Scratch<F>>,
}

/// What a thread needs for itself.
#[derive(Default)]
struct Scratch<F> {
    sums: Buffer<F>,
    rows: PackedRows<F>,
    lanes: Buffer<F>,
    panel: Buffer<F>,
}

/// Which operand the product has its rows from; the other one gives its columns.
#[derive(Clone, Copy, PartialEq)]
enum Outer {
    Rows,
    Lanes,
}

/// A product of rows `(row_count, depth)` with lanes `(lane_count, depth)`.
struct Operands<'a, F: Float> {
    rows: Place<'a, F>,
    row_count: usize,
    lanes: Lanes<'a, F>,
    lane_count: usize,
    depth: usize,
}

impl<F: Float> Operands<'_, F> {
    /// Some rows in one block of the depth: copied if so many panels of lanes read them that it pays.
    fn tiles<'a>(
        &'a self,
        tiles: Tiles,
        rows: Range<usize>,
        steps: Range<usize>,
        packed: &'a mut PackedRows<F>,
    ) -> TileRows<'a, F> {
        let few = match self.rows {
            _ if level() == Level::Avx512 => IN_PLACE,
            Place::AlongWidth(_, pitch) if pitch > FEW_PITCH => 2, // they would fall on the same places of the cache
            Place::AlongWidth(..) => 8,
            Place::AlongDepth(..) => 4,
        };
        if self.lane_count <= few * panel_width::<F>() {
            self.rows.tiles(rows, steps)
        } else {
            packed.tiles(&self.rows, tiles, rows, steps, self.depth)
        }
    }
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
        if self.multiply_few(a, b, out, threads) {
            finish(0, out);
            return Ok(());
        }
        let (a, b) = (contiguous(a), contiguous(&b.t()));
        let (a, b) = (Place::of(&a), Place::of(&b));
        let outer = if cost(m, &b, n, depth, Outer::Rows) <= cost(n, &a, m, depth, Outer::Lanes) {
            Outer::Rows
        } else {
            Outer::Lanes
        };
        let (rows, row_count, lanes, lane_count) = match outer {
            Outer::Rows => (a, m, b, n),
            Outer::Lanes => (b, n, a, m),
        };
        let lanes = if row_count > ROWS && lane_count * depth >= WORTH_PACKING {
            self.packed.pack(&lanes, lane_count, depth, threads);
            Lanes::Packed(&self.packed)
        } else {
            Lanes::In(lanes)
        };
        let operands = Operands { rows, row_count, lanes, lane_count, depth };
        let threads = self.worth(m * depth * n, threads);
        multiply_blocks(&operands, outer, out, &mut self.scratch, threads, &finish);
        Ok(())
    }

    /// As many of `threads` as work that takes as long as so many multiply-adds is worth.
    pub(crate) fn worth(&self, multiply_adds: usize, threads: usize) -> usize {
        let work = multiply_adds.saturating_mul(size_of::<F>()) / size_of::<f32>();
        match self.eager {
            true => threads.min(work / (EAGER / 2)).max(1),
            false if work < SERIAL => 1,
            false => threads,
        }
    }

    /// The product of few rows, with one column or of one step, of operands that lie row after row; whether it was one.
    fn multiply_few(&mut self, a: &ArrayView2<F>, b: &ArrayView2<F>, out: &mut [F], threads: usize) -> bool {
        let (((m, depth), n), turned) = ((a.dim(), b.ncols()), a.t());
        self.scratch.resize_with(self.scratch.len().max(1), Scratch::default);
        let sums = &mut self.scratch[0].sums;
        let Some(b) = b.as_slice().filter(|b| !b.is_empty()) else { return false };
        let one_column = n == 1 && m * depth < SERIAL;
        match (a.as_slice(), turned.as_slice()) {
            (Some(a), _) if m <= FEW && threads > 1 && size_of_val(b) >= LARGE => {
                parallel::split_columns(threads, out, n, line::<F>(), &mut self.scratch, &|first, rows, scratch| {
                    for (a, out) in a.chunks_exact(depth).zip(rows) {
                        multiply_row(a, &b[first..], n, out, &mut scratch.sums);
                    }
                });
            }
            // Alone it needs no list of rows, which takes as long as a small product.
            (Some(a), _) if m <= FEW => {
                for (a, out) in a.chunks_exact(depth).zip(out.chunks_exact_mut(n)) {
                    multiply_row(a, b, n, out, sums);
                }
            }
            (Some(a), _) if depth == 1 && m * n < SERIAL => multiply_outer(a, b, out),
            (Some(a), _) if one_column => multiply_column(a, b, out),
            (None, Some(turned)) if one_column => multiply_row(b, turned, m, out, sums),
            _ => return false,
        }
        true
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
        let (rows, lanes) = (Place::of(&b), Lanes::Packed(a));
        let operands = Operands { rows, row_count: n, lanes, lane_count: m, depth };
        let threads = self.worth(m * depth * n, threads);
        multiply_blocks(&operands, Outer::Lanes, out, &mut self.scratch, threads, &finish);
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
    let multiply = rows * lane_count.next_multiple_of(group::<F>()) * depth * 10 / panel_width::<F>();
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

/// Cuts the product between the threads, along rows or lanes: whichever leaves the least to be copied by each of them.
fn multiply_blocks<F: Float>(
    operands: &Operands<F>,
    outer: Outer,
    out: &mut [F],
    scratch: &mut Vec<Scratch<F>>,
    threads: usize,
    finish: &(impl Fn(usize, &mut [F]) + Sync),
) {
    let &Operands { row_count, lanes, lane_count, depth, .. } = operands;
    if out.is_empty() {
        return;
    }
    if depth == 0 {
        out.fill(F::ZERO);
        return finish(0, out);
    }
    let width = panel_width::<F>();
    let at_once = (SUMS / row_count.min(ROWS)).min(COPIED).next_multiple_of(width);
    // Packed lanes may be cut within a panel, which shares them out more evenly.
    let unit = if matches!(lanes, Lanes::Packed(_)) { line::<F>() } else { width };
    let before = |i| match lanes {
        Lanes::Packed(panels) => panels.before(i * unit),
        Lanes::In(_) => i,
    };
    match outer {
        Outer::Rows if threads > 1 && row_count < lane_count.min(ROWS) && matches!(lanes, Lanes::In(_)) => {
            parallel::split_columns(threads, out, lane_count, width, scratch, &|first, rows, scratch| {
                scratch.rows.begin();
                let end = first + rows.first().map_or(0, |row| row.len());
                for lanes_here in panels(first..end, at_once) {
                    sum_up(operands, 0..row_count, lanes_here.clone(), scratch);
                    let columns = lanes_here.start - first..lanes_here.end - first;
                    store_rows(&scratch.sums, columns, rows.iter_mut().map(|row| &mut **row));
                }
            });
            parallel::split(threads, out, lane_count, &mut Vec::<()>::new(), &|first, run, ()| finish(first, run));
        }
        Outer::Rows if depth <= BLOCK && lane_count <= COPIED => {
            parallel::split(threads, out, lane_count, scratch, &|first, run, scratch| {
                multiply_rows(operands, first, run, scratch, finish);
            });
        }
        Outer::Rows => parallel::split(threads, out, lane_count, scratch, &|first, run, scratch| {
            scratch.rows.begin();
            for block in parts(0..run.len() / lane_count, ROWS) {
                let out = &mut run[block.start * lane_count..block.end * lane_count];
                let rows_here = first + block.start..first + block.end;
                for lanes_here in panels(0..lane_count, at_once) {
                    sum_up(operands, rows_here.clone(), lanes_here.clone(), scratch);
                    store_rows(&scratch.sums, lanes_here, out.chunks_exact_mut(lane_count));
                }
                finish(rows_here.start, out);
            }
        }),
        Outer::Lanes => parallel::split_by(threads, out, unit * row_count, &before, scratch, &|first, run, scratch| {
            scratch.rows.begin();
            let start = first * unit;
            for lanes_here in panels(start..start + run.len() / row_count, at_once) {
                let out = &mut run[(lanes_here.start - start) * row_count..(lanes_here.end - start) * row_count];
                for rows_here in parts(0..row_count, ROWS) {
                    sum_up(operands, rows_here.clone(), lanes_here.clone(), scratch);
                    store_lanes(&scratch.sums, lanes_here.clone(), rows_here, out, row_count);
                }
                finish(lanes_here.start, out);
            }
        }),
    }
}

/// The rows of `run`, from row `first` on, by all lanes, over the only block of the depth, straight into their place: as
/// many rows at a time as the first cache holds with their products, which are finished there.
fn multiply_rows<F: Float>(
    operands: &Operands<F>,
    first: usize,
    run: &mut [F],
    scratch: &mut Scratch<F>,
    finish: &impl Fn(usize, &mut [F]),
) {
    let &Operands { ref lanes, lane_count, depth, .. } = operands;
    let Scratch { sums, rows: packed, lanes: copied, panel } = scratch;
    packed.begin();
    let all = Tiles::of(run.len() / lane_count);
    let block = lanes.whole(lane_count, depth, all.count(), copied);
    let tiles_at_once = NEAR / ((depth + lane_count) * size_of::<F>() * largest().0);
    let width = panel_width::<F>();
    let last = (lane_count - 1) / width * width;
    for rows_here in all.groups(tiles_at_once.clamp(least_tiles(), ROWS / largest().0)) {
        let place = rows_here.start * lane_count..rows_here.end * lane_count;
        let tiles = Tiles::of(rows_here.len());
        let (most, above, lowest) = tiles.split_last();
        let rows_here = first + rows_here.start..first + rows_here.end;
        let rows = operands.tiles(tiles, rows_here.clone(), 0..depth, packed);
        // The last lanes, fewer than a tile has, come first: what is stored beyond the end of a row is the next row's, which
        // is stored after it.
        for here in panels(last..lane_count, width).chain(panels(0..last, width)) {
            let used = block.used(&here, depth);
            let (rows, lanes) = (rows.after(used.start), block.panel(here.clone(), here.start, depth, panel));
            let stored = lanes.groups * group::<F>();
            let spilt = stored - here.len();
            // Behind the last row of all there is no other: its tile is multiplied apart.
            let (direct, above, apart) = if place.end + spilt <= run.len() {
                (tiles, rows_here.len(), Tiles::of(0))
            } else if place.start + above * lane_count + spilt <= run.len() {
                (most, above, lowest)
            } else {
                (Tiles::of(0), 0, tiles)
            };
            let out = &mut run[place.start + here.start..];
            F::multiply_tiles(direct, true, &rows, &lanes, used.len(), out, lane_count);
            if apart.count() > 0 {
                let sums = sums.room((rows_here.len() - above) * stored);
                F::multiply_tiles(apart, true, &rows.skip(above), &lanes, used.len(), sums, stored);
                let out = &mut run[place.start + above * lane_count..place.end];
                store_rows(sums, here, out.chunks_exact_mut(lane_count));
            }
        }
        finish(rows_here.start, &mut run[place]);
    }
}

/// Some rows by some lanes, over the whole depth: panel after panel, in each `(rows, its lanes)`.
fn sum_up<F: Float>(
    operands: &Operands<F>,
    rows_here: Range<usize>,
    lanes_here: Range<usize>,
    scratch: &mut Scratch<F>,
) {
    let &Operands { ref lanes, depth, .. } = operands;
    let Scratch { sums, rows: packed, lanes: copied, panel } = scratch;
    let tiles = Tiles::of(rows_here.len());
    let sums = sums.room(lanes_here.len().next_multiple_of(group::<F>()) * rows_here.len());
    for start in (0..depth).step_by(BLOCK) {
        let steps = start..depth.min(start + BLOCK);
        let block = lanes.block(lanes_here.clone(), steps.clone(), tiles.count(), copied);
        let rows = operands.tiles(tiles, rows_here.clone(), steps.clone(), packed);
        for here in panels(lanes_here.clone(), panel_width::<F>()) {
            let offset = here.start - lanes_here.start;
            let used = block.used(&here, steps.len());
            let (rows, lanes) = (rows.after(used.start), block.panel(here, offset, steps.len(), panel));
            let sums = &mut sums[offset * rows_here.len()..];
            F::multiply_tiles(tiles, start == 0, &rows, &lanes, used.len(), sums, lanes.groups * group::<F>());
        }
    }
}

/// Numbers that are copied at a time.
const COPY: usize = 8;

/// Copies the sums of some lanes into these columns of rows.
fn store_rows<'a, F: Float>(sums: &[F], columns: Range<usize>, rows: impl ExactSizeIterator<Item = &'a mut [F]>) {
    let (row_count, width) = (rows.len(), panel_width::<F>());
    for (i, row) in rows.enumerate() {
        for (panel, to) in row[columns.clone()].chunks_mut(width).enumerate() {
            let start = panel * width * row_count + i * to.len().next_multiple_of(group::<F>());
            if to.len() < COPY {
                to.iter_mut().zip(&sums[start..]).for_each(|(to, sum)| *to = *sum);
            } else {
                copy(&sums[start..], to);
            }
        }
    }
}

/// Stores the sums of some rows and lanes lane after lane, `pitch` numbers each.
fn store_lanes<F: Float>(sums: &[F], lanes: Range<usize>, rows: Range<usize>, out: &mut [F], pitch: usize) {
    for here in panels(lanes.clone(), panel_width::<F>()) {
        let width = here.len().next_multiple_of(group::<F>());
        let offset = here.start - lanes.start;
        let sums = &sums[offset * rows.len()..][..rows.len() * width];
        let out = &mut out[offset * pitch + rows.start..];
        match width {
            4 => transpose(sums.as_chunks::<4>().0, out, pitch, here.len()),
            8 => transpose(sums.as_chunks::<8>().0, out, pitch, here.len()),
            16 => transpose(sums.as_chunks::<16>().0, out, pitch, here.len()),
            _ => transpose(sums.as_chunks::<32>().0, out, pitch, here.len()),
        }
    }
}

versions! {
    /// `to = from`, as far as `to` goes.
    fn copy[F: Float](from: &[F], to: &mut [F]) {
        let (from, last) = from[..to.len()].as_chunks::<COPY>();
        let (to, rest) = to.as_chunks_mut::<COPY>();
        for (to, from) in to.iter_mut().zip(from) { *to = *from; }
        rest.copy_from_slice(last);
    }

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
