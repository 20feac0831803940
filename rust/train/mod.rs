//! Training: one step, batches, and the loop over them.
//!
//! - `step.rs`: [`Trainer::step`], the unit that everything else uses.
//! - `source.rs`: where batches come from.
//! - `fit.rs`: epochs, validation, history.

mod fit;
mod source;
mod step;

pub use fit::{EpochReport, FitOptions, Flow, History, Solver, Watch, fit, fit_arrays};
pub use source::{BatchSource, FullBatch, MiniBatches, Order, OwnedTargets};
pub use step::{Batch, Evaluation, Trainer};
