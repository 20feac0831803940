//! A truncated, damaged, foreign or lying model file can only fail cleanly.

use std::collections::HashMap;
use std::fs;

use crate::common::model_files::*;
use crate::common::{cases, sized};
use proptest::prelude::*;
use purrceptron::error::Error;
use purrceptron::file::load;
use purrceptron::network::Model;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};

#[derive(Clone)]
struct Tensor(String, Dtype, Vec<usize>, Vec<u8>);

/// A file like `file` with the description and the tensors changed.
fn forged(file: &[u8], change: impl FnOnce(&mut Value, &mut Vec<Tensor>)) -> Vec<u8> {
    let mut metadata = metadata(file);
    let tensors = SafeTensors::deserialize(file).expect("a safetensors file");
    let own =
        |(name, view): (&str, TensorView)| Tensor(name.into(), view.dtype(), view.shape().into(), view.data().into());
    let mut tensors: Vec<Tensor> = tensors.iter().map(own).collect();
    change(&mut metadata, &mut tensors);
    let views = tensors.iter().map(|t| (t.0.as_str(), TensorView::new(t.1, t.2.clone(), &t.3).expect("a tensor")));
    let text = HashMap::from([("purrceptron".to_string(), metadata.to_string())]);
    safetensors::serialize(views, Some(text)).expect("a safetensors file")
}

#[track_caller]
fn assert_refused(bytes: &[u8], words: &[&str]) {
    refused_with(read(bytes).expect_err("a file that must be refused"), words);
}

#[track_caller]
fn assert_ensemble_refused(bytes: &[u8], words: &[&str]) {
    refused_with(read_ensemble(bytes).map(|(models, _)| models.len()).expect_err("a file that must be refused"), words);
}

#[track_caller]
fn refused_with(error: Error, words: &[&str]) {
    assert!(matches!(error, Error::ModelFile { .. }), "{error:?}");
    for word in ["the file"].iter().chain(words) {
        assert!(error.to_string().contains(word), "{error} does not say {word:?}");
    }
}

#[test]
fn a_file_cut_at_any_byte_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cut.safetensors");
    for model in &models()[..3] {
        let file = write(model);
        for length in (0..file.len()).step_by(sized(1, 7)) {
            assert_refused(&file[..length], &[]);
            if length < 64 || length % 16 == 0 {
                fs::write(&path, &file[..length]).expect("written");
                assert!(matches!(load(&path), Err(Error::ModelFile { .. })), "{length}");
            }
        }
        assert_refused(&[&file[..], &[0]].concat(), &[]);
    }
}

/// Every flip of one bit of a file, with what came of it where it was not refused.
fn flips(model: &Model) -> Vec<(String, Model, Notes)> {
    let file = write(model);
    let mut accepted = Vec::new();
    for bit in 0..8 * file.len() {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok((model, notes)) = read(&damaged) {
            let around = &damaged[(bit / 8).saturating_sub(30)..file.len().min(bit / 8 + 10)];
            accepted.push((String::from_utf8_lossy(around).into_owned(), model, notes));
        }
    }
    accepted
}

#[test]
fn a_flipped_bit_never_changes_a_weight() {
    for model in &models()[..3] {
        for (around, damaged, _) in flips(model) {
            assert_eq!((weights(&damaged), fingerprint(&damaged)), (weights(model), fingerprint(model)), "{around}");
        }
    }
}

/// What a flip may change unnoticed is free text: the notes, and the library's version. But the factor of a `Rescale`
/// changes every prediction, as much as a weight does.
#[test]
fn a_flipped_bit_in_the_description_of_the_network_is_noticed() {
    let model = &models()[0];
    let free_text = |around: &str, damaged: &Model, damaged_notes: &Notes| {
        spec_of(damaged) == spec_of(model) && (*damaged_notes != notes() || around.contains("library_version"))
    };
    let unnoticed: Vec<_> =
        flips(model).into_iter().filter(|(a, m, n)| !free_text(a, m, n)).map(|flip| flip.0).collect();
    let (first, last) = (unnoticed.first(), unnoticed.last());
    assert!(unnoticed.is_empty(), "{} flips, from {first:?} to {last:?}", unnoticed.len());
}

#[test]
fn an_ensemble_cut_at_any_byte_is_refused() {
    let file = write_ensemble(&ensemble());
    for length in (0..file.len()).step_by(sized(1, 7)) {
        assert_ensemble_refused(&file[..length], &[]);
    }
    assert_ensemble_refused(&[&file[..], &[0]].concat(), &[]);
}

#[test]
fn a_flipped_bit_changes_no_member_of_an_ensemble() {
    let models = ensemble();
    let file = write_ensemble(&models);
    for bit in (0..8 * file.len()).step_by(sized(1, 7)) {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let Ok((back, _)) = read_ensemble(&damaged) else { continue };
        let around = String::from_utf8_lossy(&damaged[(bit / 8).saturating_sub(30)..file.len().min(bit / 8 + 10)]);
        assert_eq!(back.len(), models.len(), "{around}");
        for (back, model) in back.iter().zip(&models) {
            assert_eq!((spec_of(back), weights(back)), (spec_of(model), weights(model)), "{around}");
            assert_eq!(fingerprint(back), fingerprint(model), "{around}"); // and of the buffers
        }
    }
}

#[test]
fn a_member_that_does_not_fit_is_refused_by_name() {
    let file = write_ensemble(&ensemble());
    let of_tensor = |change: fn(&mut Tensor)| {
        forged(&file, |_, tensors| {
            change(tensors.iter_mut().find(|tensor| tensor.0 == "members.2.layers.0.kernel").expect("a kernel"));
        })
    };
    let name = "members.2.layers.0.kernel";
    assert_ensemble_refused(&of_tensor(|t| t.2 = vec![2, 3]), &[name, "[3, 2]", "[2, 3]"]);
    assert_ensemble_refused(&of_tensor(|t| t.1 = Dtype::I32), &[name, "F32", "I32"]);
    assert_ensemble_refused(&of_tensor(|t| t.0 = "members.3.layers.0.kernel".into()), &[name, "missing"]);
    assert_ensemble_refused(&of_tensor(|t| t.0 = "members.02.layers.0.kernel".into()), &[name, "missing"]);
    assert_ensemble_refused(&of_tensor(|t| t.3[5] ^= 1), &["members.2: damaged", "fingerprint"]);
    assert_ensemble_refused(&of_tensor(|t| t.3[..4].copy_from_slice(&f32::NAN.to_le_bytes())), &["members.2", "NaN"]);
    let of_members = |change: fn(&mut Vec<Value>)| {
        forged(&file, |metadata, _| change(metadata["members"].as_array_mut().expect("a list")))
    };
    assert_ensemble_refused(&of_members(|members| drop(members.pop())), &["number of tensors", "16", "24"]);
    assert_ensemble_refused(&of_members(|members| members.push(members[0].clone())), &["number of tensors", "32"]);
    assert_ensemble_refused(&of_members(|members| members.swap(0, 1)), &["members.1: damaged"]);
    assert_ensemble_refused(&of_members(|members| members[0]["seed"] = json!(8)), &["checksum"]);
    assert_ensemble_refused(&of_members(|members| members[0]["seed"] = json!(-1)), &["description"]);
    assert_ensemble_refused(&of_members(|members| members[0]["units"] = json!(5)), &["units"]);
    let none = forged(&file, |metadata, _| drop(metadata.as_object_mut().expect("an object").remove("members")));
    assert_ensemble_refused(&none, &["number of tensors", "8", "24"]);
    // The same file forged without a change is an ensemble: it is the changes that were refused.
    assert_eq!(read_ensemble(&forged(&file, |_, _| ())).expect("unchanged").0.len(), 3);
}

#[test]
fn lying_header_lengths_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lie.safetensors");
    let file = write(&models()[0]);
    let (truth, size) = (u64::from_le_bytes(*file.first_chunk().expect("eight bytes")), file.len() as u64);
    let lies = [0, 1, 7, truth - 8, truth - 1, truth + 1, truth + 8, size - 8, size, size + 1];
    let large = [1 << 20, (1 << 20) + 1, 100_000_000, 1 << 31, 1 << 32, 1 << 63, u64::MAX - 7, u64::MAX];
    for lie in lies.into_iter().chain(large) {
        let lying = [&lie.to_le_bytes(), &file[8..]].concat();
        assert_refused(&lying, &[]);
        fs::write(&path, lying).expect("written");
        assert!(matches!(load(&path), Err(Error::ModelFile { .. })), "{lie}");
    }
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let newer = forged(&write(&models()[0]), |metadata, _| {
        metadata["format_version"] = json!(3);
        metadata["library_version"] = json!("9.8.7");
        metadata["what_came_later"] = json!({"with": ["anything"]});
        metadata["network"] = json!("in another form");
    });
    assert_refused(&newer, &["9.8.7", "format 3", "upgrade"]);
}

#[test]
fn foreign_files_are_refused() {
    let data = [0u8; 8];
    let tensor = || [("weight", TensorView::new(Dtype::F32, vec![2], &data).expect("a tensor"))];
    let foreign = |metadata| safetensors::serialize(tensor(), metadata).expect("a safetensors file");
    assert_refused(&foreign(None), &["not a purrceptron model"]);
    let pytorch = HashMap::from([("format".to_string(), "pt".to_string())]);
    assert_refused(&foreign(Some(pytorch)), &["not a purrceptron model"]);
    for text in ["", "{}", "null", "{\"format_version\":1}", "{\"format_version\":\"1\"}", &"[".repeat(100_000)] {
        let metadata = HashMap::from([("purrceptron".to_string(), text.to_string())]);
        assert_refused(&foreign(Some(metadata)), &["description"]);
    }
    for foreign in
        [&b"PK\x03\x04 a numpy archive or so"[..], b"\x89HDF\r\n\x1a\n", b"", b"{}", &[0; 1000], &[0xff; 1000]]
    {
        assert_refused(foreign, &[]);
    }
}

#[test]
fn tensors_that_do_not_fit_the_description_are_refused_by_name() {
    let file = write(&models()[0]);
    let kernel = |tensors: &mut Vec<Tensor>| tensors.iter().position(|t| t.0 == "layers.1.kernel").expect("a kernel");
    let forge = |change: fn(&mut Tensor)| {
        forged(&file, |_, tensors| {
            let i = kernel(tensors);
            change(&mut tensors[i]);
        })
    };
    assert_refused(&forge(|t| t.2 = vec![5, 7]), &["layers.1.kernel", "[7, 5]", "[5, 7]"]);
    assert_refused(&forge(|t| t.2 = vec![35]), &["layers.1.kernel"]);
    assert_refused(&forge(|t| t.1 = Dtype::I32), &["layers.1.kernel", "F32", "I32"]);
    assert_refused(&forge(|t| (t.1, t.3) = (Dtype::F64, vec![0; 280])), &["layers.1.kernel", "F64"]);
    assert_refused(&forge(|t| (t.2, t.3) = (vec![0, 5], Vec::new())), &["layers.1.kernel"]);
    assert_refused(&forge(|t| t.0 = "layers.7.kernel".into()), &["layers.1.kernel", "missing"]);
    assert_refused(&forged(&file, |_, tensors| drop(tensors.pop())), &["number of tensors", "4", "3"]);
    let extra =
        |_: &mut Value, tensors: &mut Vec<Tensor>| tensors.push(Tensor("more".into(), Dtype::U8, vec![1], vec![0]));
    assert_refused(&forged(&file, extra), &["number of tensors", "4", "5"]);
    assert_refused(&forge(|t| t.3[0] ^= 1), &["damaged", "fingerprint"]);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let not_finite = forged(&file, |_, tensors| {
            let i = kernel(tensors);
            tensors[i].3[8..12].copy_from_slice(&bad.to_le_bytes());
        });
        assert_refused(&not_finite, &["layers.1.kernel", "element 2", &bad.to_string()]);
    }
    // The same file forged without a change is a model: it is the changes that were refused.
    assert_equal(&read(&forged(&file, |_, _| ())).expect("unchanged"), &models()[0], &notes());
}

#[test]
fn descriptions_that_make_no_sense_are_refused_before_memory_is_taken() {
    let file = write(&models()[0]);
    let forge = |path: &str, value: Value| {
        forged(&file, |metadata, _| *metadata.pointer_mut(path).expect("a part of the description") = value)
    };
    assert_refused(&forge("/network/layers/1/units", json!(0)), &["units"]);
    assert_refused(&forge("/network/layers/1/units", json!(1u64 << 36)), &["layers.1.kernel"]);
    assert_refused(&forge("/network/layers/1/units", json!(u64::MAX)), &["2^40"]);
    assert_refused(&forge("/network/layers/1/activation", json!("gelo")), &["gelo", "relu"]);
    assert_refused(&forge("/network/layers/0/scale", json!(0.0)), &["scale"]);
    assert_refused(&forge("/network/layers", json!([])), &["layer"]);
    assert_refused(&forge("/network/input_shape", json!([])), &[]);
    assert_refused(&forge("/network/input_shape", json!([u64::MAX, u64::MAX])), &["input_shape"]);
    assert_refused(&forge("/network/dtype", json!("float64")), &["layers.1.kernel"]);
    assert_refused(&forge("/network/dtype", json!("float16")), &["float16"]);
    assert_refused(&forge("/fingerprint", json!("")), &["fingerprint"]);
    assert_refused(&forge("/notes", json!({"a": 1})), &["description"]);
    let unknown = forged(&file, |metadata, _| metadata["unknown"] = json!(1));
    assert_refused(&unknown, &["unknown"]);
    let many = json!(vec![json!({"type": "rescale", "scale": 2.0}); 15_000]);
    read(&forge("/network/layers", many)).expect_err("four tensors too many");
}

proptest! {
    #![proptest_config(cases(sized(2000, 100)))]

    #[test]
    fn no_damage_makes_the_reader_panic_or_changes_a_weight(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(), insert in any::<bool>(),
    ) {
        let model = &models()[2];
        let mut file = write(model);
        for (place, byte) in damage {
            let place = place.index(file.len());
            if insert { file.insert(place, byte) } else { file[place] = byte }
        }
        if insert { file.truncate(cut.index(file.len() + 1)); }
        if let Ok((damaged, _)) = read(&file) {
            prop_assert_eq!(weights(&damaged), weights(model));
        }
    }
}
