//! Augmentation: pictures as a camera might have taken them a little differently, so that a network does not learn them by
//! heart (Simard et al., Best practices for convolutional neural networks, 2003).
//!
//! A picture's random numbers are addressed by seed, epoch and its index, so that neither threads, batches nor order can
//! change a bit. Whatever moves pixels is composed into one affine map (`geometry.rs`), which is sampled once
//! (`resample.rs`); whatever
//! changes colours into another, applied in one pass (`color.rs`); noise and cutouts come after them. All pixels are
//! computed in whole numbers.

mod color;
mod geometry;
mod resample;
mod spec;

use ndarray::ArrayView2;

use crate::error::{Error, Result};
use crate::isa::versions;
use crate::parallel::{self, split};
use crate::random::Stream;
use color::ColorMap;
use geometry::Affine;
pub use spec::Augmentation;

/// Changes pictures of one shape, row after row `(height, width, channels)`, of bytes.
#[derive(Clone, Debug)]
pub struct Augmenter {
    augmentations: Vec<Augmentation>,
    shape: [usize; 3],
    seed: u64,
}

/// What one picture needs beside itself.
#[derive(Default)]
pub(crate) struct Scratch {
    draws: Vec<u8>,
}

impl Augmenter {
    /// For pictures of a shape.
    ///
    /// # Errors
    /// [`Error::Value`] for settings outside their range, or that pictures of this shape do not take; [`Error::Shape`] for
    /// what is no shape of a picture.
    pub fn new(augmentations: &[Augmentation], shape: &[usize], seed: u64) -> Result<Augmenter> {
        let &[height, width, channels] = shape else {
            let got = format!("{shape:?}");
            return Err(Error::shape("augmentation", "pictures (height, width, channels)", got));
        };
        let most = geometry::MOST_SIDE;
        if !(1..=most).contains(&height) || !(1..=most).contains(&width) || channels == 0 {
            return Err(Error::shape("augmentation", format!("sides of 1 to {most} pixels"), format!("{shape:?}")));
        }
        augmentations.iter().try_for_each(|augmentation| augmentation.check(channels))?;
        Ok(Augmenter { augmentations: augmentations.to_vec(), shape: [height, width, channels], seed })
    }

    /// Bytes of a picture.
    pub fn features(&self) -> usize {
        self.shape.iter().product()
    }

    /// Pictures `(pictures, features)` as they are in an epoch, counted from 0: the row `i` is that of index `first + i`.
    ///
    /// # Errors
    /// [`Error::Shape`] for rows of another length.
    pub fn apply(&self, x: ArrayView2<u8>, first: u64, epoch: u64, threads: usize) -> Result<Vec<u8>> {
        let features = self.features();
        if x.ncols() != features {
            return Err(Error::shape("pictures", format!("(.., {features})"), format!("(.., {})", x.ncols())));
        }
        crate::math::check_room::<u8>("augmented pictures", x.len())?;
        let mut out = vec![0; x.len()];
        parallel::install(threads, || {
            split(threads, &mut out, features, &mut Vec::new(), &|start, run, scratch: &mut Scratch| {
                for (i, out) in run.chunks_exact_mut(features).enumerate() {
                    let row = x.row(start + i);
                    self.picture(
                        row.as_standard_layout().as_slice().unwrap_or_default(),
                        first + (start + i) as u64,
                        epoch,
                        out,
                        scratch,
                    );
                }
            });
        });
        Ok(out)
    }

    /// One picture, the one of this index, as it is in an epoch.
    fn picture(&self, picture: &[u8], index: u64, epoch: u64, out: &mut [u8], scratch: &mut Scratch) {
        let [height, width, channels] = self.shape;
        let mut stream = Stream::new(self.seed, NAME, epoch << 32 | index & u64::from(u32::MAX));
        let mut affine = Affine::IDENTITY;
        let mut colors = Vec::new();
        let (mut deviation, mut cutouts) = (0.0, Vec::new());
        for augmentation in &self.augmentations {
            if let Some(next) = augmentation.geometry(height, width, &mut stream) {
                affine = affine.after(&next);
            } else if let Some(change) = augmentation.color(&mut stream) {
                colors.push(change);
            } else if let Augmentation::Noise { deviation: more } = *augmentation {
                deviation = (deviation * deviation + more * more).sqrt();
            } else if let Augmentation::Cutout { share } = *augmentation {
                cutouts.push((share, stream.uniform(), stream.uniform()));
            }
        }
        affine.sample(picture, out, self.shape);
        if !colors.is_empty() {
            ColorMap::new(&colors, out, channels).apply(out);
        }
        if deviation > 0.0 {
            scratch.draws.resize(4 * out.len(), 0);
            stream.fill(&mut scratch.draws);
            add_noise(out, &scratch.draws, (deviation / BYTES_DEVIATION * 65536.0).round() as i32);
        }
        for (share, x, y) in cutouts {
            cut_out(out, self.shape, share, x, y);
        }
    }

    /// Those of these indices, one after the other.
    pub(crate) fn gather(&self, x: ArrayView2<u8>, indices: &[u32], epoch: u64, scratch: &mut Scratch) -> Vec<u8> {
        let features = self.features();
        let mut made = vec![0; indices.len() * features];
        for (index, out) in indices.iter().zip(made.chunks_exact_mut(features)) {
            let row = x.row(*index as usize);
            let row = row.as_standard_layout();
            self.picture(row.as_slice().unwrap_or_default(), u64::from(*index), epoch, out, scratch);
        }
        made
    }
}

/// Of the stream that all of it is drawn from, one counter a picture and epoch.
const NAME: &str = "augment";

/// Standard deviation of the sum of four bytes: the square root of `4 (256² - 1) / 12`.
const BYTES_DEVIATION: f64 = 147.800_202_976_857_8;

versions! {
    /// Adds to each value a number from the sum of four random bytes, which is nearly normal (kurtosis 2.7 instead of 3) and
    /// never beyond 3.5 deviations. `factor` is in 65536ths.
    fn add_noise[](out: &mut [u8], draws: &[u8], factor: i32) {
        for (value, bytes) in out.iter_mut().zip(draws.as_chunks::<4>().0) {
            let word = u32::from_le_bytes(*bytes);
            let pairs = (word & 0x00ff_00ff) + ((word >> 8) & 0x00ff_00ff);
            let sum = ((pairs & 0xffff) + (pairs >> 16)) as i32 - 510;
            let added = (sum * factor + 32768) >> 16;
            *value = (i32::from(*value) + added).clamp(0, 255) as u8;
        }
    }
}

/// Greys out a rectangle of `share` of either side around a point of the picture (DeVries and Taylor, Improved
/// regularization of convolutional neural networks with cutout, 2017).
fn cut_out(out: &mut [u8], [height, width, channels]: [usize; 3], share: f64, x: f64, y: f64) {
    let range = |centre: f64, side: usize| {
        let (centre, length) = ((centre * side as f64) as i64, (share * side as f64).round() as i64);
        let first = centre - length / 2;
        (first.clamp(0, side as i64) as usize, (first + length).clamp(0, side as i64) as usize)
    };
    let ((left, right), (top, bottom)) = (range(x, width), range(y, height));
    for row in out.chunks_exact_mut(width * channels).take(bottom).skip(top) {
        row[left * channels..right * channels].fill(MIDDLE);
    }
}

/// The grey of a cutout.
const MIDDLE: u8 = 128;
