//! How the loss of a batch counts, where it is not simply the mean.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::step::Batch;
use crate::error::{Error, Result};
use crate::isa::versions;
use crate::math::{DType, Float};
use crate::network::Network;
use crate::optimizer::RUN;
use crate::parallel;
use crate::regularization::Regularization;

/// The objective of a trainer that counts as another library does: `loss · L + alpha / 2 Σ ‖kernel‖² / weight`, where `L`
/// is the mean loss of a batch and `weight` what its samples count together. The same JSON as in Python.
///
/// Its gradient is that of `gradient · L` and of the penalty: scikit-learn's half squared error is a mean over the
/// outputs, and the step it makes is along the sum. An epoch's loss is the mean over its samples, whatever their weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// What the mean loss is multiplied by.
    pub loss: f64,
    /// What its gradient is multiplied by.
    pub gradient: f64,
    /// The penalty's factor.
    pub alpha: f64,
}

/// An objective, and the kernels that its penalty is about.
pub(super) struct Counting {
    objective: Objective,
    kernels: Vec<Range<usize>>,
}

impl Objective {
    /// Refuses factors that a training cannot have.
    pub fn check(&self, dtype: DType) -> Result<()> {
        for (name, factor) in [("loss", self.loss), ("gradient", self.gradient)] {
            if !(factor > 0.0 && dtype.holds(factor)) {
                return Err(Error::value(format!("objective: {name}"), "above 0 and finite", factor));
            }
        }
        if self.alpha != 0.0 && !(self.alpha > 0.0 && dtype.holds(self.alpha)) {
            return Err(Error::value("alpha", "at least 0 and finite", self.alpha));
        }
        Ok(())
    }

    /// For the parameters of `network`.
    pub(super) fn counting<F: Float>(self, network: &Network<F>) -> Counting {
        let kernels = network.named_parameters().iter().filter(|parameter| parameter.name.ends_with(".kernel"));
        Counting { objective: self, kernels: kernels.map(|kernel| kernel.range.clone()).collect() }
    }
}

impl Counting {
    /// The batch's share of the objective, without the penalty; its gradient in the place of the loss's.
    pub fn scale<F: Float>(&self, loss: f64, gradient: &mut [F]) -> f64 {
        if self.objective.gradient != 1.0 {
            multiply(gradient, F::from_f64(self.objective.gradient));
        }
        self.objective.loss * loss
    }

    /// What the weights add to the objective of `batch`.
    pub fn penalty<F: Float>(&self, weights: &[F], batch: &Batch<F>) -> f64 {
        let Some(share) = self.share(batch) else { return 0.0 };
        self.kernels.iter().map(|kernel| share.penalty(&weights[kernel.clone()])).sum()
    }

    /// Adds the penalty's gradient to `gradient`, of the kernels that lie in `part`.
    pub fn add_gradient<F: Float>(
        &self,
        weights: &[F],
        batch: &Batch<F>,
        part: &Range<usize>,
        gradient: &mut [F],
        threads: usize,
    ) {
        let Some(share) = self.share(batch) else { return };
        for kernel in self.kernels.iter().filter(|kernel| part.start <= kernel.start && kernel.end <= part.end) {
            let threads = threads.min(kernel.len() / RUN);
            let (weights, gradient) = (&weights[kernel.clone()], &mut gradient[kernel.clone()]);
            parallel::split(threads, gradient, 1, &mut Vec::<()>::new(), &|first, run, ()| {
                share.add_gradient(&weights[first..first + run.len()], run);
            });
        }
    }

    /// The penalty divided by what the samples of `batch` count, if there is any.
    fn share<F: Float>(&self, batch: &Batch<F>) -> Option<Regularization> {
        let weight = batch.labels().total(batch.samples);
        let l2 = 0.5 * self.objective.alpha / weight;
        (self.objective.alpha > 0.0 && weight > 0.0).then(|| Regularization { l2, ..Regularization::default() })
    }
}

versions! {
    fn multiply[F: Float](x: &mut [F], by: F) {
        for x in x { *x *= by; }
    }
}
