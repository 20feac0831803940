//! Losses: value and gradient side by side.
//!
//! A loss is a mean over the samples. Those that undo an exponential of the last layer (sigmoid, softmax) are computed
//! from its logits, where nothing overflows and the gradient is simply `prediction - target`.

use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::isa::versions;
use crate::math::{Float, sum};

/// What training makes small.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Loss {
    /// `-y ln p - (1-y) ln(1-p)` with `p = sigmoid(z)`, mean over samples and outputs; targets within 0..=1
    BinaryCrossEntropy,
    /// `-Σ_k y_k ln p_k` with `p = softmax(z)`; targets are classes 0..outputs or rows of probabilities (a row that sums
    /// to 2 counts twice)
    CrossEntropy,
    /// `(a - y)²`, mean over samples and outputs
    MeanSquaredError,
}

/// What the outputs are held against.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a, F> {
    /// `(samples, outputs)`, row after row.
    Values(&'a [F]),
    /// The true class of each sample.
    Classes(&'a [u32]),
}

impl Loss {
    /// Whether the loss reads the last layer's logits: its activation is then left out of training.
    pub fn on_logits(self) -> bool {
        !matches!(self, Loss::MeanSquaredError)
    }

    /// Refuses a last activation that this loss does not undo.
    pub fn check_activation(self, last: Activation) -> Result<()> {
        let (fits, expected) = match self {
            Loss::BinaryCrossEntropy => {
                (matches!(last, Activation::Identity | Activation::Sigmoid), "identity or sigmoid")
            }
            Loss::CrossEntropy => (matches!(last, Activation::Identity | Activation::Softmax), "identity or softmax"),
            Loss::MeanSquaredError => return Ok(()),
        };
        let (name, last): (&str, &str) = (self.into(), last.into());
        if fits {
            return Ok(());
        }
        Err(Error::value(
            format!("the last activation under loss {name}"),
            format!("{expected} (the loss is computed from the logits that they share)"),
            last,
        ))
    }

    /// Refuses targets that do not belong to `samples` rows of `outputs` numbers, or are outside the loss's range.
    pub fn check_targets<F: Float>(self, targets: Targets<F>, samples: usize, outputs: usize) -> Result<()> {
        let name: &str = self.into();
        let (expected, got) = match targets {
            Targets::Values(values) => (samples * outputs, values.len()),
            Targets::Classes(classes) => (samples, classes.len()),
        };
        if expected != got {
            let expected = format!("{expected} numbers for {samples} samples, as many as the inputs");
            return Err(Error::shape("targets", expected, got.to_string()));
        }
        match targets {
            Targets::Classes(_) if self != Loss::CrossEntropy => {
                Err(Error::shape(format!("targets of loss {name}"), format!("numbers (samples, {outputs})"), "classes"))
            }
            Targets::Classes(classes) => match classes.iter().position(|class| *class as usize >= outputs) {
                Some(i) => Err(Error::Data(format!(
                    "targets: sample {i} has class {}, but the network has {outputs} outputs (classes 0..={})",
                    classes[i],
                    outputs.saturating_sub(1)
                ))),
                None => Ok(()),
            },
            Targets::Values(values) => {
                let in_range = |y: &F| match self {
                    Loss::MeanSquaredError => y.is_finite(),
                    _ => *y >= F::ZERO && *y <= F::ONE,
                };
                match values.iter().position(|y| !in_range(y)) {
                    Some(i) => Err(Error::Data(format!(
                        "targets: sample {} has {}, but loss {name} takes {}",
                        i / outputs.max(1),
                        values[i],
                        if self == Loss::MeanSquaredError { "finite numbers" } else { "0 and 1 (or numbers between)" }
                    ))),
                    None => Ok(()),
                }
            }
        }
    }

    /// The mean loss of `outputs (samples, width)` (logits if [`Loss::on_logits`]), and its gradient with respect to
    /// them in `gradient`. `terms` is working memory. The targets have passed [`Loss::check_targets`].
    pub fn forward_backward<F: Float>(
        self,
        outputs: &[F],
        width: usize,
        targets: Targets<F>,
        gradient: &mut [F],
        terms: &mut Vec<F>,
    ) -> f64 {
        if outputs.is_empty() {
            return f64::NAN; // the mean of nothing
        }
        let samples = outputs.len() / width;
        let count = if self == Loss::CrossEntropy { samples } else { outputs.len() };
        terms.resize(count, F::ZERO);
        let share = F::from_f64(1.0 / count as f64);
        match (self, targets) {
            (Loss::BinaryCrossEntropy, Targets::Values(y)) => binary_cross_entropy(outputs, y, share, gradient, terms),
            (Loss::MeanSquaredError, Targets::Values(y)) => mean_squared_error(outputs, y, share, gradient, terms),
            (_, Targets::Values(y)) => cross_entropy_values(outputs, width, y, share, gradient, terms),
            (_, Targets::Classes(y)) => cross_entropy_classes(outputs, width, y, share, gradient, terms),
        }
        sum(terms) / count as f64
    }
}

/// Turns a mean that [`Loss::forward_backward`] took over samples that count alike into `Σ weight loss / Σ weight`, and
/// its gradient into that mean's. Weights that are all 0 give a loss of 0.
pub fn weigh<F: Float>(weights: &[F], gradient: &mut [F], terms: &mut [F]) -> f64 {
    let (samples, total) = (weights.len(), sum(weights));
    if samples == 0 {
        return f64::NAN; // the mean of nothing
    }
    let share = if total > 0.0 { samples as f64 / total } else { 0.0 };
    scale_rows(weights, F::from_f64(share), gradient);
    scale_rows(weights, F::from_f64(share), terms);
    sum(terms) / terms.len() as f64
}

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
    fn scale_rows[F: Float](weights: &[F], share: F, rows: &mut [F]) {
        for (row, weight) in rows.chunks_exact_mut(rows.len() / weights.len()).zip(weights) {
            let by = *weight * share;
            for x in row { *x *= by; }
        }
    }
    // loss = max(z, 0) - y z + ln(1 + e^-|z|): no cancellation where the answer is right; d = sigmoid(z) - y
    fn binary_cross_entropy[F: Float](z: &[F], y: &[F], share: F, dz: &mut [F], terms: &mut [F]) {
        for (((z, y), dz), term) in z.iter().zip(y).zip(dz).zip(terms) {
            let positive = if *z > F::ZERO { *z } else { F::ZERO };
            *term = (positive - *y * *z) + (-z.abs()).exp().ln_1p_unit();
            *dz = (z.sigmoid() - *y) * share;
        }
    }
    // d = 2 (a - y)
    fn mean_squared_error[F: Float](a: &[F], y: &[F], share: F, da: &mut [F], terms: &mut [F]) {
        for (((a, y), da), term) in a.iter().zip(y).zip(da).zip(terms) {
            let difference = *a - *y;
            *term = difference * difference;
            *da = (difference + difference) * share;
        }
    }
    // loss = ln Σ e^z - z_y; d = softmax(z) - [k = y]
    fn cross_entropy_classes[F: Float](z: &[F], width: usize, y: &[u32], share: F, dz: &mut [F], terms: &mut [F]) {
        exponentials(z, width, dz, terms);
        for (((z, y), dz), term) in z.chunks_exact(width).zip(y).zip(dz.chunks_exact_mut(width)).zip(terms) {
            let (largest, total) = (*term, dz.iter().copied().sum::<F>());
            *term = total.ln() + (largest - z[*y as usize]);
            let scale = share / total;
            for dz in dz.iter_mut() { *dz *= scale; }
            dz[*y as usize] -= share;
        }
    }
    // loss = Σ_k y_k (ln Σ e^z - z_k); d = softmax(z) Σ y - y
    fn cross_entropy_values[F: Float](z: &[F], width: usize, y: &[F], share: F, dz: &mut [F], terms: &mut [F]) {
        exponentials(z, width, dz, terms);
        let rows = z.chunks_exact(width).zip(y.chunks_exact(width));
        for (((z, y), dz), term) in rows.zip(dz.chunks_exact_mut(width)).zip(terms) {
            let (largest, total) = (*term, dz.iter().copied().sum::<F>());
            let ln_total = total.ln();
            let mut loss = F::ZERO;
            for (z, y) in z.iter().zip(y) { loss = y.mul_add(ln_total + (largest - *z), loss); }
            *term = loss;
            let mass: F = y.iter().copied().sum();
            let scale = share * mass / total;
            for (dz, y) in dz.iter_mut().zip(y) { *dz = *dz * scale - *y * share; }
        }
    }
}
