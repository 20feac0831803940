//! A network's samples: what it can read, and what `Normalize` gathers of them before training.

use crate::error::{Error, Result};
use crate::float_mode;
use crate::layer::{self, AnyLayer, Context, Input, Normalize};
use crate::math::Float;
use crate::network::{CHUNK, Network, Samples};
use crate::parallel;

impl<F: Float> Network<F> {
    /// Refuses samples that the network cannot read.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of features, [`Error::Data`] for numbers that are not finite, or that an
    /// embedding has no row for.
    pub fn check_samples(&self, x: &Samples<F>) -> Result<()> {
        x.check(self.spec().inputs())?;
        let Some(embedding) = self.layers().iter().find_map(|layer| match &layer.kind {
            AnyLayer::Embedding(embedding) => Some(embedding),
            _ => None,
        }) else {
            return Ok(());
        };
        let mut rows = Vec::new();
        for start in (0..x.len()).step_by(CHUNK) {
            x.gather(start..x.len().min(start + CHUNK), None, &mut rows);
            embedding.check(&rows, start)?;
        }
        Ok(())
    }

    /// The first `Normalize` that has not seen data yet, by its place.
    pub fn not_adapted(&self) -> Option<usize> {
        self.normalizers().find(|(_, normalize)| !normalize.is_adapted(self.buffers())).map(|(place, _)| place)
    }

    fn normalizers(&self) -> impl Iterator<Item = (usize, &Normalize)> {
        self.layers().iter().enumerate().filter_map(|(place, layer)| match &layer.kind {
            AnyLayer::Normalize(normalize) => Some((place, normalize)),
            _ => None,
        })
    }

    /// Gathers mean and deviation of `x` for every `Normalize` that has none yet; with `again` for all of them. Each sees
    /// what the layers before it make of `x`.
    ///
    /// # Errors
    /// As [`Network::check_samples`]; [`Error::Data`] if there is no sample.
    pub fn adapt(&mut self, x: Samples<F>, again: bool, threads: usize) -> Result<()> {
        let places: Vec<(usize, Normalize)> = self
            .normalizers()
            .filter(|(_, normalize)| again || !normalize.is_adapted(self.buffers()))
            .map(|(place, normalize)| (place, normalize.clone()))
            .collect();
        if places.is_empty() {
            return Ok(());
        }
        let _mode = float_mode::standard();
        self.check_samples(&x)?;
        if x.is_empty() {
            return Err(Error::Data("no samples to normalize by".into()));
        }
        for (place, normalize) in places {
            let mut sums = vec![0.0; normalize.features()];
            let mut count = 0;
            self.rows_before(place, x, threads, |rows| {
                count += rows.len() / normalize.features().max(1);
                normalize.gather(rows, None, &mut sums);
            })?;
            let mean: Vec<f64> = sums.iter().map(|sum| sum / count as f64).collect();
            sums.fill(0.0);
            self.rows_before(place, x, threads, |rows| normalize.gather(rows, Some(&mean), &mut sums))?;
            normalize.set(&mean, &sums, count, x.len(), self.buffers_mut());
        }
        Ok(())
    }

    /// What the layers before `place` make of `x`, a piece at a time.
    fn rows_before(&self, place: usize, x: Samples<F>, threads: usize, mut see: impl FnMut(&[F]) + Send) -> Result<()> {
        let (mut rows, mut saved) = (Vec::new(), Vec::new());
        let layers = &self.layers()[self.first()..place];
        parallel::install(threads, || {
            let mut context = Context::new(threads);
            for start in (0..x.len()).step_by(CHUNK) {
                let samples = start..x.len().min(start + CHUNK);
                let count = samples.len();
                x.gather(samples, self.input_scale(), &mut rows);
                layer::forward(layers, Input::Rows(&rows), count, self.weights(), false, &mut saved, &mut context)?;
                see(saved.last().map_or(&rows, |saved| &saved.out));
            }
            Ok(())
        })
    }
}
