//! What a network is worth on data: its loss and its metrics.

use super::labels::Labels;
use super::step::{Batch, Trainer};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::layer::Input;
use crate::loss::Targets;
use crate::math::{Float, check_room};
use crate::metric::{Metric, Tally, left_out};
use crate::network::{CHUNK, Network, Samples};
use crate::parallel;

/// Loss and metrics over a set of samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// In the order in which they were asked for.
    pub metrics: Vec<f64>,
}

impl<F: Float> Trainer<F> {
    /// Counts the batch that was last run forward; of means and variances the means.
    pub(crate) fn count(&mut self, scores: &mut [Tally], network: &Network<F>, targets: Targets<F>) {
        let (outputs, width) = (self.outputs.last(), network.spec().outputs());
        let predicted = self.loss.target_width(width);
        let predictions = if predicted < width && !scores.is_empty() {
            let means = self.spare.room(outputs.len() / width * predicted);
            for (row, means) in outputs.chunks_exact(width).zip(means.chunks_exact_mut(predicted)) {
                means.copy_from_slice(&row[..predicted]);
            }
            means
        } else {
            outputs
        };
        for score in scores {
            score.add(predictions, predicted, left_out(self.loss), targets);
        }
    }

    /// Refuses metrics that this network and these targets have not.
    pub(crate) fn check_metrics(&self, metrics: &[Metric], network: &Network<F>, targets: Targets<F>) -> Result<()> {
        metrics.iter().try_for_each(|metric| metric.check(self.loss, network.spec().last_activation(), targets))
    }

    /// Mean loss (with the weights of the samples, if they have any, and the penalty of the network's) and metrics of
    /// `network` on `x` and `labels`, a piece at a time. Nothing is changed.
    ///
    /// # Errors
    /// As for training data.
    pub fn evaluate<'a>(
        &mut self,
        network: &Network<F>,
        x: Samples<F>,
        labels: impl Into<Labels<'a, F>>,
        metrics: &[Metric],
    ) -> Result<Evaluation> {
        let labels = labels.into();
        let (samples, width) = (x.len(), network.spec().outputs());
        network.check_samples(&x)?;
        labels.check(self.loss, samples, width)?;
        self.check_metrics(metrics, network, labels.targets)?;
        if samples == 0 {
            return Err(Error::Data("evaluate: no samples".into()));
        }
        check_room::<F>("an evaluation", network.numbers_of_pass(samples.min(CHUNK)))?;
        let mut rows = Vec::new();
        let mut scores: Vec<Tally> = metrics.iter().copied().map(Tally::new).collect();
        let mut loss = 0.0;
        let threads = self.context.threads;
        self.context.training = false;
        parallel::install(threads, || {
            for start in (0..samples).step_by(CHUNK) {
                let end = samples.min(start + CHUNK);
                x.gather(start..end, network.input_scale(), &mut rows);
                let labels = labels.slice(start..end, self.loss.target_width(width));
                let Labels { targets, weights } = labels;
                let batch = Batch { input: Input::Rows(&rows), targets, samples: end - start, weights };
                loss += self.forward(network, batch)? * labels.total(end - start);
                self.count(&mut scores, network, targets);
                interrupt::check()?;
            }
            Ok::<_, Error>(())
        })?;
        let mut loss = loss / labels.total(samples);
        if !self.kernels.is_empty() {
            loss += self.penalty(network);
        }
        Ok(Evaluation { loss, metrics: scores.iter().map(Tally::value).collect() })
    }
}
