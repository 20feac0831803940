//! Many networks at once: each on one thread, side by side, on data that is prepared once for all of them.
//!
//! A network is trained as [`super::fit_arrays`] would train it alone, with the same solver, so it gets the same bits;
//! what does not depend on its weights (the packed samples, the factor of their span) is shared.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::fit::{FitOptions, Flow, History, Watch};
use super::labels::OwnedLabels;
use super::prepared::{Form, Prepared};
use super::solver::{Choice, check, fit_prepared};
use super::step::Trainer;
use crate::error::{Error, Result};
use crate::interrupt::{PAUSE, asking};
use crate::math::Float;
use crate::network::{Network, Samples};

/// One of several networks that are trained on the same samples.
pub struct Member<F: Float> {
    /// The network.
    pub network: Network<F>,
    /// Its trainer, for one thread.
    pub trainer: Trainer<F>,
    /// What its outputs are held against.
    pub labels: OwnedLabels<F>,
    /// The same for the validation samples, if there are any.
    pub validation_labels: Option<OwnedLabels<F>>,
}

/// Trains every network of `members` on `x`, up to `threads` of them at a time, and gives back what became of each.
///
/// `go_on` is asked in the caller's thread, 20 times a second. Once it says [`Flow::Stop`], all networks stop at their
/// next step, keep the weights they have, and report [`Error::Callback`].
///
/// # Errors
/// As [`super::fit_arrays`] for what cannot be trained on, named by the place of its network, before anything has
/// changed. What happens to a network later is in its own result, and the others go on: one that diverged has the
/// weights from before.
pub fn fit_many<F: Float>(
    members: &mut [Member<F>],
    x: Samples<F>,
    validation: Option<Samples<F>>,
    options: &FitOptions,
    threads: usize,
    mut go_on: impl FnMut() -> Flow,
) -> Result<Vec<Result<History>>> {
    let mut choices = Vec::with_capacity(members.len());
    for (i, Member { network, trainer, labels, validation_labels }) in members.iter().enumerate() {
        let validation = validation.zip(validation_labels.as_ref().map(OwnedLabels::view));
        let choice = check(trainer, network, x, labels.view(), validation, options);
        let choice = choice.map_err(|error| error.of(&format!("models[{i}]")))?;
        choices.push((Form::of(network, trainer, x.len(), choice.solver, options), choice));
    }
    let mut forms: Vec<(Form<F>, Prepared<F>)> = Vec::new();
    for &(form, _) in &choices {
        if forms.iter().all(|(other, _)| *other != form) {
            forms
                .push((form, Prepared::new(form, x.view(), validation.as_ref().map(Samples::view), options, threads)?));
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut results: Vec<Option<Result<History>>> = members.iter().map(|_| None).collect();
    let workers = threads.clamp(1, members.len().max(1));
    let jobs = Mutex::new(members.iter_mut().zip(choices).zip(&mut results));
    let work = || {
        loop {
            // In a statement of its own: the lock is free again while the job is done.
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(((member, (form, choice)), result)) = job else { return };
            *result = Some(train(member, form, choice, &forms, options, &stop));
        }
    };
    thread::scope(|scope| {
        let (working, finished) = channel::<()>();
        let mut handles = Vec::new();
        for i in 0..workers {
            let (working, work) = (working.clone(), &work);
            let worker = thread::Builder::new().name(format!("purrceptron-many-{i}"));
            match worker.spawn_scoped(scope, move || {
                let _until_here = working;
                work();
            }) {
                Ok(handle) => handles.push(handle),
                Err(_) => break,
            }
        }
        drop(working);
        if handles.is_empty() {
            work(); // no thread can be started: alone, with the same result
        }
        while let Err(RecvTimeoutError::Timeout) = finished.recv_timeout(PAUSE) {
            if go_on() == Flow::Stop {
                stop.store(true, Ordering::Relaxed);
            }
        }
        for handle in handles {
            if let Err(panic) = handle.join() {
                resume_unwind(panic);
            }
        }
    });
    Ok(results.into_iter().map(|result| result.unwrap_or_else(stopped)).collect())
}

/// Trains one network on the data in its form.
fn train<F: Float>(
    member: &mut Member<F>,
    form: Form<F>,
    choice: Choice,
    forms: &[(Form<F>, Prepared<F>)],
    options: &FitOptions,
    stop: &Arc<AtomicBool>,
) -> Result<History> {
    let Member { network, trainer, labels, validation_labels } = member;
    let start = Instant::now();
    stop_if(stop)?;
    let asked = Arc::clone(stop);
    let Some((_, data)) = forms.iter().find(|(other, _)| *other == form) else { return stopped() };
    let (labels, held_out) = (labels.clone(), validation_labels.as_ref().map(OwnedLabels::view));
    let history = asking(
        move || stop_if(&asked),
        || fit_prepared(trainer, network, data, labels, held_out, choice, options, &mut Stoppable(stop)),
    )?;
    Ok(History { seconds: start.elapsed().as_secs_f64(), ..history })
}

/// Ends a training once the flag is up.
struct Stoppable<'a>(&'a AtomicBool);

impl<F: Float> Watch<F> for Stoppable<'_> {
    fn step(&mut self) -> Result<()> {
        stop_if(self.0)
    }
}

fn stop_if(stop: &AtomicBool) -> Result<()> {
    if stop.load(Ordering::Relaxed) { stopped() } else { Ok(()) }
}

fn stopped<T>() -> Result<T> {
    Err(Error::Callback("stopped before the end".into()))
}
