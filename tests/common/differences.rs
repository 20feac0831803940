//! Central differences, and what agrees with them.

const STEP: f64 = 1e-5;

/// `df/dx` by central differences; `None` where `f` has a kink so near that they say nothing about it: half the step
/// then gives something else.
pub fn differences_if_smooth(x: &[f64], mut f: impl FnMut(&[f64]) -> f64) -> Option<Vec<f64>> {
    let mut x = x.to_vec();
    let differences: Vec<[f64; 2]> = (0..x.len())
        .map(|i| {
            let middle = x[i];
            let quotients = [STEP, 0.5 * STEP].map(|step| {
                x[i] = middle + step;
                let above = f(&x);
                x[i] = middle - step;
                let below = f(&x);
                (above - below) / (2.0 * step)
            });
            x[i] = middle;
            quotients
        })
        .collect();
    let [whole, half] = [0, 1].map(|i| differences.iter().map(|quotients| quotients[i]).collect::<Vec<_>>());
    (distance(&whole, &half) <= 2e-7 * norm(&whole) + 1e-9).then_some(whole)
}

/// `df/dx` by central differences.
pub fn central_differences(x: &[f64], f: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    differences_if_smooth(x, f).expect("no kink nearby")
}

pub fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    norm(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>())
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The error relative to the tensor's norm; 1e-9 is the noise of the differences where a gradient is zero.
#[track_caller]
pub fn assert_close(what: &str, gradient: &[f64], expected: &[f64]) {
    assert_eq!(gradient.len(), expected.len(), "{what}");
    let error = distance(gradient, expected);
    assert!(error <= 1e-6 * norm(expected) + 1e-9, "{what}: error {error:e} of {:e}", norm(expected));
}
