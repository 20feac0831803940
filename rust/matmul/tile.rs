//! The micro-kernel: a tile of the product held in registers.
//!
//! Safe Rust without intrinsics: the tile is an array that the compiler keeps in vector registers. One tile is `MR`
//! rows of one 64-byte panel of `NR` lanes; for each step of the depth it broadcasts `MR` numbers against `NR` lanes.

use std::cmp::Reverse;

use crate::isa::{Level, level, versions};
use crate::math::Float;

/// How rows are cut into tiles: all of one height but the last, which has the rows that are left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tiling {
    /// Height of every tile but the last.
    pub height: usize,
    /// Tiles of that height.
    pub full: usize,
    /// Height of the last tile, 0 if there is none.
    pub last: usize,
    /// Cost of each lane panel and step of the depth, see [`step_cost`].
    pub cost: usize,
}

impl Tiling {
    /// The cheapest tiling, the taller of two alike. The tile shape changes no bit of the product.
    pub fn of(rows: usize) -> Tiling {
        let level = level();
        let cost = |height| if height == 0 { 0 } else { step_cost(height, level) };
        let tiling = |height| {
            let (full, last) = (rows / height, rows % height);
            Tiling { height, full, last, cost: full * cost(height) + cost(last) }
        };
        let heights = &HEIGHTS[..if level == Level::Avx512 { HEIGHTS.len() } else { 6 }];
        let tilings = heights.iter().map(|height| tiling(*height));
        let possible = tilings.filter(|t| t.last == 0 || HEIGHTS.contains(&t.last));
        possible.min_by_key(|t| (t.cost, Reverse(t.height))).unwrap_or_default()
    }

    /// Tiles.
    pub fn tiles(&self) -> usize {
        self.full + usize::from(self.last > 0)
    }
}

/// Time of one step of the depth: proportional to the rows, and what it takes to load the lanes and to wait for the
/// sums, as measured (24 rows on AVX-512: 195 GFLOP/s a core of Zen 5, 6 rows 154; on AVX2 117).
fn step_cost(height: usize, level: Level) -> usize {
    match level {
        Level::Avx512 => (height + 3).max(7),
        _ => (2 * height + 3).max(10),
    }
}

/// Tile heights: 16 registers of AVX2 hold 6 rows of two registers and spill with 7; 32 of AVX-512 hold 24 of one.
/// Those above 6 are groups of 5 or 6 rows (8 as two groups of 4 is torn up by the compiler: 79 GFLOP/s).
const HEIGHTS: [usize; 12] = [1, 2, 3, 4, 5, 6, 10, 12, 15, 18, 20, 24];

/// Adds the product of one block of the depth to `tiles` (or writes it there, for the first block).
///
/// `rows`: panels of `height` rows, each (depth, height); `lanes`: one panel (depth, LANES); `tiles`: for each panel
/// of rows (height, LANES).
pub(super) fn multiply_block<F: Float>(height: usize, rows: &[F], lanes: &[F], tiles: &mut [F], first: bool) {
    macro_rules! of_height {
        ($($height:literal = $groups:literal x $rows:literal,)*) => {
            match height {
                $($height if F::LANES == 16 => block::<F, $groups, $rows, 16>(rows, lanes, tiles, first),
                  $height => block::<F, $groups, $rows, 8>(rows, lanes, tiles, first),)*
                _ => debug_assert!(false, "no tile of height {height}"),
            }
        };
    }
    of_height!(
        1 = 1 x 1, 2 = 1 x 2, 3 = 1 x 3, 4 = 1 x 4, 5 = 1 x 5, 6 = 1 x 6,
        10 = 2 x 5, 12 = 2 x 6, 15 = 3 x 5, 18 = 3 x 6, 20 = 4 x 5, 24 = 4 x 6,
    )
}

fn block<F: Float, const G: usize, const R: usize, const NR: usize>(
    rows: &[F],
    lanes: &[F],
    tiles: &mut [F],
    first: bool,
) {
    let tiles = tiles.as_chunks_mut::<NR>().0.as_chunks_mut::<R>().0.as_chunks_mut::<G>().0;
    multiply_tiles(rows.as_chunks::<R>().0.as_chunks::<G>().0, lanes.as_chunks::<NR>().0, tiles, first);
}

versions! {
    // `G` groups of `R` rows, each an array of its own: the compiler keeps arrays of up to about 100 numbers in
    // registers, and larger ones in memory (20 rows in one array: 4 GFLOP/s).
    fn multiply_tiles[F: Float, const G: usize, const R: usize, const NR: usize](
        rows: &[[[F; R]; G]], lanes: &[[F; NR]], tiles: &mut [[[[F; NR]; R]; G]], first: bool,
    ) {
        for (panel, tile) in rows.chunks_exact(lanes.len()).zip(tiles) {
            let zero = [[F::ZERO; NR]; R];
            let (mut a, mut b, mut c, mut d) = (zero, zero, zero, zero);
            for (row, lane) in panel.iter().zip(lanes) {
                add(&mut a, &row[0], lane);
                if G > 1 { add(&mut b, &row[1 % G], lane); }
                if G > 2 { add(&mut c, &row[2 % G], lane); }
                if G > 3 { add(&mut d, &row[3 % G], lane); }
            }
            store(&mut tile[0], &a, first);
            if G > 1 { store(&mut tile[1 % G], &b, first); }
            if G > 2 { store(&mut tile[2 % G], &c, first); }
            if G > 3 { store(&mut tile[3 % G], &d, first); }
        }
    }
}

/// One step of the depth for a group of rows.
#[inline(always)]
fn add<F: Float, const R: usize, const NR: usize>(sum: &mut [[F; NR]; R], row: &[F; R], lane: &[F; NR]) {
    for i in 0..R {
        for j in 0..NR {
            sum[i][j] = row[i].mul_add(lane[j], sum[i][j]);
        }
    }
}

#[inline(always)]
fn store<F: Float, const R: usize, const NR: usize>(tile: &mut [[F; NR]; R], sum: &[[F; NR]; R], first: bool) {
    for i in 0..R {
        for j in 0..NR {
            tile[i][j] = if first { sum[i][j] } else { tile[i][j] + sum[i][j] };
        }
    }
}
