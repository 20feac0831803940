//! What may be done to a picture: the closed set, its settings, and what is drawn for one picture.

use serde::{Deserialize, Serialize};

use super::color::Change;
use super::geometry::Affine;
use crate::error::{Error, Result};
use crate::random::Stream;
use crate::schedule::{cos_pi, sin_pi};

/// One way to change pictures. The same JSON as in Python, which has the defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[strum(serialize_all = "snake_case")]
pub enum Augmentation {
    /// Left becomes right.
    Flip {
        /// How often.
        probability: f64,
    },
    /// Moved along both axes.
    Shift {
        /// At most so much of a side.
        share: f64,
    },
    /// A window of the picture, as large as the picture again.
    Crop {
        /// Least side of the window, as a share of the picture's.
        smallest: f64,
    },
    /// Turned about the centre, either way.
    Rotate {
        /// At most so far.
        degrees: f64,
    },
    /// Larger or smaller about the centre.
    Scale {
        /// Least factor.
        smallest: f64,
        /// Greatest factor.
        largest: f64,
    },
    /// All values times a factor.
    Brightness {
        /// The factor is 1, more or less at most so much.
        amount: f64,
    },
    /// Distances from the picture's mean brightness times a factor.
    Contrast {
        /// The factor is 1, more or less at most so much.
        amount: f64,
    },
    /// Distances from a pixel's own grey times a factor.
    Saturation {
        /// The factor is 1, more or less at most so much.
        amount: f64,
    },
    /// Colours turned about the axis of greys, either way.
    Hue {
        /// At most so much of a full turn.
        turn: f64,
    },
    /// Nearly normal noise on every value by itself.
    Noise {
        /// Its standard deviation, of values 0 to 255.
        deviation: f64,
    },
    /// A rectangle of grey.
    Cutout {
        /// Its sides, as a share of the picture's.
        share: f64,
    },
}

/// Most channels' worth of colour.
const COLOR: usize = 3;

impl Augmentation {
    /// Refuses settings outside their range, and what pictures of so many channels do not take.
    pub(super) fn check(&self, channels: usize) -> Result<()> {
        let kind: &str = self.into();
        let within = |name: &str, value: f64, least: f64, most: f64| {
            let fits = value >= least && value <= most;
            let expected = || format!("a number from {least} to {most}");
            if fits { Ok(()) } else { Err(Error::value(format!("{kind}: {name}"), expected(), value)) }
        };
        match *self {
            Augmentation::Flip { probability } => within("probability", probability, 0.0, 1.0),
            Augmentation::Shift { share } | Augmentation::Cutout { share } => within("share", share, 0.0, 1.0),
            Augmentation::Crop { smallest } => within("smallest", smallest, 0.05, 1.0),
            Augmentation::Rotate { degrees } => within("degrees", degrees, 0.0, 180.0),
            Augmentation::Scale { smallest, largest } => {
                within("smallest", smallest, 0.05, 20.0)?;
                within("largest", largest, smallest, 20.0)
            }
            Augmentation::Brightness { amount } | Augmentation::Contrast { amount } => {
                within("amount", amount, 0.0, 1.0)
            }
            Augmentation::Saturation { amount } => within("amount", amount, 0.0, 1.0),
            Augmentation::Hue { turn } => within("turn", turn, 0.0, 0.5),
            Augmentation::Noise { deviation } => within("deviation", deviation, 0.0, 255.0),
        }?;
        match self {
            Augmentation::Saturation { .. } | Augmentation::Hue { .. } if channels != COLOR => {
                Err(Error::value(kind, "for pictures of 3 channels, which have colours", format!("{channels}")))
            }
            _ => Ok(()),
        }
    }

    /// How it moves the pixels of one picture, if it does.
    pub(super) fn geometry(&self, height: usize, width: usize, stream: &mut Stream) -> Option<Affine> {
        let (height, width) = (height as f64, width as f64);
        Some(match *self {
            Augmentation::Flip { probability } => {
                if stream.uniform() < probability {
                    Affine::FLIP
                } else {
                    Affine::IDENTITY
                }
            }
            Augmentation::Shift { share } => {
                let x = share * around_zero(stream) * width;
                Affine::shift(x, share * around_zero(stream) * height)
            }
            Augmentation::Crop { smallest } => {
                let side = between(smallest, 1.0, stream);
                let (x, y) = (around_zero(stream), around_zero(stream));
                let room = (1.0 - side) / 2.0;
                Affine::linear([side, 0.0, 0.0, side]).moved(room * x * width, room * y * height)
            }
            Augmentation::Rotate { degrees } => {
                let half_turns = degrees * around_zero(stream) / 180.0;
                let (cos, sin) = (cos_pi(half_turns.abs()), sin_pi(half_turns));
                Affine::linear([cos, -sin, sin, cos])
            }
            Augmentation::Scale { smallest, largest } => {
                let inverse = 1.0 / between(smallest, largest, stream);
                Affine::linear([inverse, 0.0, 0.0, inverse])
            }
            _ => return None,
        })
    }

    /// What it does to the colours of one picture, if it does.
    pub(super) fn color(&self, stream: &mut Stream) -> Option<Change> {
        Some(match *self {
            Augmentation::Brightness { amount } => Change::Brightness(1.0 + amount * around_zero(stream)),
            Augmentation::Contrast { amount } => Change::Contrast(1.0 + amount * around_zero(stream)),
            Augmentation::Saturation { amount } => Change::Saturation(1.0 + amount * around_zero(stream)),
            Augmentation::Hue { turn } => Change::Hue(2.0 * turn * around_zero(stream)),
            _ => return None,
        })
    }
}

/// Evenly from -1 to 1.
fn around_zero(stream: &mut Stream) -> f64 {
    2.0 * stream.uniform() - 1.0
}

/// Evenly from `least` to `most`.
fn between(least: f64, most: f64, stream: &mut Stream) -> f64 {
    least + (most - least) * stream.uniform()
}
