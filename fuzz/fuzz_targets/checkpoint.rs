#![no_main]

mod file;
#[path = "../../tests/common/targets.rs"]
#[allow(dead_code)] // the others'
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::checkpoint(data));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    file::change(data, size, max_size, seed)
});
