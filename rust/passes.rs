//! Passes whose every intermediate a caller wants: forward, and backward from the gradient of a loss of the caller's.

use ndarray::Array2;

use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::float_mode;
use crate::layer::{Context, Input};
use crate::math::{Float, check_room, zeros};
use crate::network::{Network, Outputs, Samples};
use crate::parallel;

impl<F: Float> Network<F> {
    /// The outputs of every layer for `x`, each `(samples, outputs)`: in `training` with units dropped and statistics of
    /// the batch, the random numbers those of step `step`.
    ///
    /// # Errors
    /// As [`Network::predict`].
    pub fn forward_all(&self, x: Samples<F>, training: bool, step: u64, threads: usize) -> Result<Vec<Array2<F>>> {
        let pass = self.pass(x, training, step, threads)?;
        // A first Rescale is folded into the reading: what it gives are the rows.
        let folded = (self.first() == 1).then_some(pass.rows);
        let all = folded.into_iter().chain(pass.outputs.into_outputs());
        all.zip(self.layers())
            .map(|(out, layer)| Ok(Array2::from_shape_vec((x.len(), layer.outputs()), out)?))
            .collect()
    }

    /// Given `dout (samples, outputs)`, the gradient of any loss with respect to the outputs that
    /// [`Network::forward_all`] gives last: its gradient with respect to the parameters, flat, and to `x`.
    ///
    /// # Errors
    /// As [`Network::predict`]; [`Error::Shape`] if `dout` has another shape than the outputs.
    pub fn backward_all(
        &self,
        x: Samples<F>,
        dout: &Array2<F>,
        training: bool,
        step: u64,
        threads: usize,
    ) -> Result<(Vec<F>, Array2<F>)> {
        let expected = (x.len(), self.spec().outputs());
        if dout.dim() != expected {
            return Err(Error::shape("dout (samples, outputs)", format!("{expected:?}"), format!("{:?}", dout.dim())));
        }
        let Pass { rows, outputs, mut context } = self.pass(x, training, step, threads)?;
        let mut gradient = zeros("a gradient", self.parameters().len())?;
        let mut dx = Buffer::default();
        dx.room(dout.len()).iter_mut().zip(dout).for_each(|(dx, dout)| *dx = *dout);
        parallel::install(threads, || {
            let (input, mut spare) = (Input::Rows(&rows), Buffer::default());
            self.backward(input, &outputs, false, &mut dx, &mut spare, &mut gradient, true, &mut context)
        })?;
        if let Some(scale) = self.input_scale() {
            dx.iter_mut().for_each(|dx| *dx *= scale);
        }
        Ok((gradient, Array2::from_shape_vec((x.len(), self.spec().inputs()), dx.to_vec())?))
    }

    fn pass(&self, x: Samples<F>, training: bool, step: u64, threads: usize) -> Result<Pass<F>> {
        let _mode = float_mode::standard();
        self.check_samples(&x)?;
        check_room::<F>("a pass", self.numbers_of_pass(x.len()))?;
        let (mut rows, mut outputs) = (Vec::new(), Outputs::default());
        x.gather(0..x.len(), self.input_scale(), &mut rows);
        let context = parallel::install(threads, || {
            let mut context = Context { training, step, ..Context::new(threads) };
            self.forward(Input::Rows(&rows), x.len(), false, &mut outputs, &mut context)?;
            Ok::<_, Error>(context)
        })?;
        Ok(Pass { rows, outputs, context })
    }
}

/// A forward pass over all samples at once.
struct Pass<F: Float> {
    rows: Vec<F>,
    outputs: Outputs<F>,
    context: Context<F>,
}
