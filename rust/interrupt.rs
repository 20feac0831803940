//! Long work asks now and then whether it is still wanted.
//!
//! Whoever begins it says whom to ask ([`asking`]); loops that may last call [`check`], which passes an error on. It holds
//! for the thread that says so: what moves to another thread is not asked for there.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::float_mode::callback;

/// How often at most it asks.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

#[derive(Clone)]
struct Asked {
    ask: Rc<dyn Fn() -> Result<()>>,
    last: Instant,
}

thread_local! {
    static ASKED: RefCell<Option<Asked>> = const { RefCell::new(None) };
}

/// Does `work`, whose [`check`]s put their question to `ask`.
pub(crate) fn asking<R>(ask: impl Fn() -> Result<()> + 'static, work: impl FnOnce() -> R) -> R {
    struct Before(Option<Asked>);
    impl Drop for Before {
        fn drop(&mut self) {
            ASKED.replace(self.0.take());
        }
    }
    let _before = Before(ASKED.replace(Some(Asked { ask: Rc::new(ask), last: Instant::now() })));
    work()
}

/// Whether to go on: an error says no. It is cheap, and asks at most 20 times a second.
pub(crate) fn check() -> Result<()> {
    let due = ASKED.with_borrow_mut(|asked| {
        let asked = asked.as_mut().filter(|asked| asked.last.elapsed() >= PAUSE)?;
        asked.last = Instant::now();
        Some(Rc::clone(&asked.ask))
    });
    due.map_or(Ok(()), |ask| callback(|| ask())) // it may run anything, also work that asks by itself
}
