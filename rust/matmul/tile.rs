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
    /// Cost of each lane panel and step of the depth, in vector operations.
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
        (1..=TALLEST).map(tiling).min_by_key(|t| (t.cost, Reverse(t.height))).unwrap_or_default()
    }

    /// Tiles.
    pub fn tiles(&self) -> usize {
        self.full + usize::from(self.last > 0)
    }
}

/// Vector operations of one step of the depth: a multiply-add and a load for each row, but at least what it takes to
/// hide the latency of the additions. A panel is one register of AVX-512, two of AVX2.
fn step_cost(height: usize, level: Level) -> usize {
    match level {
        Level::Avx512 => (height + 1).max(8),
        _ => (2 * height).max(10),
    }
}

/// The tallest tile: 16 registers of AVX2 hold 6 rows and spill with 7. AVX-512 has room for 24, but arrays of more
/// than about 100 numbers are not kept in registers (8, 12, 16 and 20 rows: 4 GFLOP/s where 6 give 150).
const TALLEST: usize = 6;

/// Adds the product of one block of the depth to `tiles` (or writes it there, for the first block).
///
/// `rows`: panels of `height` rows, each (depth, height); `lanes`: one panel (depth, LANES); `tiles`: for each panel
/// of rows (height, LANES).
pub(super) fn multiply_block<F: Float>(height: usize, rows: &[F], lanes: &[F], tiles: &mut [F], first: bool) {
    macro_rules! of_height {
        ($($height:literal)*) => {
            match height {
                $($height if F::LANES == 16 => block::<F, $height, 16>(rows, lanes, tiles, first),
                  $height => block::<F, $height, 8>(rows, lanes, tiles, first),)*
                _ => debug_assert!(false, "no tile of height {height}"),
            }
        };
    }
    of_height!(1 2 3 4 5 6)
}

fn block<F: Float, const MR: usize, const NR: usize>(rows: &[F], lanes: &[F], tiles: &mut [F], first: bool) {
    let tiles = tiles.as_chunks_mut::<NR>().0.as_chunks_mut::<MR>().0;
    multiply_tiles(rows.as_chunks::<MR>().0, lanes.as_chunks::<NR>().0, tiles, first);
}

versions! {
    fn multiply_tiles[F: Float, const MR: usize, const NR: usize](
        rows: &[[F; MR]], lanes: &[[F; NR]], tiles: &mut [[[F; NR]; MR]], first: bool,
    ) {
        for (panel, tile) in rows.chunks_exact(lanes.len()).zip(tiles) {
            let mut sum = [[F::ZERO; NR]; MR];
            for (row, lane) in panel.iter().zip(lanes) {
                for i in 0..MR {
                    for j in 0..NR {
                        sum[i][j] = row[i].mul_add(lane[j], sum[i][j]);
                    }
                }
            }
            for i in 0..MR {
                for j in 0..NR {
                    tile[i][j] = if first { sum[i][j] } else { tile[i][j] + sum[i][j] };
                }
            }
        }
    }
}
