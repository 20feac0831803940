//! Scores counted while a network trains.

use serde::{Deserialize, Serialize};

use crate::loss::Targets;
use crate::math::Float;

/// A score that is a mean over samples.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Metric {
    /// Share of samples whose largest output is the true class; with one output, whose side of 1/2 is right.
    Accuracy,
}

impl Metric {
    /// Sum of the score over the samples of a batch. `outputs (samples, width)` are logits or probabilities.
    pub fn total<F: Float>(self, outputs: &[F], width: usize, logits: bool, targets: Targets<F>) -> f64 {
        match self {
            Metric::Accuracy => accuracy_total(outputs, width.max(1), logits, targets),
        }
    }
}

fn accuracy_total<F: Float>(outputs: &[F], width: usize, logits: bool, targets: Targets<F>) -> f64 {
    let threshold = if logits { F::ZERO } else { F::HALF };
    let predicted = |row: &[F]| if width == 1 { usize::from(row[0] > threshold) } else { largest(row) };
    let rows = outputs.chunks_exact(width);
    let right = match targets {
        Targets::Classes(classes) => {
            rows.zip(classes).filter(|(row, class)| predicted(row) == **class as usize).count()
        }
        Targets::Values(values) if width == 1 => {
            rows.zip(values).filter(|(row, y)| predicted(row) == usize::from(**y > F::HALF)).count()
        }
        Targets::Values(values) => {
            rows.zip(values.chunks_exact(width)).filter(|(row, y)| largest(row) == largest(y)).count()
        }
    };
    right as f64
}

/// Index of the first largest number.
fn largest<F: Float>(row: &[F]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}
