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
        if channels != 3 {
            return alike(changes, mean_of(picture, 0, 1));
        }
        let mean = [0, 1, 2].map(|channel| mean_of(picture, channel, 3));
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
        ColorMap::Mixed {
            matrix: matrix.map(|row| row.map(|x| fixed(x, MOST_FACTOR))),
            offset: offset.map(|x| fixed(x, MOST_OFFSET)),
        }
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

/// Mean of one channel.
fn mean_of(picture: &[u8], channel: usize, channels: usize) -> f64 {
    let sum: u64 = picture.iter().skip(channel).step_by(channels).map(|value| u64::from(*value)).sum();
    sum as f64 / (picture.len() / channels).max(1) as f64
}

const PLACES: u32 = 14;
/// With these, no sum leaves 32 bits.
const MOST_FACTOR: f64 = 32.0;
const MOST_OFFSET: f64 = 16384.0;

/// In 2^-14ths.
fn fixed(x: f64, most: f64) -> i32 {
    (x.clamp(-most, most) * f64::from(1 << PLACES)).round() as i32
}

versions! {
    fn mix[](pixels: &mut [[u8; 3]], matrix: &[[i32; 3]; 3], offset: &[i32; 3]) {
        for pixel in pixels {
            let [r, g, b] = pixel.map(i32::from);
            for ((out, row), offset) in pixel.iter_mut().zip(matrix).zip(offset) {
                let value = row[0] * r + row[1] * g + row[2] * b + offset + (1 << (PLACES - 1));
                *out = (value >> PLACES).clamp(0, 255) as u8;
            }
        }
    }

    fn scale[](picture: &mut [u8], factor: i32, offset: i32) {
        for value in picture {
            *value = ((factor * i32::from(*value) + offset + (1 << (PLACES - 1))) >> PLACES).clamp(0, 255) as u8;
        }
    }
}
