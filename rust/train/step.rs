//! One step of training: forward, loss, backward, update.

use std::ops::Range;
use std::sync::Arc;

use super::checkpoint::{Checkpoint, Course};
use super::labels::Labels;
use super::objective::{Counting, Objective};
use super::outside::Outside;
use super::pace::Pace;
use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::float_mode::callback;
use crate::isa::{self, versions};
use crate::layer::{Context, Input};
use crate::loss::{Loss, Targets, weigh};
use crate::math::{Float, check_room, first_not_finite, sum, zeros};
use crate::network::{Network, Outputs};
use crate::optimizer::{Optimizer, OptimizerState, Part};
use crate::parallel;
use crate::regularization::Regularization;
use crate::schedule::Schedule;

/// Multiply-adds that take as long as the loss of one output, more or less.
const LOSS: usize = 64;

/// The same for moving one parameter.
const MOVE: usize = 96;

/// Samples and what they should give.
#[derive(Clone, Copy)]
pub struct Batch<'a, F: Float> {
    /// The inputs, a first `Rescale` already applied.
    pub input: Input<'a, F>,
    /// What the outputs are held against.
    pub targets: Targets<'a, F>,
    /// Number of samples.
    pub samples: usize,
    /// How much each sample counts; without weights all count alike.
    pub weights: Option<&'a [F]>,
}

impl<'a, F: Float> Batch<'a, F> {
    /// What the outputs are held against.
    pub(super) fn labels(&self) -> Labels<'a, F> {
        Labels { targets: self.targets, weights: self.weights }
    }
}

/// A loss of the caller's own: from `outputs (samples, width)` and their labels the mean loss, and its gradient with
/// respect to the outputs into the last argument.
pub type OwnLoss<F> = Arc<dyn Fn(&[F], usize, Labels<F>, &mut [F]) -> Result<f64> + Send + Sync>;

/// Trains one network: the optimizer with its state, the gradient, and all memory that a step needs, taken once.
pub struct Trainer<F: Float> {
    pub(super) optimizer: Optimizer,
    pub(super) loss: Loss,
    pub(super) state: OptimizerState<F>,
    pub(super) epochs: u64,
    parts: Vec<Part>,
    pub(super) kernels: Vec<Kernel>,
    pub(super) outside: Option<Outside>,
    pub(super) average: Averaged<F>,
    own: Option<OwnLoss<F>>,
    counting: Option<Counting>,
    gradient: Vec<F>,
    pub(super) gathered: Gathered<F>,
    /// Where the next training goes on.
    pub(super) resumed: Option<Box<Checkpoint<F>>>,
    /// How far that training was.
    pub(super) course: Course,
    squares: Vec<f64>,
    last_loss: Option<f64>,
    dout: Buffer<F>,
    pub(super) spare: Buffer<F>,
    terms: Vec<F>,
    pub(super) outputs: Outputs<F>,
    pub(super) context: Context<F>,
    pace: Pace,
}

/// A kernel with penalties or bounds.
pub(super) struct Kernel {
    range: Range<usize>,
    units: usize,
    regularization: Regularization,
}

/// The average of the weights, or, while the network shows that, the weights themselves.
#[derive(Clone)]
pub(super) struct Averaged<F> {
    pub hidden: Vec<F>,
    pub steps: u64,
    /// The sum of the average that is shown: another one means that somebody has changed the weights since.
    pub shown: Option<f64>,
}

impl<F: Float> Averaged<F> {
    /// Puts the average in the place of the weights, if there is one.
    pub fn show(&mut self, network: &mut Network<F>) {
        if self.shown.is_none() && !self.hidden.is_empty() {
            network.parameters_mut().swap_with_slice(&mut self.hidden);
            self.shown = Some(sum(network.parameters()));
        }
    }
}

/// Gradients of batches that make one step together: their sum, each times what its batch counts.
#[derive(Clone)]
pub(super) struct Gathered<F> {
    pub sum: Vec<F>,
    pub weight: f64,
    pub batches: usize,
}

/// What a step changes beside the weights.
#[derive(Clone)]
pub(super) struct Memory<F> {
    state: OptimizerState<F>,
    outside: Option<Outside>,
    average: Averaged<F>,
    gathered: Gathered<F>,
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
        loss.check::<F>()?;
        loss.check_activation(network.spec().last_activation())?;
        loss.check_outputs(network.spec().outputs())?;
        let parameters = network.parameters().len();
        let parts = optimizer.parts(network.named_parameters())?;
        let kernels = network.named_parameters().iter().filter_map(|parameter| {
            let mut regularization = network.spec().regularization(&parameter.name);
            if !parameter.trainable {
                regularization.max_norm = None;
            }
            let units = parameter.shape.last().copied().unwrap_or(1);
            (regularization != Regularization::default()).then(|| Kernel {
                range: parameter.range.clone(),
                units,
                regularization,
            })
        });
        check_room::<F>("a trainer", parameters.saturating_mul(1 + optimizer.rule.slots()))?;
        Ok(Trainer {
            state: optimizer.start(parameters),
            optimizer,
            loss,
            epochs: 0,
            parts,
            kernels: kernels.collect(),
            outside: None,
            average: Averaged { hidden: Vec::new(), steps: 0, shown: None },
            own: None,
            counting: None,
            gradient: zeros("a gradient", parameters)?,
            gathered: Gathered { sum: Vec::new(), weight: 0.0, batches: 0 },
            resumed: None,
            course: Course::default(),
            squares: Vec::new(),
            last_loss: None,
            dout: Buffer::default(),
            spare: Buffer::default(),
            terms: Vec::new(),
            outputs: Outputs::default(),
            context: Context::new(threads),
            pace: Pace::default(),
        })
    }

    /// The loss that it makes small.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// The optimizer and its settings.
    pub fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// Counts the loss of a batch in another way than as its mean.
    ///
    /// # Errors
    /// [`Error::Value`] for factors out of range.
    pub fn set_objective(&mut self, network: &Network<F>, objective: Objective) -> Result<()> {
        objective.check(F::DTYPE)?;
        self.counting = Some(objective.counting(network));
        Ok(())
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self) -> f64 {
        self.optimizer.rate(&self.state)
    }

    /// From now on all steps have this learning rate, at least 0, whatever the schedule was.
    ///
    /// # Errors
    /// [`Error::Value`] for a rate that is not finite or below 0.
    pub fn set_learning_rate(&mut self, learning_rate: f64) -> Result<()> {
        if !(learning_rate == 0.0 || learning_rate > 0.0 && F::DTYPE.holds(learning_rate)) {
            return Err(Error::value("learning_rate", "at least 0 and finite", learning_rate));
        }
        self.optimizer.learning_rate = Schedule::Constant { learning_rate };
        Ok(())
    }

    /// How the optimizer moves the parameters.
    pub(super) fn parts_mut(&mut self) -> &mut Vec<Part> {
        &mut self.parts
    }

    /// The first kernel outside the span of the data, where this is a reduced training.
    pub(super) fn outside_mut(&mut self) -> &mut Option<Outside> {
        &mut self.outside
    }

    /// With a loss of the caller's own, if there is one.
    pub(super) fn with_own_loss(mut self, own: Option<OwnLoss<F>>) -> Trainer<F> {
        self.own = own;
        self
    }

    /// Leaves penalties and bounds out of account.
    pub(super) fn without_regularization(mut self) -> Trainer<F> {
        self.kernels.clear();
        self
    }

    /// What a step changes beside the weights.
    pub(super) fn memory(&self) -> Memory<F> {
        Memory {
            state: self.state.clone(),
            outside: self.outside.clone(),
            average: self.average.clone(),
            gathered: self.gathered.clone(),
        }
    }

    /// Goes back to what it remembered.
    pub(super) fn recall(&mut self, memory: Memory<F>) {
        (self.state, self.outside) = (memory.state, memory.outside);
        (self.average, self.gathered) = (memory.average, memory.gathered);
    }

    /// A loss of the caller's own, in the place of [`Loss::Own`].
    pub fn own_loss_mut(&mut self) -> &mut Option<OwnLoss<F>> {
        &mut self.own
    }

    /// Whether it has one.
    pub(super) fn has_own_loss(&self) -> bool {
        self.own.is_some()
    }

    /// Puts the average of the weights in the place of the weights, where the optimizer has one.
    pub(super) fn show_average(&mut self, network: &mut Network<F>) {
        self.average.show(network);
    }

    /// Puts the weights back in their place. If somebody has changed them meanwhile, those are the weights, and a new
    /// average begins.
    pub(super) fn hide_average(&mut self, network: &mut Network<F>) {
        match self.average.shown.take() {
            Some(shown) if shown == sum(network.parameters()) => {
                network.parameters_mut().swap_with_slice(&mut self.average.hidden);
            }
            Some(_) => (self.average.steps, self.average.hidden) = (0, Vec::new()),
            None => {}
        }
    }

    /// What a loss or weights that are not finite are reported as.
    pub(super) fn diverged(&self, network: &Network<F>, last_loss: Option<f64>) -> Error {
        let folded = network.spec().layers.len() - network.run_layers().len();
        let of_outputs = || self.outputs.first_not_finite().map(|place| format!("layers.{}", place + folded));
        let layer_of = |name: &str| name.rsplit_once('.').map_or(name, |(layer, _)| layer).to_string();
        let broken = |range: &Range<usize>| first_not_finite(&network.parameters()[range.clone()]).is_some();
        let of_weights = network.named_parameters().iter().find(|parameter| broken(&parameter.range));
        let layer = of_weights.map(|parameter| layer_of(&parameter.name)).or_else(of_outputs);
        Error::Diverged { epoch: 0, last_loss, layer, learning_rate: self.learning_rate() }
    }

    /// Takes note of an epoch's score: the validation loss, or the loss.
    pub(super) fn end_epoch(&mut self, score: f64) {
        self.optimizer.learning_rate.end_epoch(score, &mut self.state.plateau);
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

    /// Threads for what comes before the next step: those that share small pieces of the last one.
    pub(super) fn threads_between(&self) -> usize {
        if self.context.product.eager { self.context.threads } else { 1 }
    }

    /// The gradient that the last step or [`Trainer::loss_and_gradient`] found, laid out as the parameters.
    pub fn gradient(&self) -> &[F] {
        &self.gradient
    }

    /// What the optimizer remembers of each parameter, an array after the other.
    pub fn slots(&self) -> &[Vec<F>] {
        &self.state.slots
    }

    /// Goes on from `steps` steps that another trainer of this kind has made, which left it `slots`.
    ///
    /// # Errors
    /// [`Error::Shape`] for slots that this optimizer has not.
    pub fn go_on_from(&mut self, steps: u64, slots: Vec<Vec<F>>) -> Result<()> {
        let sizes = |slots: &[Vec<F>]| slots.iter().map(Vec::len).collect::<Vec<_>>();
        let (expected, got) = (sizes(&self.state.slots), sizes(&slots));
        if expected != got {
            return Err(Error::shape("state of the optimizer", format!("{expected:?}"), format!("{got:?}")));
        }
        (self.state.steps, self.state.slots) = (steps, slots);
        Ok(())
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
        let shared = self.set_pace(network, batch.samples);
        let loss = self.finite_loss(network, batch)?;
        if self.moves_by_layer(network) {
            self.descend_by_layer(network, batch)?;
        } else {
            self.backward(network, batch)?;
            self.descend(network);
        }
        network.update_buffers(&self.outputs);
        if shared {
            self.pace.end(batch.samples);
        }
        Ok(loss)
    }

    /// Chooses whether threads share the small pieces of a step; `false` if there is none for them.
    fn set_pace(&mut self, network: &Network<F>, samples: usize) -> bool {
        self.context.product.eager = true;
        let shared = self.context.threads_for(network.parameters().len(), samples) > 1;
        self.context.product.eager = shared && self.pace.begin(samples, self.context.threads);
        shared
    }

    /// The loss before a step; [`Error::Diverged`] if it is not finite.
    fn finite_loss(&mut self, network: &Network<F>, batch: Batch<F>) -> Result<f64> {
        let loss = self.forward_in_training(network, batch)?;
        if loss.is_finite() { Ok(loss) } else { Err(self.diverged(network, None)) }
    }

    /// One batch of several that make a step together: its mean loss. The weights stay until [`Trainer::finish_step`],
    /// which `batches` batches bring about.
    pub(super) fn part_of_step(&mut self, network: &mut Network<F>, batch: Batch<F>, batches: usize) -> Result<f64> {
        if batches == 1 {
            return self.step(network, batch);
        }
        let loss = self.finite_loss(network, batch)?;
        self.backward(network, batch)?;
        network.update_buffers(&self.outputs);
        let weight = batch.labels().total(batch.samples);
        let Gathered { sum, weight: all, batches: gathered } = &mut self.gathered;
        sum.resize(self.gradient.len(), F::ZERO);
        add_multiple(sum, &self.gradient, F::from_f64(weight));
        (*all, *gathered) = (*all + weight, *gathered + 1);
        if *gathered == batches {
            self.finish_step(network);
        }
        Ok(loss)
    }

    /// The step of the batches gathered so far, if there are any: along their mean gradient.
    pub(super) fn finish_step(&mut self, network: &mut Network<F>) {
        if self.gathered.batches > 0 {
            let share = if self.gathered.weight > 0.0 { 1.0 / self.gathered.weight } else { 0.0 };
            self.gradient.fill(F::ZERO);
            add_multiple(&mut self.gradient, &self.gathered.sum, F::from_f64(share));
            self.forget_gathered();
            self.descend(network);
        }
    }

    /// Drops the batches gathered so far.
    pub(super) fn forget_gathered(&mut self) {
        self.gathered.sum.fill(F::ZERO);
        (self.gathered.weight, self.gathered.batches) = (0.0, 0);
    }

    /// Whether a layer's step depends on nothing but its own gradient.
    fn moves_by_layer(&self, network: &Network<F>) -> bool {
        let Optimizer { clip_norm, clip_value, .. } = self.optimizer;
        let whole = clip_norm.is_some() || clip_value.is_some() || self.outside.is_some();
        !whole && self.kernels.is_empty() && network.frozen().is_empty()
    }

    /// The way back through the network, each layer moved while its gradient is in the cache and its weights are no longer
    /// needed. A step of 784-512-512-10 takes 0.9 of the time that it takes where all are moved at the end.
    fn descend_by_layer(&mut self, network: &mut Network<F>, batch: Batch<F>) -> Result<()> {
        let Trainer { optimizer, state, loss, counting, parts, outputs, dout, spare, gradient, context, .. } = self;
        let logits = loss.on_logits();
        state.steps += 1;
        let mut rest = parts.as_slice();
        for place in (0..network.run_layers().len()).rev() {
            let layer = network.backward_layer(place, batch.input, outputs, logits, dout, spare, gradient, context)?;
            let threads = context.threads_for(layer.len(), MOVE);
            if let Some(counting) = counting {
                counting.add_gradient(network.parameters(), &batch, &layer, gradient, threads);
            }
            let (before, of_layer) = rest.split_at(rest.partition_point(|part| part.range.start < layer.start));
            optimizer.move_parts(state, of_layer, network.parameters_mut(), gradient, threads);
            rest = before;
        }
        self.take_average(network.parameters());
        Ok(())
    }

    /// Moves the weights along the gradient at hand.
    fn descend(&mut self, network: &mut Network<F>) {
        for frozen in network.frozen() {
            self.gradient[frozen.clone()].fill(F::ZERO);
        }
        let beyond = self.outside.as_ref().map_or(0.0, Outside::gradient_square);
        let scale = self.optimizer.clip(&mut self.gradient, beyond);
        if let Some(outside) = &mut self.outside {
            outside.step(&self.optimizer, &self.state, scale);
        }
        let threads = self.context.threads_for(self.gradient.len(), MOVE);
        let parameters = network.parameters_mut();
        self.optimizer.update_parts(&mut self.state, &self.parts, parameters, &self.gradient, threads);
        for Kernel { range, units, regularization } in &self.kernels {
            regularization.bound(&mut parameters[range.clone()], *units, &mut self.squares);
        }
        self.take_average(network.parameters());
    }

    fn take_average(&mut self, weights: &[F]) {
        if let Some(average) = self.optimizer.average {
            average.update(self.average.steps, &mut self.average.hidden, weights);
            self.average.steps += 1;
        }
    }

    /// What the weights of `network` add to its loss.
    pub(super) fn penalty(&self, network: &Network<F>) -> f64 {
        let of = |kernel: &Kernel| kernel.regularization.penalty(&network.parameters()[kernel.range.clone()]);
        let inside: f64 = self.kernels.iter().map(of).sum();
        inside + self.outside.as_ref().map_or(0.0, Outside::penalty)
    }

    /// [`Trainer::step`], for a loop of the caller's own: where the step leads to weights that are not finite, it is
    /// taken back.
    ///
    /// # Errors
    /// As [`Trainer::step`]; [`Error::Diverged`] also if a weight is not finite.
    pub fn careful_step(&mut self, network: &mut Network<F>, batch: Batch<F>) -> Result<f64> {
        self.hide_average(network);
        let before = (network.parameters().to_vec(), network.buffers().to_vec(), self.memory());
        let loss = self.step(network, batch).map_err(|error| error.after(self.last_loss))?;
        if first_not_finite(network.parameters()).or(first_not_finite(network.buffers())).is_some() {
            let error = self.diverged(network, Some(loss));
            network.set_parameters(before.0)?;
            network.set_buffers(before.1)?;
            self.recall(before.2);
            return Err(error);
        }
        self.last_loss = Some(loss);
        Ok(loss)
    }

    /// The mean loss of `batch` and the penalty of the weights, and their gradient in [`Trainer::gradient`], as the next step
    /// would find them: with units dropped and statistics of the batch.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub fn loss_and_gradient(&mut self, network: &Network<F>, batch: Batch<F>) -> Result<f64> {
        let loss = self.forward_in_training(network, batch)?;
        self.backward(network, batch)?;
        Ok(loss)
    }

    /// The mean loss of `batch` and the penalty of the weights, in a pass that [`Trainer::backward`] can follow.
    fn forward_in_training(&mut self, network: &Network<F>, batch: Batch<F>) -> Result<f64> {
        if let Some(place) = network.not_adapted() {
            return Err(Error::Data(format!("layers[{place}] (normalize) has seen no data: call adapt first, or fit")));
        }
        self.context.training = true;
        self.context.step = self.state.steps + ((self.gathered.batches as u64) << 40); // no later step's
        let mut loss = self.forward(network, batch)?;
        if !self.kernels.is_empty() {
            loss += self.penalty(network);
        }
        if let Some(counting) = &self.counting {
            loss += counting.penalty(network.parameters(), &batch);
        }
        Ok(loss)
    }

    /// The gradient of what [`Trainer::forward_in_training`] gave.
    fn backward(&mut self, network: &Network<F>, batch: Batch<F>) -> Result<()> {
        let Trainer { outputs, dout, spare, gradient, context, .. } = self;
        network.backward(batch.input, outputs, self.loss.on_logits(), dout, spare, gradient, false, context)?;
        for Kernel { range, regularization, .. } in self.kernels.iter().filter(|k| k.regularization.is_penalty()) {
            let weights = &network.parameters()[range.clone()];
            regularization.add_gradient(weights, &mut self.gradient[range.clone()]);
        }
        if let Some(counting) = &self.counting {
            let all = 0..self.gradient.len();
            let threads = self.context.threads_for(all.len(), MOVE);
            counting.add_gradient(network.parameters(), &batch, &all, &mut self.gradient, threads);
        }
        Ok(())
    }

    /// The mean loss of `batch`, with the outputs and the gradient with respect to them left in place.
    pub(super) fn forward(&mut self, network: &Network<F>, batch: Batch<F>) -> Result<f64> {
        self.check(network, &batch)?;
        let logits = self.loss.on_logits();
        network.forward(batch.input, batch.samples, logits, &mut self.outputs, &mut self.context)?;
        let outputs = self.outputs.last();
        self.dout.room(outputs.len());
        let width = network.spec().outputs();
        let loss = match (&self.own, batch.weights) {
            (Some(own), _) => callback(|| own(outputs, width, batch.labels(), &mut self.dout))?,
            (None, weights) => {
                let threads = self.context.threads_for(outputs.len(), LOSS);
                let (dout, terms) = (&mut self.dout, &mut self.terms);
                let mean = self.loss.forward_backward_on(threads, outputs, width, batch.targets, dout, terms);
                weights.map_or(mean, |weights| weigh(weights, dout, terms))
            }
        };
        Ok(self.counting.as_ref().map_or(loss, |counting| counting.scale(loss, &mut self.dout)))
    }

    /// How much the loss of a batch counts in that of its epoch.
    pub(super) fn share_in_epoch(&self, batch: &Batch<F>) -> f64 {
        if self.counting.is_some() { batch.samples as f64 } else { batch.labels().total(batch.samples) }
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
        batch.labels().check_batch(self.loss, batch.samples, network.spec().outputs())
    }
}

versions! {
    // Rounded once, so that what is gathered from one batch alone is the batch's own gradient.
    fn add_multiple[F: Float](sum: &mut [F], x: &[F], by: F) {
        for (sum, x) in sum.iter_mut().zip(x) { *sum = x.mul_add(by, *sum); }
    }
}
