//! Training on arrays, directly or in the span of the data: the choice, and the way there and back.

use std::time::Instant;

use ndarray::Array2;

use super::augmented::{self, Augmented};
use super::checkpoint::Checkpoint;
use super::evaluate::Evaluation;
use super::fit::{EpochReport, FitOptions, Flow, History, Solver, Watch, fit};
use super::labels::{Labels, OwnedLabels};
use super::mixup::{self, Mixup};
use super::prepared::{Form, Prepared};
use super::reduced::{self, Reduction, Span};
use super::source::{BatchSource, FullBatch, MiniBatches, Order, check_data};
use super::step::Trainer;
use crate::augmentation::Augmenter;
use crate::error::{Error, Result};
use crate::math::Float;
use crate::metric::Metric;
use crate::network::{Network, Samples};
use crate::optimizer::{Optimizer, OptimizerState};
use crate::parallel;
use crate::spec::LayerSpec;

/// Trains `network` on `x` and `targets`: packed once where one batch holds all samples, gathered batch by batch
/// otherwise; directly, or in the span of the data.
///
/// # Errors
/// [`Error::Data`], [`Error::Shape`] and [`Error::Value`] for what cannot be trained on, before anything has changed;
/// later as [`fit`].
pub fn fit_arrays<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    x: Samples<F>,
    labels: impl Into<OwnedLabels<F>>,
    validation: Option<(Samples<F>, Labels<F>)>,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    let (start, labels) = (Instant::now(), labels.into());
    let choice = check(trainer, network, x, labels.view(), validation, options)?;
    let (validation_x, validation_labels) = validation.unzip();
    let held_out = validation_x.as_ref().map(Samples::view);
    let form = Form::of(network, trainer, x.len(), choice.solver, options);
    let data = Prepared::new(form, x.view(), held_out, options, trainer.threads())?;
    let history = fit_prepared(trainer, network, &data, labels, validation_labels, choice, options, watch)?;
    Ok(History { seconds: start.elapsed().as_secs_f64(), ..history })
}

/// The solver that will train a network, and why.
pub(super) struct Choice {
    pub solver: Solver,
    reason: String,
}

/// Refuses what cannot be trained on, and chooses the solver.
pub(super) fn check<F: Float>(
    trainer: &Trainer<F>,
    network: &Network<F>,
    x: Samples<F>,
    labels: Labels<F>,
    validation: Option<(Samples<F>, Labels<F>)>,
    options: &FitOptions,
) -> Result<Choice> {
    if options.batch_size == Some(0) {
        return Err(Error::value("batch_size", "at least 1", 0));
    }
    if options.accumulate == 0 {
        return Err(Error::value("accumulate", "at least 1", 0));
    }
    check_data(network, trainer.loss(), &x, labels)?;
    if let Some(alpha) = options.mixup {
        mixup::check::<F>(alpha, trainer.loss(), network.spec())?;
    }
    augmented::check(network, &x, &options.augmentation)?;
    trainer.check_metrics(&options.metrics, network, labels.targets)?;
    if let Some((x, labels)) = validation {
        check_data(network, trainer.loss(), &x, labels).map_err(|error| error.of("validation data"))?;
    }
    let (solver, reason) = choose_solver(trainer, network, x.len(), options)?;
    Ok(Choice { solver, reason })
}

/// Trains `network` on data in its [`Form`], which [`check`] found to fit.
pub(super) fn fit_prepared<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    data: &Prepared<F>,
    labels: OwnedLabels<F>,
    validation_labels: Option<Labels<F>>,
    choice: Choice,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    let Choice { solver, reason } = choice;
    network.adapt(data.x, false, trainer.threads())?;
    match &data.span {
        Some(span) => {
            let history = fit_reduced(trainer, network, span, data, labels, validation_labels, options, watch)?;
            Ok(History { solver: Solver::Reduced, reason, ..history })
        }
        None => {
            let history =
                fit_steps(trainer, network, data, labels, data.validation.zip(validation_labels), options, watch)?;
            let reason = if solver == Solver::Reduced { "all samples are zero".into() } else { reason };
            Ok(History { solver: Solver::Direct, reason, ..history })
        }
    }
}

/// Most samples that "auto" reduces: the square of their number is held several times.
const MOST_SAMPLES: usize = 4096;

/// Direct or reduced, and why: by network, optimizer, shapes and epochs alone, so that the choice is the same everywhere.
fn choose_solver<F: Float>(
    trainer: &Trainer<F>,
    network: &Network<F>,
    samples: usize,
    options: &FitOptions,
) -> Result<(Solver, String)> {
    let features = network.spec().inputs();
    let optimizer = trainer.optimizer();
    let units = first_units(network);
    let obstacle = if !options.augmentation.is_empty() {
        Some("augmented pictures leave the span of the samples".to_string())
    } else if units.is_none() {
        Some("the first layer is not dense".to_string())
    } else if !optimizer.rule.commutes_with_rotation() {
        Some(format!("{} treats every weight by itself", optimizer.name()))
    } else if optimizer.clip_value.is_some() {
        Some("clip_value treats every weight by itself".to_string())
    } else if network.named_parameters().first().is_some_and(|kernel| !kernel.trainable) {
        Some("the first layer is frozen".to_string())
    } else if optimizer.average.is_some() {
        Some("an average of the weights is asked for".to_string())
    } else if !network.run_layers()[0].regularization().commutes_with_rotation() {
        Some("l1 and max_norm of the first layer treat its weights by themselves".to_string())
    } else if options.solver == Solver::Auto && samples > MOST_SAMPLES {
        Some(format!("a factor of {samples} samples takes much memory"))
    } else if samples >= features {
        Some(format!("{samples} samples may span all {features} features"))
    } else {
        None
    };
    let span = format!("{samples} samples span at most {samples} of {features} dimensions");
    match (options.solver, obstacle) {
        (Solver::Direct, _) => Ok((Solver::Direct, "asked for".into())),
        (Solver::Reduced, None) => Ok((Solver::Reduced, "asked for".into())),
        (Solver::Reduced, Some(obstacle)) => {
            Err(Error::value("solver", "auto or direct here", format!("reduced, but {obstacle}")))
        }
        (Solver::Auto, Some(obstacle)) => Ok((Solver::Direct, obstacle)),
        (Solver::Auto, None) => {
            // Multiply-adds: two products a sample and epoch, against the factor and the way there and back.
            let work = [samples, features, units.unwrap_or(0), options.epochs as usize].map(|count| count as f64);
            let [samples, features, units, epochs] = work;
            let direct = 2.0 * epochs * samples * features * units;
            let factor = 4.0 * samples * samples * samples; // few, but each waits for memory
            let reduced =
                factor + 2.0 * samples * (samples * features + 2.0 * features * units + epochs * samples * units);
            Ok(if reduced < direct {
                (Solver::Reduced, span)
            } else {
                (Solver::Direct, format!("{span}, but for {} epochs that saves nothing", options.epochs))
            })
        }
    }
}

/// Units of the first layer that is run, if it is dense.
fn first_units<F: Float>(network: &Network<F>) -> Option<usize> {
    match network.run_layers().first() {
        Some(LayerSpec::Dense { units, .. }) => Some(*units),
        _ => None,
    }
}

/// Trains on all prepared samples in every step, or batch by batch.
fn fit_steps<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    data: &Prepared<F>,
    labels: OwnedLabels<F>,
    validation: Option<(Samples<F>, Labels<F>)>,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    let x = data.samples();
    if let Some(held) = &data.held {
        let labels = match &data.order {
            Some(order) => labels.of(order, trainer.loss().target_width(network.spec().outputs())),
            None => labels,
        };
        let mut batch = FullBatch::sharing(held.clone(), x.len(), labels);
        return fit(trainer, network, &mut batch, validation, options, watch);
    }
    let size = options.batch_size.unwrap_or(x.len());
    let order = if options.shuffle { Order::Shuffled(network.spec().seed) } else { Order::Sequential };
    let batches = MiniBatches::new(network, trainer.loss(), x, labels, size, order)?;
    match x {
        Samples::Bytes(pictures) if !options.augmentation.is_empty() => {
            let spec = network.spec();
            let augmenter = Augmenter::new(&options.augmentation, &spec.input_shape, spec.seed)?;
            let scale = network.input_scale().unwrap_or(F::ONE);
            augmented::with(&augmenter, pictures, trainer.threads(), |drawing| {
                let batches = Augmented::new(batches, drawing, scale);
                fit_batches(trainer, network, batches, validation, options, watch)
            })
        }
        _ => fit_batches(trainer, network, batches, validation, options, watch),
    }
}

/// Trains on the batches of a source, blended where that is asked for.
fn fit_batches<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    mut batches: impl BatchSource<F> + Send,
    validation: Option<(Samples<F>, Labels<F>)>,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    match options.mixup {
        Some(alpha) => {
            let (seed, outputs) = (network.spec().seed, network.spec().outputs());
            fit(trainer, network, &mut Mixup::new(batches, alpha, seed, outputs), validation, options, watch)
        }
        None => fit(trainer, network, &mut batches, validation, options, watch),
    }
}

/// The same training in the span of the data; see [`super::reduced`].
fn fit_reduced<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    span: &Span<F>,
    data: &Prepared<F>,
    labels: OwnedLabels<F>,
    validation_labels: Option<Labels<F>>,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    let threads = trainer.threads();
    let units = first_units(network).unwrap_or(0);
    let resumed = trainer.resumed.take();
    let start =
        resumed.as_ref().map(|checkpoint| reduced::start_of(checkpoint, trainer, network, units)).transpose()?;
    let (first, state) = start.as_ref().map_or((&*network, &trainer.state), |(network, state)| (network, state));
    let begun = state.steps;
    let reduction = parallel::install(threads, || Reduction::new(span, first, state, units, threads))?;
    let mut small = reduction.network(first)?;
    let mut small_trainer = reduction.trainer(&small, trainer)?;
    if let Some(checkpoint) = resumed {
        small_trainer.resume_from(reduction.small_checkpoint(*checkpoint, &small)?);
        small_trainer.go_on(&mut small, options)?;
    }
    let validation_data = match data.validation.zip(data.inside.as_ref()) {
        Some((x, inside)) => Some(reduction.validation(x, network.input_scale(), inside)?),
        None => None,
    };
    let start = small_trainer.outside_mut().as_ref().map(|outside| outside.weights().to_vec()).unwrap_or_default();
    let evaluated = reduction.validation_network(&small, &start)?;
    let mut through = ThroughReduction {
        watch,
        reduction: &reduction,
        network,
        outside: start,
        begun,
        validation: validation_data.as_ref().zip(validation_labels),
        evaluator: Trainer::new(&evaluated, Optimizer::new(trainer.optimizer().rule, 1.0), trainer.loss(), threads)?
            .without_regularization()
            .with_own_loss(trainer.own_loss_mut().clone()),
        metrics: &options.metrics,
        rate: None,
    };
    let result = fit_steps(&mut small_trainer, &mut small, data, labels, None, options, &mut through);
    let rate = through.rate;
    // Also after an interrupt: the weights of the last finished step.
    let outside = small_trainer.outside_mut().take();
    let (weights, velocity) =
        outside.map(|outside| (outside.weights().to_vec(), outside.velocity())).unwrap_or_default();
    *network = reduction.restore(&small, network, &weights)?;
    *trainer.epochs_mut() = *small_trainer.epochs_mut();
    let state = small_trainer.state_mut();
    let slots = state.slots.iter().map(|slot| reduction.restore_slot(slot, &velocity)).collect::<Result<_>>()?;
    *trainer.state_mut() = OptimizerState { steps: state.steps, slots, plateau: state.plateau };
    if let Some(rate) = rate {
        trainer.set_learning_rate(rate)?;
    }
    result
}

/// Shows a reduced training to whoever watches the whole network.
struct ThroughReduction<'a, F: Float, W> {
    watch: &'a mut W,
    reduction: &'a Reduction<'a, F>,
    network: &'a Network<F>,
    outside: Vec<f64>,
    /// Steps that the optimizer had made before.
    begun: u64,
    validation: Option<(&'a Array2<F>, Labels<'a, F>)>,
    evaluator: Trainer<F>,
    metrics: &'a [Metric],
    /// The last learning rate that the watcher asked for.
    rate: Option<f64>,
}

impl<F: Float, W: Watch<F>> Watch<F> for ThroughReduction<'_, F, W> {
    fn step(&mut self) -> Result<()> {
        self.watch.step()
    }

    fn outside(&mut self, coefficients: &[f64]) {
        self.outside.copy_from_slice(coefficients);
    }

    fn order(&mut self, epoch: u64, order: &mut Vec<u32>) -> Result<()> {
        self.watch.order(epoch, order)
    }

    fn learning_rate(&mut self) -> Option<f64> {
        let rate = self.watch.learning_rate();
        self.rate = rate.or(self.rate);
        rate
    }

    fn reads_batches(&self) -> bool {
        self.watch.reads_batches()
    }

    fn batch_begin(&mut self, batch: u64) -> Result<()> {
        self.watch.batch_begin(batch)
    }

    fn batch_end(&mut self, batch: u64, loss: f64, network: &Network<F>) -> Result<()> {
        let restored = self.reduction.restore(network, self.network, &self.outside)?;
        self.watch.batch_end(batch, loss, &restored)
    }

    fn epoch(&mut self, report: &EpochReport, network: &Network<F>) -> Result<Flow> {
        let restored;
        let shown = if self.watch.reads_weights() {
            restored = self.reduction.restore(network, self.network, &self.outside)?;
            &restored
        } else {
            self.network
        };
        self.watch.epoch(report, shown)
    }

    fn wants_checkpoint(&mut self, finished: Option<&EpochReport>) -> bool {
        self.watch.wants_checkpoint(finished)
    }

    fn wants_last_checkpoint(&self) -> bool {
        self.watch.wants_last_checkpoint()
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint<F>) -> Result<()> {
        self.watch.checkpoint(self.reduction.whole_checkpoint(checkpoint, self.network, self.begun)?)
    }

    fn validate(&mut self, network: &Network<F>) -> Option<Result<Evaluation>> {
        let (x, labels) = self.validation?;
        let network = self.reduction.validation_network(network, &self.outside);
        Some(network.and_then(|n| self.evaluator.evaluate(&n, Samples::Floats(x.view()), labels, self.metrics)))
    }
}
