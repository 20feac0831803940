//! A network of either float type: the one place that chooses.

use crate::error::{Error, Result};
use crate::math::{DType, Float};
use crate::network::Network;
use crate::spec::NetworkSpec;

/// A network of either float type.
#[derive(Clone, Debug)]
pub enum Model {
    /// Single precision.
    F32(Network<f32>),
    /// Double precision.
    F64(Network<f64>),
}

impl Model {
    /// Builds the network that `spec` describes, in its float type.
    ///
    /// # Errors
    /// [`Error::Value`] if the spec makes no sense.
    pub fn new(spec: NetworkSpec) -> Result<Model> {
        Ok(match spec.dtype {
            DType::Float32 => Model::F32(Network::new(spec)?),
            DType::Float64 => Model::F64(Network::new(spec)?),
        })
    }

    /// Its float type.
    pub fn dtype(&self) -> DType {
        match self {
            Model::F32(_) => DType::Float32,
            Model::F64(_) => DType::Float64,
        }
    }
}

/// A float type that a [`Model`] can have.
pub trait InModel: Float {
    /// The network, if it is of this type.
    fn network(model: &Model) -> Result<&Network<Self>>;
    /// The network, to be changed, if it is of this type.
    fn network_mut(model: &mut Model) -> Result<&mut Network<Self>>;
    /// A network as a model.
    fn model(network: Network<Self>) -> Model;
}

macro_rules! in_model {
    ($float:ident, $variant:ident, $other:ident) => {
        impl InModel for $float {
            fn network(model: &Model) -> Result<&Network<Self>> {
                match model {
                    Model::$variant(network) => Ok(network),
                    Model::$other(_) => {
                        Err(Error::value("dtype of the network", stringify!($float), stringify!($other)))
                    }
                }
            }
            fn model(network: Network<Self>) -> Model {
                Model::$variant(network)
            }
            fn network_mut(model: &mut Model) -> Result<&mut Network<Self>> {
                match model {
                    Model::$variant(network) => Ok(network),
                    Model::$other(_) => {
                        Err(Error::value("dtype of the network", stringify!($float), stringify!($other)))
                    }
                }
            }
        }
    };
}
in_model!(f32, F32, F64);
in_model!(f64, F64, F32);

/// Evaluates an expression with the network of a [`Model`], whichever float type it has.
#[macro_export]
macro_rules! with_network {
    ($model:expr, $network:ident => $body:expr) => {
        match $model {
            $crate::network::Model::F32($network) => $body,
            $crate::network::Model::F64($network) => $body,
        }
    };
}
