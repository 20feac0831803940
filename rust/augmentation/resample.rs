//! A picture through an affine map: between pixels the mean of four by nearness in 256ths, beyond the edges the picture's
//! mirror image.
//!
//! Some pixels of a row at a time: where they come from, then the four pixels around each such place, then their means. The
//! first and the last are arithmetic on arrays, which vectorises; only the four pixels are fetched one by one.

use super::geometry::Affine;
use crate::isa::versions;

/// Pixels at a time.
const BLOCK: usize = 64;

/// Values whose means are computed together.
const LANES: usize = 16;

/// `picture` as `affine` shows it, both `(height, width)` of `C` channels. A pixel is held as `L` bytes, a power of two, of
/// which those beyond `C` say nothing.
pub(super) fn resample<const C: usize, const L: usize>(
    affine: &Affine,
    picture: &[[u8; C]],
    out: &mut [[u8; C]],
    height: usize,
    width: usize,
) {
    // One more to the right and below: what has no share in a mean is read all the same.
    let mut pixels = vec![[0; L]; (height + 1) * (width + 1)];
    for (row, pixels) in picture.chunks_exact(width).zip(pixels.chunks_exact_mut(width + 1)) {
        widen(row, pixels);
    }
    sample(affine, &pixels, out, height, width);
}

versions! {
    fn widen[const C: usize, const L: usize](row: &[[u8; C]], pixels: &mut [[u8; L]]) {
        for (pixel, values) in pixels.iter_mut().zip(row) {
            let mut wide = [0; L];
            wide[..C].copy_from_slice(values);
            *pixel = wide;
        }
    }

    fn sample[const C: usize, const L: usize](
        affine: &Affine,
        pixels: &[[u8; L]],
        out: &mut [[u8; C]],
        height: usize,
        width: usize,
    ) {
        let [step_x, step_y] = affine.step();
        let mut block = Block { places: [0; BLOCK], corners: [[[0; L]; BLOCK]; 4], shares: [[[0; L]; BLOCK]; 2] };
        let (mut across, mut down, mut means) = ([0; BLOCK], [0; BLOCK], [[0; L]; BLOCK]);
        for (y, row) in out.chunks_exact_mut(width).enumerate() {
            let [mut x, mut y] = affine.start_of_row(y, height, width);
            for out in row.chunks_mut(BLOCK) {
                let count = out.len();
                x = sources(x, step_x, width, &mut across[..count]);
                y = sources(y, step_y, height, &mut down[..count]);
                block.gather(pixels, width as u32 + 1, &across[..count], &down[..count]);
                block.mean(&mut means, count);
                for (out, mean) in out.iter_mut().zip(&means) {
                    out.copy_from_slice(&mean[..C]);
                }
            }
        }
    }
}

/// Some pixels of the result.
struct Block<const L: usize> {
    /// Of the pixel to the left of the source and above.
    places: [usize; BLOCK],
    /// That one, the one to the right of it, and the two below.
    corners: [[[u8; L]; BLOCK]; 4],
    /// How near the source is to the right and to the lower ones, in 256ths, for every channel.
    shares: [[[u16; L]; BLOCK]; 2],
}

impl<const L: usize> Block<L> {
    #[inline(always)]
    fn gather(&mut self, pixels: &[[u8; L]], pitch: u32, across: &[i32], down: &[i32]) {
        for (i, (x, y)) in across.iter().zip(down).enumerate().take(BLOCK) {
            self.places[i] = ((*y >> 8) as u64 * u64::from(pitch) + (*x >> 8) as u64) as usize;
            self.shares[0][i] = [(*x & 255) as u16; L];
            self.shares[1][i] = [(*y & 255) as u16; L];
        }
        let pitch = pitch as usize;
        for (i, place) in self.places.iter().enumerate().take(across.len()) {
            let around = &pixels[*place..][..pitch + 2];
            self.corners[0][i] = around[0];
            self.corners[1][i] = around[1];
            self.corners[2][i] = around[pitch];
            self.corners[3][i] = around[pitch + 1];
        }
    }

    /// Of `count` pixels, and of some more where [`LANES`] would be left in part.
    #[inline(always)]
    fn mean(&self, means: &mut [[u8; L]; BLOCK], count: usize) {
        let [p, q, r, s] = [0, 1, 2, 3].map(|i| self.corners[i].as_flattened().as_chunks::<LANES>().0);
        let [across, down] = [0, 1].map(|i| self.shares[i].as_flattened().as_chunks::<LANES>().0);
        let means = means.as_flattened_mut().as_chunks_mut::<LANES>().0;
        for (k, out) in means.iter_mut().enumerate().take((count * L).div_ceil(LANES)) {
            let (p, q, r, s, across, down) = (&p[k], &q[k], &r[k], &s[k], &across[k], &down[k]);
            for i in 0..LANES {
                let (upper, lower) = (between(p[i], q[i], across[i]), between(r[i], s[i], across[i]));
                let [[upper, of_upper], [lower, of_lower]] = [upper.to_be_bytes(), lower.to_be_bytes()];
                let (whole, rest) = (between(upper, lower, down[i]), between(of_upper, of_lower, down[i]));
                out[i] = ((whole + (rest >> 8) + 128) >> 8) as u8;
            }
        }
    }
}

/// From one value to another, by a share in 256ths; in 256ths, too, and so below 2^16. A difference below zero wraps, and
/// the sum with its product back.
#[inline(always)]
fn between(one: u8, other: u8, share: u16) -> u16 {
    let (one, other) = (u16::from(one), u16::from(other));
    (one << 8).wrapping_add(other.wrapping_sub(one).wrapping_mul(share))
}

/// Places within a side of `size` pixels, in 256ths of one: of `start`, of `start + step` and so on, in 2^-32ths. Gives the
/// start of those that follow.
///
/// A mirror image is a place's own mirror image in that edge: the first pixel then lies where the second did, and has its
/// share. The half pixel between an edge and the middle of the pixel there has that pixel's values.
#[inline(always)]
fn sources(start: i64, step: i64, size: usize, places: &mut [i32]) -> i64 {
    let edge = 256 * size as i64;
    let near = |place: i64| (-edge..=2 * edge).contains(&from_edge(place));
    let end = step.checked_mul(places.len() as i64).and_then(|way| start.checked_add(way));
    if near(start) && end.is_some_and(near) {
        near_sources(start, step, edge as i32, places);
    } else {
        for (place, i) in places.iter_mut().zip(0..) {
            let from_edge = from_edge(start.wrapping_add(step.wrapping_mul(i))).rem_euclid(2 * edge);
            *place = within(from_edge.min(2 * edge - from_edge) as i32, edge as i32);
        }
    }
    start.wrapping_add(step.wrapping_mul(places.len() as i64))
}

/// The same where every place is at most a side beyond an edge.
#[inline(always)]
fn near_sources(start: i64, step: i64, edge: i32, places: &mut [i32]) {
    let mut at = start;
    for place in places {
        let from_edge = (from_edge(at) as i32).abs();
        *place = within(from_edge.min(2 * edge - from_edge), edge);
        at = at.wrapping_add(step);
    }
}

/// In 256ths from the edge, half a pixel before the middle of the first; half of one is up.
#[inline(always)]
fn from_edge(place: i64) -> i64 {
    place.wrapping_add((128 << 24) + (1 << 23)) >> 24
}

/// From the middle of the first pixel, and between the middles of the first and the last.
#[inline(always)]
fn within(from_edge: i32, edge: i32) -> i32 {
    (from_edge - 128).clamp(0, edge - 256)
}
