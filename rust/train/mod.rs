//! Training: one step, batches, and the loop over them.
//!
//! - `step.rs`: [`Trainer::step`], the unit that everything else uses.
//! - `evaluate.rs`: the loss and the metrics of a network on data.
//! - `pace.rs`: whether threads share its small pieces too.
//! - `labels.rs`: targets, and how much each sample counts.
//! - `objective.rs`: how a batch's loss counts, where it is not simply the mean.
//! - `source.rs`: where batches come from.
//! - `augmented.rs`: batches of augmented pictures.
//! - `mixup.rs`: batches of blended samples.
//! - `fit.rs`: epochs, validation, history.
//! - `checkpoint.rs`: all that a training needs to go on with the same bits.
//! - `held_out.rs`: a part of the samples set aside for validation.
//! - `solver.rs`: training on arrays: all at once or batch by batch, directly or reduced.
//! - `prepared.rs`: the data as steps read it, made once for all networks that share it.
//! - `reduced.rs`: a wide first layer on few samples, in as many dimensions as there are samples.
//! - `outside.rs`: what the reduction leaves out, and what decay and penalties do to it.
//! - `room.rs`: the memory that a training takes for sure, asked for before it begins.
//! - `many.rs`: several networks side by side on the same data.

mod augmented;
mod checkpoint;
mod evaluate;
mod fit;
mod held_out;
mod labels;
mod many;
mod mixup;
mod objective;
mod outside;
mod pace;
mod prepared;
mod reduced;
mod room;
mod solver;
mod source;
mod step;

pub use checkpoint::{Checkpoint, Progress};
pub use evaluate::Evaluation;
pub use fit::{EpochReport, FitOptions, Flow, History, Solver, Watch, fit};
pub use held_out::held_out;
pub use labels::{Labels, OwnedLabels, OwnedTargets};
pub use many::{Member, fit_many};
pub use objective::Objective;
pub use solver::fit_arrays;
pub use source::{BatchSource, FullBatch, MiniBatches, Order};
pub use step::{Batch, OwnLoss, Trainer};
