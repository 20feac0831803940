#![no_main]

#[path = "../../tests/common/targets.rs"]
#[allow(dead_code)] // the others'
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::checkpoint(data));

// The header's length mostly fits: what lies behind it is seen.
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let length = data.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    let tensors = size.saturating_sub(8).saturating_sub(length.try_into().unwrap_or(usize::MAX));
    let size = libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    if seed % 8 != 0 {
        targets::mend_length(&mut data[..size], tensors);
    }
    size
});
