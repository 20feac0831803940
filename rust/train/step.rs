//! One step of training: forward, loss, backward, update.

use crate::error::{Error, Result};
use crate::isa;
use crate::layer::{Context, Input};
use crate::loss::{Loss, Targets};
use crate::math::{Float, first_not_finite, zeros};
use crate::metric::{Metric, Tally, left_out};
use crate::network::{CHUNK, Network, Outputs, Samples};
use crate::optimizer::{Optimizer, OptimizerState};
use crate::parallel;

/// Samples and what they should give.
#[derive(Clone, Copy)]
pub struct Batch<'a, F: Float> {
    /// The inputs, a first `Rescale` already applied.
    pub input: Input<'a, F>,
    /// What the outputs are held against.
    pub targets: Targets<'a, F>,
    /// Number of samples.
    pub samples: usize,
}

/// Loss and metrics over a set of samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// In the order in which they were asked for.
    pub metrics: Vec<f64>,
}

/// Trains one network: the optimizer with its state, the gradient, and all memory that a step needs, taken once.
pub struct Trainer<F: Float> {
    optimizer: Optimizer,
    loss: Loss,
    state: OptimizerState<F>,
    epochs: u64,
    gradient: Vec<F>,
    dout: Vec<F>,
    spare: Vec<F>,
    terms: Vec<F>,
    outputs: Outputs<F>,
    context: Context<F>,
}

impl<F: Float> Trainer<F> {
    /// A trainer for `network` and networks of the same spec.
    ///
    /// # Errors
    /// [`Error::Value`] for settings out of range, a loss that does not belong to the last activation, or a
    /// `PURRCEPTRON_ISA` that names no instruction set.
    pub fn new(network: &Network<F>, optimizer: Optimizer, loss: Loss, threads: usize) -> Result<Trainer<F>> {
        isa::check()?;
        optimizer.check::<F>()?;
        let threads = parallel::thread_count(Some(threads))?;
        loss.check_activation(network.spec().last_activation())?;
        let parameters = network.parameters().len();
        Ok(Trainer {
            optimizer,
            loss,
            state: optimizer.start(parameters),
            epochs: 0,
            gradient: zeros("a gradient", parameters)?,
            dout: Vec::new(),
            spare: Vec::new(),
            terms: Vec::new(),
            outputs: Outputs::default(),
            context: Context::new(threads),
        })
    }

    /// The loss that it makes small.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// The optimizer and its settings.
    pub fn optimizer(&self) -> Optimizer {
        self.optimizer
    }

    /// Epochs of [`super::fit`] finished so far, over all calls: each has an order of the samples of its own.
    pub(super) fn epochs_mut(&mut self) -> &mut u64 {
        &mut self.epochs
    }

    /// What the optimizer remembers.
    pub(super) fn state_mut(&mut self) -> &mut OptimizerState<F> {
        &mut self.state
    }

    /// Threads that a step uses.
    pub fn threads(&self) -> usize {
        self.context.threads
    }

    /// The gradient that the last step or [`Trainer::loss_and_gradient`] found, laid out as the parameters.
    pub fn gradient(&self) -> &[F] {
        &self.gradient
    }

    /// Steps made so far.
    pub fn steps(&self) -> u64 {
        self.state.steps
    }

    /// One step: the mean loss of `batch` before it, and the weights after it.
    ///
    /// Call it inside [`parallel::install`]; the fit loop does.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is not finite; the weights then stay as they are. [`Error::Shape`] and
    /// [`Error::Data`] for a batch that does not fit the network and the loss.
    pub fn step(&mut self, network: &mut Network<F>, batch: Batch<F>) -> Result<f64> {
        let loss = self.loss_and_gradient(network, batch)?;
        if !loss.is_finite() {
            return Err(Error::Diverged { epoch: 0, last_loss: None });
        }
        network.update_buffers(&self.outputs);
        for frozen in network.frozen() {
            self.gradient[frozen.clone()].fill(F::ZERO);
        }
        let threads = self.context.threads;
        self.optimizer.update(&mut self.state, network.parameters_mut(), &self.gradient, threads);
        Ok(loss)
    }

    /// [`Trainer::step`], for a loop of the caller's own: where the step leads to weights that are not finite, it is
    /// taken back.
    ///
    /// # Errors
    /// As [`Trainer::step`]; [`Error::Diverged`] also if a weight is not finite.
    pub fn careful_step(&mut self, network: &mut Network<F>, batch: Batch<F>) -> Result<f64> {
        let before = (network.parameters().to_vec(), network.buffers().to_vec(), self.state.clone());
        let loss = self.step(network, batch)?;
        if first_not_finite(network.parameters()).or(first_not_finite(network.buffers())).is_some() {
            network.set_parameters(before.0)?;
            network.set_buffers(before.1)?;
            self.state = before.2;
            return Err(Error::Diverged { epoch: 0, last_loss: Some(loss) });
        }
        Ok(loss)
    }

    /// The mean loss of `batch`, and its gradient in [`Trainer::gradient`], as the next step would find them: with units
    /// dropped and statistics of the batch.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub fn loss_and_gradient(&mut self, network: &Network<F>, batch: Batch<F>) -> Result<f64> {
        if let Some(place) = network.not_adapted() {
            return Err(Error::Data(format!("layers[{place}] (normalize) has seen no data: call adapt first, or fit")));
        }
        self.context.training = true;
        self.context.step = self.state.steps;
        let loss = self.forward(network, batch)?;
        let Trainer { outputs, dout, spare, gradient, context, .. } = self;
        network.backward(batch.input, outputs, self.loss.on_logits(), dout, spare, gradient, false, context)?;
        Ok(loss)
    }

    /// The mean loss of `batch`, with the outputs and the gradient with respect to them left in place.
    fn forward(&mut self, network: &Network<F>, batch: Batch<F>) -> Result<f64> {
        self.check(network, &batch)?;
        let logits = self.loss.on_logits();
        network.forward(batch.input, batch.samples, logits, &mut self.outputs, &mut self.context)?;
        let outputs = self.outputs.last();
        self.dout.resize(outputs.len(), F::ZERO);
        let width = network.spec().outputs();
        Ok(self.loss.forward_backward(outputs, width, batch.targets, &mut self.dout, &mut self.terms))
    }

    fn check(&self, network: &Network<F>, batch: &Batch<F>) -> Result<()> {
        if network.parameters().len() != self.gradient.len() {
            let expected = format!("{} parameters, as the trainer was made for", self.gradient.len());
            return Err(Error::shape("network", expected, network.parameters().len().to_string()));
        }
        let expected = batch.samples * network.spec().inputs();
        let got = match batch.input {
            Input::Rows(rows) => rows.len(),
            Input::Packed(packed) => packed.len(),
        };
        if expected != got {
            let expected = format!("{expected} numbers for {} samples", batch.samples);
            return Err(Error::shape("inputs of the batch", expected, got.to_string()));
        }
        self.loss.check_targets(batch.targets, batch.samples, network.spec().outputs())
    }

    /// Counts the batch that was last run forward.
    pub(super) fn count(&self, scores: &mut [Tally], network: &Network<F>, targets: Targets<F>) {
        for score in scores {
            score.add(self.outputs.last(), network.spec().outputs(), left_out(self.loss), targets);
        }
    }

    /// Refuses metrics that this network and these targets have not.
    pub(super) fn check_metrics(&self, metrics: &[Metric], network: &Network<F>, targets: Targets<F>) -> Result<()> {
        metrics.iter().try_for_each(|metric| metric.check(self.loss, network.spec().last_activation(), targets))
    }

    /// Mean loss and metrics of `network` on `x` and `targets`, a piece at a time. The weights stay.
    ///
    /// # Errors
    /// As for training data.
    pub fn evaluate(
        &mut self,
        network: &Network<F>,
        x: Samples<F>,
        targets: Targets<F>,
        metrics: &[Metric],
    ) -> Result<Evaluation> {
        let (samples, width) = (x.len(), network.spec().outputs());
        network.check_samples(&x)?;
        self.loss.check_targets(targets, samples, width)?;
        self.check_metrics(metrics, network, targets)?;
        if samples == 0 {
            return Err(Error::Data("evaluate: no samples".into()));
        }
        let mut rows = Vec::new();
        let mut scores: Vec<Tally> = metrics.iter().copied().map(Tally::new).collect();
        let mut loss = 0.0;
        let threads = self.context.threads;
        self.context.training = false;
        parallel::install(threads, || {
            for start in (0..samples).step_by(CHUNK) {
                let end = samples.min(start + CHUNK);
                x.gather(start..end, network.input_scale(), &mut rows);
                let targets = match targets {
                    Targets::Values(values) => Targets::Values(&values[start * width..end * width]),
                    Targets::Classes(classes) => Targets::Classes(&classes[start..end]),
                };
                let batch = Batch { input: Input::Rows(&rows), targets, samples: end - start };
                loss += self.forward(network, batch)? * (end - start) as f64;
                self.count(&mut scores, network, targets);
            }
            Ok::<_, Error>(())
        })?;
        Ok(Evaluation { loss: loss / samples as f64, metrics: scores.iter().map(Tally::value).collect() })
    }
}
