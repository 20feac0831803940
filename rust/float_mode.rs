//! The floating-point mode that IEEE 754 starts from: rounding to nearest, and subnormal numbers (below 1e-38 in `f32`)
//! as they are.
//!
//! The mode belongs to a thread, and whoever runs there may change it: a library built with `-ffast-math` makes the
//! processor flush subnormal numbers to zero as soon as it is loaded, and threads started later inherit that. Weights
//! would have other bits. So [`standard`] sets the mode for as long as we compute, on every thread that takes part, and
//! gives the thread back as it was. What the platform has no register for here is left alone.

use std::marker::PhantomData;

/// Keeps the calling thread in the standard mode until it is dropped.
#[must_use = "the mode holds as long as this value lives"]
pub struct StandardMode {
    /// The mode to go back to, where it was another.
    before: Option<Word>,
    /// A mode is its thread's own.
    _here: PhantomData<*mut ()>,
}

/// Puts the calling thread into the standard mode; a few nanoseconds where it is in it already.
#[inline]
pub fn standard() -> StandardMode {
    let now = read();
    let before = (now & !STATUS != STANDARD).then_some(now);
    if before.is_some() {
        write(STANDARD);
    }
    StandardMode { before, _here: PhantomData }
}

/// Runs a caller's code in the midst of ours: should it change the mode, that ends with it.
pub(crate) fn callback<R>(call: impl FnOnce() -> R) -> R {
    let result = call();
    std::mem::forget(standard());
    result
}

impl Drop for StandardMode {
    #[inline]
    fn drop(&mut self) {
        if let Some(mode) = self.before {
            write(mode);
        }
    }
}

/// What the register holds.
#[cfg(not(target_arch = "aarch64"))]
type Word = u32;
#[cfg(target_arch = "aarch64")]
type Word = u64;

/// MXCSR: nothing flushed (bits 6 and 15), round to nearest (13 and 14), no exception traps (7 to 12).
#[cfg(target_arch = "x86_64")]
const STANDARD: Word = 0x1F80;
/// FPCR: nothing flushed (bits 0, 19 and 24), round to nearest (22 and 23), no exception traps (8 to 15).
#[cfg(not(target_arch = "x86_64"))]
const STANDARD: Word = 0;

/// Bits that only say what has happened so far.
const STATUS: Word = if cfg!(target_arch = "x86_64") { 0x3F } else { 0 };

#[inline]
fn read() -> Word {
    #[allow(unused_mut)]
    let mut word = STANDARD;
    // SAFETY: stores the register into `word`, which lives on the stack here.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags));
    }
    // SAFETY: reads a register that every program may read.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("mrs {}, fpcr", out(reg) word, options(nostack, preserves_flags));
    }
    word
}

/// Not `nomem`: the compiler must not move reads and writes of arrays, and so the arithmetic on them, across a change.
#[inline]
fn write(word: Word) {
    // SAFETY: `word` is the standard mode, which compiled code expects, or what the register held when we came.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack, preserves_flags));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("msr fpcr, {}", in(reg) word, options(nostack, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = word;
}
