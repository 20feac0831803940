//! Threads: how many, and disjoint splits of one output between them.
//!
//! Work is always cut along its output, so that every element has one owner and no thread count can change a bit.
//!
//! There are few threads, whatever callers do: those that give work here share one pool and wait for it, a thread that
//! stays where it is ([`stay_on_this_thread`]) has helpers of its own, and work within work starts none. A pool has as
//! many threads as [`thread_count`] gives, or as the most that was asked for.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};
use crate::float_mode;

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

/// Runs `work` where [`split`] finds `threads` threads waiting, in the standard floating-point mode. With one thread it
/// runs right here.
pub fn install<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    lose_after_fork();
    let work = || {
        let _mode = float_mode::standard();
        work()
    };
    if threads < 2 || in_pool() || adopt(threads) {
        return work();
    }
    let loan = borrow_pool(threads);
    match loan.as_ref().and_then(|loan| loan.0.as_ref()) {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// Whether the caller is one of a pool's threads.
pub(crate) fn in_pool() -> bool {
    match ADOPTION.get() {
        Adoption::Done(_) => true,
        Adoption::Lost => false,
        _ => rayon::current_thread_index().is_some(),
    }
}

/// From now on [`install`] keeps work that the calling thread gives it on that thread, and others help. Python handles
/// signals in its main thread only, so a training there must not move to another.
pub fn stay_on_this_thread() {
    if let Adoption::Never = ADOPTION.get() {
        ADOPTION.set(Adoption::Wanted);
    }
}

/// Whether a thread is itself a member of a pool, which it can become only once.
#[derive(Clone, Copy)]
enum Adoption {
    Never,
    Wanted,
    /// In the process of this number.
    Done(u32),
    /// In the parent process: a forked child has none of its other threads.
    Lost,
}

thread_local! {
    static ADOPTION: Cell<Adoption> = const { Cell::new(Adoption::Never) };
}

/// Notices a fork since the adoption. Asked here, once for a whole training, and not for every product.
fn lose_after_fork() {
    if matches!(ADOPTION.get(), Adoption::Done(process) if process != std::process::id()) {
        ADOPTION.set(Adoption::Lost);
    }
}

/// Makes the calling thread a member of a pool of its own, if that is wanted.
fn adopt(threads: usize) -> bool {
    let Adoption::Wanted = ADOPTION.get() else { return false };
    match pool_builder(threads).use_current_thread().build() {
        Ok(pool) => {
            std::mem::forget(pool); // it lives as long as the thread
            ADOPTION.set(Adoption::Done(std::process::id()));
            true
        }
        Err(_) => {
            ADOPTION.set(Adoption::Never);
            false
        }
    }
}

/// Builds a pool of at least `threads` threads, and of so many that another need not follow soon.
fn pool_builder(threads: usize) -> ThreadPoolBuilder {
    let usual = thread_count(None).unwrap_or(1);
    ThreadPoolBuilder::new().num_threads(threads.max(usual)).thread_name(|i| format!("purrceptron-{i}"))
}

/// The pool for threads that have none of their own: kept from call to call, and lent to one caller at a time. Were it
/// shared, a caller that waits for its part of some work could be handed another's whole training meanwhile, and hold a
/// lock that this needs.
enum Kept {
    Nothing,
    /// In the process of this number; a forked child has none of its threads.
    Idle(u32, ThreadPool),
    Lent(u32),
}

static POOL: Mutex<Kept> = Mutex::new(Kept::Nothing);

/// A loan of the pool, which ends with it.
struct Loan(Option<ThreadPool>);

impl Drop for Loan {
    fn drop(&mut self) {
        if let (Some(pool), Some(mut kept)) = (self.0.take(), lock_unless_lost(&POOL)) {
            *kept = Kept::Idle(std::process::id(), pool);
        }
    }
}

/// Borrows the pool, with at least `threads` threads. Where it is lent already, or no thread can be started, the caller
/// works alone, with the same result.
fn borrow_pool(threads: usize) -> Option<Loan> {
    let process = std::process::id();
    let mut kept = lock_unless_lost(&POOL)?;
    let pool = match std::mem::replace(&mut *kept, Kept::Lent(process)) {
        Kept::Lent(owner) if owner == process => return None,
        Kept::Idle(owner, pool) if owner == process && pool.current_num_threads() >= threads => Some(pool),
        Kept::Idle(owner, old) if owner != process => {
            std::mem::forget(old); // its threads live in the parent: dropping it would wait for them for ever
            pool_builder(threads).build().ok()
        }
        _ => pool_builder(threads).build().ok(),
    };
    if pool.is_none() {
        *kept = Kept::Nothing;
    }
    pool.map(|pool| Loan(Some(pool)))
}

/// Locks, or gives up after a time that nobody holds the lock for: then whoever held it when this process was forked
/// exists only in the parent.
fn lock_unless_lost<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    for attempt in 0..200 {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if attempt < 100 => std::thread::yield_now(),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    None
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
    let unit = unit.max(1);
    let threads = if threads > 1 && in_pool() { threads.clamp(1, output.len().div_ceil(unit).max(1)) } else { 1 };
    if scratch.len() < threads {
        scratch.resize_with(threads, S::default);
    }
    halve(0, output, unit, &mut scratch[..threads], work);
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
    let left = width.div_ceil(unit) * left_scratch.len() / (left_scratch.len() + right_scratch.len()) * unit;
    let (left_rows, right_rows) = rows.into_iter().map(|row| row.split_at_mut(left.min(width))).unzip();
    rayon::join(
        || halve_columns(first, left_rows, unit, left_scratch, work),
        || {
            let _mode = float_mode::standard();
            halve_columns(first + left, right_rows, unit, right_scratch, work)
        },
    );
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
        || {
            let _mode = float_mode::standard(); // another thread may have taken it
            halve(first + left_units, right, unit, right_scratch, work)
        },
    );
}
