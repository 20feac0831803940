//! Threads: how many, and disjoint splits of one output between them.
//!
//! Work is always cut along its output, so that every element has one owner and no thread count can change a bit.

use std::sync::{Arc, Mutex, OnceLock};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// The number of threads to use: `requested`, else `PURRCEPTRON_NUM_THREADS`, else the cores this process may use.
pub fn thread_count(requested: Option<usize>) -> Result<usize> {
    match requested {
        Some(0) => Err(Error::value("n_threads", "at least 1", 0)),
        Some(threads) => Ok(threads),
        None => match std::env::var("PURRCEPTRON_NUM_THREADS") {
            Ok(text) => text
                .parse()
                .ok()
                .filter(|threads| *threads > 0)
                .ok_or_else(|| Error::value("PURRCEPTRON_NUM_THREADS", "a whole number above 0", text)),
            Err(_) => Ok(cores()),
        },
    }
}

/// The cores that this process may use, by affinity and quota; asked once, for asking takes longer than a small network.
fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Whether the caller runs where [`install`] has threads waiting.
pub(crate) fn in_pool() -> bool {
    rayon::current_thread_index().is_some()
}

/// Runs `work` where [`split`] finds `threads` threads waiting. With one thread it runs right here.
pub fn install<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    match pool(threads) {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// A pool for `threads`, kept from call to call. A forked child has none of its parent's threads and gets its own;
/// where no thread can be started the work runs on the caller's, with the same result.
fn pool(threads: usize) -> Option<Arc<ThreadPool>> {
    static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);
    if threads < 2 {
        return None;
    }
    let process = std::process::id();
    let mut kept = POOL.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    match &*kept {
        Some((owner, pool)) if *owner == process && pool.current_num_threads() == threads => Some(pool.clone()),
        _ => {
            let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("purrceptron-{i}"));
            let pool = Arc::new(pool.build().ok()?);
            if let Some((owner, old)) = kept.replace((process, pool.clone()))
                && owner != process
            {
                std::mem::forget(old); // its threads live in the parent: dropping it would wait for them for ever
            }
            Some(pool)
        }
    }
}

/// Cuts `output` into at most `threads` runs of whole units (`unit` elements each) and works on all of them at once.
///
/// Outside of [`install`] there is one thread, the caller's. `work` gets the index of its first unit, its run, and an element of `scratch` of its own, which is grown to fit.
pub fn split<T: Send, S: Default + Send>(
    threads: usize,
    output: &mut [T],
    unit: usize,
    scratch: &mut Vec<S>,
    work: &(impl Fn(usize, &mut [T], &mut S) + Sync),
) {
    let unit = unit.max(1);
    let threads = if in_pool() { threads.clamp(1, output.len().div_ceil(unit).max(1)) } else { 1 };
    if scratch.len() < threads {
        scratch.resize_with(threads, S::default);
    }
    halve(0, output, unit, &mut scratch[..threads], work);
}

/// One thread for each element of `scratch`: works here on one, halves the run between more.
fn halve<T: Send, S: Send>(
    first: usize,
    run: &mut [T],
    unit: usize,
    scratch: &mut [S],
    work: &(impl Fn(usize, &mut [T], &mut S) + Sync),
) {
    if let [scratch] = scratch {
        return work(first, run, scratch);
    }
    let units = run.len().div_ceil(unit);
    let (left_scratch, right_scratch) = scratch.split_at_mut(scratch.len() / 2);
    let left_units = units * left_scratch.len() / (left_scratch.len() + right_scratch.len());
    let (left, right) = run.split_at_mut((left_units * unit).min(run.len()));
    rayon::join(
        || halve(first, left, unit, left_scratch, work),
        || halve(first + left_units, right, unit, right_scratch, work),
    );
}
