//! Where the pixels of a picture come from: one affine map, sampled once (`resample.rs`).

use super::resample::resample;

/// Longest side of a picture: its coordinates are whole numbers with 32 binary places.
pub(super) const MOST_SIDE: usize = 1 << 16;

/// From a place in the result to the place in the source that it shows: `source = matrix · (x, y) + offset`, both counted
/// in pixels from the centre of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    /// `[xx, xy, yx, yy]`
    matrix: [f64; 4],
    offset: [f64; 2],
}

impl Affine {
    pub const IDENTITY: Affine = Affine::linear([1.0, 0.0, 0.0, 1.0]);
    pub const FLIP: Affine = Affine::linear([-1.0, 0.0, 0.0, 1.0]);

    /// About the centre.
    pub const fn linear(matrix: [f64; 4]) -> Affine {
        Affine { matrix, offset: [0.0; 2] }
    }

    /// The source moves by so much to the left and up: the result shows what lies to the right and below.
    pub const fn shift(x: f64, y: f64) -> Affine {
        Affine { offset: [x, y], ..Affine::IDENTITY }
    }

    /// The same, of a place that lies so much further.
    pub const fn moved(self, x: f64, y: f64) -> Affine {
        Affine { offset: [self.offset[0] + x, self.offset[1] + y], ..self }
    }

    /// The map of a picture that was made by `self`, and is then changed by `next`.
    pub fn after(&self, next: &Affine) -> Affine {
        let [a, b, c, d] = self.matrix;
        let [e, f, g, h] = next.matrix;
        let [x, y] = next.offset;
        Affine {
            matrix: [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h],
            offset: [a * x + b * y, c * x + d * y],
        }
        .moved(self.offset[0], self.offset[1])
    }

    /// The picture through this map.
    pub fn sample(&self, picture: &[u8], out: &mut [u8], [height, width, channels]: [usize; 3]) {
        match (*self, channels) {
            (Affine::IDENTITY, _) => out.copy_from_slice(picture),
            (Affine::FLIP, 1) => flip(picture.as_chunks::<1>().0, out.as_chunks_mut().0, width),
            (Affine::FLIP, 3) => flip(picture.as_chunks::<3>().0, out.as_chunks_mut().0, width),
            (_, 1) => resample::<1, 1>(self, picture.as_chunks().0, out.as_chunks_mut().0, height, width),
            (_, 3) => resample::<3, 4>(self, picture.as_chunks().0, out.as_chunks_mut().0, height, width),
            _ => {
                // A channel at a time.
                let mut changed = vec![0; height * width];
                for channel in 0..channels {
                    let plane: Vec<u8> = picture.iter().skip(channel).step_by(channels).copied().collect();
                    self.sample(&plane, &mut changed, [height, width, 1]);
                    for (out, value) in out.iter_mut().skip(channel).step_by(channels).zip(&changed) {
                        *out = *value;
                    }
                }
            }
        }
    }

    /// The source of the first pixel of a row, `(x, y)` in 2^-32ths.
    #[inline(always)]
    pub fn start_of_row(&self, y: usize, height: usize, width: usize) -> [i64; 2] {
        let [a, b, c, d] = self.matrix;
        let (middle_x, middle_y) = ((width - 1) as f64 / 2.0, (height - 1) as f64 / 2.0);
        let down = y as f64 - middle_y;
        [
            fixed(a * -middle_x + b * down + self.offset[0] + middle_x),
            fixed(c * -middle_x + d * down + self.offset[1] + middle_y),
        ]
    }

    /// From the source of a pixel to that of the next, in 2^-32ths.
    #[inline(always)]
    pub fn step(&self) -> [i64; 2] {
        [fixed(self.matrix[0]), fixed(self.matrix[2])]
    }
}

/// Every row from its end.
fn flip<const C: usize>(picture: &[[u8; C]], out: &mut [[u8; C]], width: usize) {
    for (row, out) in picture.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        out.iter_mut().zip(row.iter().rev()).for_each(|(out, pixel)| *out = *pixel);
    }
}

/// A number in 2^-32ths; half of one is up.
#[inline(always)]
fn fixed(x: f64) -> i64 {
    (x * (1u64 << 32) as f64 + 0.5).floor() as i64
}
