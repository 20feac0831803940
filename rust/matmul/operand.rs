//! What a product multiplies: one operand lies across vector lanes, the other's numbers are taken one by one.
//!
//! Both are seen as `(width, depth)`: the sum runs over the depth. Rows are read where they lie. Lanes are read a panel at
//! a time, some lanes by one block of the depth: copied into a buffer that stays in the first cache while all rows use it,
//! or packed so beforehand, once for data that every step reads.

use std::ops::Range;

use ndarray::{ArrayView2, CowArray, Ix2};

use super::tile::{LANES, TileLanes, TileRows, largest};
use super::{BLOCK, ROWS};
use crate::isa::versions;
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

    /// Some rows and steps, to be multiplied with so many lanes; copied side by side if there are many.
    pub fn block<'b>(
        &self,
        rows: Range<usize>,
        steps: Range<usize>,
        lanes: usize,
        block: &'b mut Vec<T>,
    ) -> TileRows<'b, T>
    where
        'a: 'b,
        T: Default,
    {
        let (data, pitch, [outer, inner]) = match *self {
            Place::AlongWidth(data, pitch) => (data, pitch, [steps, rows]),
            Place::AlongDepth(data, pitch) => (data, pitch, [rows, steps]),
        };
        let data = &data[outer.start * pitch + inner.start..];
        let (data, pitch) = if lanes < MANY_LANES || !pitch.is_multiple_of(BLOCK) {
            (data, pitch)
        } else {
            block.resize(outer.len() * BLOCK_PITCH, T::default());
            for (from, to) in data.chunks(pitch).zip(block.chunks_exact_mut(BLOCK_PITCH)) {
                to[..inner.len()].copy_from_slice(&from[..inner.len()]);
            }
            (&block[..], BLOCK_PITCH)
        };
        match self {
            Place::AlongWidth(..) => TileRows::AlongRows(data, pitch),
            Place::AlongDepth(..) => TileRows::AlongDepth(data, pitch),
        }
    }
}

/// Steps of lanes that lie farther apart than this fall on the same places of the caches: copied if several tiles read
/// them.
const MOST_PITCH: usize = 1024;

/// So many tiles read lanes where they lie in any case.
const FEW_TILES: usize = 2;

/// Lanes from which on a block of rows is copied that lie a multiple of 1 KiB apart.
const MANY_LANES: usize = 1024;

/// Numbers from row to row of a copied block: no power of two, so that rows fall on different places of the caches.
const BLOCK_PITCH: usize = (if BLOCK > ROWS { BLOCK } else { ROWS }) + LANES;

/// The operand across lanes.
#[derive(Clone, Copy)]
pub(super) enum Lanes<'a, F> {
    /// Copied a panel at a time.
    In(Place<'a, F>),
    /// Packed beforehand.
    Packed(&'a LanePanels<F>),
}

/// Lanes of a full panel.
pub(super) fn panel_width<F: Float>() -> usize {
    largest::<F>().1 * LANES
}

impl<'a, F: Float> Lanes<'a, F> {
    /// The lanes of one panel in one block of the depth, for so many tiles of rows.
    pub fn panel<'b>(
        &self,
        lanes: Range<usize>,
        steps: Range<usize>,
        tiles: usize,
        buffer: &'b mut Vec<F>,
    ) -> TileLanes<'b, F>
    where
        'a: 'b,
    {
        let groups = lanes.len().div_ceil(LANES);
        match self {
            Lanes::Packed(panels) => panels.panel(lanes.start, groups, steps, buffer),
            Lanes::In(Place::AlongWidth(data, pitch))
                if lanes.len() == groups * LANES && (tiles <= FEW_TILES || *pitch <= MOST_PITCH) =>
            {
                TileLanes { data: &data[steps.start * pitch + lanes.start..], pitch: *pitch, groups }
            }
            Lanes::In(place) => {
                let pitch = groups * LANES;
                buffer.resize(steps.len() * pitch, F::ZERO);
                fill(place, buffer, pitch, lanes, steps.start);
                TileLanes { data: buffer, pitch, groups }
            }
        }
    }
}

/// Copies the lanes of one panel, from step `start` on, into `(steps, pitch)`; what pads it becomes zero.
fn fill<T: Copy + Default>(place: &Place<T>, panel: &mut [T], pitch: usize, lanes: Range<usize>, start: usize) {
    if lanes.len() < pitch {
        panel.fill(T::default());
    }
    match place {
        Place::AlongWidth(data, width) => {
            let from = &data[start * width + lanes.start..];
            copy_steps(from, *width, panel, pitch, lanes.len());
        }
        Place::AlongDepth(data, depth) => {
            let steps = panel.len() / pitch;
            for (offset, lane) in lanes.clone().step_by(TOGETHER).enumerate() {
                let rows = std::array::from_fn(|i| &data[(lane + i).min(lanes.end - 1) * depth + start..][..steps]);
                turn_rows(rows, &mut panel[offset * TOGETHER..], pitch, TOGETHER.min(lanes.end - lane));
            }
        }
    }
}

/// Rows that are turned into lanes at a time.
const TOGETHER: usize = 8;

versions! {
    /// `panel[k * pitch + i] = from[k * from_pitch + i]` for the first `real` lanes.
    fn copy_steps[T: Copy](from: &[T], from_pitch: usize, panel: &mut [T], pitch: usize, real: usize) {
        let steps = from.chunks(from_pitch).zip(panel.chunks_exact_mut(pitch));
        if real == pitch && pitch == 2 * LANES {
            for (from, step) in steps {
                if let (Some(from), Some(step)) = (from.first_chunk::<{ 2 * LANES }>(), step.first_chunk_mut()) { *step = *from; }
            }
        } else if real == pitch && pitch == LANES {
            for (from, step) in steps {
                if let (Some(from), Some(step)) = (from.first_chunk::<LANES>(), step.first_chunk_mut()) { *step = *from; }
            }
        } else {
            for (from, step) in steps { step[..real].copy_from_slice(&from[..real]); }
        }
    }

    /// `panel[k * pitch + i] = rows[i][k]` for the first `real` rows.
    fn turn_rows[T: Copy](rows: [&[T]; TOGETHER], panel: &mut [T], pitch: usize, real: usize) {
        let rows = rows.map(|row| &row[..rows[0].len()]);
        for (k, step) in panel.chunks_mut(pitch).enumerate() {
            if k >= rows[0].len() { return; }
            let numbers: [T; TOGETHER] = std::array::from_fn(|i| rows[i][k]);
            match step.first_chunk_mut() {
                Some(step) if real == TOGETHER => *step = numbers,
                _ => step[..real].copy_from_slice(&numbers[..real]),
            }
        }
    }
}

/// An operand across lanes, packed: the depth in blocks of [`BLOCK`], in a block its panels one after the other, each
/// `(steps, lanes)`. A training set is packed once and used for every step.
pub struct LanePanels<F> {
    lanes: usize,
    depth: usize,
    data: Data<F>,
}

enum Data<F> {
    Floats(Vec<F>),
    /// Bytes stay bytes, a quarter of the memory to read; each panel is converted when its turn comes: `byte * scale`.
    Bytes(Vec<u8>, F),
}

impl<F: Float> Default for LanePanels<F> {
    fn default() -> Self {
        LanePanels { lanes: 0, depth: 0, data: Data::Floats(Vec::new()) }
    }
}

impl<F: Float> LanePanels<F> {
    /// Packs `view (lanes, depth)`.
    pub fn floats(view: &ArrayView2<F>, threads: usize) -> Self {
        let ((lanes, depth), mut panels) = (view.dim(), LanePanels::default());
        panels.pack(&Place::of(&contiguous(view)), lanes, depth, threads);
        panels
    }

    /// Packs bytes that stand for the numbers `byte * scale`.
    pub fn bytes(view: &ArrayView2<u8>, scale: F, threads: usize) -> Self {
        let ((lanes, depth), mut data) = (view.dim(), Vec::new());
        pack(&mut data, &Place::of(&contiguous(view)), lanes, depth, panel_width::<F>(), threads);
        LanePanels { lanes, depth, data: Data::Bytes(data, scale) }
    }

    /// Packs an operand in the place of floats that were packed before, reusing their memory.
    pub(super) fn pack(&mut self, place: &Place<F>, lanes: usize, depth: usize, threads: usize) {
        if let Data::Floats(data) = &mut self.data {
            (self.lanes, self.depth) = (lanes, depth);
            pack(data, place, lanes, depth, panel_width::<F>(), threads);
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
        buffer: &'a mut Vec<F>,
    ) -> TileLanes<'a, F> {
        let width = panel_width::<F>();
        let padded = self.lanes.next_multiple_of(LANES);
        let (first, offset) = (lane / width * width, lane % width);
        let pitch = width.min(padded - first);
        let start = steps.start * padded + first * steps.len();
        let range = start..start + steps.len() * pitch;
        let data = match &self.data {
            Data::Floats(data) => &data[range],
            Data::Bytes(data, scale) => {
                buffer.resize(range.len(), F::ZERO);
                scale_bytes(&data[range], *scale, buffer);
                buffer
            }
        };
        TileLanes { data: &data[offset..], pitch, groups }
    }
}

/// Numbers below which a second thread costs more than it saves.
const SERIAL: usize = 1 << 15;

/// Packs an operand `(lanes, depth)` into panels of `width` lanes, the last with as many groups as it needs.
fn pack<T: Copy + Default + Send + Sync>(
    data: &mut Vec<T>,
    place: &Place<T>,
    lanes: usize,
    depth: usize,
    width: usize,
    threads: usize,
) {
    let padded = lanes.next_multiple_of(LANES);
    data.resize(padded * depth, T::default());
    // A block is contiguous; where there is only one, so is each of its panels.
    let panels_apart = depth <= BLOCK;
    let unit = if panels_apart { width * depth } else { padded * BLOCK };
    let threads = if data.len() < SERIAL { 1 } else { threads };
    parallel::split(threads, data, unit, &mut Vec::<()>::new(), &|first, mut run: &mut [T], _: &mut ()| {
        let (mut lane, mut start) = if panels_apart { (first * width, 0) } else { (0, first * BLOCK) };
        while !run.is_empty() {
            let (steps, pitch) = ((depth - start).min(BLOCK), width.min(padded - lane));
            let (panel, rest) = run.split_at_mut(steps * pitch);
            fill(place, panel, pitch, lane..lanes.min(lane + width), start);
            run = rest;
            lane += width;
            if lane >= padded {
                (lane, start) = (0, start + BLOCK);
            }
        }
    });
}
