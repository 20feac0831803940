//! The tests of the Rust crate as one program, which compiles in a fraction of the time of one for each file. Those that
//! need a process of their own stand beside it in `Cargo.toml`.

mod common;

mod augmentation;
mod bad_input;
mod checkpoints;
mod gradients;
mod hostile_model_file;
mod layers;
mod losses;
mod many;
mod math;
mod matmul;
mod metrics;
mod model_file;
mod objective;
mod optimizers;
mod random;
mod reduced;
mod reduced_methods;
mod regularization;
mod reproducibility;
mod schedules;
mod spec;
mod steps;
mod training;

#[test]
fn every_test_file_is_part_of_a_program() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml");
    for entry in std::fs::read_dir(root.join("tests")).expect("the folder of tests") {
        let path = entry.expect("an entry").path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".rs")) else { continue };
        let here = include_str!("suite.rs").contains(&format!("\nmod {name};"));
        assert!(here || manifest.contains(&format!("[[test]]\nname = \"{name}\"")), "tests/{name}.rs is not run");
    }
}
