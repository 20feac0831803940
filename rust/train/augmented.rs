//! Batches of augmented pictures, made by a thread of their own while the network trains on those before.
//!
//! Whoever trains orders batches ahead, also of the epoch that comes next; a picture depends on seed, epoch and index
//! alone, so nothing but the time depends on who makes it, and when. An order for what then comes differently (a watcher
//! has put the epoch into another order) is thrown away.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use ndarray::ArrayView2;

use super::source::{BatchSource, MiniBatches};
use super::step::Batch;
use crate::augmentation::{Augmentation, Augmenter, Scratch};
use crate::error::{Error, Result};
use crate::float_mode;
use crate::math::Float;
use crate::network::{Network, Samples};

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

/// A batch that is to be made, or has been.
struct Order<F> {
    epoch: u64,
    indices: Vec<u32>,
    rows: Vec<F>,
}

/// Orders that may be under way at once, beside the batch that is trained on.
const AHEAD: usize = 2;

/// The way to the thread that makes batches, and back.
struct Ahead<F> {
    orders: Sender<Order<F>>,
    made: Receiver<Order<F>>,
}

/// How the rows of a batch are made, and the way to the thread that does it, if there is one.
pub(super) struct Drawing<'a, F> {
    make: &'a (dyn Fn(&mut Order<F>, &mut Scratch) + Sync),
    scratch: Scratch,
    ahead: Option<Ahead<F>>,
}

/// Calls `train` while another thread, if `ahead` asks for one and it can be started, makes what it orders.
pub(super) fn with<F: Float, R>(
    augmenter: &Augmenter,
    pictures: ArrayView2<u8>,
    scale: F,
    ahead: bool,
    train: impl FnOnce(Drawing<F>) -> R,
) -> R {
    let make = |order: &mut Order<F>, scratch: &mut Scratch| {
        augmenter.gather(pictures, &order.indices, order.epoch, scale, &mut order.rows, scratch);
    };
    let make = &make;
    thread::scope(|scope| {
        let mut drawing = Drawing { make, scratch: Scratch::default(), ahead: None };
        if ahead {
            let ((orders, ordered), (finished, made)) = (channel::<Order<F>>(), channel());
            let work = move || {
                let _mode = float_mode::standard();
                let mut scratch = Scratch::default();
                for mut order in ordered {
                    make(&mut order, &mut scratch);
                    if finished.send(order).is_err() {
                        return; // the training is over
                    }
                }
            };
            if let Ok(worker) = thread::Builder::new().name("purrceptron-augment".into()).spawn_scoped(scope, work) {
                drawing.ahead = Some(Ahead { orders, made });
                let trained = train(drawing);
                // The scope alone would wait for its work, and not until it is gone.
                return worker.join().map_or_else(|panic| resume_unwind(panic), |()| trained);
            }
        }
        train(drawing)
    })
}

/// The batches of another source, with pictures that are made anew in every epoch.
pub(super) struct Augmented<'a, 'b, F: Float> {
    batches: MiniBatches<'a, F>,
    drawing: Drawing<'b, F>,
    epoch: u64,
    /// What was ordered, in order: whether it is still wanted, its epoch and its place.
    under_way: VecDeque<(bool, u64, usize)>,
    /// The epoch of the next order, its samples, and the place of its first.
    next_epoch: u64,
    next_indices: Vec<u32>,
    next_start: usize,
    now: Order<F>,
    spare: Vec<Order<F>>,
}

impl<'a, 'b, F: Float> Augmented<'a, 'b, F> {
    /// Batches in the order, and with the labels, of `batches`.
    pub fn new(batches: MiniBatches<'a, F>, drawing: Drawing<'b, F>) -> Augmented<'a, 'b, F> {
        let now = empty();
        let (under_way, next_indices, spare) = (VecDeque::new(), Vec::new(), Vec::new());
        Augmented { batches, drawing, epoch: 0, under_way, next_epoch: 0, next_indices, next_start: 0, now, spare }
    }

    /// Whatever was ordered is no longer wanted: from now on, this epoch as it is.
    fn order_anew(&mut self) {
        self.under_way.iter_mut().for_each(|(wanted, ..)| *wanted = false);
        (self.next_epoch, self.next_start) = (self.epoch, 0);
        self.next_indices.clear();
        self.next_indices.extend_from_slice(self.batches.indices());
    }

    /// Orders until there are enough under way.
    fn order_ahead(&mut self) {
        let Some(Ahead { orders, .. }) = &self.drawing.ahead else { return };
        while self.under_way.iter().filter(|(wanted, ..)| *wanted).count() < AHEAD {
            if self.next_start >= self.next_indices.len() {
                (self.next_epoch, self.next_start) = (self.next_epoch + 1, 0);
                self.batches.order_of(self.next_epoch, &mut self.next_indices);
            }
            let places = self.batches.batch_at(self.next_start);
            let mut order = self.spare.pop().unwrap_or_else(empty);
            fill(&mut order, self.next_epoch, &self.next_indices[places.clone()]);
            if orders.send(order).is_err() {
                return; // it has panicked: what is missing is made here
            }
            self.under_way.push_back((true, self.next_epoch, self.next_start));
            self.next_start = places.end;
        }
    }

    /// Takes the rows of the samples at these places of the epoch into `now`.
    fn take(&mut self, places: &Range<usize>) {
        self.order_ahead();
        if let Some(Ahead { made, .. }) = &self.drawing.ahead {
            while let Some((wanted, epoch, start)) = self.under_way.pop_front() {
                let Ok(order) = made.recv() else { break };
                self.spare.push(std::mem::replace(&mut self.now, order));
                if wanted && (epoch, start) == (self.epoch, places.start) {
                    return;
                }
            }
        }
        fill(&mut self.now, self.epoch, &self.batches.indices()[places.clone()]);
        (self.drawing.make)(&mut self.now, &mut self.drawing.scratch);
    }
}

fn empty<F>() -> Order<F> {
    Order { epoch: 0, indices: Vec::new(), rows: Vec::new() }
}

fn fill<F>(order: &mut Order<F>, epoch: u64, indices: &[u32]) {
    order.epoch = epoch;
    order.indices.clear();
    order.indices.extend_from_slice(indices);
}

impl<F: Float> BatchSource<F> for Augmented<'_, '_, F> {
    fn begin_epoch(&mut self, epoch: u64) {
        self.batches.begin_epoch(epoch);
        self.epoch = epoch;
        if self.under_way.front() != Some(&(true, epoch, 0)) {
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
        self.take(&places);
        Some(self.batches.batch_of(places, &self.now.rows))
    }
}
