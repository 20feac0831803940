//! What becomes of colours: one affine map of a pixel's channels, applied in one pass.

use crate::isa::versions;
use crate::schedule::{cos_pi, sin_pi};

/// A change of a picture's colours, with what was drawn for it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// Times a factor.
    Brightness(f64),
    /// The distance from the mean brightness, times a factor.
    Contrast(f64),
    /// The distance from a pixel's grey, times a factor.
    Saturation(f64),
    /// Turned about the axis of greys, in half turns.
    Hue(f64),
}

/// Shares of red, green and blue in brightness (ITU-R BT.601).
const LUMA: [f64; 3] = [0.299, 0.587, 0.114];

/// `matrix · pixel + offset`; nothing is cut off between the changes, only at the end.
pub(super) enum ColorMap {
    /// Of three channels, in 2^-14ths.
    Mixed { matrix: [[i32; 3]; 3], offset: [i32; 3] },
    /// Of any, each by itself.
    Alike { factor: i32, offset: i32 },
}

impl ColorMap {
    /// All changes to a picture, one after the other.
    pub fn new(changes: &[Change], picture: &[u8], channels: usize) -> ColorMap {
        let needs_mean = changes.iter().any(|change| matches!(change, Change::Contrast(_)));
        let of = if needs_mean { picture } else { &[] };
        if channels != 3 {
            let [mean] = mean(of);
            return alike(changes, mean);
        }
        let mean = mean(of);
        let mut matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let mut offset = [0.0; 3];
        for change in changes {
            let now = [0, 1, 2].map(|i| dot(&matrix[i], &mean) + offset[i]);
            let (by, added) = match *change {
                Change::Brightness(factor) => (grey(factor, 0.0), 0.0),
                Change::Contrast(factor) => (grey(factor, 0.0), (1.0 - factor) * dot(&LUMA, &now)),
                Change::Saturation(factor) => (grey(factor, 1.0 - factor), 0.0),
                Change::Hue(half_turns) => (turn(half_turns), 0.0),
            };
            let columns = [0, 1, 2].map(|j| [matrix[0][j], matrix[1][j], matrix[2][j]]);
            matrix = by.map(|row| [0, 1, 2].map(|j| dot(&row, &columns[j])));
            offset = by.map(|row| dot(&row, &offset) + added);
        }
        let matrix = matrix.map(|row| row.map(|x| fixed(x, MOST_FACTOR)));
        let offset = offset.map(|x| fixed(x, MOST_OFFSET));
        let (factor, shift) = (matrix[0][0], offset[0]);
        if matrix == [[factor, 0, 0], [0, factor, 0], [0, 0, factor]] && offset == [shift; 3] {
            return ColorMap::Alike { factor, offset: shift }; // brightness and contrast alone
        }
        ColorMap::Mixed { matrix, offset }
    }

    /// Changes a picture.
    pub fn apply(&self, picture: &mut [u8]) {
        match self {
            ColorMap::Mixed { matrix, offset } => mix(picture.as_chunks_mut::<3>().0, matrix, offset),
            ColorMap::Alike { factor, offset } => scale(picture, *factor, *offset),
        }
    }
}

/// Without colours, only brightness and contrast mean anything.
fn alike(changes: &[Change], mean: f64) -> ColorMap {
    let (mut factor, mut offset) = (1.0, 0.0);
    for change in changes {
        let (by, added) = match *change {
            Change::Brightness(by) => (by, 0.0),
            Change::Contrast(by) => (by, (1.0 - by) * (factor * mean + offset)),
            Change::Saturation(_) | Change::Hue(_) => (1.0, 0.0),
        };
        (factor, offset) = (factor * by, offset * by + added);
    }
    ColorMap::Alike { factor: fixed(factor, MOST_FACTOR), offset: fixed(offset, MOST_OFFSET) }
}

/// `factor` on the diagonal, and `of_grey` of a pixel's brightness added everywhere.
fn grey(factor: f64, of_grey: f64) -> [[f64; 3]; 3] {
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| of_grey * LUMA[j] + if i == j { factor } else { 0.0 }))
}

/// A turn about (1, 1, 1) (Rodrigues).
fn turn(half_turns: f64) -> [[f64; 3]; 3] {
    let (cos, sin) = (cos_pi(half_turns.abs()), sin_pi(half_turns));
    let (all, side) = ((1.0 - cos) / 3.0, sin / 3f64.sqrt());
    let (next, before) = (all - side, all + side);
    [[cos + all, next, before], [before, cos + all, next], [next, before, cos + all]]
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Mean of each channel; of no pixels it is 0.
fn mean<const C: usize>(picture: &[u8]) -> [f64; C] {
    let pixels = picture.as_chunks().0;
    let mut sums = [0; C];
    // So many at a time that no sum leaves 32 bits.
    pixels.chunks(1 << 24).for_each(|pixels| add_up(pixels, &mut sums));
    sums.map(|sum| sum as f64 / pixels.len().max(1) as f64)
}

/// Pixels at a time.
const BLOCK: usize = 64;

const PLACES: u32 = 14;
/// With these, no sum leaves 32 bits.
const MOST_FACTOR: f64 = 32.0;
const MOST_OFFSET: f64 = 16384.0;

/// In 2^-14ths.
fn fixed(x: f64, most: f64) -> i32 {
    (x.clamp(-most, most) * f64::from(1 << PLACES)).round() as i32
}

versions! {
    fn add_up[const C: usize](pixels: &[[u8; C]], sums: &mut [u64; C]) {
        let mut lanes = [[0u32; C]; BLOCK];
        for block in pixels.chunks(BLOCK) {
            let lanes = lanes.as_flattened_mut().iter_mut();
            lanes.zip(block.as_flattened()).for_each(|(lane, value)| *lane += u32::from(*value));
        }
        for lane in &lanes {
            sums.iter_mut().zip(lane).for_each(|(sum, lane)| *sum += u64::from(*lane));
        }
    }

    fn mix[](pixels: &mut [[u8; 3]], matrix: &[[i32; 3]; 3], offset: &[i32; 3]) {
        // Channel by channel, which vectorises.
        let (mut planes, mut mixed) = ([[0; BLOCK]; 3], [[0; BLOCK]; 3]);
        for pixels in pixels.chunks_mut(BLOCK) {
            for (i, pixel) in pixels.iter().enumerate().take(BLOCK) {
                for channel in 0..3 {
                    planes[channel][i] = pixel[channel];
                }
            }
            let [r, g, b] = &planes;
            for ((out, [of_r, of_g, of_b]), offset) in mixed.iter_mut().zip(matrix).zip(offset) {
                for i in 0..BLOCK {
                    let sum = of_r * i32::from(r[i]) + of_g * i32::from(g[i]) + of_b * i32::from(b[i]);
                    out[i] = whole(sum + offset);
                }
            }
            for (i, pixel) in pixels.iter_mut().enumerate().take(BLOCK) {
                *pixel = [mixed[0][i], mixed[1][i], mixed[2][i]];
            }
        }
    }

    fn scale[](picture: &mut [u8], factor: i32, offset: i32) {
        for value in picture {
            *value = whole(factor * i32::from(*value) + offset);
        }
    }
}

/// The nearest byte to a number in 2^-14ths.
#[inline(always)]
fn whole(x: i32) -> u8 {
    ((x + (1 << (PLACES - 1))) >> PLACES).clamp(0, 255) as u8
}
