//! What several test files share: numbers, networks, and a run at every instruction set.
#![allow(dead_code)] // every test file uses a part of it

pub mod differences;
pub mod double_double;
pub mod layers;
pub mod model_files;
pub mod training;

use std::fmt::Write;
use std::process::Command;

use ndarray::Array2;
use proptest::prelude::ProptestConfig;
use purrceptron::activation::Activation;
use purrceptron::initializer::Initializer;
use purrceptron::math::{DType, Float};
use purrceptron::network::Network;
use purrceptron::random::Stream;
use purrceptron::spec::{LayerSpec, NetworkSpec};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use strum::VariantNames;

/// A size or a number of cases: `usual`, or `small` where `PURRCEPTRON_SMALL_TESTS` is set, which is for `make valgrind`:
/// there every instruction takes tens to hundreds of times as long.
pub fn sized(usual: usize, small: usize) -> usize {
    if std::env::var_os("PURRCEPTRON_SMALL_TESTS").is_some() { small } else { usual }
}

/// So many cases of each property, and none written to a file.
pub fn cases(count: usize) -> ProptestConfig {
    ProptestConfig {
        cases: u32::try_from(count).expect("fewer than 2^32 cases"),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

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

/// Every member of a closed set, by reflection: a new one is tested unasked. One with settings needs a row of them.
fn with_settings<T: DeserializeOwned + VariantNames>(rows: &[(&str, Value)]) -> Vec<T> {
    let json = |name: &&str| match rows.iter().find(|(row, _)| row == name) {
        Some((_, settings)) => json!({ *name: settings }),
        None => json!(name),
    };
    T::VARIANTS.iter().map(|name| serde_json::from_value(json(name)).expect("a row of settings for each")).collect()
}

/// Every activation.
pub fn activations() -> Vec<Activation> {
    with_settings(&[
        ("leaky_relu", json!({"negative_slope": 0.1})),
        ("prelu", json!({"initial_slope": 0.3})),
        ("elu", json!({"alpha": 0.7})),
        ("celu", json!({"alpha": 1.7})),
    ])
}

/// Every initializer.
pub fn initializers() -> Vec<Initializer> {
    with_settings(&[
        ("constant", json!({"value": -0.3})),
        ("uniform", json!({"limit": 0.2})),
        ("normal", json!({"deviation": 0.2})),
        ("truncated_normal", json!({"deviation": 0.2})),
        ("orthogonal", json!({"gain": 1.5})),
    ])
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

/// Runs the test `name` of the module `path` again in a process of its own for every instruction set, which is chosen once
/// a process, and demands that `result` is the same text in all of them.
pub fn same_at_every_level(path: &str, name: &str, result: impl FnOnce() -> String) {
    const CHILD: &str = "PURRCEPTRON_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        println!("\nresult {:?} {}", purrceptron::isa::level(), result());
        return;
    }
    let name = path.split_once("::").map_or(name.to_string(), |(_crate, module)| format!("{module}::{name}"));
    let mut results = Vec::new();
    for level in ["portable", "avx2", "avx512"] {
        let output = Command::new(std::env::current_exe().expect("the path of this test"))
            .args(["--exact", &name, "--nocapture", "--test-threads=1"])
            .env("PURRCEPTRON_ISA", level)
            .env(CHILD, "1")
            .output()
            .expect("this test can be started again");
        let said = String::from_utf8_lossy(&output.stderr); // by valgrind, too, which ends it with an error of its own
        assert!(output.status.success(), "{level}: {}: {said}", output.status);
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
