//! What a training holds the outputs against: targets, and how much each sample counts.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::loss::{Loss, Targets};
use crate::math::{Float, sum};

/// Targets of some samples and their weights, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a, F> {
    /// What the outputs are held against.
    pub targets: Targets<'a, F>,
    /// How much each sample counts: the mean loss is `Σ weight loss / Σ weight`. Without weights all count alike.
    pub weights: Option<&'a [F]>,
}

impl<'a, F> From<Targets<'a, F>> for Labels<'a, F> {
    fn from(targets: Targets<'a, F>) -> Labels<'a, F> {
        Labels { targets, weights: None }
    }
}

impl<'a, F: Float> Labels<'a, F> {
    /// Refuses targets that the loss does not take, and weights that give no mean.
    pub(super) fn check(&self, loss: Loss, samples: usize, outputs: usize) -> Result<()> {
        self.check_batch(loss, samples, outputs)?;
        match self.weights {
            Some(weights) if samples > 0 && weights.iter().all(|weight| *weight == F::ZERO) => {
                Err(Error::Data("sample weights: all are 0, which leaves no sample to learn from".into()))
            }
            _ => Ok(()),
        }
    }

    /// The same for a batch, all of whose samples may happen to count for nothing.
    pub(super) fn check_batch(&self, loss: Loss, samples: usize, outputs: usize) -> Result<()> {
        loss.check_targets(self.targets, samples, outputs)?;
        let Some(weights) = self.weights else { return Ok(()) };
        if weights.len() != samples {
            let expected = format!("{samples}, one for each sample");
            return Err(Error::shape("sample weights", expected, weights.len().to_string()));
        }
        if let Some(i) = weights.iter().position(|weight| !(*weight >= F::ZERO && weight.is_finite())) {
            let message = format!("sample weights: sample {i} has {}, but a weight is at least 0", weights[i]);
            return Err(Error::Data(message));
        }
        Ok(())
    }

    /// How much the samples count together.
    pub(super) fn total(&self, samples: usize) -> f64 {
        self.weights.map_or(samples as f64, sum)
    }

    /// Those of some samples in a row.
    pub(super) fn slice(&self, samples: Range<usize>, width: usize) -> Labels<'a, F> {
        let targets = match self.targets {
            Targets::Values(values) => Targets::Values(&values[samples.start * width..samples.end * width]),
            Targets::Classes(classes) => Targets::Classes(&classes[samples.clone()]),
        };
        Labels { targets, weights: self.weights.map(|weights| &weights[samples]) }
    }
}

/// Targets that a source keeps, or gathers for a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum OwnedTargets<F> {
    /// `(samples, outputs)`, row after row.
    Values(Vec<F>),
    /// The true class of each sample.
    Classes(Vec<u32>),
}

impl<F: Float> OwnedTargets<F> {
    /// Borrows them.
    pub fn view(&self) -> Targets<'_, F> {
        match self {
            OwnedTargets::Values(values) => Targets::Values(values),
            OwnedTargets::Classes(classes) => Targets::Classes(classes),
        }
    }

    fn gather(&mut self, from: &OwnedTargets<F>, indices: &[u32], width: usize) {
        match (self, from) {
            (OwnedTargets::Values(to), OwnedTargets::Values(from)) => {
                to.clear();
                indices.iter().for_each(|i| to.extend_from_slice(&from[*i as usize * width..][..width]));
            }
            (OwnedTargets::Classes(to), OwnedTargets::Classes(from)) => {
                to.clear();
                to.extend(indices.iter().map(|i| from[*i as usize]));
            }
            (to, from) => {
                *to = match from {
                    OwnedTargets::Values(_) => OwnedTargets::Values(Vec::new()),
                    OwnedTargets::Classes(_) => OwnedTargets::Classes(Vec::new()),
                };
                to.gather(from, indices, width);
            }
        }
    }
}

/// Targets and weights that a source keeps, or gathers for a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedLabels<F> {
    /// What the outputs are held against.
    pub targets: OwnedTargets<F>,
    /// How much each sample counts.
    pub weights: Option<Vec<F>>,
}

impl<F> From<OwnedTargets<F>> for OwnedLabels<F> {
    fn from(targets: OwnedTargets<F>) -> OwnedLabels<F> {
        OwnedLabels { targets, weights: None }
    }
}

impl<F: Float> OwnedLabels<F> {
    /// None yet, to be gathered.
    pub(super) fn none() -> OwnedLabels<F> {
        OwnedTargets::Values(Vec::new()).into()
    }

    /// Borrows them.
    pub fn view(&self) -> Labels<'_, F> {
        Labels { targets: self.targets.view(), weights: self.weights.as_deref() }
    }

    /// Those of the samples `indices`.
    pub(super) fn of(&self, indices: &[u32], width: usize) -> OwnedLabels<F> {
        let mut labels = OwnedLabels::none();
        labels.gather(self, indices, width);
        labels
    }

    /// Copies those of the samples `indices` of `from`.
    pub(super) fn gather(&mut self, from: &OwnedLabels<F>, indices: &[u32], width: usize) {
        self.targets.gather(&from.targets, indices, width);
        if let Some(from) = &from.weights {
            let to = self.weights.get_or_insert_default();
            to.clear();
            to.extend(indices.iter().map(|i| from[*i as usize]));
        }
    }
}
