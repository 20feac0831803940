//! What the targets that read a file share.

use crate::targets::{after_header, mend_length};

/// Lets the fuzzer change the first `size` bytes of `data`, and gives their new number. The header's length mostly fits:
/// what lies behind it is seen.
pub fn change(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let tensors = after_header(&data[..size]);
    let size = libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    if seed % 8 != 0 {
        mend_length(&mut data[..size], tensors);
    }
    size
}
