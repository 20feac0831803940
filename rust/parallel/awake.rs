//! Threads that wait for each other awake.
//!
//! A step of training is a dozen pieces of shared work, tens to hundreds of microseconds each, with short work of one
//! thread between them. Rayon lets a thread sleep after some microseconds without work, and waking it takes about as long
//! as such a piece: kept awake, two threads make a step of 784-512-512-10 at batch 128 in 0.94 of the time.

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::cores;
use crate::float_mode;

/// How long a thread looks for work before it may sleep.
const PATIENCE: Duration = Duration::from_micros(200);

/// Looks for another's end before the core is offered to others.
const LOOKS: usize = 1 << 14;

/// Threads that look for work, or do some that they found.
static AWAKE: AtomicUsize = AtomicUsize::new(0);

/// Sees to it that the helpers of `threads` threads are awake, where each has a core, until there was nothing to do for
/// [`PATIENCE`]. For a member of a pool.
pub(crate) fn stay_awake(threads: usize) {
    let helpers = threads.min(cores()).saturating_sub(1);
    while AWAKE.load(Ordering::Relaxed) < helpers {
        AWAKE.fetch_add(1, Ordering::Relaxed);
        let caller = rayon::current_thread_index();
        rayon::spawn(move || {
            let _awake = OnDrop(|| {
                AWAKE.fetch_sub(1, Ordering::Relaxed);
            });
            if rayon::current_thread_index() != caller {
                look_for_work();
            }
        });
    }
}

/// [`stay_awake`], with the patience of those who are awake begun anew. For a member of a pool.
pub(crate) fn keep_awake(threads: usize) {
    stay_awake(threads);
    rayon::spawn(|| {});
}

fn look_for_work() {
    let mut last = Instant::now();
    while last.elapsed() < PATIENCE {
        match rayon::yield_now() {
            Some(rayon::Yield::Executed) => last = Instant::now(),
            _ => spin_loop(),
        }
    }
}

thread_local! {
    static LAST_SHORT_WORK: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Does work that is too short to wake others for. It is told whether others, woken by it or before, are awake for some use:
/// whether the calling thread did such work less than [`PATIENCE`] ago.
pub(crate) fn short_work<R>(work: impl FnOnce(bool) -> R) -> R {
    let is_soon = LAST_SHORT_WORK.get().is_some_and(|last| last.elapsed() < PATIENCE);
    let result = work(is_soon);
    LAST_SHORT_WORK.set(Some(Instant::now()));
    result
}

/// [`rayon::join`] for halves that take about as long: the caller waits for the other half awake. Both are in the standard
/// floating-point mode, for another thread may have taken the second. Tells which was the first to end, if both had a
/// thread.
pub(crate) fn join(a: impl FnOnce() + Send, b: impl FnOnce() + Send) -> Option<Half> {
    let (begun, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut first = None;
    rayon::join(
        || {
            a();
            for look in 0.. {
                if !begun.load(Ordering::Acquire) {
                    break;
                } else if done.load(Ordering::Acquire) {
                    first = Some(if look == 0 { Half::Second } else { Half::First });
                    break;
                } else if look < LOOKS {
                    spin_loop();
                } else {
                    thread::yield_now();
                }
            }
        },
        || {
            begun.store(true, Ordering::Release);
            let _done = OnDrop(|| done.store(true, Ordering::Release)); // also after a panic
            let _mode = float_mode::standard();
            b();
        },
    );
    first
}

/// One of two that work at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Half {
    First,
    Second,
}

/// Calls a function at the end of its scope.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
