//! What a description of a network may say: everything is checked before anything is allocated for it.

use super::{LayerSpec, NetworkSpec};
use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::math::DType;

/// Most parameters that a network may have: 2^40, far beyond the memory of the machines this library is for.
const MOST_PARAMETERS: usize = 1 << 40;

/// Most axes of a sample, as many as an array of NumPy has: every layer keeps the shape of its output.
const MOST_AXES: usize = 64;

impl NetworkSpec {
    /// Refuses what cannot be built. Nothing is allocated for it.
    pub fn check(&self) -> Result<()> {
        if self.input_shape.len() > MOST_AXES {
            let got = self.input_shape.len();
            return Err(Error::value("input_shape", format!("a shape of at most {MOST_AXES} axes"), got));
        }
        let inputs = product(&self.input_shape).filter(|inputs| *inputs > 0 && !self.input_shape.is_empty());
        if inputs.is_none() {
            return Err(Error::value("input_shape", "sizes above 0", format!("{:?}", self.input_shape)));
        }
        let total = check_layers(&self.layers, "", &self.input_shape, self.dtype, 0)?.1;
        if total > MOST_PARAMETERS {
            return Err(Error::value("the network", "at most 2^40 parameters", total));
        }
        Ok(())
    }
}

/// Deepest residual layer within residual layers.
const MOST_DEPTH: usize = 32;

/// The product, if it is a number of parameters that a network may have.
fn product(sizes: &[usize]) -> Option<usize> {
    let all = sizes.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
    all.filter(|product| *product <= MOST_PARAMETERS)
}

/// Checks layers that read samples of `shape`, and gives their output's shape and the number of their parameters.
/// `within` is empty, or the residual layer around them with a dot.
fn check_layers(
    layers: &[LayerSpec],
    within: &str,
    shape: &[usize],
    dtype: DType,
    depth: usize,
) -> Result<(Vec<usize>, usize)> {
    if layers.is_empty() {
        return Err(Error::value(format!("{within}layers"), "at least one layer", "none"));
    }
    if depth > MOST_DEPTH {
        let expected = format!("residual layers at most {MOST_DEPTH} deep within each other");
        return Err(Error::value("layers", expected, "more"));
    }
    let (mut shape, mut total) = (shape.to_vec(), 0usize);
    for (index, layer) in layers.iter().enumerate() {
        let at = format!("{within}layers[{index}]");
        layer.check_settings(&at, &shape, dtype)?;
        layer.regularization().check(&at, dtype)?;
        match layer {
            // Whatever stands before would leave numbers that are not whole.
            LayerSpec::Embedding { .. }
                if depth > 0 || layers[..index].iter().any(|layer| !matches!(layer, LayerSpec::Flatten {})) =>
            {
                return Err(Error::value(&at, "no embedding unless it is first: it reads whole numbers", "embedding"));
            }
            LayerSpec::Normalize {} if depth > 0 => {
                return Err(Error::value(&at, "no normalize within a residual layer", "normalize"));
            }
            _ => {}
        }
        let parameters = match layer {
            LayerSpec::Residual { layers } => {
                let (inner, parameters) = check_layers(layers, &format!("{at}."), &shape, dtype, depth + 1)?;
                if inner != shape {
                    let expected = format!("layers that end in its input's shape {shape:?}");
                    return Err(Error::value(format!("{at} (residual)"), expected, format!("{inner:?}")));
                }
                parameters
            }
            _ => {
                let sizes = layer.parameter_sizes(&shape);
                product(&sizes).ok_or_else(|| {
                    let got = sizes.map(|size| size.to_string()).join(" x ");
                    Error::value(&at, "at most 2^40 parameters", got)
                })?
            }
        };
        total = total.saturating_add(parameters);
        shape = layer.output_shape(&shape);
        if product(&shape).is_none() {
            return Err(Error::value(&at, "at most 2^40 outputs", format!("{shape:?}")));
        }
    }
    Ok((shape, total))
}

impl LayerSpec {
    /// Sides whose product is the number of parameters and buffers, or a little more.
    fn parameter_sizes(&self, shape: &[usize]) -> [usize; 2] {
        let inputs: usize = shape.iter().product();
        match self {
            LayerSpec::Dense { units, activation: Activation::Prelu { .. }, .. } => [inputs.saturating_add(2), *units],
            LayerSpec::Dense { units, .. } => [inputs.saturating_add(1), *units],
            LayerSpec::Embedding { entries, units, .. } => [*entries, *units],
            LayerSpec::BatchNorm { .. } => [4, inputs],
            LayerSpec::LayerNorm { .. } | LayerSpec::Normalize {} => [2, inputs],
            LayerSpec::RmsNorm { .. } | LayerSpec::Activation { activation: Activation::Prelu { .. }, .. } => {
                [1, inputs]
            }
            _ => [0, 0],
        }
    }

    /// Refuses settings out of their range, for samples of `shape`; `at` says where.
    fn check_settings(&self, at: &str, shape: &[usize], dtype: DType) -> Result<()> {
        let dtype_name: &str = dtype.into();
        let field = |name: &str| format!("{at}.{name}");
        let count = |name: &str, value: usize| {
            if value > 0 { Ok(()) } else { Err(Error::value(field(name), "at least 1", value)) }
        };
        let share = |name: &str, value: f64| {
            if (0.0..1.0).contains(&value) {
                Ok(())
            } else {
                Err(Error::value(field(name), "at least 0 and below 1", value))
            }
        };
        let positive = |name: &str, value: f64| {
            if value > 0.0 && dtype.holds(value) {
                return Ok(());
            }
            Err(Error::value(field(name), format!("above 0 and finite in {dtype_name}"), value))
        };
        match self {
            LayerSpec::Dense { units, activation, kernel_initializer, bias_initializer, .. } => {
                count("units", *units)?;
                activation.check(&field("activation"), *units, dtype)?;
                kernel_initializer.check(&field("kernel_initializer"), dtype)?;
                bias_initializer.check(&field("bias_initializer"), dtype)
            }
            LayerSpec::Activation { activation, .. } => {
                activation.check(&field("activation"), shape.last().copied().unwrap_or(1), dtype)
            }
            LayerSpec::Dropout { rate } | LayerSpec::AlphaDropout { rate } => share("rate", *rate),
            LayerSpec::GaussianNoise { deviation: 0.0 } => Ok(()),
            LayerSpec::GaussianNoise { deviation } => positive("deviation", *deviation),
            LayerSpec::BatchNorm { momentum, epsilon, .. } => {
                share("momentum", *momentum)?;
                positive("epsilon", *epsilon)
            }
            LayerSpec::LayerNorm { epsilon, .. } | LayerSpec::RmsNorm { epsilon, .. } => positive("epsilon", *epsilon),
            LayerSpec::Rescale { scale } if !dtype.holds(*scale) => {
                Err(Error::value(field("scale"), format!("finite and not 0 in {dtype_name}"), scale))
            }
            LayerSpec::Embedding { entries, units, embeddings_initializer, .. } => {
                count("entries", *entries)?;
                count("units", *units)?;
                // Beyond this not every whole number is one of the type.
                if dtype == DType::Float32 && *entries > 1 << 24 {
                    return Err(Error::value(field("entries"), "at most 2^24 in float32", entries));
                }
                embeddings_initializer.check(&field("embeddings_initializer"), dtype)
            }
            _ => Ok(()),
        }
    }
}
