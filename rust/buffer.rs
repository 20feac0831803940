//! Working memory.

use std::ops::{Deref, DerefMut};

/// Numbers that begin at a cache line, so that no vector lies across two of them. Memory once taken is kept, and nothing
/// is written where it is asked for again: a layer of a small network is done in the time that filling with zeros takes.
#[derive(Clone, Debug, Default)]
pub struct Buffer<T> {
    data: Vec<T>,
    len: usize,
}

/// Bytes of a cache line.
const LINE: usize = 64;

impl<T: Copy + Default> Buffer<T> {
    /// Room for `len` numbers, whose values are of no account.
    pub fn room(&mut self, len: usize) -> &mut [T] {
        let most = len + LINE / size_of::<T>();
        if self.data.len() < most {
            self.data.resize(most, T::default());
        }
        self.len = len;
        self
    }
}

impl<T> Buffer<T> {
    /// Number of the first element that begins a line.
    fn start(&self) -> usize {
        self.data.as_ptr().align_offset(LINE).min(self.data.len() - self.len)
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.data[self.start()..][..self.len]
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        let start = self.start();
        &mut self.data[start..start + self.len]
    }
}
