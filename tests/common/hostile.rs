//! Model files that lie, and what refusing one may cost.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use peak_alloc::PeakAlloc;
use purrceptron::error::Error;
use purrceptron::file::load;
use purrceptron::network::Model;
use serde_json::{Value, json};

use super::common::model_files::*;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Beyond the file's size, and that of the file as it is read here.
const MOST_MEMORY: usize = 10_000_000;

/// Tests run side by side; memory is counted for one at a time.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Refuses the file from the disk and from memory, without much memory, in one line that says `words`.
#[track_caller]
pub fn assert_refused(words: &[&str], file: impl FnOnce() -> Vec<u8>) -> String {
    let file = file();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hostile.safetensors");
    fs::write(&path, &file).expect("written");
    let measure = |load: &dyn Fn() -> Result<(Model, Notes), Error>| {
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let error = load().expect_err("a file that must be refused");
        let beyond = (MEMORY.peak_usage() - before).saturating_sub(file.len());
        assert!(matches!(error, Error::ModelFile { .. }), "{error:?}");
        let message = error.to_string();
        assert!(beyond < MOST_MEMORY, "{beyond} bytes for: {message}");
        assert!(message.len() < 1000 && !message.contains(char::is_control), "{message:?}");
        for word in words {
            assert!(message.contains(word), "{message} does not say {word:?}");
        }
        message
    };
    let message = measure(&|| load(&path));
    measure(&|| read(&file));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1, "a file was made");
    message
}

/// A file of a header and what follows it.
pub fn assembled(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// The header and the data of a file.
pub fn parts(file: &[u8]) -> (String, Vec<u8>) {
    let length = u64::from_le_bytes(*file.first_chunk().expect("eight bytes")) as usize;
    (String::from_utf8(file[8..8 + length].to_vec()).expect("text"), file[8 + length..].to_vec())
}

/// The file of a small model with one place in its header replaced.
pub fn edited(old: &str, new: &str) -> Vec<u8> {
    let (header, data) = parts(&write(&models()[2]));
    assert_eq!(header.matches(old).count(), 1, "{old:?} in {header}");
    assembled(&header.replace(old, new), &data)
}

/// The file of a small model with another text for a description, or one that is changed.
pub fn described(description: &str) -> Vec<u8> {
    let (_, data) = parts(&write(&models()[2]));
    let mut header = json!({"__metadata__": {"purrceptron": description}});
    for (name, shape, start) in [("layers.0.bias", vec![1], 0), ("layers.0.kernel", vec![1, 1], 4)] {
        header[name] = json!({"dtype": "F32", "shape": shape, "data_offsets": [start, start + 4]});
    }
    assembled(&header.to_string(), &data)
}

/// The description of a small model, changed.
pub fn with(place: &str, value: Value) -> String {
    let mut description = metadata(&write(&models()[2]));
    *description.pointer_mut(place).expect("a part of the description") = value;
    description.to_string()
}

/// `text` as often as it fits into `bytes`.
pub fn filled(bytes: usize, text: &str) -> String {
    text.repeat(bytes / text.len())
}

/// Different names, each followed by `value`, that fill so many bytes.
pub fn names(bytes: usize, value: &str) -> String {
    let length = 8 + value.len();
    (0..bytes / length).map(|i| format!("\"{i:05x}\"{value}")).collect::<Vec<_>>().join(",")
}
