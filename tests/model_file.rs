//! Model files come back bit for bit and are written whole or not at all.

use std::fs;
use std::path::Path;

use crate::common::model_files::*;
use crate::common::{bits, dense, network, numbers, spec};
use purrceptron::activation::Activation::{Relu, Sigmoid, Tanh};
use purrceptron::error::Error;
use purrceptron::file::{ensemble_to_bytes, load, load_checkpoint, load_ensemble, save, save_ensemble, to_bytes};
use purrceptron::math::DType;
use purrceptron::network::{Model, Network};
use purrceptron::spec::LayerSpec;
use safetensors::tensor::{Dtype, SafeTensors};

#[test]
fn what_is_saved_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    for (i, model) in models().iter().enumerate() {
        let path = folder.path().join(format!("{i}.safetensors"));
        save(model, &path, &notes()).expect("saved");
        assert_equal(&load(&path).expect("loaded"), model, &notes());
        save(model, &path, &Notes::new()).expect("saved over the first");
        assert_equal(&load(&path).expect("loaded"), model, &Notes::new());
    }
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), models().len(), "a file was left behind");
}

#[test]
fn every_finite_number_comes_back_with_its_sign_and_all_its_bits() {
    let special = [0.0, -0.0, f32::from_bits(1), -f32::MIN_POSITIVE, f32::MAX, f32::MIN, 1.0 + f32::EPSILON, 0.1];
    let mut net = network::<f32>(7, vec![dense(1, Sigmoid)], 0);
    net.set_parameters(special.to_vec()).expect("eight");
    let (Model::F32(back), _) = read(&write(&Model::F32(net))).expect("loaded") else { panic!("another float type") };
    assert_eq!(bits(back.parameters()), bits(&special));
    let special = [0.0, -0.0, f64::from_bits(1), -f64::MIN_POSITIVE, f64::MAX, f64::MIN, 1.0 + f64::EPSILON, 0.1];
    let mut net = network::<f64>(7, vec![dense(1, Sigmoid)], 0);
    net.set_parameters(special.to_vec()).expect("eight");
    let (Model::F64(back), _) = read(&write(&Model::F64(net))).expect("loaded") else { panic!("another float type") };
    assert_eq!(bits(back.parameters()), bits(&special));
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    for (one, other) in models().iter().zip(&models()) {
        assert_eq!(write(one), write(other));
        assert_eq!(write(&read(&write(one)).expect("loaded").0), write(one));
    }
}

#[test]
fn any_safetensors_reader_opens_the_file() {
    let model = &models()[0];
    let Model::F32(net) = model else { panic!("float32") };
    let file = write(model);
    let tensors = SafeTensors::deserialize(&file).expect("a safetensors file");
    let mut names = tensors.names();
    names.sort_unstable();
    assert_eq!(names, ["layers.1.bias", "layers.1.kernel", "layers.2.bias", "layers.2.kernel"]);
    for parameter in net.named_parameters() {
        let tensor = tensors.tensor(&parameter.name).expect("by its name");
        assert_eq!((tensor.dtype(), tensor.shape()), (Dtype::F32, &parameter.shape[..]));
        let bytes: Vec<u8> = net.parameters()[parameter.range.clone()].iter().flat_map(|w| w.to_le_bytes()).collect();
        assert_eq!(tensor.data(), bytes);
    }
    let metadata = metadata(&file);
    assert_eq!(metadata["network"], serde_json::to_value(net.spec()).expect("JSON"));
    assert_eq!(metadata["fingerprint"], net.fingerprint().expect("finite"));
}

#[test]
fn an_ensemble_comes_back_network_by_network_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ensemble.safetensors");
    let double = [1, 2].map(|seed| Model::F64(network(7, vec![dense(5, Tanh), dense(1, Sigmoid)], seed)));
    let bare = [1, 2].map(|seed| Model::F32(network(4, vec![LayerSpec::Rescale { scale: 0.5 }], seed)));
    for models in [ensemble(), double.to_vec(), bare.to_vec(), models()[..1].to_vec()] {
        save_ensemble(&models, &path, &notes()).expect("saved");
        let (back, its_notes) = load_ensemble(&path).expect("loaded");
        assert_eq!(back.len(), models.len());
        back.iter().zip(&models).for_each(|(back, model)| assert_equal(&(back.clone(), notes()), model, &notes()));
        assert_eq!(its_notes, notes());
        assert_eq!(write_ensemble(&back), write_ensemble(&models));
    }
    assert_eq!(write_ensemble(&models()[..1]), write(&models()[0]), "of one network it is that network's file");
}

#[test]
fn any_safetensors_reader_finds_the_first_network_and_the_members_of_an_ensemble() {
    let models = ensemble();
    let file = write_ensemble(&models);
    let tensors = SafeTensors::deserialize(&file).expect("a safetensors file");
    let mut count = 0;
    for (i, model) in models.iter().enumerate() {
        let prefix = if i == 0 { String::new() } else { format!("members.{i}.") };
        let alone = write(model);
        for (name, of_network) in SafeTensors::deserialize(&alone).expect("a safetensors file").tensors() {
            assert_eq!(tensors.tensor(&format!("{prefix}{name}")).expect("by its name"), of_network);
            count += 1;
        }
    }
    assert_eq!(tensors.len(), count);
    let (description, alone) = (metadata(&file), metadata(&write(&models[0])));
    assert_eq!((&description["format_version"], &alone["format_version"]), (&2.into(), &1.into()));
    assert_eq!((&description["network"], &description["fingerprint"]), (&alone["network"], &alone["fingerprint"]));
    assert_eq!(description["members"][1]["seed"], 7);
    assert_eq!(description["members"][1]["fingerprint"], fingerprint(&models[2]));
}

#[test]
fn an_ensemble_is_not_taken_for_one_network_or_a_checkpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ensemble.safetensors");
    save_ensemble(&ensemble(), &path, &notes()).expect("saved");
    for error in [load(&path).err(), load_checkpoint(&path).err(), read(&write_ensemble(&ensemble())).err()] {
        let error = error.expect("refused");
        assert!(matches!(error, Error::ModelFile { .. }), "{error:?}");
        assert!(error.to_string().contains("an ensemble of 3 networks"), "{error}");
    }
}

#[test]
fn what_is_no_ensemble_is_not_saved() {
    let refused = |models: &[Model]| {
        ensemble_to_bytes(models, &Notes::new(), Path::new("the file")).expect_err("refused").to_string()
    };
    let one = |units, seed| Model::F32(network(3, vec![dense(units, Tanh)], seed));
    let double = Model::F64(network(3, vec![dense(2, Tanh)], 0));
    let mut broken = network::<f32>(3, vec![dense(2, Tanh)], 1);
    broken.parameters_mut()[0] = f32::NAN;
    assert!(refused(&[]).contains("one network at least"));
    assert!(refused(&[one(2, 0), one(2, 1), one(3, 2)]).contains("members.2: differs from the first"));
    assert!(refused(&[one(2, 0), double]).contains("dtype"));
    assert!(refused(&[one(2, 0), Model::F32(broken)]).contains("members.1: layers.0.kernel"));
    let many: Vec<Model> = (0..2000).map(|seed| one(2, seed)).collect();
    assert!(refused(&many).contains("2000 networks with more than 16384 values"));
    write_ensemble(&many[..1000]);
}

fn entries(folder: &Path) -> Vec<String> {
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = fs::read_dir(folder).expect("the folder").map(name).collect();
    names.sort_unstable();
    names
}

/// Whatever fails, the file that was there is there, and nothing else.
#[test]
fn a_save_that_fails_leaves_the_folder_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cats.safetensors");
    let model = &models()[0];
    save(model, &path, &notes()).expect("saved");
    let before = fs::read(&path).expect("the file");

    let mut broken = network::<f32>(7, vec![dense(5, Tanh)], 0);
    broken.parameters_mut()[12] = f32::NAN;
    let error = save(&Model::F32(broken), &path, &notes()).expect_err("a weight that is not a number");
    assert!(error.to_string().contains("layers.0.kernel") && error.to_string().contains("12"), "{error}");

    let long = Notes::from([("story".to_string(), "purr ".repeat(1 << 18))]);
    let error = save(model, &path, &long).expect_err("notes of more than 1 MiB");
    assert!(matches!(&error, Error::ModelFile { .. }) && error.to_string().contains("1 MiB"), "{error}");

    fs::create_dir(folder.path().join("a folder")).expect("a folder");
    for wrong in ["a folder", "missing/cats.safetensors", "cats.safetensors/cats.safetensors"] {
        let wrong = folder.path().join(wrong);
        let error = save(model, &wrong, &notes()).expect_err("no place for a file");
        assert!(matches!(&error, Error::Io { path, .. } if *path == wrong), "{error:?}");
    }
    assert_eq!(entries(folder.path()), ["a folder", "cats.safetensors"]);
    assert!(entries(&folder.path().join("a folder")).is_empty());
    assert_eq!(fs::read(&path).expect("the file"), before);
}

/// The longest notes that are accepted can be read again.
#[test]
fn what_save_accepts_load_accepts() {
    let model = &models()[2];
    for length in [1 << 18, (1 << 20) - 2000, (1 << 20) - 500, (1 << 20) - 100] {
        let long = Notes::from([("story".to_string(), "p".repeat(length))]);
        if let Ok(bytes) = to_bytes(model, &long, Path::new("the file")) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("long.safetensors");
            fs::write(&path, bytes).expect("written");
            assert_equal(&load(&path).expect("loaded"), model, &long);
        } else {
            assert!(length > (1 << 20) - 1500, "{length} is not too long");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_an_error_with_the_path_and_a_file_has_the_usual_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, plain) = (folder.path().join("cats.safetensors"), folder.path().join("plain"));
    save(&models()[2], &ours, &notes()).expect("saved");
    fs::write(&plain, b"").expect("written");
    let mode = |path: &Path| fs::metadata(path).expect("the file").permissions().mode();
    assert_eq!(mode(&ours), mode(&plain));

    let before = fs::read(&ours).expect("the file");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).expect("read only");
    if fs::write(folder.path().join("root may"), b"").is_err() {
        let error = save(&models()[0], &ours, &notes()).expect_err("no permission");
        assert!(
            matches!(&error, Error::Io { path, source } if *path == ours && source.kind() == std::io::ErrorKind::PermissionDenied)
        );
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("as before");
    assert_eq!(fs::read(&ours).expect("the file"), before);
}

#[test]
fn a_missing_file_and_a_folder_are_refused_with_their_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("no cats.safetensors");
    let error = load(&missing).expect_err("no file");
    assert!(matches!(&error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound));
    assert!(error.to_string().contains("no cats.safetensors"), "{error}");
    let error = load(folder.path()).expect_err("a folder");
    assert!(error.to_string().contains(&*folder.path().to_string_lossy()), "{error}");
}

#[test]
fn fingerprints_tell_one_bit_a_name_and_a_shape_apart() {
    let print = |net: &Network<f32>| net.fingerprint().expect("finite");
    let net = network::<f32>(6, vec![dense(4, Relu)], 0);
    let mut other = net.clone();
    assert_eq!((print(&other), print(&net).len()), (print(&net), 64));
    let w = &mut other.parameters_mut()[27];
    *w = w.next_up();
    assert_ne!(print(&other), print(&net));
    let mut zeros = network::<f32>(6, vec![dense(4, Relu)], 0);
    zeros.set_parameters(vec![0.0; 28]).expect("28");
    let mut negative = zeros.clone();
    negative.parameters_mut()[3] = -0.0;
    assert_ne!(print(&zeros), print(&negative));
    let of_zeros = |layers| {
        let mut net = Network::<f32>::new(spec(6, layers, DType::Float32, 0)).expect("makes sense");
        let count = net.parameters().len();
        net.set_parameters(vec![0.0; count]).expect("as many");
        print(&net)
    };
    let rescale = LayerSpec::Rescale { scale: 1.0 };
    assert_eq!(of_zeros(vec![dense(4, Tanh)]), print(&zeros), "activation and seed are no weights");
    assert_ne!(of_zeros(vec![rescale, dense(4, Relu)]), print(&zeros), "another name");
    let mut wide = network::<f32>(13, vec![dense(2, Relu)], 0);
    wide.set_parameters(vec![0.0; 28]).expect("28");
    assert_ne!(print(&wide), print(&zeros), "another shape");
    net.clone().set_parameters(numbers(0, 27)).expect_err("one too few");
}
