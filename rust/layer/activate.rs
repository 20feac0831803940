//! An activation in its place: behind the affine map of a dense layer, or as a layer alone, which acts along the last
//! axis of a sample.

use std::ops::Range;

use super::{Arenas, Context, Input, Kind, Saved, Weights};
use crate::activation::{Activation, prelu_backward, prelu_forward};
use crate::error::Result;
use crate::initializer::Initializer;
use crate::math::{Float, column_sums};
use crate::parallel;

/// Multiply-adds that take as long as an activation of one number, more or less.
const EACH: usize = 16;

/// An activation, the number of its units, and where the slopes lie if it learns them.
#[derive(Clone, Debug)]
pub(crate) struct Activate {
    activation: Activation,
    units: usize,
    slopes: Option<Range<usize>>,
}

impl Activate {
    pub fn new(name: &str, activation: Activation, units: usize, trainable: bool, arenas: &mut Arenas) -> Activate {
        let slopes = match activation {
            Activation::Prelu { initial_slope: value } => {
                let first = Initializer::Constant { value };
                Some(arenas.parameter(format!("{name}.slope"), vec![units], first, [units, units], trainable))
            }
            _ => None,
        };
        Activate { activation, units, slopes }
    }

    pub fn keeps_z(&self) -> bool {
        self.activation.keeps_z()
    }

    /// `a = f(z)`, in place.
    pub fn apply<F: Float>(&self, z: &mut [F], weights: Weights<F>) {
        match &self.slopes {
            Some(slopes) => prelu_forward(z, &weights.parameters[slopes.clone()]),
            None => self.activation.forward(z, self.units),
        }
    }

    /// `a = f(z)`, with `z` kept.
    pub fn apply_to<F: Float>(&self, z: &[F], weights: Weights<F>, a: &mut [F], context: &Context<F>) {
        let threads = context.threads_for(a.len(), EACH);
        parallel::split(threads, a, self.units, &mut Vec::<()>::new(), &|first, a, _| {
            a.copy_from_slice(&z[first * self.units..][..a.len()]);
            self.apply(a, weights);
        });
    }

    /// `da` becomes `dz`; what is learned gets its gradient. `saved` is of a layer whose output is `a`, and which kept
    /// `z` where that is needed.
    pub fn pull_back<F: Float>(
        &self,
        saved: &Saved<F>,
        weights: Weights<F>,
        da: &mut [F],
        gradient: &mut [F],
        context: &mut Context<F>,
    ) {
        let kept = if self.keeps_z() { &saved.kept } else { &saved.out };
        let Some(slopes) = &self.slopes else {
            let threads = context.threads_for(da.len(), EACH);
            return parallel::split(threads, da, self.units, &mut Vec::<()>::new(), &|first, da, _| {
                self.activation.backward(&kept[first * self.units..][..da.len()], da, self.units);
            });
        };
        let mut terms = context.spare.pop().unwrap_or_default();
        prelu_backward(kept, da, &weights.parameters[slopes.clone()], terms.room(da.len()));
        column_sums(&terms, &mut gradient[slopes.clone()]);
        context.spare.push(terms);
    }

    /// Where the activation is left out, what it learns has no part in the loss.
    pub fn nothing_learned<F: Float>(&self, gradient: &mut [F]) {
        if let Some(slopes) = &self.slopes {
            gradient[slopes.clone()].fill(F::ZERO);
        }
    }
}

impl Kind for Activate {
    fn forward<F: Float>(
        &self,
        x: Input<F>,
        weights: Weights<F>,
        logits: bool,
        saved: &mut Saved<F>,
        context: &mut Context<F>,
    ) -> Result<()> {
        let z = x.rows()?;
        if logits {
            saved.out.copy_from_slice(z);
        } else {
            self.apply_to(z, weights, &mut saved.out, context);
        }
        if self.keeps_z() && !logits {
            saved.kept.clear();
            saved.kept.extend_from_slice(z);
        }
        Ok(())
    }

    fn backward<F: Float>(
        &self,
        _x: Input<F>,
        saved: &Saved<F>,
        weights: Weights<F>,
        logits: bool,
        dout: &mut [F],
        gradient: &mut [F],
        dx: Option<&mut [F]>,
        context: &mut Context<F>,
    ) -> Result<()> {
        if logits {
            self.nothing_learned(gradient);
        } else {
            self.pull_back(saved, weights, dout, gradient, context);
        }
        if let Some(dx) = dx {
            dx.copy_from_slice(dout);
        }
        Ok(())
    }
}
