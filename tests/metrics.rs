//! Metrics: the same score whatever the batches are, by every name; and the samples that a validation holds out.

use std::str::FromStr;

use proptest::prelude::*;
use purrceptron::activation::Activation;
use purrceptron::loss::Targets;
use purrceptron::metric::{Metric, Tally, score};
use purrceptron::random::Stream;
use purrceptron::train::held_out;
use strum::{IntoEnumIterator, VariantNames};

/// Every metric, found by reflection.
fn metrics() -> Vec<Metric> {
    Metric::iter()
        .map(|metric| if let Metric::TopKAccuracy(_) = metric { Metric::TopKAccuracy(2) } else { metric })
        .collect()
}

/// `count` rows of `width` probabilities, and classes.
fn classes(count: usize, width: usize, seed: u64) -> (Vec<f64>, Vec<u32>) {
    let mut stream = Stream::new(seed, "test", 0);
    let mut p: Vec<f64> = (0..count * width).map(|_| stream.uniform()).collect();
    for row in p.chunks_exact_mut(width) {
        let total: f64 = row.iter().sum();
        row.iter_mut().for_each(|p| *p /= total);
    }
    let classes = (0..count).map(|_| (stream.uniform() * width as f64) as u32).collect();
    (p, classes)
}

#[test]
fn every_metric_goes_by_the_name_that_it_shows() {
    assert_eq!(Metric::iter().count(), Metric::VARIANTS.len());
    for metric in metrics() {
        assert_eq!(Metric::from_str(&metric.to_string()).expect("its own name"), metric);
        let json = serde_json::to_string(&metric).expect("a string");
        assert_eq!(json, format!("\"{metric}\""));
        assert_eq!(serde_json::from_str::<Metric>(&json).expect("its own JSON"), metric);
    }
    assert_eq!(Metric::from_str("top_17_accuracy").expect("any number"), Metric::TopKAccuracy(17));
    for wrong in ["top_k_accuracy", "top_0_accuracy", "top_-1_accuracy", "acuracy", ""] {
        assert!(Metric::from_str(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_score_does_not_depend_on_the_batches(count in 2usize..60, width in 1usize..5, batch in 1usize..60, seed: u64) {
        let (p, classes) = classes(count, width, seed);
        let y: Vec<f64> = (0..count * width).map(|i| f64::from(classes[i / width] as usize == i % width)).collect();
        for metric in metrics() {
            let whole = score(metric, &p, width, Targets::Values(&y)).expect("it fits");
            let mut tally = Tally::new(metric);
            for (p, y) in p.chunks(batch * width).zip(y.chunks(batch * width)) {
                tally.add(p, width, Activation::Identity, Targets::Values(y));
            }
            prop_assert!((tally.value() - whole).abs() <= 1e-12 * whole.abs().max(1.0), "{metric}: {} {whole}", tally.value());
        }
    }

    #[test]
    fn classes_score_as_rows_with_a_single_one(count in 2usize..40, width in 2usize..5, seed: u64) {
        let (p, classes) = classes(count, width, seed);
        let y: Vec<f64> = (0..count * width).map(|i| f64::from(classes[i / width] as usize == i % width)).collect();
        for metric in metrics() {
            let by_class = score(metric, &p, width, Targets::Classes(&classes)).expect("it fits");
            let by_row = score(metric, &p, width, Targets::Values(&y)).expect("it fits");
            prop_assert_eq!(by_class.to_bits(), by_row.to_bits(), "{}", metric);
        }
    }

    #[test]
    fn logits_score_as_the_probabilities_that_they_are(count in 1usize..40, width in 1usize..5, seed: u64) {
        let mut stream = Stream::new(seed, "test", 1);
        let z: Vec<f64> = (0..count * width).map(|_| 8.0 * stream.uniform() - 4.0).collect();
        let activation = if width == 1 { Activation::Sigmoid } else { Activation::Softmax };
        let mut p = z.clone();
        activation.forward(&mut p, width);
        let y: Vec<f64> = (0..count * width).map(|i| f64::from(i % width == (i / width) % width.max(2))).collect();
        for metric in metrics() {
            let mut tally = Tally::new(metric);
            tally.add(&z, width, activation, Targets::Values(&y));
            let expected = score(metric, &p, width, Targets::Values(&y)).expect("it fits");
            let same = tally.value().is_nan() && expected.is_nan();
            prop_assert!(same || (tally.value() - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{metric}");
        }
    }

    #[test]
    fn a_validation_holds_out_its_share_of_every_class(samples in 2usize..300, kinds in 1u32..5, share in 0.05f64..0.95, seed: u64) {
        let mut stream = Stream::new(seed, "test", 2);
        let classes: Vec<u32> = (0..samples).map(|_| (stream.uniform() * f64::from(kinds)) as u32).collect();
        let Ok(taken) = held_out(samples, Some(&classes), share, seed) else {
            // Only where nothing could be taken: too few samples, or classes of one.
            prop_assert!((samples as f64 * share).round() < f64::from(kinds) + 1.0);
            return Ok(());
        };
        prop_assert!(taken.windows(2).all(|pair| pair[0] < pair[1]));
        for kind in 0..kinds {
            let members = classes.iter().filter(|class| **class == kind).count();
            let held = taken.iter().filter(|place| classes[**place as usize] == kind).count();
            prop_assert!(members == 0 || held < members);
            prop_assert!((held as f64 - share * members as f64).abs() < 2.0);
        }
        let all = held_out(samples, None, share, seed);
        if let Ok(all) = all {
            prop_assert!((all.len() as f64 - share * samples as f64).abs() <= 1.0);
        }
    }
}

/// Golden values: a change here changes every training with a validation split and is a breaking release.
#[test]
fn the_samples_of_a_validation_are_pinned() {
    let classes = [0, 1, 0, 1, 0, 0, 1, 0, 0, 1];
    assert_eq!(held_out(10, Some(&classes), 0.3, 0).expect("enough"), GOLDEN);
    assert_eq!(held_out(10, None, 0.3, 0).expect("enough"), GOLDEN_ALL);
}

const GOLDEN: [u32; 3] = [4, 6, 8];
const GOLDEN_ALL: [u32; 3] = [5, 6, 9];

#[test]
fn what_does_not_fit_is_refused() {
    assert!(score::<f64>(Metric::R2, &[], 1, Targets::Values(&[])).is_err());
    assert!(score(Metric::R2, &[1.0, 2.0], 1, Targets::Values(&[1.0])).is_err());
    assert!(score(Metric::Accuracy, &[0.5, 0.5], 2, Targets::Classes::<f64>(&[2])).is_err());
    for share in [0.0, 1.0, -1.0, f64::NAN] {
        assert!(held_out(10, None, share, 0).is_err());
    }
    assert!(held_out(1, None, 0.5, 0).is_err());
    assert!(held_out(0, None, 0.5, 0).is_err());
}
