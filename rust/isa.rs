//! The one place that picks an instruction set; every hot loop goes through it.
//!
//! A hot loop is written once, in safe Rust over arrays and `mul_add`, inside [`versions!`](crate::isa). The
//! macro compiles it for each [`Level`] and calls the best that the processor has. Every level computes the same
//! bits: fused multiply-add is exact by IEEE 754 whether the hardware or a library does it, and all reductions
//! have an order of their own (see [`crate::math`] and [`crate::matmul`]), so vector width changes only speed.
//!
//! `PURRCEPTRON_ISA=portable|avx2|avx512` forces a level that the processor has, so that tests can compare them; above
//! that it gets the processor's best, and another name is refused.

use std::sync::OnceLock;

use crate::error::{Error, Result};

/// A set of instructions that the hot loops are compiled for, from the narrowest to the widest.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::EnumString, strum::IntoStaticStr, strum::VariantNames,
)]
#[strum(serialize_all = "lowercase")]
pub enum Level {
    /// What the target guarantees: NEON with FMA on aarch64; SSE2 on x86-64, where `mul_add` is slow.
    Portable,
    /// x86-64 with AVX2 and FMA: 16 registers of 8 `f32`.
    Avx2,
    /// x86-64 with AVX-512 F, VL, DQ and BW: 32 registers of 16 `f32`.
    Avx512,
}

impl Level {
    /// The widest level of this processor.
    fn best() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let avx2 = has!("avx2") && has!("fma");
            if avx2 && has!("avx512f") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw") {
                return Level::Avx512;
            }
            if avx2 {
                return Level::Avx2;
            }
        }
        Level::Portable
    }
}

/// The level in use: the processor's best, or a lower one that `PURRCEPTRON_ISA` asks for.
#[inline]
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let wanted = wanted().ok().flatten(); // `check` refuses what is no level
        wanted.map_or(Level::best(), |level| Level::best().min(level))
    })
}

/// Refuses a `PURRCEPTRON_ISA` that names no level.
///
/// # Errors
/// [`Error::Value`], with the names that there are.
pub fn check() -> Result<()> {
    wanted().map(|_| ())
}

fn wanted() -> Result<Option<Level>> {
    use strum::VariantNames;
    let Some(name) = std::env::var_os("PURRCEPTRON_ISA") else { return Ok(None) };
    let level = name.to_str().and_then(|name| name.parse().ok());
    let expected = || format!("one of {}", Level::VARIANTS.join(", "));
    level.map(Some).ok_or_else(|| Error::value("PURRCEPTRON_ISA", expected(), format!("{name:?}")))
}

/// Asks for the cache line of `data[index]`, which may lie beyond the end: it will be read soon, and is to wait in the
/// second cache.
#[inline(always)]
pub(crate) fn prefetch<T>(data: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a hint. It gives no value, and of an address that is none the processor takes no notice.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(data.as_ptr().wrapping_add(index).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (data, index);
}

/// Compiles one function for every [`Level`] and dispatches on [`level`] at each call.
///
/// Generic parameters stand in square brackets and must follow from the arguments:
/// `versions! { fn scale[F: Float](x: &mut [F], by: F) { .. } }`. What the body calls must be `#[inline(always)]`,
/// or it is compiled for the portable level only.
macro_rules! versions {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident[$($generics:tt)*]($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block)+) => {$(
        $(#[$meta])*
        $vis fn $name<$($generics)*>($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body<$($generics)*>($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2<$($generics)*>($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512dq,avx512bw")]
            fn avx512<$($generics)*>($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }

            match $crate::isa::level() {
                // SAFETY: `level` is never above what the running processor reports.
                #[cfg(target_arch = "x86_64")]
                $crate::isa::Level::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::isa::Level::Avx2 => unsafe { avx2($($arg),*) },
                _ => body($($arg),*),
            }
        }
    )+};
}
pub(crate) use versions;

/// Compiles one function for AVX-512 alone, which has registers that no other level has. It is called where [`level`] is
/// [`Level::Avx512`], and does nothing elsewhere.
macro_rules! wide_version {
    ($(fn $name:ident[$($generics:tt)*]($($arg:ident: $ty:ty),* $(,)?) $body:block)+) => {$(
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables))]
        fn $name<$($generics)*>($($arg: $ty),*) {
            // What a function with instructions of its own hands to others (closures) is not inlined there: hence two.
            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            fn body<$($generics)*>($($arg: $ty),*) $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512dq,avx512bw")]
            fn avx512<$($generics)*>($($arg: $ty),*) {
                body($($arg),*)
            }

            match $crate::isa::level() {
                // SAFETY: `level` is never above what the running processor reports.
                #[cfg(target_arch = "x86_64")]
                $crate::isa::Level::Avx512 => unsafe { avx512($($arg),*) },
                _ => debug_assert!(false, "only for AVX-512"),
            }
        }
    )+};
}
pub(crate) use wide_version;

#[cfg(test)]
mod tests {
    #[test]
    fn a_prefetch_of_what_is_not_there_does_nothing() {
        for index in [0, 1, 1 << 20, usize::MAX / 8, usize::MAX] {
            super::prefetch::<f64>(&[], index);
            super::prefetch(&[1u8; 3], index);
        }
    }
}
