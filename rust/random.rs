//! Seeded streams of random numbers, one for every consumer.
//!
//! A stream is addressed by the user's seed, the consumer's name and a counter (an epoch, say), so that adding a
//! consumer never shifts the numbers of another, and a resumed run needs no saved generator. The generator is
//! ChaCha8; its key is the SHA-256 of seed and name.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use crate::math::Float;

/// One consumer's random numbers.
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of `name` under `seed`; `counter` picks one of 2^64 that do not overlap.
    pub fn new(seed: u64, name: &str, counter: u64) -> Stream {
        let key =
            Sha256::new().chain_update(b"purrceptron").chain_update(seed.to_le_bytes()).chain_update(name).finalize();
        let mut generator = ChaCha8Rng::from_seed(key.into());
        generator.set_stream(counter);
        Stream(generator)
    }

    /// A number drawn evenly from `0..1`, in steps of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Two independent numbers of the normal distribution with mean 0 and deviation 1 (Marsaglia and Bray, A convenient
    /// method for generating normal variables, 1964).
    pub fn normal_pair(&mut self) -> [f64; 2] {
        loop {
            let [x, y] = [0; 2].map(|_| 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let factor = (-2.0 * Float::ln(square) / square).sqrt();
                return [x * factor, y * factor];
            }
        }
    }

    /// A number of the Beta distribution with both parameters `alpha`.
    pub(crate) fn beta(&mut self, alpha: f64) -> f64 {
        let [a, b] = [0; 2].map(|_| self.gamma(alpha));
        if a + b > 0.0 { a / (a + b) } else { f64::from(u8::from(self.chance(0.5))) } // both too small to tell apart
    }

    /// A number of the Gamma distribution with scale 1 (Marsaglia and Tsang, A simple method for generating gamma
    /// variables, 2000; below 1 by their remark on `alpha + 1`).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let u = self.uniform();
            return self.gamma(shape + 1.0) * Float::exp(Float::ln(u) / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let [x, _] = self.normal_pair();
            let root = 1.0 + c * x;
            let v = root * root * root;
            if v > 0.0 && Float::ln(self.uniform()) < 0.5 * x * x + d - d * v + d * Float::ln(v) {
                return d * v;
            }
        }
    }

    /// Random bytes.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// True with probability `p`, in steps of 2^-32.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        f64::from(self.0.next_u32()) < p * (1u64 << 32) as f64
    }

    /// A whole number drawn evenly from `0..bound` (Lemire, Fast random integer generation in an interval, 2019).
    fn below(&mut self, bound: u64) -> u64 {
        let reject_under = bound.wrapping_neg() % bound;
        loop {
            let wide = u128::from(self.0.next_u64()) * u128::from(bound);
            if wide as u64 >= reject_under {
                return (wide >> 64) as u64;
            }
        }
    }

    /// Puts `items` into an order drawn evenly from all orders (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean 1/2 and variance 1/(4 (2 alpha + 1)), within five deviations of what so many numbers can show.
    #[test]
    fn beta_has_the_mean_and_the_variance_of_its_law() {
        const COUNT: usize = 20_000;
        for alpha in [0.01, 0.2, 1.0, 4.0] {
            let mut stream = Stream::new(7, "beta", 0);
            let numbers: Vec<f64> = (0..COUNT).map(|_| stream.beta(alpha)).collect();
            assert!(numbers.iter().all(|number| (0.0..=1.0).contains(number)));
            let mean = numbers.iter().sum::<f64>() / COUNT as f64;
            let variance = numbers.iter().map(|number| (number - 0.5).powi(2)).sum::<f64>() / COUNT as f64;
            let expected = 0.25 / (2.0 * alpha + 1.0);
            assert!((mean - 0.5).abs() < 5.0 * (expected / COUNT as f64).sqrt(), "{alpha}: mean {mean}");
            assert!((variance - expected).abs() < 0.05 * expected, "{alpha}: variance {variance}, not {expected}");
        }
    }

    /// Golden values: a change here changes every seeded network and is a breaking release.
    #[test]
    fn streams_are_pinned() {
        let mut stream = Stream::new(0, "layers.0.kernel", 0);
        let first: Vec<u64> = (0..3).map(|_| (stream.uniform() * 2f64.powi(53)) as u64).collect();
        assert_eq!(first, GOLDEN);
        let mut order: Vec<u32> = (0..8).collect();
        Stream::new(7, "shuffle", 3).shuffle(&mut order);
        assert_eq!(order, GOLDEN_ORDER);
    }

    #[test]
    fn seed_name_and_counter_each_give_another_stream() {
        let draw = |seed, name, counter| Stream::new(seed, name, counter).uniform().to_bits();
        let base = draw(0, "shuffle", 0);
        assert_eq!(base, draw(0, "shuffle", 0));
        for other in [draw(1, "shuffle", 0), draw(0, "dropout", 0), draw(0, "shuffle", 1)] {
            assert_ne!(base, other);
        }
    }

    const GOLDEN: [u64; 3] = [5522503586573905, 864502401771325, 852613841135453];
    const GOLDEN_ORDER: [u32; 8] = [0, 5, 2, 3, 6, 7, 1, 4];
}
