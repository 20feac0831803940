//! Dropout: in training every number is dropped with probability `rate`, in every step anew; otherwise nothing happens.
//!
//! - Plain (Srivastava et al., 2014): the dropped become 0, the others are divided by `1 - rate`.
//! - Alpha (Klambauer et al., 2017), for selu: the dropped become `α' = -λ α`, its limit on the left, and
//!   `y = a x + b` restores mean 0 and variance 1, `q = 1 - rate`, `a = (q + α'² q (1 - q))^-1/2`, `b = -a (1 - q) α'`.

use super::{Context, Input, Kind, Saved, Weights};
use crate::error::Result;
use crate::isa::versions;
use crate::math::Float;
use crate::random::Stream;

/// Either dropout: `y = x factor` where a number stays, and `dropped` where it does not, both plus `shift`.
#[derive(Clone, Debug)]
pub(crate) struct Dropout {
    stream: String,
    seed: u64,
    rate: f64,
    factor: f64,
    dropped: f64,
    shift: f64,
}

impl Dropout {
    pub fn plain(name: &str, rate: f64, seed: u64) -> Dropout {
        Dropout { stream: format!("{name}.dropout"), seed, rate, factor: 1.0 / (1.0 - rate), dropped: 0.0, shift: 0.0 }
    }

    pub fn alpha(name: &str, rate: f64, seed: u64) -> Dropout {
        let (stays, limit) = (1.0 - rate, crate::activation::SELU.1);
        let factor = 1.0 / (stays + limit * limit * stays * rate).sqrt();
        let (dropped, shift) = (-limit * factor, limit * factor * rate);
        Dropout { stream: format!("{name}.dropout"), seed, rate, factor, dropped, shift }
    }
}

impl Kind for Dropout {
    /// Keeps `factor` for every number that stays and 0 for every one that is dropped.
    fn forward<F: Float>(
        &self,
        x: Input<F>,
        _weights: Weights<F>,
        _logits: bool,
        saved: &mut Saved<F>,
        context: &mut Context<F>,
    ) -> Result<()> {
        let x = x.rows()?;
        if !context.training || self.rate == 0.0 {
            saved.out.copy_from_slice(x);
            return Ok(());
        }
        let mut stream = Stream::new(self.seed, &self.stream, context.step);
        let factor = F::from_f64(self.factor);
        saved.kept.clear();
        saved.kept.extend(x.iter().map(|_| if stream.chance(self.rate) { F::ZERO } else { factor }));
        drop_out(x, &saved.kept, F::from_f64(self.dropped), F::from_f64(self.shift), &mut saved.out);
        Ok(())
    }

    fn backward<F: Float>(
        &self,
        _x: Input<F>,
        saved: &Saved<F>,
        _weights: Weights<F>,
        _logits: bool,
        dout: &mut [F],
        _gradient: &mut [F],
        dx: Option<&mut [F]>,
        context: &mut Context<F>,
    ) -> Result<()> {
        let Some(dx) = dx else { return Ok(()) };
        if !context.training || self.rate == 0.0 {
            dx.copy_from_slice(dout);
        } else {
            drop_out(dout, &saved.kept, F::ZERO, F::ZERO, dx);
        }
        Ok(())
    }
}

versions! {
    // A comparison, not a product alone: what is dropped must be 0 also where x is infinite.
    fn drop_out[F: Float](x: &[F], factors: &[F], dropped: F, shift: F, out: &mut [F]) {
        for ((x, factor), out) in x.iter().zip(factors).zip(out) {
            *out = if *factor == F::ZERO { dropped } else { *x * *factor } + shift;
        }
    }
}
