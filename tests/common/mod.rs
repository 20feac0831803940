//! What several test files share: numbers, networks, and a run at every instruction set.
#![allow(dead_code)] // every test file uses a part of it

pub mod double_double;
pub mod model_files;
pub mod training;

use std::fmt::Write;
use std::process::Command;

use ndarray::Array2;
use purrceptron::activation::Activation;
use purrceptron::initializer::Initializer;
use purrceptron::math::{DType, Float};
use purrceptron::network::Network;
use purrceptron::random::Stream;
use purrceptron::spec::{LayerSpec, NetworkSpec};
use sha2::{Digest, Sha256};

/// `count` numbers drawn from -1..1.
pub fn numbers<F: Float>(seed: u64, count: usize) -> Vec<F> {
    let mut stream = Stream::new(seed, "tests", 0);
    (0..count).map(|_| F::from_f64(2.0 * stream.uniform() - 1.0)).collect()
}

/// A matrix of numbers drawn from -1..1.
pub fn matrix<F: Float>(seed: u64, rows: usize, columns: usize) -> Array2<F> {
    Array2::from_shape_vec((rows, columns), numbers(seed, rows * columns)).expect("as many numbers as places")
}

/// A matrix of bytes.
pub fn bytes(seed: u64, rows: usize, columns: usize) -> Array2<u8> {
    matrix::<f64>(seed, rows, columns).mapv(|x| (128.0 + 128.0 * x) as u8)
}

/// A dense layer in which every parameter, biases too, begins at random.
pub fn dense(units: usize, activation: Activation) -> LayerSpec {
    let (kernel_initializer, bias_initializer) = (Initializer::GlorotUniform, Initializer::ScaledUniform);
    LayerSpec::dense(units, activation, kernel_initializer, bias_initializer)
}

/// The spec of a network for rows of `inputs` numbers.
pub fn spec(inputs: usize, layers: Vec<LayerSpec>, dtype: DType, seed: u64) -> NetworkSpec {
    NetworkSpec { input_shape: vec![inputs], layers, dtype, seed }
}

/// A network for rows of `inputs` numbers.
pub fn network<F: Float>(inputs: usize, layers: Vec<LayerSpec>, seed: u64) -> Network<F> {
    Network::new(spec(inputs, layers, F::DTYPE, seed)).expect("a network that makes sense")
}

/// The bits of every number: equal vectors mean equality to the last bit, the sign of zero too.
pub fn bits<'a, F: Float>(values: impl IntoIterator<Item = &'a F>) -> Vec<u64> {
    values.into_iter().map(|x| Into::<f64>::into(*x).to_bits()).collect()
}

/// SHA-256 of numbers, in hexadecimal.
pub fn digest<'a, F: Float>(values: impl IntoIterator<Item = &'a F>) -> String {
    let mut hash = Sha256::new();
    bits(values).iter().for_each(|word| hash.update(word.to_le_bytes()));
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Runs the test `name` of this binary again in a process of its own for every instruction set, which is chosen once a
/// process, and demands that `result` is the same text in all of them.
pub fn same_at_every_level(name: &str, result: impl FnOnce() -> String) {
    const CHILD: &str = "PURRCEPTRON_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        println!("\nresult {:?} {}", purrceptron::isa::level(), result());
        return;
    }
    let mut results = Vec::new();
    for level in ["portable", "avx2", "avx512"] {
        let output = Command::new(std::env::current_exe().expect("the path of this test"))
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env("PURRCEPTRON_ISA", level)
            .env(CHILD, "1")
            .output()
            .expect("this test can be started again");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("result ")).unwrap_or_else(|| panic!("{text}"));
        println!("{level}: {line}");
        results.push(line.split_once(' ').map(|(used, text)| (used.to_string(), text.to_string())).expect("two words"));
    }
    assert_eq!(results[0].0, "Portable", "PURRCEPTRON_ISA is not obeyed");
    for (level, result) in &results {
        assert_eq!(result, &results[0].1, "{level} and Portable differ");
    }
}
