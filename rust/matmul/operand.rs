//! What a product multiplies: one operand lies across vector lanes, the other's numbers are taken one by one.
//!
//! Both are seen as `(width, depth)`: the sum runs over the depth. Lanes are read a panel at a time, some lanes by one block
//! of the depth, which stays in the first cache while all rows use it. Rows and lanes that are used often are copied into
//! the order in which they are used, a block at a time; small ones are read where they lie; and data that every step reads
//! is packed once beforehand.

use std::ops::Range;

use ndarray::{ArrayView2, Axis, CowArray, Ix2};

use super::BLOCK;
use super::tile::{TileLanes, TileRows, Tiles, group, largest, line};
use crate::buffer::Buffer;
use crate::isa::{prefetch, versions};
use crate::math::{Float, scale_bytes};
use crate::parallel;

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
struct Widths {
    panel: usize,
    group: usize,
}

impl Widths {
    fn of<F: Float>() -> Widths {
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
fn fill_panels<T: Copy + Default>(
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

/// An operand across lanes, packed: the depth in blocks of [`BLOCK`], in a block its panels one after the other, each
/// `(steps, lanes)`. A training set is packed once and used for every step.
///
/// Steps at the beginning and the end of a block in which a stripe of 32 lanes (16 in `f64`) is zero are left out of products:
/// a triangular factor takes half the time. A sum that they would have been part of stays as it is (but for the sign of a
/// zero that came of numbers below the smallest, and what infinity times zero is).
pub struct LanePanels<F> {
    lanes: usize,
    depth: usize,
    data: Data<F>,
    /// Block after block, of each stripe the steps that are used; none if all are.
    used: Vec<Range<usize>>,
    /// The steps that are used by the stripes before each, in all blocks.
    before: Vec<usize>,
}

/// Lanes of the widest panel that there is: what is left out must be the same at every [`crate::isa::Level`].
fn stripe<F>() -> usize {
    2 * line::<F>()
}

/// In every block of the depth, the steps from the first to the last in which a stripe of lanes is not all zero; one step
/// if there is none.
fn used_steps<T: Copy + Default + PartialEq>(view: &ArrayView2<T>, stripe: usize) -> Vec<Range<usize>> {
    let mut used = Vec::new();
    for block in view.axis_chunks_iter(Axis(1), BLOCK) {
        for lanes in block.axis_chunks_iter(Axis(0), stripe) {
            let is_used = |step: &usize| lanes.column(*step).iter().any(|number| *number != T::default());
            let first = (0..block.ncols()).find(is_used).unwrap_or(0);
            let last = (first..block.ncols()).rfind(is_used).unwrap_or(first);
            used.push(first..last + 1);
        }
    }
    used
}

enum Data<F> {
    Floats(Buffer<F>),
    /// Bytes stay bytes, a quarter of the memory to read; each panel is converted when its turn comes: `byte * scale`.
    Bytes(Buffer<u8>, F),
}

impl<F: Float> Default for LanePanels<F> {
    fn default() -> Self {
        LanePanels { lanes: 0, depth: 0, data: Data::Floats(Buffer::default()), used: Vec::new(), before: Vec::new() }
    }
}

impl<F: Float> LanePanels<F> {
    /// Packs `view (lanes, depth)`.
    pub fn floats(view: &ArrayView2<F>, threads: usize) -> Self {
        let ((lanes, depth), mut panels) = (view.dim(), LanePanels::default());
        panels.pack(&Place::of(&contiguous(view)), lanes, depth, threads);
        panels.leaving_out(used_steps(view, stripe::<F>()))
    }

    /// Packs bytes that stand for the numbers `byte * scale`.
    pub fn bytes(view: &ArrayView2<u8>, scale: F, threads: usize) -> Self {
        let ((lanes, depth), mut data) = (view.dim(), Buffer::default());
        pack(&mut data, &Place::of(&contiguous(view)), lanes, depth, Widths::of::<F>(), threads);
        let panels = LanePanels { lanes, depth, data: Data::Bytes(data, scale), ..LanePanels::default() };
        panels.leaving_out(used_steps(view, stripe::<F>()))
    }

    /// With only these steps used.
    fn leaving_out(mut self, used: Vec<Range<usize>>) -> Self {
        let stripes = self.lanes.div_ceil(stripe::<F>());
        self.before = vec![0; stripes + 1];
        for i in 0..stripes {
            let steps: usize = used.iter().skip(i).step_by(stripes).map(Range::len).sum();
            self.before[i + 1] = self.before[i] + steps;
        }
        self.used = used;
        self
    }

    /// The steps of a block that the panel which begins at a lane needs.
    fn used(&self, lane: usize, steps: &Range<usize>) -> Range<usize> {
        let stripes = self.lanes.div_ceil(stripe::<F>());
        let place = steps.start / BLOCK * stripes + lane / stripe::<F>();
        self.used.get(place).cloned().unwrap_or(0..steps.len())
    }

    /// What the lanes before this one cost, in one measure for all.
    pub(super) fn before(&self, lane: usize) -> usize {
        let (index, rest) = (lane / stripe::<F>(), lane % stripe::<F>());
        match self.before.get(index..) {
            None | Some([]) => lane * self.depth,
            Some([all]) => all * stripe::<F>(),
            Some([start, end, ..]) => start * stripe::<F>() + (end - start) * rest,
        }
    }

    /// Packs an operand in the place of floats that were packed before, reusing their memory.
    pub(super) fn pack(&mut self, place: &Place<F>, lanes: usize, depth: usize, threads: usize) {
        if let Data::Floats(data) = &mut self.data {
            (self.lanes, self.depth) = (lanes, depth);
            pack(data, place, lanes, depth, Widths::of::<F>(), threads);
        }
    }

    /// Lanes and depth.
    pub(crate) fn dim(&self) -> (usize, usize) {
        (self.lanes, self.depth)
    }

    /// Some groups of lanes of one panel and block; bytes become floats in `buffer`.
    fn panel<'a>(
        &'a self,
        lane: usize,
        groups: usize,
        steps: Range<usize>,
        buffer: &'a mut Buffer<F>,
    ) -> TileLanes<'a, F> {
        let width = panel_width::<F>();
        let padded = self.lanes.next_multiple_of(group::<F>());
        let (first, offset) = (lane / width * width, lane % width);
        let pitch = width.min(padded - first);
        let used = self.used(lane, &steps);
        let start = steps.start * padded + first * steps.len();
        let range = start + used.start * pitch..start + used.end * pitch;
        let (data, followed) = match &self.data {
            Data::Floats(data) => (&data[range.clone()], used.end == steps.len() && range.end < data.len()),
            Data::Bytes(data, scale) => {
                let room = buffer.room(range.len());
                scale_bytes(&data[range], *scale, room);
                (&*room, false)
            }
        };
        TileLanes { data, pitch, first: offset, groups, followed }
    }
}

/// Numbers below which a second thread costs more than it saves.
const SERIAL: usize = 1 << 15;

/// Packs an operand `(lanes, depth)` into panels.
fn pack<T: Copy + Default + Send + Sync>(
    data: &mut Buffer<T>,
    place: &Place<T>,
    lanes: usize,
    depth: usize,
    widths: Widths,
    threads: usize,
) {
    let padded = lanes.next_multiple_of(widths.group);
    let data = data.room(padded * depth);
    // A block is contiguous; where there is only one, so is each of its panels.
    let panels_apart = depth <= BLOCK;
    let unit = if panels_apart { widths.panel * depth } else { padded * BLOCK };
    let threads = if data.len() < SERIAL { 1 } else { threads };
    parallel::split(threads, data, unit, &mut Vec::<()>::new(), &|first, mut run: &mut [T], _: &mut ()| {
        let (mut lane, mut start) = if panels_apart { (first * widths.panel, 0) } else { (0, first * BLOCK) };
        while !run.is_empty() {
            let steps = (depth - start).min(BLOCK);
            let (part, rest) = run.split_at_mut(run.len().min((padded - lane) * steps));
            let end = lanes.min(lane + part.len() / steps);
            fill_panels(place, part, widths, lane..end, start..start + steps);
            run = rest;
            (lane, start) = (0, start + BLOCK);
        }
    });
}
