//! The micro-kernel: a tile of the product held in registers.
//!
//! Safe Rust without intrinsics. A tile is some rows by one or two groups of [`LANES`] numbers; each step of the depth
//! multiplies one number of every row with all lanes. The sums of each row are a local variable of their own, which the
//! compiler keeps in vector registers; an array of rows it keeps in memory, or tears up.

use crate::isa::{Level, level, versions, wide_version};
use crate::math::Float;

/// Numbers in a group of lanes: one register of AVX-512 in `f32`, two in `f64`.
pub(super) const LANES: usize = 16;

/// Most rows and most groups of lanes of a tile: as many sums as the registers hold. The shape of tiles changes no bit.
///
/// One core of Zen 5, `f32`, GFLOP/s in cache: with AVX-512 12x32 to 6x32 286 (as fast as the units multiply), 5x32 270,
/// 4x32 250, 12x16 213 (24x16 243).
pub(super) fn largest<F: Float>() -> (usize, usize) {
    match (level(), size_of::<F>()) {
        (Level::Avx512, 4) => (12, 2),
        (Level::Avx512, _) => (12, 1),
        (_, 4) => (6, 1),
        _ => (3, 1),
    }
}

/// Where a tile's rows lie, from its first row and step on. They are read in place.
#[derive(Clone, Copy)]
pub(super) enum TileRows<'a, F> {
    /// Row `i` begins at `i * pitch`, its steps side by side.
    AlongDepth(&'a [F], usize),
    /// Step `k` begins at `k * pitch`, its rows side by side.
    AlongRows(&'a [F], usize),
}

impl<'a, F> TileRows<'a, F> {
    /// The rows after the first `count`.
    fn skip(self, count: usize) -> Self {
        match self {
            TileRows::AlongDepth(data, pitch) => TileRows::AlongDepth(&data[count * pitch..], pitch),
            TileRows::AlongRows(data, pitch) => TileRows::AlongRows(&data[count..], pitch),
        }
    }
}

/// How rows are cut into tiles: some of `height + 1` rows, then some of `height`.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    height: usize,
    taller: usize,
    others: usize,
}

impl Tiles {
    /// As few tiles as can be, as equal as can be: rows that are left over would make a low tile, and low tiles are slow.
    pub fn of<F: Float>(rows: usize) -> Tiles {
        let count = rows.div_ceil(largest::<F>().0).max(1);
        let taller = rows % count;
        Tiles { height: rows / count, taller, others: if rows < count { 0 } else { count - taller } }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.taller + self.others
    }
}

/// The operand across lanes, from a tile's first lane and step on: step `k` begins at `k * pitch`.
#[derive(Clone, Copy)]
pub(super) struct TileLanes<'a, F> {
    pub data: &'a [F],
    pub pitch: usize,
    /// Groups of [`LANES`].
    pub groups: usize,
}

/// Rows and groups of lanes of a tile.
#[derive(Clone, Copy)]
struct Shape<const R: usize, const G: usize>;

/// Adds the product of all rows of some `tiles` and all lanes over `steps` steps to rows of `out` that are `pitch` apart.
pub(super) fn multiply_tiles<F: Float>(
    tiles: Tiles,
    rows: TileRows<F>,
    lanes: TileLanes<F>,
    steps: usize,
    out: &mut [F],
    pitch: usize,
) {
    let taller = tiles.taller * (tiles.height + 1);
    multiply_alike(tiles.height + 1, tiles.taller, rows, lanes, steps, out, pitch);
    if tiles.others > 0 {
        multiply_alike(tiles.height, tiles.others, rows.skip(taller), lanes, steps, &mut out[taller * pitch..], pitch);
    }
}

/// [`multiply_tiles`] for `count` tiles of one height.
fn multiply_alike<F: Float>(
    height: usize,
    count: usize,
    rows: TileRows<F>,
    lanes: TileLanes<F>,
    steps: usize,
    out: &mut [F],
    pitch: usize,
) {
    macro_rules! of_shape {
        ($along_depth:ident, $along_rows:ident, $groups:literal: $($height:literal)*) => {
            match (height, rows) {
                $(
                    ($height, TileRows::AlongDepth(rows, row_pitch)) =>
                        $along_depth(Shape::<$height, $groups>, count, rows, row_pitch, lanes, steps, out, pitch),
                    ($height, TileRows::AlongRows(rows, row_pitch)) =>
                        $along_rows(Shape::<$height, $groups>, count, rows, row_pitch, lanes, steps, out, pitch),
                )*
                _ => debug_assert!(false, "no tile of {height} rows"),
            }
        };
    }
    if count == 0 {
        return;
    }
    match (level(), lanes.groups) {
        (Level::Avx512, 1) => of_shape!(wide_along_depth, wide_along_rows, 1: 1 2 3 4 5 6 7 8 9 10 11 12),
        (Level::Avx512, _) => of_shape!(wide_along_depth, wide_along_rows, 2: 1 2 3 4 5 6 7 8 9 10 11 12),
        _ => of_shape!(along_depth, along_rows, 1: 1 2 3 4 5 6),
    }
}

macro_rules! kernels {
    ($versions:ident: $along_depth:ident, $along_rows:ident, $($sum:ident $i:literal)*) => {
        $versions! {
            fn $along_depth[F: Float, const R: usize, const G: usize](
                _shape: Shape<R, G>, count: usize, rows: &[F], row_pitch: usize, lanes: TileLanes<F>, steps: usize,
                out: &mut [F], pitch: usize,
            ) {
                for tile in 0..count {
                    $(let mut $sum = [[F::ZERO; LANES]; G];)*
                    let rows: [&[F]; R] = std::array::from_fn(|i| &rows[(tile * R + i) * row_pitch..][..steps]);
                    for (k, lane) in lanes.data.chunks(lanes.pitch).take(steps).enumerate() {
                        let Some(lane) = groups::<F, G>(lane) else { return };
                        $(if R > $i { add(&mut $sum, rows[$i % R][k], lane); })*
                    }
                    $(if R > $i { add_to(&mut out[(tile * R + $i) * pitch..], &$sum); })*
                }
            }

            fn $along_rows[F: Float, const R: usize, const G: usize](
                _shape: Shape<R, G>, count: usize, rows: &[F], row_pitch: usize, lanes: TileLanes<F>, steps: usize,
                out: &mut [F], pitch: usize,
            ) {
                for tile in 0..count {
                    $(let mut $sum = [[F::ZERO; LANES]; G];)*
                    let steps = rows[tile * R..].chunks(row_pitch).zip(lanes.data.chunks(lanes.pitch)).take(steps);
                    for (row, lane) in steps {
                        let (Some(row), Some(lane)) = (row.first_chunk::<R>(), groups::<F, G>(lane)) else { return };
                        $(if R > $i { add(&mut $sum, row[$i % R], lane); })*
                    }
                    $(if R > $i { add_to(&mut out[(tile * R + $i) * pitch..], &$sum); })*
                }
            }
        }
    };
}
kernels!(versions: along_depth, along_rows, a 0 b 1 c 2 d 3 e 4 f 5);
kernels!(wide_version: wide_along_depth, wide_along_rows, a 0 b 1 c 2 d 3 e 4 f 5 g 6 h 7 i 8 j 9 k 10 l 11);

/// The lanes of one step.
#[inline(always)]
fn groups<F, const G: usize>(lane: &[F]) -> Option<&[[F; LANES]; G]> {
    lane.as_chunks().0.first_chunk()
}

/// One step of the depth for one row.
#[inline(always)]
fn add<F: Float, const G: usize>(sum: &mut [[F; LANES]; G], number: F, lane: &[[F; LANES]; G]) {
    for g in 0..G {
        for j in 0..LANES {
            sum[g][j] = number.mul_add(lane[g][j], sum[g][j]);
        }
    }
}

/// Adding is all that a kernel does at its end: where it also could write, the compiler tears the sums up.
#[inline(always)]
fn add_to<F: Float, const G: usize>(out: &mut [F], sum: &[[F; LANES]; G]) {
    let out = out.as_chunks_mut::<LANES>().0;
    for g in 0..G {
        for j in 0..LANES {
            out[g][j] += sum[g][j];
        }
    }
}
