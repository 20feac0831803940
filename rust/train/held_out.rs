//! A part of the samples set aside for validation.

use crate::error::{Error, Result};
use crate::random::Stream;

/// Places, in order, of the `share` of `samples` that is held out: `round(share · samples)` of them, drawn from the seed.
///
/// With `classes` every class gives its share, to within one sample: the samples are put in order by class, those of a
/// class shuffled, and every `1/share`-th is taken. A class that this would take whole keeps one to train on.
///
/// # Errors
/// [`Error::Value`] for a share that is not above 0 and below 1, or that leaves one side without samples.
pub fn held_out(samples: usize, classes: Option<&[u32]>, share: f64, seed: u64) -> Result<Vec<u32>> {
    if !(share > 0.0 && share < 1.0) {
        return Err(Error::value("validation_split", "above 0 and below 1", share));
    }
    let samples = u32::try_from(samples).map_err(|_| Error::value("samples", "below 2^32", samples))?;
    let class = |sample: &u32| classes.and_then(|classes| classes.get(*sample as usize)).copied().unwrap_or(0);
    let mut order: Vec<u32> = (0..samples).collect();
    Stream::new(seed, "validation", 0).shuffle(&mut order);
    order.sort_by_key(class);
    let taken_before = |place: usize| (place as f64 * share).round();
    let mut taken = Vec::new();
    let mut start = 0;
    for members in order.chunk_by(|a, b| class(a) == class(b)) {
        let chosen = members.iter().enumerate().filter(|(i, _)| {
            let place = start + i;
            taken_before(place + 1) > taken_before(place)
        });
        taken.extend(chosen.map(|(_, sample)| *sample).take(members.len() - 1));
        start += members.len();
    }
    if taken.is_empty() {
        let expected = format!("a share that holds out and leaves at least one of {samples} samples");
        return Err(Error::value("validation_split", expected, share));
    }
    taken.sort_unstable();
    Ok(taken)
}
