//! The memory that a training takes for sure, asked for before it begins.

use super::fit::FitOptions;
use super::step::Trainer;
use crate::error::Result;
use crate::math::{Float, check_room};
use crate::network::{Network, Samples};

impl<F: Float> Trainer<F> {
    /// Refuses a training for which there is no memory: the weights and what the optimizer remembers are copied, to train
    /// on and to go back to, and a batch takes what every layer makes of it. Without this an allocation that fails ends the
    /// process.
    ///
    /// # Errors
    /// [`crate::error::Error::Memory`], which says how much it would take.
    pub fn check_room(&self, network: &Network<F>, x: Samples<F>, options: &FitOptions) -> Result<()> {
        let copies = network.parameters().len().saturating_mul(2 + self.slots().len());
        let batch = network.numbers_of_pass(options.batch_size.unwrap_or(x.len()).min(x.len()));
        check_room::<F>("a training", copies.saturating_add(batch))
    }
}
