//! Whose threads there are: those of one pool that callers borrow, and those that help a thread which stays where it is.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::thread_count;
use crate::float_mode;

/// Runs `work` where [`super::split`] finds `threads` threads waiting, in the standard floating-point mode. With one thread it
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

/// Whether the calling thread has said so.
pub fn stays_on_this_thread() -> bool {
    !matches!(ADOPTION.get(), Adoption::Never)
}

/// Whether others help the calling thread, so that nothing need be handed to a pool.
pub(crate) fn is_helped() -> bool {
    lose_after_fork();
    matches!(ADOPTION.get(), Adoption::Wanted | Adoption::Done(_))
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
