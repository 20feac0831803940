#![no_main]

#[path = "../../tests/common/targets.rs"]
#[allow(dead_code)] // the others'
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::checkpoint(data));

// The header's length mostly fits: what lies behind it is seen.
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let tensors = targets::after_header(&data[..size]);
    let size = libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    if seed % 8 != 0 {
        targets::mend_length(&mut data[..size], tensors);
    }
    size
});
