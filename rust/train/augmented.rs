//! Batches of augmented pictures, made ahead by whichever threads have time.
//!
//! Whoever trains orders batches ahead, also of the epoch that comes next, and the other threads of its pool make them, a
//! piece at a time, before they help with a step. When it wants a batch, it makes the pieces that nobody has begun: all
//! threads then work on pictures, and it waits for no more than the last pieces in the hands of others. A picture depends
//! on seed, epoch and index alone, so nothing but the time depends on who makes it, and when. Orders for what then comes
//! differently (a watcher has put the epoch into another order) are thrown away.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ndarray::ArrayView2;
use rayon::Scope;

use super::source::{BatchSource, MiniBatches};
use super::step::Batch;
use crate::augmentation::{Augmentation, Augmenter, Scratch};
use crate::error::{Error, Result};
use crate::float_mode;
use crate::math::{Float, scale_bytes};
use crate::network::{Network, Samples};
use crate::parallel::{in_pool, install};

/// Refuses augmentations that do not fit the pictures, and samples that are no pictures of bytes.
pub(super) fn check<F: Float>(network: &Network<F>, x: &Samples<F>, augmentations: &[Augmentation]) -> Result<()> {
    if augmentations.is_empty() {
        return Ok(());
    }
    let spec = network.spec();
    Augmenter::new(augmentations, &spec.input_shape, spec.seed)?;
    match x {
        Samples::Bytes(_) => Ok(()),
        Samples::Floats(_) => Err(Error::value("augmentation", "of pictures as bytes, uint8", "floats")),
    }
}

/// Bytes of a piece, or one picture if that has more: much less work than a step, and much more than to find it.
const PIECE: usize = 1 << 14;

/// Orders that may be under way at once, beside the batch that is trained on.
const AHEAD: usize = 2;

/// A batch that is being made.
struct Order {
    epoch: u64,
    /// The place of its first sample in the order of the epoch.
    start: usize,
    indices: Vec<u32>,
    /// Pieces that somebody has begun.
    begun: AtomicUsize,
    pieces: Vec<OnceLock<Vec<u8>>>,
}

/// What all who make pictures share.
struct Workshop<'a> {
    augmenter: &'a Augmenter,
    pictures: ArrayView2<'a, u8>,
    ahead: Mutex<Ahead>,
}

/// Orders that still have pieces to begin, perhaps, and the tasks that work on them.
#[derive(Default)]
struct Ahead {
    orders: VecDeque<Arc<Order>>,
    helpers: usize,
}

impl Workshop<'_> {
    /// Samples of a piece.
    fn piece(&self) -> usize {
        (PIECE / self.augmenter.features()).max(1)
    }

    fn order(&self, epoch: u64, start: usize, indices: Vec<u32>) -> Order {
        let pieces = (0..indices.len().div_ceil(self.piece())).map(|_| OnceLock::new()).collect();
        Order { epoch, start, indices, begun: AtomicUsize::new(0), pieces }
    }

    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A piece of an order, made here if nobody has: one that another thread is making is waited for, and one that it has
    /// left in a panic is not missing.
    fn made<'o>(&self, order: &'o Order, piece: usize, scratch: &mut Scratch) -> &'o [u8] {
        order.pieces[piece].get_or_init(|| {
            let first = piece * self.piece();
            let indices = &order.indices[first..order.indices.len().min(first + self.piece())];
            self.augmenter.gather(self.pictures, indices, order.epoch, scratch)
        })
    }

    /// Makes pieces of all orders, the oldest first, until all are begun.
    fn help(&self) {
        let _mode = float_mode::standard();
        let mut scratch = Scratch::default();
        while let Some((order, piece)) = self.begin_any() {
            self.made(&order, piece, &mut scratch);
        }
    }

    /// Begins a piece of the oldest order that has one. If there is none, there is one helper less.
    fn begin_any(&self) -> Option<(Arc<Order>, usize)> {
        let mut ahead = self.ahead();
        while let Some(order) = ahead.orders.front() {
            if let Some(piece) = order.begin() {
                return Some((order.clone(), piece));
            }
            ahead.orders.pop_front();
        }
        ahead.helpers -= 1;
        None
    }
}

impl Order {
    /// A piece that nobody has begun.
    fn begin(&self) -> Option<usize> {
        let piece = self.begun.fetch_add(1, Ordering::Relaxed);
        (piece < self.pieces.len()).then_some(piece)
    }
}

/// How batches are made: here, and by helpers if there is a scope to start them in.
pub(super) struct Drawing<'a, 'scope> {
    workshop: &'scope Workshop<'scope>,
    scope: Option<&'a Scope<'scope>>,
    threads: usize,
    scratch: Scratch,
}

/// Calls `train` where up to `threads` threads, its own among them, make pictures for it.
pub(super) fn with<R: Send>(
    augmenter: &Augmenter,
    pictures: ArrayView2<u8>,
    threads: usize,
    train: impl FnOnce(Drawing) -> R + Send,
) -> R {
    let workshop = Workshop { augmenter, pictures, ahead: Mutex::default() };
    install(threads, || {
        let drawing = Drawing { workshop: &workshop, scope: None, threads, scratch: Scratch::default() };
        if threads < 2 || !in_pool() {
            return train(drawing);
        }
        rayon::in_place_scope(|scope| {
            let trained = train(Drawing { scope: Some(scope), ..drawing });
            workshop.ahead().orders.clear(); // the scope waits for helpers
            trained
        })
    })
}

/// The batches of another source, with pictures that are made anew in every epoch.
pub(super) struct Augmented<'a, 'b, 'scope, F: Float> {
    batches: MiniBatches<'a, F>,
    drawing: Drawing<'b, 'scope>,
    scale: F,
    epoch: u64,
    /// What was ordered and has not been taken yet.
    under_way: VecDeque<Arc<Order>>,
    /// The epoch of the next order, its samples, and the place of its first.
    next_epoch: u64,
    next_indices: Vec<u32>,
    next_start: usize,
    rows: Vec<F>,
}

impl<'a, 'b, 'scope, F: Float> Augmented<'a, 'b, 'scope, F> {
    /// Batches in the order, and with the labels, of `batches`; pictures times `scale`.
    pub fn new(batches: MiniBatches<'a, F>, drawing: Drawing<'b, 'scope>, scale: F) -> Augmented<'a, 'b, 'scope, F> {
        let (under_way, next_indices, rows) = (VecDeque::new(), Vec::new(), Vec::new());
        Augmented { batches, drawing, scale, epoch: 0, under_way, next_epoch: 0, next_indices, next_start: 0, rows }
    }

    /// Whatever was ordered is no longer wanted: from now on, this epoch as it is.
    fn order_anew(&mut self) {
        self.under_way.clear();
        self.drawing.workshop.ahead().orders.clear();
        (self.next_epoch, self.next_start) = (self.epoch, 0);
        self.next_indices.clear();
        self.next_indices.extend_from_slice(self.batches.indices());
    }

    /// Orders the next batch.
    fn order(&mut self) -> Arc<Order> {
        if self.next_start >= self.next_indices.len() {
            (self.next_epoch, self.next_start) = (self.next_epoch + 1, 0);
            self.batches.order_of(self.next_epoch, &mut self.next_indices);
        }
        let places = self.batches.batch_at(self.next_start);
        let indices = self.next_indices[places.clone()].to_vec();
        self.next_start = places.end;
        Arc::new(self.drawing.workshop.order(self.next_epoch, places.start, indices))
    }

    /// Orders until there are enough under way, and calls for help with them.
    fn order_ahead(&mut self) {
        let Drawing { workshop, scope: Some(scope), threads, .. } = self.drawing else { return };
        while self.under_way.len() < AHEAD {
            let order = self.order();
            let mut ahead = workshop.ahead();
            for _ in ahead.helpers..(threads - 1).min(order.pieces.len()) {
                ahead.helpers += 1;
                scope.spawn(|_| workshop.help());
            }
            ahead.orders.push_back(order.clone());
            self.under_way.push_back(order);
        }
    }

    /// Takes the rows of the batch that begins at this place of the epoch into `rows`.
    fn take(&mut self, start: usize) {
        let order = self.under_way.pop_front().unwrap_or_else(|| self.order());
        self.order_ahead(); // for the helpers, while the rest of this one is made here
        let Drawing { workshop, scratch, .. } = &mut self.drawing;
        debug_assert_eq!((order.epoch, order.start), (self.epoch, start), "batches come in order");
        while let Some(piece) = order.begin() {
            workshop.made(&order, piece, scratch);
        }
        let features = workshop.augmenter.features();
        self.rows.resize(order.indices.len() * features, F::ZERO);
        for (piece, rows) in self.rows.chunks_mut(workshop.piece() * features).enumerate() {
            scale_bytes(workshop.made(&order, piece, scratch), self.scale, rows);
        }
    }
}

impl<F: Float> BatchSource<F> for Augmented<'_, '_, '_, F> {
    fn begin_epoch(&mut self, epoch: u64) {
        self.batches.begin_epoch(epoch);
        self.epoch = epoch;
        if self.under_way.front().is_none_or(|order| (order.epoch, order.start) != (epoch, 0)) {
            self.order_anew();
        }
    }

    fn put_in_order(&mut self, order: &[u32]) -> Result<()> {
        self.batches.put_in_order(order)?;
        self.order_anew();
        Ok(())
    }

    fn next_batch(&mut self) -> Option<Batch<'_, F>> {
        let places = self.batches.pass();
        if places.is_empty() {
            return None;
        }
        self.take(places.start);
        Some(self.batches.batch_of(places, &self.rows))
    }
}
