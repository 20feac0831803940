//! Damaged and shuffled descriptions and files, a fixed number of them: `make fuzz` goes on from here for as long as one
//! likes.

#[path = "common/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestError, TestRunner};

/// What changes put in: libFuzzer's dictionary, whose lines are texts in JSON.
static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let lines = include_str!("corpus/json.dict").lines();
    lines.map(|line| serde_json::from_str(line).expect("a text")).collect()
});

/// A change of some bytes, wherever they are.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Copy(Index, Index, usize),
    Replace(Index, &'static String),
}

impl Change {
    fn any() -> impl Strategy<Value = Change> {
        let place = any::<Index>;
        let token = || prop::sample::select(TOKENS.iter().collect::<Vec<_>>());
        // Mostly words: JSON that does not parse shows nothing of what lies behind.
        prop_oneof![
            1 => (place(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
            1 => (place(), 0..8u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
            1 => (place(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
            1 => (place(), 1..40usize).prop_map(|(at, length)| Change::Remove(at, length)),
            1 => (place(), place(), 1..200usize).prop_map(|(from, to, length)| Change::Copy(from, to, length)),
            1 => (place(), token()).prop_map(|(at, token)| Change::Insert(at, token.as_bytes().into())),
            8 => (place(), token()).prop_map(|(at, token)| Change::Replace(at, token)),
        ]
    }

    fn apply(&self, data: &mut Vec<u8>) {
        if data.is_empty() {
            return;
        }
        let rest = |data: &Vec<u8>, at: usize, length: usize| at..data.len().min(at + length);
        match self {
            Change::Set(at, byte) => *at.get_mut(data) = *byte,
            Change::Flip(at, bit) => *at.get_mut(data) ^= 1 << bit,
            Change::Insert(at, bytes) => drop(data.splice(at.index(data.len())..at.index(data.len()), bytes.clone())),
            Change::Remove(at, length) => drop(data.drain(rest(data, at.index(data.len()), *length))),
            Change::Copy(from, to, length) => {
                let piece = data[rest(data, from.index(data.len()), *length)].to_vec();
                let to = to.index(data.len());
                drop(data.splice(to..to, piece));
            }
            // A whole number, string or name, where there is one.
            Change::Replace(at, token) => {
                let at = at.index(data.len());
                let word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-+".contains(byte);
                let start = data[..at].iter().rposition(|byte| !word(byte)).map_or(0, |before| before + 1);
                let end = at + data[at..].iter().position(|byte| !word(byte)).unwrap_or(data.len() - at);
                drop(data.splice(start..end, token.bytes()));
            }
        }
    }
}

/// Feeds every file of a corpus to its target, as it is and changed in `inputs` ways that are the same in every run.
fn fuzz(name: &str, inputs: u32, target: fn(&[u8])) {
    static ONE: Mutex<()> = Mutex::new(()); // memory is counted
    let _alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("a corpus").map(|entry| entry.expect("a file").path()).collect();
    paths.sort_unstable();
    let corpus: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).expect("a file")).collect();
    corpus.iter().for_each(|data| target(data));
    let seed = RngSeed::Fixed(7);
    let config = ProptestConfig { cases: inputs, rng_seed: seed, failure_persistence: None, ..Default::default() };
    let changed = (prop::sample::select(corpus), prop::collection::vec(Change::any(), 1..4), 0..8u8);
    let result = TestRunner::new(config).run(&changed, |(mut data, changes, mend)| {
        let tensors = targets::after_header(&data);
        changes.iter().for_each(|change| change.apply(&mut data));
        if ["model_file", "checkpoint"].contains(&name) && mend > 0 {
            targets::mend_length(&mut data, tensors);
        }
        target(&data);
        Ok(())
    });
    if let Err(TestError::Fail(reason, (data, changes, mend))) = result {
        panic!("{reason}\nin {:?}, changed by {changes:?}, {mend}", String::from_utf8_lossy(&data));
    }
    result.expect("as many inputs as asked for");
}

#[test]
fn a_damaged_model_file_is_refused_or_is_the_model_that_it_was() {
    fuzz("model_file", 60_000, targets::model_file);
}

#[test]
fn a_damaged_checkpoint_is_refused_or_has_the_network_that_it_shows() {
    fuzz("checkpoint", 30_000, targets::checkpoint);
}

#[test]
fn a_shuffled_network_is_refused_or_built_asked_saved_and_read() {
    fuzz("network", 60_000, targets::network);
}

#[test]
fn a_shuffled_training_is_refused_or_ends_in_finite_weights() {
    fuzz("training", 10_000, targets::training);
}

#[test]
fn a_checkpoint_that_lies_under_whole_checksums_is_refused_or_gone_on_from_to_finite_weights() {
    fuzz("resume", 20_000, targets::resume);
}
