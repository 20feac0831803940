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

use super::activate::Activate;
use super::bias::add_bias;
use super::{Arenas, Context, Input, Kind, Saved, Weights};
use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::initializer::Initializer;
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
        column_sums(rows, &mut dbias);
    }
    let (dkernel, dx) = (matmul(x.t(), dz, threads)?, matmul(dz, kernel.t(), threads)?);
    Ok(DenseGradients { dx, dkernel, dbias: dbias.into() })
}

fn check(what: &str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::shape(what, expected.to_string(), got.to_string())) }
}

/// A dense layer of a network: its sizes, its activation, and where its parameters lie in the arena.
#[derive(Clone, Debug)]
pub(crate) struct Dense {
    inputs: usize,
    units: usize,
    activate: Activate,
    kernel: Range<usize>,
    bias: Range<usize>,
}

impl Dense {
    /// Kernel, then bias, then what the activation learns.
    pub fn new(
        name: &str,
        inputs: usize,
        units: usize,
        activation: Activation,
        [first_kernel, first_bias]: [Initializer; 2],
        trainable: bool,
        arenas: &mut Arenas,
    ) -> Dense {
        let fans = [inputs, units];
        let kernel = arenas.parameter(format!("{name}.kernel"), vec![inputs, units], first_kernel, fans, trainable);
        let bias = arenas.parameter(format!("{name}.bias"), vec![units], first_bias, fans, trainable);
        let activate = Activate::new(name, activation, units, trainable, arenas);
        Dense { inputs, units, activate, kernel, bias }
    }

    fn kernel<'a, F: Float>(&self, weights: Weights<'a, F>) -> Result<ArrayView2<'a, F>> {
        rows(&weights.parameters[self.kernel.clone()], self.units)
    }
}

impl Kind for Dense {
    fn forward<F: Float>(
        &self,
        x: Input<F>,
        weights: Weights<F>,
        logits: bool,
        saved: &mut Saved<F>,
        context: &mut Context<F>,
    ) -> Result<()> {
        let kernel = self.kernel(weights)?;
        let bias = &weights.parameters[self.bias.clone()];
        let keeps_z = self.activate.keeps_z() && !logits;
        saved.kept.resize(if keeps_z { saved.out.len() } else { 0 }, F::ZERO);
        let z = if keeps_z { &mut saved.kept } else { &mut saved.out };
        // Rows of z turn into rows of a where they are computed, while they are in the cache.
        let finish = |_, z: &mut [F]| {
            add_bias(z, bias);
            if !logits && !keeps_z {
                self.activate.apply(z, weights);
            }
        };
        match x {
            Input::Rows(x) => context.product.multiply(&rows(x, self.inputs)?, &kernel, z, context.threads, finish)?,
            Input::Packed(x) => context.product.multiply_packed(&x.samples, &kernel, z, context.threads, finish)?,
        }
        if keeps_z {
            self.activate.apply_to(&saved.kept, weights, &mut saved.out, context);
        }
        Ok(())
    }

    /// `dout`, which is `da (samples, units)`, becomes `dz` on the way.
    fn backward<F: Float>(
        &self,
        x: Input<F>,
        saved: &Saved<F>,
        weights: Weights<F>,
        logits: bool,
        dout: &mut [F],
        gradient: &mut [F],
        dx: Option<&mut [F]>,
        context: &mut Context<F>,
    ) -> Result<()> {
        if !logits {
            self.activate.pull_back(saved, weights, dout, gradient, context);
        } else {
            self.activate.nothing_learned(gradient);
        }
        let dz = rows(dout, self.units)?;
        let dkernel = &mut gradient[self.kernel.clone()];
        match x {
            Input::Rows(x) => {
                context.product.multiply(&rows(x, self.inputs)?.t(), &dz, dkernel, context.threads, |_, _| {})?
            }
            Input::Packed(x) => {
                context.product.multiply_packed(&x.features, &dz, dkernel, context.threads, |_, _| {})?
            }
        }
        column_sums(dout, &mut gradient[self.bias.clone()]);
        if let Some(dx) = dx {
            context.product.multiply(&dz, &self.kernel(weights)?.t(), dx, context.threads, |_, _| {})?;
        }
        Ok(())
    }
}

/// A flat array as rows of `width` numbers.
fn rows<F>(flat: &[F], width: usize) -> Result<ArrayView2<'_, F>> {
    ArrayView2::from_shape((flat.len() / width.max(1), width), flat)
        .map_err(|_| Error::shape("dense layer", format!("rows of {width}"), format!("{} numbers", flat.len())))
}
