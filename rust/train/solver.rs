//! Training on arrays, directly or in the span of the data: the choice, and the way there and back.

use std::time::Instant;

use ndarray::Array2;

use super::fit::{EpochReport, FitOptions, Flow, History, Solver, Watch, fit};
use super::prepared::{Form, Prepared};
use super::reduced::{Reduction, Span};
use super::source::{FullBatch, MiniBatches, Order, OwnedTargets, check_data};
use super::step::{Evaluation, Trainer};
use crate::error::{Error, Result};
use crate::loss::Targets;
use crate::math::Float;
use crate::metric::Metric;
use crate::network::{Network, Samples};
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
    targets: OwnedTargets<F>,
    validation: Option<(Samples<F>, Targets<F>)>,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    let start = Instant::now();
    let choice = check(trainer, network, x, targets.view(), validation, options)?;
    let (validation_x, validation_targets) = validation.unzip();
    let held_out = validation_x.as_ref().map(Samples::view);
    let data = Prepared::new(Form::of(network, choice.solver), x.view(), held_out, options, trainer.threads())?;
    let history = fit_prepared(trainer, network, &data, targets, validation_targets, choice, options, watch)?;
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
    targets: Targets<F>,
    validation: Option<(Samples<F>, Targets<F>)>,
    options: &FitOptions,
) -> Result<Choice> {
    if options.batch_size == Some(0) {
        return Err(Error::value("batch_size", "at least 1", 0));
    }
    check_data(network, trainer.loss(), &x, targets)?;
    trainer.check_metrics(&options.metrics, network, targets)?;
    if let Some((x, targets)) = validation {
        check_data(network, trainer.loss(), &x, targets).map_err(|error| error.of("validation data"))?;
    }
    let (solver, reason) = choose_solver(trainer, network, x.len(), options)?;
    Ok(Choice { solver, reason })
}

/// Trains `network` on data in its [`Form`], which [`check`] found to fit.
pub(super) fn fit_prepared<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    data: &Prepared<F>,
    targets: OwnedTargets<F>,
    validation_targets: Option<Targets<F>>,
    choice: Choice,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    let Choice { solver, reason } = choice;
    network.adapt(data.x, false, trainer.threads())?;
    match &data.span {
        Some(span) => {
            let history = fit_reduced(trainer, network, span, data, targets, validation_targets, options, watch)?;
            Ok(History { solver: Solver::Reduced, reason, ..history })
        }
        None => {
            let history =
                fit_steps(trainer, network, data, targets, data.validation.zip(validation_targets), options, watch)?;
            let reason = if solver == Solver::Reduced { "all samples are zero".into() } else { reason };
            Ok(History { solver: Solver::Direct, reason, ..history })
        }
    }
}

/// Most samples that "auto" reduces: the square of their number is held several times.
const MOST_SAMPLES: usize = 4096;

/// Direct or reduced, and why: from network, optimizer and shapes alone, so that the choice is the same everywhere.
fn choose_solver<F: Float>(
    trainer: &Trainer<F>,
    network: &Network<F>,
    samples: usize,
    options: &FitOptions,
) -> Result<(Solver, String)> {
    let features = network.spec().inputs();
    let optimizer: &str = trainer.optimizer().into();
    let units = first_units(network);
    let obstacle = if units.is_none() {
        Some("the first layer is not dense".to_string())
    } else if !trainer.optimizer().commutes_with_rotation() {
        Some(format!("{optimizer} treats every weight by itself"))
    } else if trainer.steps() > 0 {
        Some("the optimizer remembers earlier steps".to_string())
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
    targets: OwnedTargets<F>,
    validation: Option<(Samples<F>, Targets<F>)>,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    let x = data.samples();
    if let Some(held) = &data.held {
        let mut batch = FullBatch::sharing(held.clone(), x.len(), targets);
        return fit(trainer, network, &mut batch, validation, options, watch);
    }
    let size = options.batch_size.unwrap_or(x.len());
    let order = if options.shuffle { Order::Shuffled(network.spec().seed) } else { Order::Sequential };
    let mut batches = MiniBatches::new(network, trainer.loss(), x, targets, size, order)?;
    fit(trainer, network, &mut batches, validation, options, watch)
}

/// The same training in the span of the data; see [`super::reduced`].
fn fit_reduced<F: Float>(
    trainer: &mut Trainer<F>,
    network: &mut Network<F>,
    span: &Span<F>,
    data: &Prepared<F>,
    targets: OwnedTargets<F>,
    validation_targets: Option<Targets<F>>,
    options: &FitOptions,
    watch: &mut (impl Watch<F> + Send),
) -> Result<History> {
    let threads = trainer.threads();
    let units = first_units(network).unwrap_or(0);
    let reduction = parallel::install(threads, || Reduction::new(span, network, units, threads))?;
    let mut small = reduction.network(network)?;
    let mut small_trainer = Trainer::new(&small, trainer.optimizer(), trainer.loss(), threads)?;
    let validation_data = match data.validation.zip(data.inside.as_ref()) {
        Some((x, inside)) => Some(reduction.validation(network, x, inside)?),
        None => None,
    };
    let mut through = ThroughReduction {
        watch,
        reduction: &reduction,
        network,
        validation: validation_data.as_ref().zip(validation_targets),
        evaluator: Trainer::new(&reduction.validation_network(&small)?, trainer.optimizer(), trainer.loss(), threads)?,
        metrics: &options.metrics,
    };
    let result = fit_steps(&mut small_trainer, &mut small, data, targets, None, options, &mut through);
    // Also after an interrupt: the weights of the last finished step.
    *network = reduction.restore(&small, network)?;
    *trainer.epochs_mut() += *small_trainer.epochs_mut();
    let state = small_trainer.state_mut();
    trainer.state_mut().steps += state.steps;
    for (slot, small) in trainer.state_mut().slots.iter_mut().zip(&state.slots) {
        *slot = reduction.restore_slot(small)?;
    }
    result
}

/// Shows a reduced training to whoever watches the whole network.
struct ThroughReduction<'a, F: Float, W> {
    watch: &'a mut W,
    reduction: &'a Reduction<'a, F>,
    network: &'a Network<F>,
    validation: Option<(&'a Array2<F>, Targets<'a, F>)>,
    evaluator: Trainer<F>,
    metrics: &'a [Metric],
}

impl<F: Float, W: Watch<F>> Watch<F> for ThroughReduction<'_, F, W> {
    fn step(&mut self) -> Result<()> {
        self.watch.step()
    }

    fn reads_batches(&self) -> bool {
        self.watch.reads_batches()
    }

    fn batch_begin(&mut self, batch: u64) -> Result<()> {
        self.watch.batch_begin(batch)
    }

    fn batch_end(&mut self, batch: u64, loss: f64, network: &Network<F>) -> Result<()> {
        let restored = self.reduction.restore(network, self.network)?;
        self.watch.batch_end(batch, loss, &restored)
    }

    fn epoch(&mut self, report: &EpochReport, network: &Network<F>) -> Result<Flow> {
        let restored;
        let shown = if self.watch.reads_weights() {
            restored = self.reduction.restore(network, self.network)?;
            &restored
        } else {
            self.network
        };
        self.watch.epoch(report, shown)
    }

    fn validate(&mut self, network: &Network<F>) -> Option<Result<Evaluation>> {
        let (x, targets) = self.validation?;
        let network = self.reduction.validation_network(network);
        Some(network.and_then(|n| self.evaluator.evaluate(&n, Samples::Floats(x.view()), targets, self.metrics)))
    }
}
