//! A model that many threads use: read without a lock, replaced whole, and never shut by a fork.
//!
//! A forked child has none of its parent's other threads, so a lock that one of them held stays closed in it for ever. The
//! moment need not even be short: while a large process is being copied, a thread that has locked and then writes where the
//! copy has already been is stopped until the copy is done. Hence no lock between readers and writers, and among writers
//! one that knows its process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::network::Model;

/// A model that is replaced, never changed: who has a snapshot of it may take its time.
pub struct Shared {
    model: ArcSwap<Model>,
    writer: Turn,
}

impl Shared {
    /// Shares `model`.
    pub fn new(model: Model) -> Shared {
        Shared { model: ArcSwap::from_pointee(model), writer: Turn::default() }
    }

    /// The model as it is now.
    pub fn read(&self) -> Arc<Model> {
        self.model.load_full()
    }

    /// Replaces the model by what `change` makes of it, or leaves it where that fails. Writers wait for each other: call it
    /// with the interpreter released.
    pub fn replace<R, E>(&self, change: impl FnOnce(&Model) -> Result<(Model, R), E>) -> Result<R, E> {
        let _turn = self.writer.wait();
        let (model, result) = change(&self.read())?;
        self.model.store(Arc::new(model));
        Ok(result)
    }
}

/// What one thread at a time may have. It ends with the process of that thread, too: a forked child finds it free.
#[derive(Default)]
pub struct Turn(AtomicU32);

/// Somebody's turn, which ends with it.
pub struct Taken<'a>(&'a AtomicU32);

impl Turn {
    /// Takes the turn, unless another thread has it.
    pub fn take(&self) -> Option<Taken<'_>> {
        let process = std::process::id();
        (self.0.swap(process, Ordering::AcqRel) != process).then(|| Taken(&self.0))
    }

    /// Takes the turn as soon as it is free.
    pub fn wait(&self) -> Taken<'_> {
        loop {
            match self.take() {
                Some(taken) => return taken,
                None => std::thread::sleep(Duration::from_micros(20)),
            }
        }
    }

    /// Whether a thread of this process has the turn.
    pub fn is_taken(&self) -> bool {
        self.0.load(Ordering::Acquire) == std::process::id()
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}
