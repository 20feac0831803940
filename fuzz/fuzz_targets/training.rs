#![no_main]

#[path = "../../tests/common/targets.rs"]
#[allow(dead_code)] // the others'
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::training(data));
