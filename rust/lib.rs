//! Small and medium neural networks from first principles.
pub mod activation;
#[cfg(feature = "python")]
mod bindings;
pub mod error;
pub mod file;
pub mod initializer;
pub mod isa;
pub mod layer;
pub mod loss;
pub mod math;
pub mod matmul;
pub mod metric;
pub mod network;
pub mod optimizer;
pub mod parallel;
pub mod random;
pub mod spec;
pub mod train;
