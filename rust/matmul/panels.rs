//! An operand that is packed once and multiplied often: a training set, or the triangular factor that stands for it.

use std::ops::Range;

use ndarray::{ArrayView2, Axis};

use super::BLOCK;
use super::operand::{Place, Widths, contiguous, fill_panels, panel_width};
use super::tile::{TileLanes, group, line};
use crate::buffer::Buffer;
use crate::math::{Float, scale_bytes};
use crate::parallel;

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
    pub(super) fn used(&self, lane: usize, steps: &Range<usize>) -> Range<usize> {
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
    pub(super) fn panel<'a>(
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
