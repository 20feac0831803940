//! Averages of the weights over the steps: what a training shows and leaves behind, while it goes on from the weights
//! themselves.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::isa::versions;
use crate::math::Float;

/// An average and its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[strum(serialize_all = "snake_case")]
pub enum Average {
    /// Exponential moving average, `a = decay a + (1 - decay) w` after every step, from the first step's weights on (Polyak
    /// and Juditsky, 1992).
    Ema {
        /// Share of the average that a step keeps.
        decay: f64,
    },
    /// Mean of the weights after every step but the first `start` ones (Izmailov et al., 2018).
    Swa {
        /// Steps that are left out.
        start: u64,
    },
}

impl Average {
    /// Refuses settings outside their range.
    pub fn check(self) -> Result<()> {
        match self {
            Average::Ema { decay } if !(decay > 0.0 && decay < 1.0) => {
                Err(Error::value("decay", "above 0 and below 1", decay))
            }
            _ => Ok(()),
        }
    }

    /// Takes note of the weights after a step; `steps` were averaged or left out before.
    pub fn update<F: Float>(self, steps: u64, average: &mut Vec<F>, weights: &[F]) {
        let share = match self {
            Average::Ema { decay } if steps > 0 => 1.0 - decay,
            Average::Swa { start } if steps > start => 1.0 / (steps - start + 1) as f64,
            _ => {
                average.clear();
                average.extend_from_slice(weights);
                return;
            }
        };
        approach(average, weights, F::from_f64(share));
    }
}

versions! {
    fn approach[F: Float](average: &mut [F], weights: &[F], share: F) {
        for (a, w) in average.iter_mut().zip(weights) { *a = share.mul_add(*w - *a, *a); }
    }
}
