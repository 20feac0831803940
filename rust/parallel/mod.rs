//! Threads: how many, and disjoint splits of one output between them.
//!
//! Work is always cut along its output, so that every element has one owner and no thread count can change a bit.
//!
//! There are few threads, whatever callers do: those that give work here share one pool and wait for it, a thread that
//! stays where it is ([`stay_on_this_thread`]) has helpers of its own, and work within work starts none. A pool has as
//! many threads as [`thread_count`] gives, or as the most that was asked for.

//!
//! - `pool.rs`: whose threads they are.  `awake.rs`: how they wait for each other.

mod awake;
mod pool;

use std::ops::{Range, RangeInclusive};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};
use awake::Half;
pub(crate) use awake::{join, keep_awake, short_work, stay_awake};
pub(crate) use pool::{in_pool, is_helped};
pub use pool::{install, stay_on_this_thread, stays_on_this_thread};

/// The number of threads to use: `requested`, else `PURRCEPTRON_NUM_THREADS`, else the cores this process may use, or
/// fewer if `OMP_NUM_THREADS` says so, by which joblib and others keep their workers from using all cores each.
pub fn thread_count(requested: Option<usize>) -> Result<usize> {
    match requested {
        Some(threads @ 1..=MOST) => Ok(threads),
        Some(other) => Err(Error::value("n_threads", format!("at least 1 and at most {MOST}"), other)),
        None => match std::env::var("PURRCEPTRON_NUM_THREADS") {
            Ok(text) => text.parse().ok().filter(|threads| (1..=MOST).contains(threads)).ok_or_else(|| {
                Error::value("PURRCEPTRON_NUM_THREADS", format!("a whole number from 1 to {MOST}"), text)
            }),
            Err(_) => Ok(cores().min(open_mp_limit().unwrap_or(MOST))),
        },
    }
}

/// Most threads that can be asked for: starting more would only cost memory.
const MOST: usize = 1024;

/// The cores that this process may use, by affinity and quota; asked once, for asking takes longer than a small network.
/// No lock: a process forked meanwhile would wait for it for ever.
fn cores() -> usize {
    static CORES: AtomicUsize = AtomicUsize::new(0);
    match CORES.load(Ordering::Relaxed) {
        0 => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from).min(MOST);
            CORES.store(cores, Ordering::Relaxed);
            cores
        }
        cores => cores,
    }
}

/// The first number of `OMP_NUM_THREADS`, which may be a list. It is not ours: what cannot be read says nothing.
fn open_mp_limit() -> Option<usize> {
    let list = std::env::var("OMP_NUM_THREADS").ok()?;
    list.split(',').next()?.trim().parse().ok().filter(|threads| *threads > 0)
}

/// Cuts `output` into at most `threads` runs of whole units (`unit` elements each) and works on all of them at once.
///
/// Outside of [`install`] there is one thread, the caller's. `work` gets the index of its first unit, its run, and an
/// element of `scratch` of its own, which is grown to fit.
pub fn split<T: Send, S: Default + Send>(
    threads: usize,
    output: &mut [T],
    unit: usize,
    scratch: &mut Vec<S>,
    work: &(impl Fn(usize, &mut [T], &mut S) + Sync),
) {
    split_by(threads, output, unit, &|i| i, scratch, work);
}

/// [`split`] for units of unequal work: `before` gives the work of all units before one.
pub fn split_by<T: Send, S: Default + Send>(
    threads: usize,
    output: &mut [T],
    unit: usize,
    before: &(impl Fn(usize) -> usize + Sync),
    scratch: &mut Vec<S>,
    work: &(impl Fn(usize, &mut [T], &mut S) + Sync),
) {
    let unit = unit.max(1);
    let threads = if threads > 1 && in_pool() { threads.clamp(1, output.len().div_ceil(unit).max(1)) } else { 1 };
    if scratch.len() < threads {
        scratch.resize_with(threads, S::default);
    }
    stay_awake(threads);
    halve(0, output, unit, before, &mut scratch[..threads], work);
}

/// Of how many parts in a thousand the caller takes its share of work for two threads. Cores differ: some are of another
/// kind, some share theirs with another process.
static SHARE: AtomicUsize = AtomicUsize::new(500);

/// What the share changes by where one of the two had to wait for the other, and how far it goes.
const SHARE_STEP: usize = 4;
const SHARES: RangeInclusive<usize> = 250..=750;

/// Units of work that can be cut finely enough to tell who is the faster: of two, somebody always waits.
const FINE: usize = 32;

/// Of at least as many units as threads those for the first half of the threads.
pub(crate) fn first_half(units: usize, threads: usize) -> usize {
    first_half_by(0..units, threads, &|i| i)
}

/// [`first_half`] of units of unequal work.
fn first_half_by(units: Range<usize>, threads: usize, before: &impl Fn(usize) -> usize) -> usize {
    let (part, parts) = if threads == 2 { (SHARE.load(Ordering::Relaxed), 1000) } else { (threads / 2, threads) };
    let start = before(units.start);
    let work = |cut: usize| (before(units.start + cut) - start) * parts;
    let goal = (before(units.end) - start) * part;
    // The last cut that leaves the first half no more work than that, or the next, whichever is nearer.
    let most = units.len() - (threads - threads / 2);
    let (mut cut, mut beyond) = (threads / 2, most);
    while cut < beyond {
        let middle = (cut + beyond).div_ceil(2);
        if work(middle) <= goal { cut = middle } else { beyond = middle - 1 }
    }
    if cut < most && work(cut + 1).abs_diff(goal) < work(cut).abs_diff(goal) { cut + 1 } else { cut }
}

/// Evens out the times of two threads: whoever waited gets more to do next time.
fn adapt_share(first: Option<Half>) {
    let share = SHARE.load(Ordering::Relaxed);
    let share = match first {
        Some(Half::First) => share + SHARE_STEP,
        Some(Half::Second) => share - SHARE_STEP,
        None => return,
    };
    SHARE.store(share.clamp(*SHARES.start(), *SHARES.end()), Ordering::Relaxed);
}

/// As [`split`], but cuts rows of `width` elements each into columns, whole units of them: `work` gets the index of its
/// first column, its part of every row, and an element of `scratch`.
pub fn split_columns<T: Send, S: Default + Send>(
    threads: usize,
    output: &mut [T],
    width: usize,
    unit: usize,
    scratch: &mut Vec<S>,
    work: &(impl Fn(usize, &mut [&mut [T]], &mut S) + Sync),
) {
    let (width, unit) = (width.max(1), unit.max(1));
    let threads = if in_pool() { threads.clamp(1, width.div_ceil(unit)) } else { 1 };
    if scratch.len() < threads {
        scratch.resize_with(threads, S::default);
    }
    stay_awake(threads);
    halve_columns(0, output.chunks_exact_mut(width).collect(), unit, &mut scratch[..threads], work);
}

/// [`halve`] for columns.
fn halve_columns<T: Send, S: Send>(
    first: usize,
    mut rows: Vec<&mut [T]>,
    unit: usize,
    scratch: &mut [S],
    work: &(impl Fn(usize, &mut [&mut [T]], &mut S) + Sync),
) {
    if let [scratch] = scratch {
        return work(first, &mut rows, scratch);
    }
    let width = rows.first().map_or(0, |row| row.len());
    let (left_scratch, right_scratch) = scratch.split_at_mut(scratch.len() / 2);
    let left = first_half(width.div_ceil(unit), left_scratch.len() + right_scratch.len()) * unit;
    let (left_rows, right_rows) = rows.into_iter().map(|row| row.split_at_mut(left.min(width))).unzip();
    join(
        || halve_columns(first, left_rows, unit, left_scratch, work),
        || halve_columns(first + left, right_rows, unit, right_scratch, work),
    );
}

/// One thread for each element of `scratch`: works here on one, halves the run between more.
fn halve<T: Send, S: Send>(
    first: usize,
    run: &mut [T],
    unit: usize,
    before: &(impl Fn(usize) -> usize + Sync),
    scratch: &mut [S],
    work: &(impl Fn(usize, &mut [T], &mut S) + Sync),
) {
    if let [scratch] = scratch {
        return work(first, run, scratch);
    }
    let (units, threads) = (run.len().div_ceil(unit), scratch.len());
    let (left_scratch, right_scratch) = scratch.split_at_mut(threads / 2);
    let left_units = first_half_by(first..first + units, threads, before);
    let (left, right) = run.split_at_mut((left_units * unit).min(run.len()));
    let ended = join(
        || halve(first, left, unit, before, left_scratch, work),
        || halve(first + left_units, right, unit, before, right_scratch, work),
    );
    if threads == 2 && units >= FINE {
        adapt_share(ended);
    }
}
