//! Training data in the form that steps read, made once for every network that reads it alike.

use std::sync::Arc;

use ndarray::{Array2, Axis};

use super::fit::{FitOptions, Solver};
use super::reduced::Span;
use super::source::Held;
use super::step::Trainer;
use crate::error::Result;
use crate::math::{Float, check_room};
use crate::network::{Network, Samples};
use crate::parallel;
use crate::spec::LayerSpec;

/// What a network and its solver ask of the data; networks that ask the same share it.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Form<F> {
    scale: Option<F>,
    packed: bool,
    reduced: bool,
    /// Whether all samples are a batch in which they may have another order than they came in.
    any_order: bool,
}

impl<F: Float> Form<F> {
    /// The form in which `trainer` trains `network` on so many samples with a solver. Random numbers belong to places in a
    /// batch, and a loss of the caller's own sees the samples as they came.
    pub fn of(
        network: &Network<F>,
        trainer: &Trainer<F>,
        samples: usize,
        solver: Solver,
        options: &FitOptions,
    ) -> Form<F> {
        let reduced = solver == Solver::Reduced;
        let sees_places = trainer.has_own_loss() || network.spec().layers.iter().any(LayerSpec::draws);
        let any_order = reduced && is_held(options, samples) && !sees_places;
        Form { scale: network.input_scale(), packed: network.reads_packed(), reduced, any_order }
    }
}

/// Whether one batch holds all samples.
fn is_whole(options: &FitOptions, samples: usize) -> bool {
    options.batch_size.is_none_or(|size| size >= samples)
}

/// Whether one batch holds all samples, just as they are.
fn is_held(options: &FitOptions, samples: usize) -> bool {
    is_whole(options, samples) && options.augmentation.is_empty() && options.mixup.is_none()
}

/// Samples, validation samples, and what is made of them once.
pub(super) struct Prepared<'a, F: Float> {
    /// As they came.
    pub x: Samples<'a, F>,
    /// As they came.
    pub validation: Option<Samples<'a, F>>,
    /// The span of the samples, for a reduced training.
    pub span: Option<Span<F>>,
    /// The validation samples within that span.
    pub inside: Option<Array2<f64>>,
    /// The samples' coordinates in that span.
    rows: Option<Array2<F>>,
    /// What steps train on, packed, if one batch holds all of it.
    pub held: Option<Arc<Held<F>>>,
    /// The order in which that has the samples, where it is another than theirs.
    pub order: Option<Vec<u32>>,
}

impl<'a, F: Float> Prepared<'a, F> {
    /// Prepares `x` in one form. Samples that are all zero have no span: they stay as they are.
    pub fn new(
        form: Form<F>,
        x: Samples<'a, F>,
        validation: Option<Samples<'a, F>>,
        options: &FitOptions,
        threads: usize,
    ) -> Result<Prepared<'a, F>> {
        parallel::install(threads, || {
            let span = if form.reduced { Span::new(x, form.scale, threads)? } else { None };
            let inside = match (&span, validation) {
                (Some(span), Some(x)) => Some(span.within(x, form.scale, threads)?),
                _ => None,
            };
            let rows = span.as_ref().map(Span::samples);
            if is_whole(options, x.len()) && rows.is_none() {
                check_room::<u8>("the samples of a training", x.bytes())?;
            }
            let order = span.as_ref().map(Span::order).filter(|_| form.any_order);
            let held = is_held(options, x.len()).then(|| match (&rows, order) {
                // In this order they are lower triangular, which takes half the multiplications.
                (Some(rows), Some(order)) => {
                    Held::new(Samples::Floats(rows.select(Axis(0), order).view()), None, true, threads)
                }
                (Some(rows), None) => Held::new(Samples::Floats(rows.view()), None, true, threads),
                (None, _) => Held::new(x, form.scale, form.packed, threads),
            });
            let order = order.map(|order| order.iter().map(|sample| *sample as u32).collect());
            Ok(Prepared { x, validation, span, inside, rows, held: held.map(Arc::new), order })
        })
    }

    /// What steps train on: the coordinates in the span, or the samples themselves.
    pub fn samples(&self) -> Samples<'_, F> {
        self.rows.as_ref().map_or_else(|| self.x.view(), |rows| Samples::Floats(rows.view()))
    }
}
