//! Small and medium neural networks from first principles: fast, bit-reproducible, safe.
//!
//! No framework inside: matrix multiplication, activations, losses, backpropagation and optimizers are written here,
//! to be read. The same crate, with the feature `python`, is the Python package `purrceptron`.
//!
//! ```
//! use ndarray::array;
//! use purrceptron::{loss::Loss, optimizer::{Optimizer, Rule}};
//! use purrceptron::network::{Network, Samples};
//! use purrceptron::spec::NetworkSpec;
//! use purrceptron::train::{FitOptions, OwnedTargets, Solver, Trainer, fit_arrays};
//!
//! let spec = NetworkSpec { seed: 1, ..purrceptron::network![2 => 8 tanh => 1 sigmoid] };
//! let mut network = Network::<f32>::new(spec)?;
//!
//! // Exclusive or, from its four cases.
//! let x = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
//! let y = OwnedTargets::Values(vec![0.0, 1.0, 1.0, 0.0]);
//! let adam = Rule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, epsilon_hat: false };
//! let adam = Optimizer::new(adam, 0.01);
//! let mut trainer = Trainer::new(&network, adam, Loss::BINARY_CROSS_ENTROPY, 1)?;
//! let options =
//!     FitOptions { epochs: 2000, batch_size: None, shuffle: false, metrics: vec![], solver: Solver::Auto, accumulate: 1, mixup: None, augmentation: vec![] };
//! fit_arrays(&mut trainer, &mut network, Samples::Floats(x.view()), y, None, &options, &mut ())?;
//! let p = network.predict(Samples::Floats(x.view()), false, 1)?;
//! assert!(p[(0, 0)] < 0.1 && p[(1, 0)] > 0.9 && p[(2, 0)] > 0.9 && p[(3, 0)] < 0.1);
//! # Ok::<(), purrceptron::error::Error>(())
//! ```
//!
//! # Where things are
//!
//! | module | what |
//! |---|---|
//! | [`layer`] | one file a layer, forward and backward together: begin with `layer/dense.rs` |
//! | [`activation`], [`loss`], [`optimizer`], [`initializer`], [`metric`] | closed sets, one enum each |
//! | [`schedule`], [`regularization`] | learning rates that change; penalties and bounds on weights |
//! | [`spec`] | the description of a network; [`network!`] draws one |
//! | [`augmentation`] | pictures changed at random, for training |
//! | [`network`] | layers in order, parameters in one flat arena |
//! | [`train`] | one step, batches, the loop |
//! | [`file`] | model files |
//! | [`matmul`], [`math`], [`random`], [`parallel`] | the kernels under it all |
//! | [`isa`], [`float_mode`], [`error`] | instruction sets, rounding, errors |
//!
//! # The same bits
//!
//! The same seed, data and spec give the same weights to the last bit, for any number of threads and any instruction
//! set: every sum has one order, and no platform library computes what reaches a weight. `docs/reproducibility.md` is the
//! contract.

pub mod activation;
mod adapt;
pub mod augmentation;
#[cfg(feature = "python")]
mod bindings;
pub mod buffer;
pub mod error;
pub mod file;
pub mod float_mode;
pub mod initializer;
mod interrupt;
pub mod isa;
pub mod layer;
pub mod loss;
pub mod math;
pub mod matmul;
pub mod metric;
mod model;
pub mod network;
pub mod optimizer;
pub mod parallel;
mod passes;
pub mod random;
pub mod regularization;
mod samples;
pub mod schedule;
pub mod spec;
pub mod train;
