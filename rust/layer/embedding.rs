//! A table of vectors, one for each of a number of things (words, categories): the input's whole numbers choose rows.
//!
//! ```text
//! y[s, p, :] = embeddings[x[s, p], :]      x (samples, places)   embeddings (entries, units)
//! dembeddings[e, :] = Σ dy[s, p, :] over all places where x[s, p] = e
//! ```

use std::ops::Range;

use super::{Arenas, Context, Input, Kind, Saved, Weights};
use crate::error::{Error, Result};
use crate::initializer::Initializer;
use crate::math::Float;

/// Its sizes, and where the table lies.
#[derive(Clone, Debug)]
pub(crate) struct Embedding {
    name: String,
    places: usize,
    entries: usize,
    units: usize,
    embeddings: Range<usize>,
}

impl Embedding {
    pub fn new(
        name: &str,
        places: usize,
        entries: usize,
        units: usize,
        first: Initializer,
        trainable: bool,
        arenas: &mut Arenas,
    ) -> Embedding {
        let (shape, array) = (vec![entries, units], format!("{name}.embeddings"));
        let embeddings = arenas.parameter(array, shape, first, [entries, units], trainable);
        Embedding { name: name.into(), places, entries, units, embeddings }
    }

    /// The entry that a number means.
    fn entry<F: Float>(&self, x: F) -> Option<usize> {
        let number: f64 = x.into();
        let entry = number as usize; // cut off at 0 and the largest, so that no number fails
        (entry as f64 == number && entry < self.entries).then_some(entry)
    }

    /// Refuses rows with a number that means no entry; the first is sample `first`.
    pub fn check<F: Float>(&self, x: &[F], first: usize) -> Result<()> {
        match x.iter().position(|x| self.entry(*x).is_none()) {
            None => Ok(()),
            Some(i) => Err(Error::Data(format!(
                "inputs: sample {}, feature {} is {}, but the embedding {} takes whole numbers 0..={}",
                first + i / self.places.max(1),
                i % self.places.max(1),
                x[i],
                self.name,
                self.entries.saturating_sub(1)
            ))),
        }
    }
}

impl Kind for Embedding {
    fn forward<F: Float>(
        &self,
        x: Input<F>,
        weights: Weights<F>,
        _logits: bool,
        saved: &mut Saved<F>,
        _context: &mut Context<F>,
    ) -> Result<()> {
        let (x, table) = (x.rows()?, &weights.parameters[self.embeddings.clone()]);
        for (x, out) in x.iter().zip(saved.out.chunks_exact_mut(self.units)) {
            match self.entry(*x) {
                Some(entry) => out.copy_from_slice(&table[entry * self.units..][..self.units]),
                None => return self.check(&[*x], 0),
            }
        }
        Ok(())
    }

    fn backward<F: Float>(
        &self,
        x: Input<F>,
        _saved: &Saved<F>,
        _weights: Weights<F>,
        _logits: bool,
        dout: &mut [F],
        gradient: &mut [F],
        dx: Option<&mut [F]>,
        _context: &mut Context<F>,
    ) -> Result<()> {
        let gradient = &mut gradient[self.embeddings.clone()];
        gradient.fill(F::ZERO);
        for (entry, dout) in x.rows()?.iter().map(|x| self.entry(*x)).zip(dout.chunks_exact(self.units)) {
            let Some(entry) = entry else { continue };
            for (sum, dout) in gradient[entry * self.units..][..self.units].iter_mut().zip(dout) {
                *sum += *dout;
            }
        }
        // Nothing changes between one whole number and the next.
        if let Some(dx) = dx {
            dx.fill(F::ZERO);
        }
        Ok(())
    }
}
