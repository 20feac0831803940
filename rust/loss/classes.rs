//! Losses of a choice among classes, from the logits of a row.

use crate::isa::versions;
use crate::math::Float;

/// `e^(z - largest)` of every row of `width` numbers, and the largest of each row. The exponentials of all rows are taken
/// at once: rows are often shorter than a vector register.
#[inline(always)]
fn exponentials<F: Float>(z: &[F], width: usize, e: &mut [F], largest: &mut [F]) {
    for ((z, e), largest) in z.chunks_exact(width).zip(e.chunks_exact_mut(width)).zip(largest) {
        *largest = z.iter().fold(z[0], |m, z| if *z > m { *z } else { m });
        for (e, z) in e.iter_mut().zip(z) {
            *e = *z - *largest;
        }
    }
    for e in e {
        *e = e.exp();
    }
}

versions! {
    // loss = ln Σ e^z - z_y; d = softmax(z) - [k = y]. Of smoothed targets, `spread` goes to every class and `keep` to y.
    pub(super) fn cross_entropy_classes[F: Float](
        z: &[F], width: usize, y: &[u32], share: F, dz: &mut [F], terms: &mut [F], keep: F, spread: F,
    ) {
        exponentials(z, width, dz, terms);
        for (((z, y), dz), term) in z.chunks_exact(width).zip(y).zip(dz.chunks_exact_mut(width)).zip(terms) {
            let (largest, total) = (*term, dz.iter().copied().sum::<F>());
            let ln_total = total.ln();
            *term = ln_total + (largest - z[*y as usize]);
            let scale = share / total;
            if spread == F::ZERO {
                for dz in dz.iter_mut() { *dz *= scale; }
                dz[*y as usize] -= share;
            } else {
                let mut everywhere = F::ZERO;
                for z in z { everywhere += ln_total + (largest - *z); }
                *term = keep.mul_add(*term, spread * everywhere);
                for dz in dz.iter_mut() { *dz = *dz * scale - spread * share; }
                dz[*y as usize] -= keep * share;
            }
        }
    }
    // loss = Σ_k y_k (ln Σ e^z - z_k); d = softmax(z) Σ y - y
    pub(super) fn cross_entropy_values[F: Float](
        z: &[F], width: usize, y: &[F], share: F, dz: &mut [F], terms: &mut [F], keep: F, spread: F,
    ) {
        exponentials(z, width, dz, terms);
        let rows = z.chunks_exact(width).zip(y.chunks_exact(width));
        for (((z, y), dz), term) in rows.zip(dz.chunks_exact_mut(width)).zip(terms) {
            let (largest, total) = (*term, dz.iter().copied().sum::<F>());
            let ln_total = total.ln();
            let mass: F = y.iter().copied().sum();
            let shift = spread * mass;
            let mut loss = F::ZERO;
            for (z, y) in z.iter().zip(y) {
                loss = keep.mul_add(*y, shift).mul_add(ln_total + (largest - *z), loss);
            }
            *term = loss;
            let scale = share * mass / total;
            for (dz, y) in dz.iter_mut().zip(y) { *dz = *dz * scale - keep.mul_add(*y, shift) * share; }
        }
    }
    // What the cross-entropy has too much: -Σ_k y_k ln y_k
    pub(super) fn subtract_entropy[F: Float](width: usize, y: &[F], terms: &mut [F]) {
        for (y, term) in y.chunks_exact(width).zip(terms) {
            for y in y {
                if *y > F::ZERO { *term = y.mul_add(y.ln(), *term); }
            }
        }
    }
}
