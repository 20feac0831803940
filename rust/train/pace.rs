//! Whether threads share the small pieces of a step too.
//!
//! Two threads may take two thirds of the time of one for a step of 64-100-10 at batch 200, or longer than it: that
//! depends on how fast a core gets what another one wrote, and on what else runs there. No thread count changes a bit, so
//! a trainer tries both, keeps what was faster, and tries again now and then.

use std::time::{Duration, Instant};

use crate::parallel;

/// Steps of a run. Its first is not timed.
const RUN: usize = 5;

/// Runs of a trial, by turns alone and eager. A training of a few steps is over before helpers would have woken up.
const RUNS: usize = 6;

/// Steps of a trial.
const TRIAL: usize = RUN * RUNS;

/// Steps from one trial to the next.
const HOLD: usize = 1000;

/// The same after a first trial that spoke for one thread, twice as many after the next: what disturbed it may be over soon.
/// In a quarter of short trainings of 64-100-10 it was (Zen 5, a machine whose host moves its cores about). A trial where
/// the cores lie apart costs 15 steps that take two or three times as long: after 60 steps would be too soon.
const SHORT_HOLD: usize = 250;

/// What was found out so far.
#[derive(Debug, Default)]
pub(super) struct Pace {
    eager: bool,
    /// Full batches since the trial began.
    steps: usize,
    /// Samples of a full batch: others take another time.
    samples: usize,
    /// Steps to the next one.
    hold: usize,
    spent: [Duration; RUNS],
    begun: Option<Instant>,
}

impl Pace {
    /// Before a step of so many samples: whether `threads` threads shall share its small pieces. While it tries, they are
    /// kept awake in the steps of one, too: waking takes longer than a step, and in five of them they would fall asleep.
    pub fn begin(&mut self, samples: usize, threads: usize) -> bool {
        if samples > self.samples {
            *self = Pace { samples, ..Pace::default() };
        }
        self.begun = None;
        if self.steps < TRIAL {
            self.eager = !(self.steps / RUN).is_multiple_of(2);
            if parallel::in_pool() {
                parallel::keep_awake(threads);
            }
            self.begun = Some(Instant::now());
        }
        self.eager
    }

    /// After that step.
    pub fn end(&mut self, samples: usize) {
        if samples != self.samples {
            return;
        }
        if let Some(begun) = self.begun.filter(|_| !self.steps.is_multiple_of(RUN)) {
            self.spent[self.steps / RUN] += begun.elapsed();
        }
        self.steps += 1;
        if self.steps == TRIAL {
            let (pairs, _) = self.spent.as_chunks::<2>();
            self.eager = pairs.iter().filter(|[alone, eager]| eager < alone).count() > pairs.len() / 2;
            self.hold = if self.eager { HOLD } else { (2 * self.hold).clamp(SHORT_HOLD, HOLD) };
        } else if self.steps == TRIAL + self.hold {
            (self.steps, self.spent) = (0, Default::default());
        }
    }
}
