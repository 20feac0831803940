//! The dense layer: every unit looks at every input.
//!
//! Forward, for a batch of samples, one in each row of `x`:
//!
//! ```text
//! z = x · kernel + bias        x (samples, inputs)   kernel (inputs, units)   bias (units,)
//! a = activation(z)            z, a (samples, units)
//! ```
//!
//! Backward is the chain rule. Let `dz` be the gradient of the loss with respect to `z`: how much the loss grows if
//! `z[s, j]` grows by a little. An element `kernel[i, j]` enters every `z[s, j]` with weight `x[s, i]`; the bias
//! enters with weight 1; and `x[s, i]` enters every `z[s, j]` with weight `kernel[i, j]`. Adding up these shares:
//!
//! ```text
//! dkernel = xᵀ · dz            (inputs, units)
//! dbias   = sums of dz's columns        (units,)
//! dx      = dz · kernelᵀ       (samples, inputs)   becomes the da of the layer before
//! ```

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::{Context, Input, Parameter};
use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::initializer::Initializer;
use crate::isa::versions;
use crate::math::{Float, column_sums};
use crate::matmul::matmul;

/// Affine map of one dense layer: `z = x · kernel + bias`.
///
/// `x (samples, inputs)`, `kernel (inputs, units)`, `bias (units,)` -> `z (samples, units)`.
///
/// # Errors
/// [`Error::Shape`] where these do not fit together.
pub fn dense_forward<F: Float>(
    x: ArrayView2<F>,
    kernel: ArrayView2<F>,
    bias: ArrayView1<F>,
    threads: usize,
) -> Result<Array2<F>> {
    let (inputs, units) = kernel.dim();
    check("dense_forward: columns of x", inputs, x.ncols())?;
    check("dense_forward: bias", units, bias.len())?;
    let mut z = matmul(x, kernel, threads)?;
    if let (Some(z), Some(bias)) = (z.as_slice_mut(), bias.as_standard_layout().as_slice()) {
        add_bias(z, bias);
    }
    Ok(z)
}

/// Gradients of a dense layer's affine map.
#[derive(Clone, Debug)]
pub struct DenseGradients<F> {
    /// With respect to the input, `(samples, inputs)`.
    pub dx: Array2<F>,
    /// With respect to the kernel, `(inputs, units)`.
    pub dkernel: Array2<F>,
    /// With respect to the bias, `(units,)`.
    pub dbias: Array1<F>,
}

/// Gradients of [`dense_forward`], given `dz (samples, units)`.
///
/// # Errors
/// [`Error::Shape`] where these do not fit together.
pub fn dense_backward<F: Float>(
    dz: ArrayView2<F>,
    x: ArrayView2<F>,
    kernel: ArrayView2<F>,
    threads: usize,
) -> Result<DenseGradients<F>> {
    let ((samples, units), inputs) = (dz.dim(), x.ncols());
    check("dense_backward: rows of x", samples, x.nrows())?;
    check("dense_backward: rows of kernel", inputs, kernel.nrows())?;
    check("dense_backward: columns of kernel", units, kernel.ncols())?;
    let mut dbias = vec![F::ZERO; units];
    if let Some(rows) = dz.as_standard_layout().as_slice() {
        column_sums(rows, &mut dbias, &mut Vec::new());
    }
    let (dkernel, dx) = (matmul(x.t(), dz, threads)?, matmul(dz, kernel.t(), threads)?);
    Ok(DenseGradients { dx, dkernel, dbias: dbias.into() })
}

fn check(what: &str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::shape(what, expected.to_string(), got.to_string())) }
}

versions! {
    /// `z[s, j] += bias[j]` in rows of `bias.len()`.
    fn add_bias[F: Float](z: &mut [F], bias: &[F]) {
        for row in z.chunks_exact_mut(bias.len().max(1)) {
            for (z, b) in row.iter_mut().zip(bias) { *z += *b; }
        }
    }
}

/// A dense layer of a network: its sizes, its activation, and where its parameters lie in the arena.
#[derive(Clone, Debug)]
pub struct Dense {
    /// Numbers of one input.
    pub inputs: usize,
    /// Numbers of one output.
    pub units: usize,
    /// What follows the affine map.
    pub activation: Activation,
    /// First values of kernel and bias.
    pub(super) initializers: [Initializer; 2],
    index: usize,
    kernel: Range<usize>,
    bias: Range<usize>,
}

impl Dense {
    /// Layer `index` of a network, with its parameters from `start` of the arena on.
    pub(super) fn new(
        index: usize,
        inputs: usize,
        units: usize,
        activation: Activation,
        initializers: [Initializer; 2],
        start: usize,
    ) -> Dense {
        let kernel = start..start + inputs * units;
        let bias = kernel.end..kernel.end + units;
        Dense { inputs, units, activation, initializers, index, kernel, bias }
    }

    /// Kernel, then bias.
    pub(super) fn parameters(&self) -> Vec<Parameter> {
        let named = |name, shape, range: &Range<usize>| Parameter {
            name: format!("layers.{}.{name}", self.index),
            shape,
            range: range.clone(),
        };
        vec![named("kernel", vec![self.inputs, self.units], &self.kernel), named("bias", vec![self.units], &self.bias)]
    }

    fn kernel<'a, F: Float>(&self, arena: &'a [F]) -> Result<ArrayView2<'a, F>> {
        rows(&arena[self.kernel.clone()], self.units)
    }

    /// `a = activation(x · kernel + bias)`, or the logits `z` alone.
    pub fn forward<F: Float>(
        &self,
        x: Input<F>,
        arena: &[F],
        logits: bool,
        a: &mut [F],
        context: &mut Context<F>,
    ) -> Result<()> {
        let kernel = self.kernel(arena)?;
        let bias = &arena[self.bias.clone()];
        // Rows of z turn into rows of a where they are computed, while they are in the cache.
        let finish = |_, z: &mut [F]| {
            add_bias(z, bias);
            if !logits {
                self.activation.forward(z, self.units);
            }
        };
        match x {
            Input::Rows(x) => context.product.multiply(&rows(x, self.inputs)?, &kernel, a, context.threads, finish),
            Input::Packed(x) => context.product.multiply_packed(&x.samples, &kernel, a, context.threads, finish),
        }
    }

    /// Gradients given `da (samples, units)`, which becomes `dz` on the way.
    pub fn backward<F: Float>(
        &self,
        x: Input<F>,
        a: &[F],
        logits: bool,
        da: &mut [F],
        arena: &[F],
        gradient: &mut [F],
        dx: Option<&mut [F]>,
        context: &mut Context<F>,
    ) -> Result<()> {
        if !logits {
            self.activation.backward(a, da, self.units);
        }
        let dz = rows(da, self.units)?;
        let dkernel = &mut gradient[self.kernel.clone()];
        match x {
            Input::Rows(x) => {
                context.product.multiply(&rows(x, self.inputs)?.t(), &dz, dkernel, context.threads, |_, _| {})?
            }
            Input::Packed(x) => {
                context.product.multiply_packed(&x.features, &dz, dkernel, context.threads, |_, _| {})?
            }
        }
        column_sums(da, &mut gradient[self.bias.clone()], &mut context.block_sums);
        if let Some(dx) = dx {
            context.product.multiply(&dz, &self.kernel(arena)?.t(), dx, context.threads, |_, _| {})?;
        }
        Ok(())
    }
}

/// A flat array as rows of `width` numbers.
fn rows<F>(flat: &[F], width: usize) -> Result<ArrayView2<'_, F>> {
    ArrayView2::from_shape((flat.len() / width.max(1), width), flat)
        .map_err(|_| Error::shape("dense layer", format!("rows of {width}"), format!("{} numbers", flat.len())))
}
