//! Where the pixels of a picture come from: one affine map, sampled once.

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

    /// The picture through this map: between pixels the mean of four by nearness in 256ths, beyond the edges the picture's
    /// mirror image.
    pub fn sample(&self, picture: &[u8], out: &mut [u8], [height, width, channels]: [usize; 3]) {
        match *self {
            Affine::IDENTITY => return out.copy_from_slice(picture),
            Affine::FLIP => {
                let rows = picture.chunks_exact(width * channels).zip(out.chunks_exact_mut(width * channels));
                return rows.for_each(|(row, out)| {
                    let pixels = row.rchunks_exact(channels).zip(out.chunks_exact_mut(channels));
                    pixels.for_each(|(pixel, out)| out.copy_from_slice(pixel));
                });
            }
            _ => {}
        }
        match channels {
            3 => self.sample_pixels(picture, out.as_chunks_mut::<3>().0, height, width),
            1 => self.sample_pixels(picture, out.as_chunks_mut::<1>().0, height, width),
            _ => {
                // A channel at a time.
                for channel in 0..channels {
                    let plane: Vec<u8> = picture.iter().skip(channel).step_by(channels).copied().collect();
                    let mut pixels = vec![[0u8]; height * width];
                    self.sample_pixels(&plane, &mut pixels, height, width);
                    for (out, [value]) in out.iter_mut().skip(channel).step_by(channels).zip(pixels) {
                        *out = value;
                    }
                }
            }
        }
    }

    fn sample_pixels<const C: usize>(&self, picture: &[u8], out: &mut [[u8; C]], height: usize, width: usize) {
        let pixels = picture.as_chunks::<C>().0;
        let [a, b, c, d] = self.matrix;
        let (middle_x, middle_y) = ((width - 1) as f64 / 2.0, (height - 1) as f64 / 2.0);
        let (step_x, step_y) = (fixed(a), fixed(c));
        for (y, row) in out.chunks_exact_mut(width).enumerate() {
            let down = y as f64 - middle_y;
            let mut source_x = fixed(a * -middle_x + b * down + self.offset[0] + middle_x);
            let mut source_y = fixed(c * -middle_x + d * down + self.offset[1] + middle_y);
            for out in row {
                let (left, right, to_right) = neighbours(source_x, width);
                let (above, below, down) = neighbours(source_y, height);
                let (above, below) = (above * width, below * width);
                let corners = [above + left, above + right, below + left, below + right].map(|place| pixels[place]);
                for channel in 0..C {
                    let [p, q, r, s] = corners.map(|pixel| u32::from(pixel[channel]));
                    let upper = p * (256 - to_right) + q * to_right;
                    let lower = r * (256 - to_right) + s * to_right;
                    out[channel] = ((upper * (256 - down) + lower * down + 32768) >> 16) as u8;
                }
                source_x = source_x.wrapping_add(step_x);
                source_y = source_y.wrapping_add(step_y);
            }
        }
    }
}

/// A number in 2^-32ths; half of one is up.
fn fixed(x: f64) -> i64 {
    (x * (1u64 << 32) as f64 + 0.5).floor() as i64
}

/// The pixels on either side of a place, and how near the second is, in 256ths.
#[inline(always)]
fn neighbours(place: i64, size: usize) -> (usize, usize, u32) {
    let rounded = place.wrapping_add(1 << 23) >> 24; // in 256ths
    let (first, share) = (rounded >> 8, (rounded & 255) as u32);
    (mirrored(first, size), mirrored(first + 1, size), share)
}

/// A pixel within the picture: beyond an edge, its mirror image in that edge.
#[inline(always)]
fn mirrored(place: i64, size: usize) -> usize {
    if place >= 0 && (place as usize) < size {
        return place as usize;
    }
    let folded = place.rem_euclid(2 * size as i64) as usize;
    folded.min(2 * size - 1 - folded)
}
