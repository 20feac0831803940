//! Augmentation, from Rust: settings, shapes and the same bits (`tests/test_augmentation.py` holds each against a twin).

use ndarray::Array2;
use purrceptron::augmentation::{Augmentation, Augmenter};

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
