//! Whatever mode another library leaves a thread in, training computes with subnormal numbers and rounds to nearest.
#![cfg(target_arch = "x86_64")]

mod common;

use std::arch::asm;

use common::training::*;
use common::{matrix, network};
use ndarray::Array2;
use purrceptron::activation::Activation::Identity;
use purrceptron::error::Result;
use purrceptron::initializer::Initializer::Zeros;
use purrceptron::loss::Loss::MeanSquaredError;
use purrceptron::network::{Network, Samples};
use purrceptron::spec::LayerSpec;
use purrceptron::train::*;

const STANDARD: u32 = 0x1F80;
const MODES: [(u32, &str); 4] =
    [(0x9FC0, "flush to zero"), (0x1FC0, "subnormal inputs are zero"), (0x5F80, "round up"), (0x7F80, "cut off")];

fn mode() -> u32 {
    let mut mode = 0_u32;
    // SAFETY: stores the register into `mode`.
    unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut mode, options(nostack)) };
    mode & !0x3F
}

/// What `-ffast-math` does when a library is loaded.
fn set_mode(mode: u32) {
    // SAFETY: sets no bit that is reserved, and unmasks no exception.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const mode, options(nostack)) };
}

/// Another library that comes to work between two epochs.
struct Meddler(u32);

impl Watch<f32> for Meddler {
    fn epoch(&mut self, _: &EpochReport, _: &Network<f32>) -> Result<Flow> {
        set_mode(self.0);
        Ok(Flow::Continue)
    }
}

/// Units of a layer whose products on 600 features of 500 samples are worth a second thread.
const UNITS: usize = 12;

/// A training whose gradients are subnormal, all of them. Reading the weights is no arithmetic either.
fn subnormal_training(threads: usize, x: &Array2<f32>, meddler: &mut Meddler) -> Vec<u32> {
    let layer = LayerSpec::dense(UNITS, Identity, Zeros, Zeros);
    let mut network = network::<f32>(600, vec![layer], 0);
    let y = OwnedTargets::Values(vec![1e-9; UNITS * 500]);
    let mut trainer = Trainer::new(&network, NESTEROV, MeanSquaredError, threads).expect("in range");
    let options = FitOptions { metrics: Vec::new(), ..options(4, None) };
    fit_arrays(&mut trainer, &mut network, Samples::Floats(x.view()), y, None, &options, meddler).expect("works");
    network.parameters().iter().map(|weight| weight.to_bits()).collect()
}

#[test]
fn no_mode_of_the_thread_changes_a_bit_and_the_thread_keeps_its_mode() {
    let x = matrix::<f32>(1, 500, 600).mapv(|x| x * 1e-30);
    let expected = subnormal_training(1, &x, &mut Meddler(STANDARD));
    assert!(
        expected.iter().filter(|bits| f32::from_bits(**bits).is_subnormal()).count() > 3000,
        "the test tests nothing"
    );
    for (other, name) in MODES {
        for threads in [1, 2, 3] {
            set_mode(other);
            let set = mode(); // valgrind's processor can round, and flushes nothing
            let weights = subnormal_training(threads, &x, &mut Meddler(other));
            let after = mode();
            set_mode(STANDARD);
            assert!(weights == expected, "{name}, {threads} threads");
            assert_eq!(after, set, "{name}: the thread has another mode afterwards");
            let meddled = subnormal_training(threads, &x, &mut Meddler(other));
            set_mode(STANDARD);
            assert!(meddled == expected, "{name} from the second epoch on, {threads} threads");
        }
    }
}
