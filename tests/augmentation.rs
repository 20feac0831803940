//! Augmentation, from Rust: settings, shapes and the same bits (`tests/test_augmentation.py` holds each against a twin).

use crate::common::training::{ADAM, PIXELS, labels, options};
use crate::common::{dense, spec};
use ndarray::Array2;
use purrceptron::activation::Activation::{Relu, Sigmoid};
use purrceptron::augmentation::{Augmentation, Augmenter};
use purrceptron::error::Result;
use purrceptron::layer::Input;
use purrceptron::loss::{Loss, Targets};
use purrceptron::math::Float;
use purrceptron::network::{Network, Samples};
use purrceptron::spec::NetworkSpec;
use purrceptron::train::*;

fn pictures(count: usize, features: usize) -> Array2<u8> {
    Array2::from_shape_fn((count, features), |(i, j)| (i * 89 + j * j * 31 + j * 7) as u8)
}

fn everything() -> Vec<Augmentation> {
    vec![
        Augmentation::Flip { probability: 0.5 },
        Augmentation::Shift { share: 0.2 },
        Augmentation::Rotate { degrees: 40.0 },
        Augmentation::Crop { smallest: 0.7 },
        Augmentation::Scale { smallest: 0.8, largest: 1.3 },
        Augmentation::Brightness { amount: 0.3 },
        Augmentation::Contrast { amount: 0.5 },
        Augmentation::Saturation { amount: 0.7 },
        Augmentation::Hue { turn: 0.2 },
        Augmentation::Noise { deviation: 12.0 },
        Augmentation::Cutout { share: 0.3 },
    ]
}

#[test]
fn threads_and_neighbours_change_no_bit() {
    let augmenter = Augmenter::new(&everything(), &[9, 7, 3], 5).unwrap();
    let x = pictures(11, augmenter.features());
    let alone = augmenter.apply(x.view(), 0, 2, 1).unwrap();
    for threads in [2, 3, 4] {
        assert_eq!(augmenter.apply(x.view(), 0, 2, threads).unwrap(), alone);
    }
    let rest = augmenter.apply(x.slice(ndarray::s![4.., ..]), 4, 2, 2).unwrap();
    assert_eq!(rest, alone[4 * augmenter.features()..]);
    let columns = x.t().as_standard_layout().into_owned(); // the same rows, lying otherwise in memory
    assert_eq!(augmenter.apply(columns.t(), 0, 2, 2).unwrap(), alone);
}

#[test]
fn twice_flipped_is_as_before() {
    for channels in [1, 2, 3, 4] {
        let x = pictures(3, 5 * 6 * channels);
        let once = Augmenter::new(&[Augmentation::Flip { probability: 1.0 }], &[5, 6, channels], 0).unwrap();
        let twice = vec![Augmentation::Flip { probability: 1.0 }; 2];
        let twice = Augmenter::new(&twice, &[5, 6, channels], 0).unwrap();
        assert_ne!(once.apply(x.view(), 0, 0, 1).unwrap(), x.as_slice().unwrap());
        assert_eq!(twice.apply(x.view(), 0, 0, 1).unwrap(), x.as_slice().unwrap());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let error = |list: &[Augmentation], shape: &[usize]| Augmenter::new(list, shape, 0).unwrap_err().to_string();
    let flip = [Augmentation::Flip { probability: 0.5 }];
    assert!(error(&flip, &[12]).contains("expected pictures (height, width, channels), got [12]"));
    assert!(error(&flip, &[0, 4, 3]).contains("sides of 1 to 65536 pixels"));
    assert!(error(&[Augmentation::Hue { turn: 0.1 }], &[4, 4, 1]).contains("hue must be for pictures of 3 channels"));
    assert!(error(&[Augmentation::Rotate { degrees: f64::NAN }], &[4, 4, 3]).contains("rotate: degrees"));
    let augmenter = Augmenter::new(&flip, &[2, 2, 3], 0).unwrap();
    assert!(augmenter.apply(pictures(2, 11).view(), 0, 0, 1).is_err());
}

/// Puts epochs into orders of its own.
struct Lead(Vec<Vec<u32>>);

impl Watch<f32> for Lead {
    fn order(&mut self, epoch: u64, order: &mut Vec<u32>) -> Result<()> {
        order.clone_from(&self.0[epoch as usize]);
        Ok(())
    }
}

/// Pictures of 6 kB, so that a batch is made in pieces, and by several threads.
#[test]
fn a_training_in_orders_from_outside_sees_the_pictures_of_those_orders() {
    let shape = [48, 43, 3];
    let (count, features) = (21, shape.iter().product::<usize>());
    let x = pictures(count, features);
    let layers = vec![PIXELS, dense(4, Relu), dense(1, Sigmoid)];
    let spec = NetworkSpec { input_shape: shape.to_vec(), ..spec(features, layers, f32::DTYPE, 3) };
    let start = Network::<f32>::new(spec).unwrap();
    let trainer = |threads| Trainer::new(&start, ADAM, Loss::BINARY_CROSS_ENTROPY, threads).unwrap();
    let augmenter = Augmenter::new(&everything(), &shape, 3).unwrap();
    let orders: Vec<Vec<u32>> = (0..3).map(|epoch| (0..count as u32).map(|i| (i * 4 + epoch) % 21).collect()).collect();

    let (mut by_hand, mut hand, targets) = (start.clone(), trainer(1), labels::<f32>(count));
    let OwnedTargets::Values(y) = &targets else { unreachable!() };
    for (order, epoch) in orders.iter().zip(0..) {
        let made = augmenter.apply(x.view(), 0, epoch, 1).unwrap();
        for batch in order.chunks(8) {
            let scaled =
                |i: &u32| made[*i as usize * features..][..features].iter().map(|b| f32::from(*b) * (1.0 / 255.0));
            let rows: Vec<f32> = batch.iter().flat_map(scaled).collect();
            let y: Vec<f32> = batch.iter().map(|i| y[*i as usize]).collect();
            let targets = Targets::Values(&y);
            let batch = Batch { input: Input::Rows(&rows), targets, samples: y.len(), weights: None };
            hand.step(&mut by_hand, batch).unwrap();
        }
    }
    for threads in [1, 2, 4] {
        let options = FitOptions { augmentation: everything(), ..options(3, Some(8)) };
        let (mut led, samples) = (start.clone(), Samples::Bytes(x.view()));
        let mut lead = Lead(orders.clone());
        fit_arrays(&mut trainer(threads), &mut led, samples, targets.clone(), None, &options, &mut lead).unwrap();
        assert_eq!(led.parameters(), by_hand.parameters(), "{threads} threads");
    }
}
