//! The micro-kernel: a tile of the product held in registers.
//!
//! Safe Rust without intrinsics. A tile is some rows by one or two [groups](group) of lanes; each step of the depth
//! multiplies one number of every row with all lanes. The sums of each row are a local variable of their own, which the
//! compiler keeps in vector registers; an array of rows it keeps in memory, or tears up.

use std::cell::Cell;
use std::ops::Range;
use std::thread::LocalKey;

use super::Product;
use crate::isa::{Level, level, prefetch, versions, wide_version};
use crate::math::Float;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Numbers in a cache line.
pub(super) const fn line<F>() -> usize {
    LINE / size_of::<F>()
}

/// Numbers in a group of lanes: a register, which with AVX-512 is a whole cache line.
pub(super) fn group<F>() -> usize {
    if level() == Level::Avx512 { line::<F>() } else { line::<F>() / 2 }
}

/// Most rows and most groups of lanes of a tile: as many sums as the registers hold. The shape of tiles changes no bit.
///
/// One core of Zen 5, `f32`, GFLOP/s in cache: with AVX-512 12x32 to 6x32 286 (as fast as the units multiply), 5x32 270,
/// 4x32 250, 12x16 213 (24x16 243). One of Zen 3, AVX2: 6x16 96, in `f64` 6x8 48 (as fast as they multiply), but 3x16,
/// whose lanes alone take four registers, 21.
pub(super) fn largest() -> (usize, usize) {
    (if level() == Level::Avx512 { 12 } else { 6 }, 2)
}

/// Where a tile's rows lie, from its first step on.
#[derive(Clone, Copy)]
pub enum TileRows<'a, F> {
    /// In place: row `i` begins at `i * pitch`, its steps side by side.
    AlongDepth(&'a [F], usize),
    /// In place: step `k` begins at `k * pitch`, and there the first row at the last number; rows lie side by side.
    AlongRows(&'a [F], usize, usize),
    /// Packed tile after tile, `stride` steps each, from step `from` on: step after step, a tile's rows side by side.
    Packed { data: &'a [F], stride: usize, from: usize },
}

impl<'a, F> TileRows<'a, F> {
    /// The rows after the first `count`, which are whole tiles.
    pub fn skip(self, count: usize) -> Self {
        match self {
            TileRows::AlongDepth(data, pitch) => TileRows::AlongDepth(&data[count * pitch..], pitch),
            TileRows::AlongRows(data, pitch, first) => TileRows::AlongRows(data, pitch, first + count),
            TileRows::Packed { data, stride, from } => TileRows::Packed { data: &data[count * stride..], stride, from },
        }
    }

    /// The steps after the first `count`.
    pub fn after(self, count: usize) -> Self {
        match self {
            TileRows::AlongDepth(data, pitch) => TileRows::AlongDepth(&data[count..], pitch),
            TileRows::AlongRows(data, pitch, first) => TileRows::AlongRows(&data[count * pitch..], pitch, first),
            TileRows::Packed { data, stride, from } => TileRows::Packed { data, stride, from: from + count },
        }
    }
}

/// How rows are cut into tiles: some of `height + 1` rows, then some of `height`.
#[derive(Clone, Copy)]
pub struct Tiles {
    height: usize,
    taller: usize,
    others: usize,
}

impl Tiles {
    /// As few tiles as can be, as equal as can be: rows that are left over would make a low tile, and low tiles are slow.
    pub fn of(rows: usize) -> Tiles {
        let count = rows.div_ceil(largest().0).max(1);
        let taller = rows % count;
        Tiles { height: rows / count, taller, others: if rows < count { 0 } else { count - taller } }
    }

    /// The rows of so many tiles at a time, of rows from 0 on.
    pub fn groups(self, at_once: usize) -> impl Iterator<Item = Range<usize>> {
        (0..self.count()).step_by(at_once).map(move |i| self.start(i)..self.start(self.count().min(i + at_once)))
    }

    /// The first row of a tile.
    fn start(&self, i: usize) -> usize {
        i * self.height + i.min(self.taller)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.taller + self.others
    }

    /// All but the last tile, how many rows these have, and the last.
    pub fn split_last(self) -> (Tiles, usize, Tiles) {
        let most = Tiles { others: self.others.saturating_sub(1), ..self };
        (most, most.start(most.count()), Tiles { taller: 0, others: 1, ..self })
    }

    /// Those of one height after those of the other: height and number, and the tiles and rows before them.
    pub fn heights(self) -> impl Iterator<Item = (usize, usize, usize, usize)> {
        let taller = self.height + 1;
        let both = [(taller, self.taller, 0, 0), (self.height, self.others, self.taller, taller * self.taller)];
        both.into_iter().filter(|(_, count, ..)| *count > 0)
    }
}

/// The operand across lanes, from a tile's first step on: step `k` begins at `k * pitch`, and there the tile's lanes at
/// `first`.
#[derive(Clone, Copy)]
pub struct TileLanes<'a, F> {
    pub data: &'a [F],
    pub pitch: usize,
    pub first: usize,
    /// [Groups](group).
    pub groups: usize,
    /// Whether more that will be read lies behind: the next panel, or other steps of a large operand in place.
    pub followed: bool,
}

/// Rows of a tile, its groups of lanes, and the lanes of a group.
#[derive(Clone, Copy)]
struct Shape<const R: usize, const G: usize, const W: usize>;

/// Whether a kernel asks for the rows of the next tile, a little at each step. Rows of 100 to 256 numbers, one after the
/// other in memory, are too short for the processor to run ahead in by itself: 209 of them 12,288 times 68 GFLOP/s instead
/// of 40 (one core of Zen 3, `f32`). Where rows lie farther apart it is in the way; with AVX-512 nobody has measured it.
struct Ask<const ROWS: bool>;

/// Rows of so many numbers do not wait in the first cache.
const FAR: usize = 1 << 15;

/// A type that the kernels are compiled for: once, here, and not in every crate that multiplies.
pub trait Tile: Sized {
    /// Adds the product of all rows of some `tiles` and all lanes over `steps` steps to rows of `out` that are `pitch`
    /// apart; with `first` it is written there, row after row, groups of lanes as a whole.
    fn multiply_tiles(
        tiles: Tiles,
        first: bool,
        rows: &TileRows<Self>,
        lanes: &TileLanes<Self>,
        steps: usize,
        out: &mut [Self],
        pitch: usize,
    );

    /// The memory of multiplications that the calling thread keeps.
    fn kept() -> &'static LocalKey<Cell<Product<Self>>>
    where
        Self: Float;
}

macro_rules! tile {
    ($($float:ident)*) => {$(
        impl Tile for $float {
            fn kept() -> &'static LocalKey<Cell<Product<Self>>> {
                thread_local! {
                    static KEPT: Cell<Product<$float>> = Cell::default();
                }
                &KEPT
            }

            fn multiply_tiles(
                tiles: Tiles,
                first: bool,
                rows: &TileRows<Self>,
                lanes: &TileLanes<Self>,
                steps: usize,
                out: &mut [Self],
                pitch: usize,
            ) {
                const WIDE: usize = line::<$float>();
                const NARROW: usize = WIDE / 2;
                for (height, count, tile, row) in tiles.heights() {
                    let (rows, out, place) = (&rows.skip(row), &mut out[row * pitch..], (tile, tiles.count()));
                    multiply_alike::<_, WIDE, NARROW>(height, count, place, first, rows, lanes, steps, out, pitch);
                }
            }
        }
    )*};
}
tile!(f32 f64);

/// [`Tile::multiply_tiles`] for `count` tiles of one height; `place` is the index of the first among all, and their number.
fn multiply_alike<F: Float, const WIDE: usize, const NARROW: usize>(
    height: usize,
    count: usize,
    place: (usize, usize),
    first: bool,
    rows: &TileRows<F>,
    lanes: &TileLanes<F>,
    steps: usize,
    out: &mut [F],
    pitch: usize,
) {
    let contiguous = lanes.pitch == lanes.groups * group::<F>();
    macro_rules! of_shape {
        ($along_depth:ident $ask:literal, $along_rows:ident, $packed:ident, $width:ident x $groups:literal: $($height:literal)*) => {
            match (height, *rows) {
                $(
                    ($height, TileRows::AlongDepth(rows, row_pitch)) if rows.len() > FAR && row_pitch < 2 * steps => {
                        let shape = Shape::<$height, $groups, $width>;
                        $along_depth(shape, Ask::<$ask>, count, rows, row_pitch, lanes, steps, out, pitch)
                    }
                    ($height, TileRows::AlongDepth(rows, row_pitch)) => {
                        let shape = Shape::<$height, $groups, $width>;
                        $along_depth(shape, Ask::<false>, count, rows, row_pitch, lanes, steps, out, pitch)
                    }
                    ($height, TileRows::AlongRows(rows, row_pitch, row)) =>
                        $along_rows(Shape::<$height, $groups, $width>, count, rows, row_pitch, row, lanes, steps, out, pitch),
                    ($height, TileRows::Packed { data, stride, from }) if contiguous => {
                        let (shape, rows) = (Shape::<$height, $groups, $width>, &data[from * $height..]);
                        $packed(shape, count, rows, stride, lanes, place, steps, out, pitch)
                    }
                    ($height, TileRows::Packed { data, stride, from }) => {
                        let tiles = data[from * $height..].chunks($height * stride).take(count);
                        for (tile, rows) in tiles.enumerate() {
                            let (shape, out) = (Shape::<$height, $groups, $width>, &mut out[tile * $height * pitch..]);
                            $along_rows(shape, 1, rows, $height, 0, lanes, steps, out, pitch);
                        }
                    }
                )*
                _ => debug_assert!(false, "no tile of {height} rows"),
            }
        };
    }
    match (level(), lanes.groups, first) {
        (Level::Avx512, 1, true) => {
            of_shape!(wide_along_depth_first false, wide_along_rows_first, wide_packed_first, WIDE x 1: 1 2 3 4 5 6 7 8 9 10 11 12)
        }
        (Level::Avx512, 1, false) => {
            of_shape!(wide_along_depth false, wide_along_rows, wide_packed, WIDE x 1: 1 2 3 4 5 6 7 8 9 10 11 12)
        }
        (Level::Avx512, _, true) => {
            of_shape!(wide_along_depth_first false, wide_along_rows_first, wide_packed_first, WIDE x 2: 1 2 3 4 5 6 7 8 9 10 11 12)
        }
        (Level::Avx512, _, false) => {
            of_shape!(wide_along_depth false, wide_along_rows, wide_packed, WIDE x 2: 1 2 3 4 5 6 7 8 9 10 11 12)
        }
        (_, 1, true) => {
            of_shape!(along_depth_first true, along_rows_first, packed_first, NARROW x 1: 1 2 3 4 5 6)
        }
        (_, 1, false) => of_shape!(along_depth false, along_rows, packed, NARROW x 1: 1 2 3 4 5 6),
        (_, _, true) => of_shape!(along_depth_first true, along_rows_first, packed_first, NARROW x 2: 1 2 3 4 5 6),
        (_, _, false) => of_shape!(along_depth false, along_rows, packed, NARROW x 2: 1 2 3 4 5 6),
    }
}

/// The kernel for operands that lie as they are used: nothing is left in its loop but loads and multiply-adds. Two steps
/// at a time leave half the counting: 201 GFLOP/s in cache instead of 177 (one core of Sapphire Rapids, AVX-512, `f32`).
/// A step's lanes are copied once, not row by row, or the compiler makes shuffles of them: 24 GFLOP/s instead of 96 (one
/// core of Zen 3, AVX2).
macro_rules! packed_kernel {
    ($versions:ident: $packed:ident, $store:ident, $($sum:ident $i:literal)*) => {
        $versions! {
            fn $packed[F: Float, const R: usize, const G: usize, const W: usize](
                _shape: Shape<R, G, W>, count: usize, rows: &[F], stride: usize, lanes: &TileLanes<F>,
                place: (usize, usize), steps: usize, out: &mut [F], pitch: usize,
            ) {
                // Each tile asks for its share of the next panel: `share` numbers a step.
                let ((first, tiles), all) = (place, lanes.data);
                let (behind, share) =
                    if lanes.followed { (G * W * steps, (G * W).div_ceil(tiles)) } else { (0, 0) };
                let lanes = &all.as_chunks::<W>().0.as_chunks::<G>().0[..steps];
                for (tile, rows) in rows.as_chunks::<R>().0.chunks(stride).take(count).enumerate() {
                    $(let mut $sum = [[F::ZERO; W]; G];)*
                    let rows = &rows[..steps];
                    let mut next = behind + (first + tile) * share * steps;
                    let ((pairs, odd), (lane_pairs, odd_lane)) = (rows.as_chunks::<2>(), lanes.as_chunks::<2>());
                    for (pair, lane_pair) in pairs.iter().zip(lane_pairs) {
                        for (row, lane) in pair.iter().zip(lane_pair) {
                            let lane = *lane;
                            prefetch(all, next);
                            next += share;
                            $(if R > $i { add(&mut $sum, row[$i % R], lane); })*
                        }
                    }
                    for (row, lane) in odd.iter().zip(odd_lane) {
                        let lane = *lane;
                        $(if R > $i { add(&mut $sum, row[$i % R], lane); })*
                    }
                    $(if R > $i { $store(&mut out[(tile * R + $i) * pitch..], &$sum); })*
                }
            }
        }
    };
}

macro_rules! kernels {
    ($versions:ident: $along_depth:ident, $along_rows:ident, $packed:ident, $store:ident, $($sum:ident $i:literal)*) => {
        $versions! {
            fn $along_depth[F: Float, const R: usize, const G: usize, const W: usize, const ASK: bool](
                _shape: Shape<R, G, W>, _ask: Ask<ASK>, count: usize, rows: &[F], row_pitch: usize, lanes: &TileLanes<F>,
                steps: usize, out: &mut [F], pitch: usize,
            ) {
                // As in the next kernel, asked once: 78 GFLOP/s instead of 69 (one core of Zen 3, AVX2, `f32`, 209 steps).
                if lanes.first + G * W > lanes.pitch { return }
                for tile in 0..count {
                    $(let mut $sum = [[F::ZERO; W]; G];)*
                    let mut next = (tile + 1) * R * row_pitch;
                    let (all, rows): (_, [&[F]; R]) =
                        (rows, std::array::from_fn(|i| &rows[(tile * R + i) * row_pitch..][..steps]));
                    for (k, lane) in lanes.data.chunks_exact(lanes.pitch).take(steps).enumerate() {
                        if ASK {
                            prefetch(all, next);
                            next += R;
                        }
                        let Some(lane) = groups::<F, G, W>(&lane[lanes.first..]) else { return };
                        $(if R > $i { add(&mut $sum, rows[$i % R][k], lane); })*
                    }
                    $(if R > $i { $store(&mut out[(tile * R + $i) * pitch..], &$sum); })*
                }
            }

            fn $along_rows[F: Float, const R: usize, const G: usize, const W: usize](
                _shape: Shape<R, G, W>, count: usize, rows: &[F], row_pitch: usize, row: usize, lanes: &TileLanes<F>,
                steps: usize, out: &mut [F], pitch: usize,
            ) {
                // Asked once and not at every step, of which each is a whole chunk: 97 GFLOP/s instead of 84 (one core of Zen 3,
                // AVX2, `f32`, 200 steps).
                if row + count * R > row_pitch || lanes.first + G * W > lanes.pitch { return }
                let ahead = lanes.first + if lanes.followed { AHEAD * lanes.pitch } else { 0 };
                for tile in 0..count {
                    $(let mut $sum = [[F::ZERO; W]; G];)*
                    let row = row + tile * R;
                    let steps = rows.chunks_exact(row_pitch).zip(lanes.data.chunks_exact(lanes.pitch)).take(steps);
                    for (rows, lane) in steps {
                        prefetch_groups::<F, G, W>(lane, ahead);
                        let Some(row) = rows[row..].first_chunk::<R>() else { return };
                        let Some(lane) = groups::<F, G, W>(&lane[lanes.first..]) else { return };
                        $(if R > $i { add(&mut $sum, row[$i % R], lane); })*
                    }
                    $(if R > $i { $store(&mut out[(tile * R + $i) * pitch..], &$sum); })*
                }
            }
        }
        packed_kernel!($versions: $packed, $store, $($sum $i)*);
    };
}
kernels!(versions: along_depth, along_rows, packed, add_to, a 0 b 1 c 2 d 3 e 4 f 5);
kernels!(versions: along_depth_first, along_rows_first, packed_first, write_to, a 0 b 1 c 2 d 3 e 4 f 5);
kernels!(wide_version: wide_along_depth, wide_along_rows, wide_packed, add_to,
    a 0 b 1 c 2 d 3 e 4 f 5 g 6 h 7 i 8 j 9 k 10 l 11);
kernels!(wide_version: wide_along_depth_first, wide_along_rows_first, wide_packed_first, write_to,
    a 0 b 1 c 2 d 3 e 4 f 5 g 6 h 7 i 8 j 9 k 10 l 11);

/// Steps between asking for lanes and using them: as long as the third cache takes.
const AHEAD: usize = 32;

/// Asks for the lanes `ahead` numbers after `lane`. Sixteen or thirty-two numbers a step are too slow a stream for the
/// processor to run far ahead of by itself.
#[inline(always)]
fn prefetch_groups<F: Float, const G: usize, const W: usize>(lane: &[F], ahead: usize) {
    for g in 0..G {
        prefetch(lane, ahead + g * W);
    }
}

/// The lanes of one step.
#[inline(always)]
fn groups<F: Copy, const G: usize, const W: usize>(lane: &[F]) -> Option<[[F; W]; G]> {
    lane.as_chunks().0.first_chunk().copied()
}

/// One step of the depth for one row.
#[inline(always)]
fn add<F: Float, const G: usize, const W: usize>(sum: &mut [[F; W]; G], number: F, lane: [[F; W]; G]) {
    for g in 0..G {
        for j in 0..W {
            sum[g][j] = number.mul_add(lane[g][j], sum[g][j]);
        }
    }
}

/// Adding is all that a kernel does at its end, or writing all: where it could do either, the compiler tears the sums up.
#[inline(always)]
fn add_to<F: Float, const G: usize, const W: usize>(out: &mut [F], sum: &[[F; W]; G]) {
    let out = out.as_chunks_mut::<W>().0;
    for g in 0..G {
        for j in 0..W {
            out[g][j] += sum[g][j];
        }
    }
}

#[inline(always)]
fn write_to<F: Float, const G: usize, const W: usize>(out: &mut [F], sum: &[[F; W]; G]) {
    let out = out.as_chunks_mut::<W>().0;
    if let Some(out) = out.first_chunk_mut() {
        *out = *sum;
    }
}
