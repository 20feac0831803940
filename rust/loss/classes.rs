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

/// One class of a row: `-(1-p)^gamma ln p`, its derivative with respect to its own logarithm `ln p`, and `1-p`.
///
/// `e` is its exponential, `ln_e` that one's logarithm; `rest` is the sum of all exponentials but the largest, which is 1.
/// The share of the others is summed up, not taken from 1, so that it is right where the class is all but certain.
#[inline(always)]
fn hard<F: Float>(e: F, ln_e: F, is_largest: bool, rest: F, gamma: F) -> (F, F, F) {
    let total = F::ONE + rest;
    let ln_p = ln_e - if rest <= F::ONE { rest.ln_1p_unit() } else { total.ln() };
    let q = if is_largest { rest } else { total - e } / total;
    if q == F::ZERO {
        return if gamma == F::ZERO { (-ln_p, -F::ONE, q) } else { (F::ZERO, F::ZERO, q) };
    }
    let weight = (gamma * q.ln()).exp();
    (-weight * ln_p, weight * (gamma * (e / total) * (ln_p / q) - F::ONE), q)
}

/// loss = -Σ_k y_k (1-p_k)^gamma ln p_k; d_j = s_j (1-p_j) - p_j Σ_{k≠j} s_k, where `s_k` is y_k times the derivative that
/// [`hard`] gives.
#[inline(always)]
fn focal<F: Float>(
    z: &[F],
    width: usize,
    y: impl Fn(usize, usize) -> F,
    share: F,
    dz: &mut [F],
    terms: &mut [F],
    gamma: F,
) {
    exponentials(z, width, dz, terms);
    for (i, ((z, dz), term)) in z.chunks_exact(width).zip(dz.chunks_exact_mut(width)).zip(terms).enumerate() {
        let (largest, mut top, mut rest) = (*term, width, F::ZERO);
        for (k, e) in dz.iter().enumerate() {
            if top == width && z[k] == largest { top = k } else { rest += *e }
        }
        let of = |k: usize, e: F| hard(e, z[k] - largest, k == top, rest, gamma);
        let (mut loss, mut all) = (F::ZERO, F::ZERO);
        for (k, e) in dz.iter().enumerate().filter(|(k, _)| y(i, *k) != F::ZERO) {
            let (value, slope, _) = of(k, *e);
            loss = y(i, k).mul_add(value, loss);
            all = y(i, k).mul_add(slope, all);
        }
        let total = F::ONE + rest;
        for (k, dz) in dz.iter_mut().enumerate() {
            let p = *dz / total;
            *dz = if y(i, k) == F::ZERO {
                -p * all * share
            } else {
                let (_, slope, q) = of(k, *dz);
                let own = y(i, k) * slope;
                (own * q - p * (all - own)) * share
            };
        }
        *term = loss;
    }
}

versions! {
    pub(super) fn focal_classes[F: Float](
        z: &[F], width: usize, y: &[u32], share: F, dz: &mut [F], terms: &mut [F], gamma: F,
    ) {
        focal(z, width, |i, k| if y[i] as usize == k { F::ONE } else { F::ZERO }, share, dz, terms, gamma);
    }
    pub(super) fn focal_values[F: Float](
        z: &[F], width: usize, y: &[F], share: F, dz: &mut [F], terms: &mut [F], gamma: F,
    ) {
        focal(z, width, |i, k| y[i * width + k], share, dz, terms, gamma);
    }
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
