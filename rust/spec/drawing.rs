//! `network!`: a description that reads like the drawing of the network.

/// A [`NetworkSpec`](crate::spec::NetworkSpec) of dense layers, drawn: numbers of units with arrows between, and after
/// each its activation. Kernels begin by `scaled_uniform`, biases at zero; the weights are `f32`, the seed is 0.
///
/// ```
/// use purrceptron::math::DType;
/// use purrceptron::network::Network;
/// use purrceptron::spec::NetworkSpec;
///
/// let cats = purrceptron::network![12288 => 20 relu => 7 relu => 5 relu => 1 sigmoid];
/// assert_eq!(Network::<f32>::new(cats)?.parameters().len(), 12288 * 20 + 20 + 147 + 40 + 6);
///
/// // Settings of an activation follow in parentheses; what is no literal stands in some, too.
/// let (inputs, classes) = (64, 10);
/// let digits = purrceptron::network![inputs => (2 * inputs) leaky_relu(0.1) => 32 gelu => classes softmax];
/// let digits = NetworkSpec { seed: 7, dtype: DType::Float64, ..digits };
/// assert_eq!((digits.inputs(), digits.outputs()), (64, 10));
/// assert_eq!(Network::<f64>::new(digits)?.named_parameters()[0].shape, [64, 128]);
/// # Ok::<(), purrceptron::error::Error>(())
/// ```
///
/// An activation that there is not does not compile:
///
/// ```compile_fail
/// purrceptron::network![2 => 1 purr];
/// ```
#[macro_export]
macro_rules! network {
    ($inputs:tt $(=> $units:tt $activation:ident $(($setting:expr))?)+) => {
        $crate::spec::NetworkSpec {
            input_shape: vec![$inputs],
            layers: vec![
                $($crate::spec::LayerSpec::dense(
                    $units,
                    $crate::activation::names::$activation $(($setting))?,
                    $crate::initializer::Initializer::ScaledUniform,
                    $crate::initializer::Initializer::Zeros,
                )),+
            ],
            dtype: $crate::math::DType::Float32,
            seed: 0,
        }
    };
}
