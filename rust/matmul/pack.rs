//! Operands copied into panels, so that the micro-kernel reads memory in the order in which it multiplies.
//!
//! Both sides are seen as `(width, depth)`: the sum runs over the depth. The depth is cut into blocks of [`BLOCK`];
//! within a block lie the panels, and within a panel, for each step of the depth, the numbers side by side.

use ndarray::ArrayView2;

use super::BLOCK;
use super::tile::Tiling;
use crate::math::Float;
use crate::parallel;

/// Where the elements `(i, k)` of an operand lie.
enum Source<'a, T> {
    /// Side by side along the width: `slice[k * width + i]`.
    Width(&'a [T], usize),
    /// Side by side along the depth: `slice[i * depth + k]`.
    Depth(&'a [T], usize),
    /// Anywhere.
    Strided(ArrayView2<'a, T>),
}

impl<'a, T: Copy + Default> Source<'a, T> {
    fn of(view: &'a ArrayView2<'_, T>) -> Source<'a, T> {
        if let Some(slice) = view.as_slice() {
            Source::Depth(slice, view.ncols())
        } else if let Some(slice) = view.as_slice_memory_order() {
            // Contiguous, but not row after row; a negative stride is no `Width` either.
            if view.strides()[0] == 1 && view.strides()[1] == view.nrows() as isize {
                Source::Width(slice, view.nrows())
            } else {
                Source::Strided(view.view())
            }
        } else {
            Source::Strided(view.view())
        }
    }

    /// Fills one panel `(depth, pitch)` from the columns `start..` of the depth and `real` rows from `first` on; what
    /// pads it to `pitch` becomes zero.
    fn fill(&self, panel: &mut [T], pitch: usize, first: usize, real: usize, start: usize) {
        if real < pitch {
            panel.fill(T::default());
        }
        match self {
            Source::Width(slice, width) => {
                for (k, step) in panel.chunks_exact_mut(pitch).enumerate() {
                    step[..real].copy_from_slice(&slice[(start + k) * width + first..][..real]);
                }
            }
            Source::Depth(slice, depth) => {
                let steps = panel.len() / pitch;
                for i in 0..real {
                    let row = &slice[(first + i) * depth + start..][..steps];
                    for (step, value) in panel.chunks_exact_mut(pitch).zip(row) {
                        step[i] = *value;
                    }
                }
            }
            Source::Strided(view) => {
                for (k, step) in panel.chunks_exact_mut(pitch).enumerate() {
                    for i in 0..real {
                        step[i] = view[(first + i, start + k)];
                    }
                }
            }
        }
    }
}

/// Packs `view (width, depth)` into `data`: panel `p` holds the rows from `p * pitch` on, `pitch` of them, the last
/// panel `last`.
fn pack<T: Copy + Default + Send + Sync>(
    data: &mut Vec<T>,
    view: &ArrayView2<T>,
    pitch: usize,
    last: usize,
    threads: usize,
) {
    let (width, depth) = view.dim();
    let full = width / pitch;
    let padded = full * pitch + last;
    data.resize(padded * depth, T::default());
    let source = Source::of(view);
    // A block is contiguous; where there is only one, so is each of its panels.
    let panels_apart = depth <= BLOCK;
    let unit = if panels_apart { pitch * depth } else { padded * BLOCK };
    let threads = if data.len() < 1 << 15 { 1 } else { threads };
    parallel::split(threads, data, unit, &mut Vec::<()>::new(), &|first, mut run: &mut [T], _: &mut ()| {
        let (mut panel, mut block) = if panels_apart { (first, 0) } else { (0, first) };
        while !run.is_empty() {
            let steps = (depth - block * BLOCK).min(BLOCK);
            let pitch_here = if panel < full { pitch } else { last };
            let (here, rest) = run.split_at_mut(steps * pitch_here);
            source.fill(here, pitch_here, panel * pitch, pitch.min(width - panel * pitch), block * BLOCK);
            run = rest;
            panel += 1;
            if panel * pitch >= padded {
                (panel, block) = (0, block + 1);
            }
        }
    });
}

/// The operand whose numbers are broadcast, in panels of a tile's height.
#[derive(Default)]
pub(super) struct RowPanels<F> {
    pub rows: usize,
    pub depth: usize,
    pub tiling: Tiling,
    data: Vec<F>,
}

impl<F: Float> RowPanels<F> {
    /// Packs `view (rows, depth)`, reusing the memory.
    pub fn pack(&mut self, view: &ArrayView2<F>, threads: usize) {
        (self.rows, self.depth) = view.dim();
        self.tiling = Tiling::of(self.rows);
        pack(&mut self.data, view, self.tiling.height, self.tiling.last, threads);
    }

    /// The panels from tile `first` to tile `end` of the block that starts at `start`, each (steps, height); they must
    /// be of one height.
    pub fn panels(&self, start: usize, first: usize, end: usize) -> &[F] {
        let steps = (self.depth - start).min(BLOCK);
        let offset = |tile: usize| start * self.rows + steps * (tile * self.tiling.height).min(self.rows);
        &self.data[offset(first)..offset(end)]
    }
}

/// The operand that lies across vector lanes, in panels of 64 bytes of floats. A training set is packed once and used
/// for every step.
pub struct LanePanels<F> {
    pub(super) lanes: usize,
    pub(super) depth: usize,
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
    /// Packs `view (lanes, depth)`, reusing the memory.
    pub fn pack(&mut self, view: &ArrayView2<F>, threads: usize) {
        (self.lanes, self.depth) = view.dim();
        if let Data::Bytes(..) = self.data {
            self.data = Data::Floats(Vec::new());
        }
        if let Data::Floats(data) = &mut self.data {
            pack(data, view, F::LANES, padding(self.lanes, F::LANES), threads);
        }
    }

    /// Packs bytes that stand for the numbers `byte * scale`.
    pub fn from_bytes(view: &ArrayView2<u8>, scale: F, threads: usize) -> Self {
        let (lanes, depth) = view.dim();
        let mut data = Vec::new();
        pack(&mut data, view, F::LANES, padding(lanes, F::LANES), threads);
        LanePanels { lanes, depth, data: Data::Bytes(data, scale) }
    }

    /// Lanes and depth.
    pub(crate) fn dim(&self) -> (usize, usize) {
        (self.lanes, self.depth)
    }

    /// Number of panels.
    pub(super) fn panels(&self) -> usize {
        self.lanes.div_ceil(F::LANES)
    }

    /// Panel `index` of the block that starts at `start`, (steps, LANES); bytes become floats in `buffer`.
    pub(super) fn panel<'a>(&'a self, start: usize, index: usize, buffer: &'a mut Vec<F>) -> &'a [F] {
        let steps = (self.depth - start).min(BLOCK);
        let offset = (start * self.panels() + index * steps) * F::LANES;
        let range = offset..offset + steps * F::LANES;
        match &self.data {
            Data::Floats(data) => &data[range],
            Data::Bytes(data, scale) => {
                buffer.resize(range.len(), F::ZERO);
                crate::math::scale_bytes(&data[range], *scale, buffer);
                buffer
            }
        }
    }
}

/// Height of the last, padded panel; 0 if every panel is full.
fn padding(width: usize, pitch: usize) -> usize {
    if width.is_multiple_of(pitch) { 0 } else { pitch }
}
