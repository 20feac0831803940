//! Optimizers: how a gradient moves the parameters. Both are flat arrays; state is a number of arrays of that length.
//!
//! - `rule.rs`: the closed set of [`Rule`]s.
//! - `average.rs`: averages of the weights.
//! - `described.rs`: the JSON form.
//! - here: what all of them share, the learning rate, decay, clipping, and the way over the parameters.

mod average;
mod described;
mod rule;

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::isa::versions;
use crate::layer::Parameter;
use crate::math::Float;
use crate::parallel;
use crate::regularization::sum_of_squares;
use crate::schedule::{Plateau, Schedule};
pub use average::Average;
use described::Described;
use rule::MOST_SLOTS;
pub use rule::Rule;

/// An optimizer and its settings. In JSON the rule's name and settings stand beside the others; what is as usual may be
/// absent, and a constant learning rate is a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Described")]
pub struct Optimizer {
    /// How a gradient moves a weight.
    pub rule: Rule,
    /// How far.
    pub learning_rate: Schedule,
    /// Decoupled decay of the kernels: `w -= learning_rate weight_decay w` beside the rule's own step (Loshchilov and
    /// Hutter, Decoupled weight decay regularization, 2019).
    pub weight_decay: f64,
    /// Longest gradient (all of it, as one vector) that is let through as it is; a longer one is scaled to this length
    /// (Pascanu et al., 2013).
    pub clip_norm: Option<f64>,
    /// Largest magnitude of a gradient's element; beyond it is cut off. Comes before `clip_norm`.
    pub clip_value: Option<f64>,
    /// What the learning rate is multiplied by in some layers, by their place in the spec; 0 leaves a layer as it is.
    pub layer_rates: BTreeMap<usize, f64>,
    /// An average of the weights, to be shown and left behind in their place.
    pub average: Option<Average>,
}

/// What an optimizer remembers between steps.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimizerState<F> {
    /// Steps made.
    pub steps: u64,
    /// Arrays as long as the parameters: the velocity of SGD, the two means of Adam.
    pub slots: Vec<Vec<F>>,
    /// What the schedule remembers.
    pub plateau: Plateau,
}

/// Parameters side by side that are moved alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Where they lie.
    pub range: Range<usize>,
    /// What the learning rate is multiplied by; with 0 they stay as they are.
    pub rate: f64,
    /// Whether `weight_decay` acts on them.
    pub decays: bool,
}

/// Fewest parameters of one run of work.
pub(crate) const RUN: usize = 1 << 11;

/// Parameters that decay and move while they are in the cache.
const BLOCK: usize = 1 << 11;

impl Optimizer {
    /// The optimizer of a rule and a constant learning rate, with nothing else to it.
    pub const fn new(rule: Rule, learning_rate: f64) -> Optimizer {
        Optimizer {
            rule,
            learning_rate: Schedule::Constant { learning_rate },
            weight_decay: 0.0,
            clip_norm: None,
            clip_value: None,
            layer_rates: BTreeMap::new(),
            average: None,
        }
    }

    /// Refuses settings outside their range, or that `F` cannot hold.
    pub fn check<F: Float>(&self) -> Result<()> {
        self.learning_rate.check(F::DTYPE)?;
        self.rule.check::<F>()?;
        let in_range = |name: &str, value: f64, fits: bool, expected: &str| {
            if fits && value.is_finite() { Ok(()) } else { Err(Error::value(name, expected, value)) }
        };
        in_range("weight_decay", self.weight_decay, self.weight_decay >= 0.0, "at least 0 and finite")?;
        for (name, limit) in [("clip_norm", self.clip_norm), ("clip_value", self.clip_value)] {
            if let Some(limit) = limit {
                in_range(name, limit, limit > 0.0 && F::DTYPE.holds(limit), "above 0 and finite")?;
            }
        }
        for (layer, rate) in &self.layer_rates {
            in_range(&format!("layer_rates[{layer}]"), *rate, *rate >= 0.0, "at least 0 and finite")?;
        }
        self.average.map_or(Ok(()), Average::check)
    }

    /// The rule's name.
    pub fn name(&self) -> &'static str {
        (&self.rule).into()
    }

    /// The state before the first step of `parameters` numbers.
    pub fn start<F: Float>(&self, parameters: usize) -> OptimizerState<F> {
        let slots = vec![vec![F::ZERO; parameters]; self.rule.slots()];
        OptimizerState { steps: 0, slots, plateau: Plateau::default() }
    }

    /// The parameters in parts that are moved alike: one part for each layer where nothing distinguishes them.
    ///
    /// # Errors
    /// [`Error::Value`] if `layer_rates` names a layer without parameters.
    pub fn parts(&self, parameters: &[Parameter]) -> Result<Vec<Part>> {
        let layer = |parameter: &Parameter| parameter.name.split('.').nth(1).and_then(|place| place.parse().ok());
        let mut before = None;
        if let Some(unknown) = self.layer_rates.keys().find(|key| parameters.iter().all(|p| layer(p) != Some(**key))) {
            return Err(Error::value("layer_rates", "places of layers with weights", unknown));
        }
        let mut parts: Vec<Part> = Vec::new();
        for parameter in parameters {
            let of_layer = layer(parameter).and_then(|layer| self.layer_rates.get(&layer)).copied().unwrap_or(1.0);
            let rate = if parameter.trainable { of_layer } else { 0.0 };
            let decays = self.weight_decay > 0.0 && parameter.name.ends_with(".kernel");
            match parts.last_mut() {
                Some(last) if (last.rate, last.decays, before) == (rate, decays, layer(parameter)) => {
                    last.range.end = parameter.range.end;
                }
                _ => parts.push(Part { range: parameter.range.clone(), rate, decays }),
            }
            before = layer(parameter);
        }
        Ok(parts)
    }

    /// The learning rate of the next step.
    pub fn rate<F>(&self, state: &OptimizerState<F>) -> f64 {
        self.learning_rate.rate(state.steps, &state.plateau)
    }

    /// Cuts off and shortens a gradient as `clip_value` and `clip_norm` say. `beyond` is what its squared length has
    /// beside these elements. Gives back what it was scaled by.
    pub fn clip<F: Float>(&self, gradient: &mut [F], beyond: f64) -> f64 {
        if let Some(limit) = self.clip_value {
            clamp(gradient, F::from_f64(limit));
        }
        let Some(limit) = self.clip_norm else { return 1.0 };
        let norm = (sum_of_squares(gradient) + beyond).sqrt();
        if norm <= limit {
            return 1.0;
        }
        scale(gradient, F::from_f64(limit / norm));
        limit / norm
    }

    /// One step: moves `parameters` along `gradient`.
    pub fn update<F: Float>(
        &self,
        state: &mut OptimizerState<F>,
        parameters: &mut [F],
        gradient: &[F],
        threads: usize,
    ) {
        let all = Part { range: 0..parameters.len(), rate: 1.0, decays: self.weight_decay > 0.0 };
        self.update_parts(state, &[all], parameters, gradient, threads);
    }

    /// One step of the parameters in `parts`.
    pub fn update_parts<F: Float>(
        &self,
        state: &mut OptimizerState<F>,
        parts: &[Part],
        parameters: &mut [F],
        gradient: &[F],
        threads: usize,
    ) {
        state.steps += 1;
        self.move_parts(state, parts, parameters, gradient, threads);
    }

    /// What the step that `state` counted last does to some of the parts.
    pub(crate) fn move_parts<F: Float>(
        &self,
        state: &mut OptimizerState<F>,
        parts: &[Part],
        parameters: &mut [F],
        gradient: &[F],
        threads: usize,
    ) {
        let t = state.steps;
        let rate = self.learning_rate.rate(t - 1, &state.plateau);
        for Part { range, rate: factor, decays } in parts {
            if *factor == 0.0 {
                continue;
            }
            let mut given = state.slots.iter_mut().map(|slot| &mut slot[range.clone()]);
            let slots: [&mut [F]; MOST_SLOTS] = std::array::from_fn(|_| given.next().unwrap_or_default());
            let (w, g, rate) = (&mut parameters[range.clone()], &gradient[range.clone()], rate * factor);
            let decay = if *decays { F::from_f64(rate * self.weight_decay) } else { F::ZERO };
            for_each_run(threads, w, g, slots, &|w, g, slots| {
                if decay == F::ZERO {
                    self.rule.step(rate, t, w, g, slots);
                } else {
                    for_each_block(w, g, slots, |w, g, slots| {
                        subtract_share(w, decay);
                        self.rule.step(rate, t, w, g, slots);
                    });
                }
            });
        }
    }
}

/// Calls `update` for matching runs of all arrays, on `threads` threads. Every number has one owner.
fn for_each_run<F: Float>(
    threads: usize,
    parameters: &mut [F],
    gradient: &[F],
    mut slots: [&mut [F]; MOST_SLOTS],
    update: &(impl Fn(&mut [F], &[F], [&mut [F]; MOST_SLOTS]) + Sync),
) {
    let threads = threads.min(parameters.len() / RUN);
    if threads < 2 || !parallel::in_pool() {
        return update(parameters, gradient, slots);
    }
    parallel::stay_awake(threads);
    let half = threads / 2;
    let (w, v) = parameters.split_at_mut(parallel::first_half(parameters.len(), threads));
    let (g, h) = gradient.split_at(w.len());
    let first = slots.each_mut().map(|slot| slot.split_off_mut(..w.len()).unwrap_or_default());
    parallel::join(|| for_each_run(half, w, g, first, update), || for_each_run(threads - half, v, h, slots, update));
}

/// Calls `update` for matching pieces of all arrays that the cache holds.
fn for_each_block<F: Float>(
    parameters: &mut [F],
    gradient: &[F],
    mut slots: [&mut [F]; MOST_SLOTS],
    update: impl Fn(&mut [F], &[F], [&mut [F]; MOST_SLOTS]),
) {
    for (w, g) in parameters.chunks_mut(BLOCK).zip(gradient.chunks(BLOCK)) {
        let parts = slots.each_mut().map(|slot| slot.split_off_mut(..w.len()).unwrap_or_default());
        update(w, g, parts);
    }
}

versions! {
    // NaN stays what it is: a divergence is not to be clipped away.
    fn clamp[F: Float](g: &mut [F], limit: F) {
        for g in g {
            let cut = if *g > limit { limit } else { *g };
            *g = if cut < -limit { -limit } else { cut };
        }
    }
    fn scale[F: Float](g: &mut [F], by: F) {
        for g in g { *g *= by; }
    }
    fn subtract_share[F: Float](w: &mut [F], share: F) {
        for w in w { *w -= share * *w; }
    }
}
