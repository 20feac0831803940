//! Layers whose input is added to their output (He et al., Deep residual learning, 2016): `y = x + f(x)`, so
//! `dx = dy + dx of f`. The gradient reaches the layers before undiminished, however many such blocks there are.

use super::{Chain, Context, Input, Kind, Saved, Weights, backward, forward, update_buffers};
use crate::error::Result;
use crate::isa::versions;
use crate::math::Float;

/// The layers of `f`, whose output has the shape of their input.
#[derive(Clone, Debug)]
pub(crate) struct Residual {
    pub chain: Chain,
}

impl Kind for Residual {
    fn forward<F: Float>(
        &self,
        x: Input<F>,
        weights: Weights<F>,
        _logits: bool,
        saved: &mut Saved<F>,
        context: &mut Context<F>,
    ) -> Result<()> {
        let layers = &self.chain.layers;
        let samples = saved.out.len() / layers.last().map_or(1, |layer| layer.outputs()).max(1);
        forward(layers, x, samples, weights, false, &mut saved.inner, context)?;
        let last = saved.inner.last().map_or(&[][..], |saved| &saved.out);
        add(x.rows()?, last, &mut saved.out);
        Ok(())
    }

    fn backward<F: Float>(
        &self,
        x: Input<F>,
        saved: &Saved<F>,
        weights: Weights<F>,
        _logits: bool,
        dout: &mut [F],
        gradient: &mut [F],
        dx: Option<&mut [F]>,
        context: &mut Context<F>,
    ) -> Result<()> {
        let [mut inner, mut spare] = [(); 2].map(|_| context.spare.pop().unwrap_or_default());
        inner.room(dout.len()).copy_from_slice(dout);
        let (layers, wants_dx) = (&self.chain.layers, dx.is_some());
        let result =
            backward(layers, x, &saved.inner, weights, false, &mut inner, &mut spare, gradient, wants_dx, context);
        if let Some(dx) = dx {
            add(dout, &inner, dx);
        }
        context.spare.extend([spare, inner]);
        result
    }

    fn update_buffers<F: Float>(&self, saved: &Saved<F>, buffers: &mut [F]) {
        update_buffers(&self.chain.layers, &saved.inner, buffers);
    }
}

versions! {
    fn add[F: Float](a: &[F], b: &[F], out: &mut [F]) {
        for ((a, b), out) in a.iter().zip(b).zip(out) { *out = *a + *b; }
    }
}
