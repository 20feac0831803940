//! Training: one step, batches, and the loop over them.
//!
//! - `step.rs`: [`Trainer::step`], the unit that everything else uses.
//! - `source.rs`: where batches come from.
//! - `fit.rs`: epochs, validation, history.
//! - `held_out.rs`: a part of the samples set aside for validation.
//! - `solver.rs`: training on arrays: all at once or batch by batch, directly or reduced.
//! - `prepared.rs`: the data as steps read it, made once for all networks that share it.
//! - `reduced.rs`: a wide first layer on few samples, in as many dimensions as there are samples.
//! - `many.rs`: several networks side by side on the same data.

mod fit;
mod held_out;
mod many;
mod prepared;
mod reduced;
mod solver;
mod source;
mod step;

pub use fit::{EpochReport, FitOptions, Flow, History, Solver, Watch, fit};
pub use held_out::held_out;
pub use many::{Member, fit_many};
pub use solver::fit_arrays;
pub use source::{BatchSource, FullBatch, MiniBatches, Order, OwnedTargets};
pub use step::{Batch, Evaluation, Trainer};
