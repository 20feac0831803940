//! What a product multiplies: one operand lies across vector lanes, the other's numbers are taken one by one.
//!
//! Both are seen as `(width, depth)`: the sum runs over the depth. Lanes are read a panel at a time, some lanes by one block
//! of the depth, which stays in the first cache while all rows use it. Rows and lanes that are used often are copied into
//! the order in which they are used, a block at a time; small ones are read where they lie; and data that every step reads
//! is packed once beforehand.

use std::ops::Range;

use ndarray::{ArrayView2, CowArray, Ix2};

use super::BLOCK;
use super::panels::LanePanels;
use super::tile::{TileLanes, TileRows, Tiles, group, largest};
use crate::buffer::Buffer;
use crate::isa::{prefetch, versions};
use crate::math::Float;

/// Where the elements `(i, k)` of an operand lie.
#[derive(Clone, Copy)]
pub(super) enum Place<'a, T> {
    /// Side by side along the width: `data[k * pitch + i]`.
    AlongWidth(&'a [T], usize),
    /// Side by side along the depth: `data[i * pitch + k]`.
    AlongDepth(&'a [T], usize),
}

/// A view that is contiguous in one of the two orders, or else copied.
pub(super) fn contiguous<'a, T: Copy>(view: &ArrayView2<'a, T>) -> CowArray<'a, T, Ix2> {
    if view.as_slice().is_some() || view.t().as_slice().is_some() {
        (*view).into()
    } else {
        view.as_standard_layout().into_owned().into()
    }
}

impl<'a, T: Copy> Place<'a, T> {
    /// The place of an operand `(width, depth)` that [`contiguous`] gave; of no other.
    pub fn of(operand: &'a CowArray<T, Ix2>) -> Place<'a, T> {
        let (width, depth) = operand.dim();
        match operand.as_slice() {
            Some(data) => Place::AlongDepth(data, depth),
            None => Place::AlongWidth(operand.as_slice_memory_order().unwrap_or_default(), width),
        }
    }

    /// Whether steps of a few lanes lie so near each other that they do not fall on the same places of the caches.
    fn is_near(&self) -> bool {
        !matches!(self, Place::AlongWidth(_, pitch) if *pitch > MOST_PITCH)
    }

    /// Some rows and steps, where they are.
    pub fn tiles(&self, rows: Range<usize>, steps: Range<usize>) -> TileRows<'a, T> {
        match *self {
            Place::AlongWidth(data, pitch) => TileRows::AlongRows(&data[steps.start * pitch..], pitch, rows.start),
            Place::AlongDepth(data, pitch) => TileRows::AlongDepth(&data[rows.start * pitch + steps.start..], pitch),
        }
    }

    /// Copies the rows of some tiles, from row `first` on, tile after tile.
    fn copy_tiles(&self, tiles: Tiles, first: usize, steps: Range<usize>, to: &mut [T]) {
        for (height, count, _, start) in tiles.heights() {
            let (first, to) = (first + start, &mut to[start * steps.len()..]);
            macro_rules! of_height {
                ($($height:literal)*) => {
                    match (height, *self) {
                        $(
                            ($height, Place::AlongDepth(data, pitch)) => turn_tiles(
                                &data[first * pitch + steps.start..], pitch, to, count, steps.len(), Count::<$height>,
                            ),
                            ($height, Place::AlongWidth(data, pitch)) => copy_tiles(
                                &data[steps.start * pitch..], pitch, first, to, count, steps.len(), Count::<$height>,
                            ),
                        )*
                        _ => debug_assert!(false, "no tile of {height} rows"),
                    }
                };
            }
            of_height!(1 2 3 4 5 6 7 8 9 10 11 12);
        }
    }
}

/// Copies of rows, tile after tile in each block of the depth.
#[derive(Default)]
pub(super) struct PackedRows<F> {
    data: Buffer<F>,
    rows: Range<usize>,
    steps: Range<usize>,
}

/// Rows of so many numbers are copied once, over the whole depth; of larger ones a block at a time, as often as they are
/// read: 4 MiB of `f32`.
const MOST_COPIED: usize = 1 << 20;

impl<F: Float> PackedRows<F> {
    /// Whatever comes next are the rows of another operand.
    pub fn begin(&mut self) {
        self.rows = 0..0;
    }

    /// Some rows in one block of the `depth`, copied unless that was done before.
    pub fn tiles<'b>(
        &'b mut self,
        place: &Place<'b, F>,
        tiles: Tiles,
        rows: Range<usize>,
        steps: Range<usize>,
        depth: usize,
    ) -> TileRows<'b, F> {
        if self.rows != rows {
            (self.rows, self.steps) = (rows.clone(), 0..0);
        }
        let whole = rows.len() * depth <= MOST_COPIED;
        let start = if whole { steps.start * rows.len() } else { 0 };
        let stride = steps.len();
        let end = start + rows.len() * stride;
        if steps.start < self.steps.start || steps.end > self.steps.end {
            self.data.room(rows.len() * if whole { depth } else { BLOCK });
            self.steps = if whole { 0..depth } else { steps };
            for (first, to) in self.steps.clone().step_by(BLOCK).zip(self.data.chunks_mut(rows.len() * BLOCK)) {
                place.copy_tiles(tiles, rows.start, first..self.steps.end.min(first + BLOCK), to);
            }
        }
        TileRows::Packed { data: &self.data[start..end], stride, from: 0 }
    }
}

/// Most numbers from step to step of lanes that are read a few at a time.
const MOST_PITCH: usize = 1024;

/// Numbers that the second cache holds for the next step, wherever they lie: nobody need ask for them.
const CACHED: usize = 1 << 16;

/// So few tiles read lanes where they lie.
const FEW_TILES: usize = 8;

/// The operand across lanes.
#[derive(Clone, Copy)]
pub(super) enum Lanes<'a, F> {
    /// Copied some panels at a time.
    In(Place<'a, F>),
    /// Packed beforehand.
    Packed(&'a LanePanels<F>),
}

/// Some lanes of the operand by one block of the depth.
pub(super) enum LaneBlock<'a, F> {
    /// Where they lie.
    InPlace(Place<'a, F>, Range<usize>, bool),
    /// Panel after panel.
    Copied(&'a [F]),
    /// Packed beforehand.
    Packed(&'a LanePanels<F>, Range<usize>),
}

/// Lanes of a full panel.
pub(super) fn panel_width<F: Float>() -> usize {
    Widths::of::<F>().panel
}

/// How lanes are cut into panels, the last with as many groups as it needs.
#[derive(Clone, Copy)]
pub(super) struct Widths {
    pub panel: usize,
    pub group: usize,
}

impl Widths {
    pub fn of<F: Float>() -> Widths {
        Widths { panel: largest().1 * group::<F>(), group: group::<F>() }
    }
}

impl<'a, F: Float> Lanes<'a, F> {
    /// All lanes, for so many tiles of rows: copied at once, to be read by some of these after the others.
    pub fn whole<'b>(&self, lanes: usize, depth: usize, tiles: usize, buffer: &'b mut Buffer<F>) -> LaneBlock<'b, F>
    where
        'a: 'b,
    {
        match self {
            Lanes::In(place) if tiles > FEW_TILES => LaneBlock::copied(place, 0..lanes, 0..depth, buffer),
            _ => self.block(0..lanes, 0..depth, tiles, buffer),
        }
    }

    /// Some lanes, from the first of a panel on, and steps, for so many tiles of rows.
    pub fn block<'b>(
        &self,
        lanes: Range<usize>,
        steps: Range<usize>,
        tiles: usize,
        buffer: &'b mut Buffer<F>,
    ) -> LaneBlock<'b, F>
    where
        'a: 'b,
    {
        match self {
            Lanes::Packed(panels) => LaneBlock::Packed(panels, steps),
            Lanes::In(place) if place.is_near() => LaneBlock::InPlace(*place, steps, tiles <= FEW_TILES),
            Lanes::In(place) => LaneBlock::copied(place, lanes, steps, buffer),
        }
    }
}

impl<'a, F: Float> LaneBlock<'a, F> {
    /// Some lanes and steps, copied into panels.
    fn copied(place: &Place<F>, lanes: Range<usize>, steps: Range<usize>, buffer: &'a mut Buffer<F>) -> Self {
        let room = buffer.room(lanes.len().next_multiple_of(group::<F>()) * steps.len());
        fill_panels(place, room, Widths::of::<F>(), lanes, steps);
        LaneBlock::Copied(room)
    }

    /// The steps of a block of so many in which one panel's lanes are not all zero: what is known of it.
    pub fn used(&self, lanes: &Range<usize>, steps: usize) -> Range<usize> {
        match self {
            LaneBlock::Packed(panels, block) => panels.used(lanes.start, block),
            _ => 0..steps,
        }
    }

    /// The lanes of one panel, `offset` lanes after the block's first, in the steps that are [`LaneBlock::used`]. Bytes
    /// become floats in `buffer`.
    pub fn panel<'b>(
        &'b self,
        lanes: Range<usize>,
        offset: usize,
        steps: usize,
        buffer: &'b mut Buffer<F>,
    ) -> TileLanes<'b, F> {
        let groups = lanes.len().div_ceil(group::<F>());
        let padded = groups * group::<F>();
        match self {
            LaneBlock::InPlace(Place::AlongWidth(data, pitch), steps, true) if lanes.len() == padded => {
                let followed = data.len() > CACHED;
                TileLanes { data: &data[steps.start * pitch..], pitch: *pitch, first: lanes.start, groups, followed }
            }
            LaneBlock::InPlace(place, steps, _) => {
                let room = buffer.room(steps.len() * padded);
                fill(place, room, padded, lanes, steps.start);
                TileLanes { data: room, pitch: padded, first: 0, groups, followed: false }
            }
            LaneBlock::Copied(data) => {
                let followed = (offset + lanes.len()) * steps < data.len();
                TileLanes { data: &data[offset * steps..], pitch: padded, first: 0, groups, followed }
            }
            LaneBlock::Packed(panels, steps) => panels.panel(lanes.start, groups, steps.clone(), buffer),
        }
    }
}

/// Copies some lanes and steps into panels.
pub(super) fn fill_panels<T: Copy + Default>(
    place: &Place<T>,
    to: &mut [T],
    widths: Widths,
    lanes: Range<usize>,
    steps: Range<usize>,
) {
    let width = widths.panel;
    let whole = match place {
        // All panels at once: long runs of memory.
        Place::AlongWidth(data, pitch) => {
            let whole = lanes.len() / width * width;
            copy_panels(
                &data[steps.start * pitch + lanes.start..],
                *pitch,
                &mut to[..whole * steps.len()],
                width,
                steps.len(),
            );
            whole
        }
        Place::AlongDepth(..) => 0,
    };
    for start in (lanes.start + whole..lanes.end).step_by(width) {
        let here = start..lanes.end.min(start + width);
        let pitch = here.len().next_multiple_of(widths.group);
        let first = (start - lanes.start) * steps.len();
        fill(place, &mut to[first..first + pitch * steps.len()], pitch, here, steps.start);
    }
}

/// Copies the lanes of one panel, from step `start` on, into `(steps, pitch)`; what pads it becomes zero.
fn fill<T: Copy + Default>(place: &Place<T>, panel: &mut [T], pitch: usize, lanes: Range<usize>, start: usize) {
    if lanes.len() < pitch {
        panel.fill(T::default());
    }
    let mut done = 0;
    macro_rules! by {
        ($from:expr, $from_pitch:expr, $copy:ident: $($count:literal)*) => {$(
            while lanes.len() - done >= $count {
                $copy($from(lanes.start + done), $from_pitch, &mut panel[done..], pitch, Count::<$count>);
                done += $count;
            }
        )*};
    }
    match *place {
        Place::AlongWidth(data, width) => {
            by!(|lane: usize| &data[start * width + lane..], width, copy_steps: 32 16 8 4 2 1);
        }
        Place::AlongDepth(data, depth) => {
            by!(|lane: usize| &data[lane * depth + start..], depth, turn_rows: 8 4 2 1);
        }
    }
}

/// Numbers that are copied at a time.
#[derive(Clone, Copy)]
struct Count<const N: usize>;

/// Numbers that lie in a cache line, or a few.
const LINE: usize = 16;

versions! {
    /// `to[(tile * steps + k) * N + i] = from[(tile * N + i) * pitch + k]`: tiles of `N` rows. Number by number: shuffles of
    /// vectors, whether the compiler or the code makes them, take twice as long (0.5 ns a number on Zen 3, here 0.2).
    fn turn_tiles[T: Copy, const N: usize](
        from: &[T], pitch: usize, to: &mut [T], count: usize, steps: usize, _n: Count<N>,
    ) {
        for (tile, to) in to.chunks_exact_mut(N * steps).take(count).enumerate() {
            let rows: [&[T]; N] = std::array::from_fn(|i| &from[(tile * N + i) * pitch..][..steps]);
            for row in rows { // the rows that come next
                for k in (0..steps).step_by(LINE) { prefetch(row, N * pitch + k); }
            }
            for (k, to) in to.as_chunks_mut::<N>().0.iter_mut().enumerate().take(steps) {
                *to = std::array::from_fn(|i| rows[i][k]);
            }
        }
    }

    /// `to[(tile * steps + k) * N + i] = from[k * pitch + first + tile * N + i]`: tiles of `N` rows.
    fn copy_tiles[T: Copy, const N: usize](
        from: &[T], pitch: usize, first: usize, to: &mut [T], count: usize, steps: usize, _n: Count<N>,
    ) {
        for (k, from) in from.chunks_exact(pitch).take(steps).enumerate() {
            let tiles = to.chunks_exact_mut(steps * N).take(count);
            for (from, to) in from[first..].as_chunks::<N>().0.iter().zip(tiles) {
                if let Some(to) = to[k * N..].first_chunk_mut() { *to = *from; }
            }
        }
    }

    /// `to[(p * steps + k) * width + i] = from[k * pitch + p * width + i]` for whole panels `p`.
    fn copy_panels[T: Copy](from: &[T], pitch: usize, to: &mut [T], width: usize, steps: usize) {
        if to.is_empty() { return; }
        let lanes = to.len() / steps;
        for (k, from) in from.chunks(pitch).take(steps).enumerate() {
            if pitch > MOST_PITCH { // as much of the step after the next one
                for lane in (0..lanes).step_by(LINE) { prefetch(from, 2 * pitch + lane); }
            }
            for (from, to) in from[..lanes].chunks_exact(width).zip(to.chunks_exact_mut(width * steps)) {
                let to = &mut to[k * width..];
                for (from, to) in from.as_chunks::<8>().0.iter().zip(to.as_chunks_mut::<8>().0) { *to = *from; }
            }
        }
    }

    /// `panel[k * pitch + i] = from[k * from_pitch + i]` for `N` lanes.
    fn copy_steps[T: Copy, const N: usize](from: &[T], from_pitch: usize, panel: &mut [T], pitch: usize, _n: Count<N>) {
        for (from, step) in from.chunks(from_pitch).zip(panel.chunks_mut(pitch)) {
            prefetch(from, N); // the lanes that come next
            prefetch(from, N + N / 2);
            if let (Some(from), Some(step)) = (from.first_chunk::<N>(), step.first_chunk_mut()) { *step = *from; }
        }
    }

    /// `panel[k * pitch + i] = rows[i * depth + k]` for `N` rows; number by number, as in [`turn_tiles`].
    fn turn_rows[T: Copy, const N: usize](rows: &[T], depth: usize, panel: &mut [T], pitch: usize, _n: Count<N>) {
        let steps = panel.len().div_ceil(pitch);
        let rows: [&[T]; N] = std::array::from_fn(|i| &rows[i * depth..][..steps]);
        for row in rows { // the rows that come next
            for k in (0..steps).step_by(LINE) { prefetch(row, N * depth + k); }
        }
        for (k, step) in panel.chunks_mut(pitch).enumerate().take(steps) {
            if let Some(step) = step.first_chunk_mut::<N>() { *step = std::array::from_fn(|i| rows[i][k]); }
        }
    }
}
