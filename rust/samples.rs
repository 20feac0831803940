//! Samples as a caller has them: views on floats or bytes, checked, and gathered into rows.

use ndarray::ArrayView2;

use crate::error::{Error, Result};
use crate::isa::versions;
use crate::math::{Float, first_not_finite};
use crate::parallel;

/// Samples as they come: one in each row. Bytes stay bytes until a kernel reads them.
#[derive(Clone, Copy)]
pub enum Samples<'a, F> {
    /// Numbers of the network's own type, `(samples, features)`.
    Floats(ArrayView2<'a, F>),
    /// Bytes that stand for 0..=255, `(samples, features)`.
    Bytes(ArrayView2<'a, u8>),
}

impl<F: Float> Samples<'_, F> {
    /// The same samples, borrowed for a shorter time.
    pub(crate) fn view(&self) -> Samples<'_, F> {
        match self {
            Samples::Floats(x) => Samples::Floats(x.view()),
            Samples::Bytes(x) => Samples::Bytes(x.view()),
        }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.dim().0
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that hold them.
    pub(crate) fn bytes(&self) -> usize {
        let (samples, features) = self.dim();
        samples * features * if matches!(self, Samples::Floats(_)) { size_of::<F>() } else { 1 }
    }

    /// Rows and columns.
    pub(crate) fn dim(&self) -> (usize, usize) {
        match self {
            Samples::Floats(x) => x.dim(),
            Samples::Bytes(x) => x.dim(),
        }
    }

    /// Refuses another number of features than `features`, and numbers that are not finite.
    pub fn check(&self, features: usize) -> Result<()> {
        if self.dim().1 != features {
            let got = format!("(.., {})", self.dim().1);
            return Err(Error::shape("inputs (samples, features)", format!("(.., {features})"), got));
        }
        let Samples::Floats(x) = self else { return Ok(()) };
        for (i, row) in x.outer_iter().enumerate() {
            let row = row.as_standard_layout();
            if let Some(j) = row.as_slice().and_then(first_not_finite) {
                return Err(Error::Data(format!("inputs: sample {i}, feature {j} is {}, not a finite number", row[j])));
            }
        }
        Ok(())
    }

    /// Copies the samples `indices`, times `scale`, into `rows`.
    pub fn gather(&self, indices: impl ExactSizeIterator<Item = usize>, scale: Option<F>, rows: &mut Vec<F>) {
        let features = self.dim().1;
        rows.resize(indices.len() * features, F::ZERO);
        for (out, i) in rows.chunks_exact_mut(features.max(1)).zip(indices) {
            self.copy(i, scale, out);
        }
    }

    /// [`Samples::gather`] on `threads` threads, inside [`parallel::install`]. Asking the caches for samples some places ahead
    /// gains nothing (64-100-10, both types, Zen 3).
    pub(crate) fn gather_on(&self, threads: usize, indices: &[u32], scale: Option<F>, rows: &mut Vec<F>) {
        let features = self.dim().1;
        rows.resize(indices.len() * features, F::ZERO);
        parallel::split(threads, rows, features, &mut Vec::<()>::new(), &|first, run, ()| {
            let indices = &indices[first..];
            match self {
                Samples::Floats(x) if scale.is_none() && x.is_standard_layout() => {
                    gather_rows(x.as_slice().unwrap_or_default(), features.max(1), indices, run);
                }
                _ => {
                    for (out, i) in run.chunks_exact_mut(features.max(1)).zip(indices) {
                        self.copy(*i as usize, scale, out);
                    }
                }
            }
        });
    }

    /// Copies sample `i`, times `scale`.
    fn copy(&self, i: usize, scale: Option<F>, out: &mut [F]) {
        match self {
            Samples::Bytes(x) => {
                let row = x.row(i);
                match row.as_slice() {
                    Some(row) => crate::math::scale_bytes(row, scale.unwrap_or(F::ONE), out),
                    None => out.iter_mut().zip(row).for_each(|(o, x)| *o = F::from(*x) * scale.unwrap_or(F::ONE)),
                }
            }
            Samples::Floats(x) => {
                match x.row(i).as_slice() {
                    Some(row) => out.copy_from_slice(row),
                    None => out.iter_mut().zip(x.row(i)).for_each(|(o, x)| *o = *x),
                }
                if let Some(scale) = scale {
                    out.iter_mut().for_each(|x| *x *= scale);
                }
            }
        }
    }
}

versions! {
    /// `out[i] = x[indices[i]]`, in rows of `width` numbers.
    fn gather_rows[F: Float](x: &[F], width: usize, indices: &[u32], out: &mut [F]) {
        for (out, i) in out.chunks_exact_mut(width).zip(indices) {
            copy_row(&x[*i as usize * width..][..width], out);
        }
    }
}

/// Numbers that are copied at a time.
const AT_ONCE: usize = 8;

/// Copies a row, which may be too short for a call of `memcpy` to pay.
#[inline(always)]
fn copy_row<F: Float>(from: &[F], to: &mut [F]) {
    match (from.last_chunk::<AT_ONCE>(), to.last_chunk_mut::<AT_ONCE>()) {
        (Some(from), Some(to)) => *to = *from,
        _ => return to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
    }
    for (from, to) in from.as_chunks::<AT_ONCE>().0.iter().zip(to.as_chunks_mut::<AT_ONCE>().0) {
        *to = *from;
    }
}
