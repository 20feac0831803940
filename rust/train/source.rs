//! Where batches come from.

use std::ops::Range;
use std::sync::Arc;

use super::labels::{Labels, OwnedLabels};
use super::step::Batch;
use crate::error::{Error, Result};
use crate::layer::{Input, PackedInput};
use crate::loss::Loss;
use crate::math::Float;
use crate::network::{Network, Samples};
use crate::random::Stream;

/// Gives the batches of one epoch after the other.
pub trait BatchSource<F: Float> {
    /// Starts epoch `epoch`, counted from 0. Its batches depend on nothing but its number.
    fn begin_epoch(&mut self, epoch: u64);

    /// Puts the samples of the epoch that has just begun into this order, where they have one.
    ///
    /// # Errors
    /// [`Error::Value`] for indices beyond the samples, or more or fewer of them.
    fn put_in_order(&mut self, _order: &[u32]) -> Result<()> {
        Ok(())
    }

    /// Threads of the pool that may work on the batches to come. They change no bit of them.
    fn use_threads(&mut self, _threads: usize) {}

    /// The next batch, or `None` at the end of the epoch.
    fn next_batch(&mut self) -> Option<Batch<'_, F>>;
}

/// Checks training data against a network and its loss.
pub(super) fn check_data<F: Float>(network: &Network<F>, loss: Loss, x: &Samples<F>, labels: Labels<F>) -> Result<()> {
    if x.is_empty() {
        return Err(Error::Data("no samples".into()));
    }
    network.check_samples(x)?;
    labels.check(loss, x.len(), network.spec().outputs())
}

/// Refuses an index beyond the samples.
fn check_order(order: &[u32], samples: usize) -> Result<()> {
    match order.iter().find(|index| **index as usize >= samples) {
        Some(index) => Err(Error::value("order", format!("indices below {samples}"), index)),
        None => Ok(()),
    }
}

/// All samples in every step. They are packed once, bytes as bytes, and read in that form from then on.
pub struct FullBatch<F: Float> {
    data: Arc<Held<F>>,
    labels: OwnedLabels<F>,
    samples: usize,
    done: bool,
}

/// All samples as a first layer reads them. Networks that read them alike share them.
pub(super) enum Held<F: Float> {
    Packed(PackedInput<F>),
    Rows(Vec<F>),
}

impl<F: Float> Held<F> {
    /// Takes over `x` times `scale`, packed for a first layer that can read that.
    pub fn new(x: Samples<F>, scale: Option<F>, packed: bool, threads: usize) -> Held<F> {
        match x {
            Samples::Bytes(x) if packed => Held::Packed(PackedInput::bytes(x, scale.unwrap_or(F::ONE), threads)),
            Samples::Floats(x) if packed => Held::Packed(match scale {
                Some(scale) => PackedInput::floats(x.mapv(|x| x * scale).view(), threads),
                None => PackedInput::floats(x, threads),
            }),
            _ => {
                let mut rows = Vec::new();
                x.gather(0..x.len(), scale, &mut rows);
                Held::Rows(rows)
            }
        }
    }
}

impl<F: Float> FullBatch<F> {
    /// Packs `x` for `network`. Call it inside [`crate::parallel::install`] if `threads` is above 1.
    ///
    /// # Errors
    /// [`Error::Data`] or [`Error::Shape`] for data that does not fit the network and the loss.
    pub fn new(
        network: &Network<F>,
        loss: Loss,
        x: Samples<F>,
        labels: impl Into<OwnedLabels<F>>,
        threads: usize,
    ) -> Result<FullBatch<F>> {
        let labels = labels.into();
        check_data(network, loss, &x, labels.view())?;
        let held = Held::new(x, network.input_scale(), network.reads_packed(), threads);
        Ok(FullBatch::sharing(Arc::new(held), x.len(), labels))
    }

    /// All of `samples` that were packed before, with labels that were checked before.
    pub(super) fn sharing(data: Arc<Held<F>>, samples: usize, labels: OwnedLabels<F>) -> FullBatch<F> {
        FullBatch { data, labels, samples, done: true }
    }
}

impl<F: Float> BatchSource<F> for FullBatch<F> {
    fn begin_epoch(&mut self, _epoch: u64) {
        self.done = false;
    }

    fn next_batch(&mut self) -> Option<Batch<'_, F>> {
        if std::mem::replace(&mut self.done, true) {
            return None;
        }
        let input = match &*self.data {
            Held::Packed(packed) => Input::Packed(packed),
            Held::Rows(rows) => Input::Rows(rows),
        };
        let Labels { targets, weights } = self.labels.view();
        Some(Batch { input, targets, samples: self.samples, weights })
    }
}

/// The order of the samples in an epoch.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// As they come.
    Sequential,
    /// Another order in each epoch, from this seed.
    Shuffled(u64),
    /// These indices, in every epoch.
    Given(Vec<u32>),
}

/// Numbers of a batch below which a second thread costs more than it saves.
const SERIAL: usize = 1 << 13;

/// Some samples in every step, gathered from an array (or a memory map) in the order of the epoch.
pub struct MiniBatches<'a, F: Float> {
    x: Samples<'a, F>,
    labels: OwnedLabels<F>,
    batch_size: usize,
    order: Order,
    scale: Option<F>,
    outputs: usize,
    indices: Vec<u32>,
    next: usize,
    rows: Vec<F>,
    batch_labels: OwnedLabels<F>,
    threads: usize,
}

impl<'a, F: Float> MiniBatches<'a, F> {
    /// Batches of `batch_size`, the last of an epoch smaller if need be.
    ///
    /// # Errors
    /// [`Error::Data`] or [`Error::Shape`] for data that does not fit the network and the loss, [`Error::Value`] for a
    /// batch size of 0 or an index beyond the samples.
    pub fn new(
        network: &Network<F>,
        loss: Loss,
        x: Samples<'a, F>,
        labels: impl Into<OwnedLabels<F>>,
        batch_size: usize,
        order: Order,
    ) -> Result<MiniBatches<'a, F>> {
        let labels = labels.into();
        check_data(network, loss, &x, labels.view())?;
        if batch_size == 0 {
            return Err(Error::value("batch_size", "at least 1", 0));
        }
        u32::try_from(x.len()).map_err(|_| Error::value("samples", "below 2^32", x.len()))?;
        if let Order::Given(indices) = &order {
            check_order(indices, x.len())?;
        }
        Ok(MiniBatches {
            x,
            labels,
            batch_size,
            order,
            scale: network.input_scale(),
            outputs: loss.target_width(network.spec().outputs()),
            indices: Vec::new(),
            next: 0,
            rows: Vec::new(),
            batch_labels: OwnedLabels::none(),
            threads: 1,
        })
    }
}

impl<F: Float> MiniBatches<'_, F> {
    /// The order that an epoch has of itself.
    pub(super) fn order_of(&self, epoch: u64, indices: &mut Vec<u32>) {
        indices.clear();
        match &self.order {
            Order::Given(given) => indices.extend(given),
            _ => indices.extend(0..self.x.len() as u32),
        }
        if let Order::Shuffled(seed) = self.order {
            Stream::new(seed, "shuffle", epoch).shuffle(indices);
        }
    }

    /// The order of the epoch at work.
    pub(super) fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Places in that order of the batch that begins at one.
    pub(super) fn batch_at(&self, start: usize) -> Range<usize> {
        start..self.indices.len().min(start + self.batch_size)
    }

    /// Passes over the next batch: its places in the order.
    pub(super) fn pass(&mut self) -> Range<usize> {
        let places = self.batch_at(self.next);
        self.next = places.end;
        places
    }

    /// A batch of other rows, with the labels of these places.
    pub(super) fn batch_of<'b>(&'b mut self, places: Range<usize>, rows: &'b [F]) -> Batch<'b, F> {
        let indices = &self.indices[places];
        self.batch_labels.gather(&self.labels, indices, self.outputs);
        let Labels { targets, weights } = self.batch_labels.view();
        Batch { input: Input::Rows(rows), targets, samples: indices.len(), weights }
    }
}

impl<F: Float> BatchSource<F> for MiniBatches<'_, F> {
    fn begin_epoch(&mut self, epoch: u64) {
        self.next = 0;
        let mut indices = std::mem::take(&mut self.indices);
        self.order_of(epoch, &mut indices);
        self.indices = indices;
    }

    fn put_in_order(&mut self, order: &[u32]) -> Result<()> {
        let samples = self.x.len();
        if order.len() != samples {
            return Err(Error::value("order", format!("{samples} indices, one for each sample"), order.len()));
        }
        check_order(order, samples)?;
        self.indices.copy_from_slice(order);
        Ok(())
    }

    fn use_threads(&mut self, threads: usize) {
        self.threads = threads;
    }

    fn next_batch(&mut self) -> Option<Batch<'_, F>> {
        let end = self.indices.len().min(self.next + self.batch_size);
        let indices = &self.indices[self.next..end];
        if indices.is_empty() {
            return None;
        }
        self.next = end;
        let threads = if indices.len() * self.x.dim().1 < SERIAL { 1 } else { self.threads };
        self.x.gather_on(threads, indices, self.scale, &mut self.rows);
        self.batch_labels.gather(&self.labels, indices, self.outputs);
        let Labels { targets, weights } = self.batch_labels.view();
        Some(Batch { input: Input::Rows(&self.rows), targets, samples: indices.len(), weights })
    }
}
