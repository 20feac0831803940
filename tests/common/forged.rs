//! Checkpoints as a forger writes them: parts that say what he likes, under checksums that hold.

use std::collections::{BTreeMap, HashMap};

use purrceptron::spec::NetworkSpec;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A tensor: its name, type, shape and bytes.
pub type Part = (String, Dtype, Vec<usize>, Vec<u8>);

/// What a checkpoint is made of.
#[derive(Clone)]
pub struct Parts {
    /// The description of the file.
    pub metadata: Value,
    /// The description of the training.
    pub described: Value,
    /// In the order of their names.
    pub tensors: Vec<Part>,
}

impl Parts {
    /// The parts of a file that is whole.
    pub fn of(file: &[u8]) -> Parts {
        let (_, header) = SafeTensors::read_metadata(file).expect("a file");
        let texts = header.metadata().as_ref().expect("metadata");
        let metadata: Value = serde_json::from_str(&texts["purrceptron"]).expect("JSON");
        let note = metadata["notes"]["checkpoint"].as_str().expect("a note");
        let described = serde_json::from_str(note).expect("JSON");
        let tensors = SafeTensors::deserialize(file).expect("a file");
        let part = |(name, t): (&str, TensorView)| (name.into(), t.dtype(), t.shape().to_vec(), t.data().to_vec());
        let mut tensors: Vec<Part> = tensors.iter().map(part).collect();
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        Parts { metadata, described, tensors }
    }

    /// The tensor of this name.
    pub fn tensor(&mut self, name: &str) -> &mut Part {
        self.tensors.iter_mut().find(|part| part.0 == name).expect("there")
    }

    /// The file, with its checksums made anew.
    pub fn sign(mut self) -> Vec<u8> {
        self.tensors.sort_by(|a, b| a.0.cmp(&b.0));
        let mut hash = Sha256::new();
        for (name, dtype, shape, data) in self.tensors.iter().filter(|part| part.0.starts_with("training.")) {
            hash.update(format!("{name} {dtype:?} {shape:?}\n"));
            hash.update(data);
        }
        self.described["checksum"] = json!(hexadecimal(hash));
        let metadata = &mut self.metadata;
        metadata["notes"]["checkpoint"] = json!(self.described.to_string());
        let spec = serde_json::from_value::<NetworkSpec>(metadata["network"].clone()).expect("a spec");
        let notes: BTreeMap<String, String> = serde_json::from_value(metadata["notes"].clone()).expect("notes");
        let summed = (1, metadata["library_version"].as_str(), spec, metadata["fingerprint"].as_str(), notes);
        let hash = Sha256::new_with_prefix(serde_json::to_string(&summed).expect("JSON"));
        metadata["checksum"] = json!(hexadecimal(hash));
        let text = HashMap::from([("purrceptron".to_string(), metadata.to_string())]);
        let views = self.tensors.iter().map(|(name, dtype, shape, data)| {
            (name.as_str(), TensorView::new(*dtype, shape.clone(), data).expect("a tensor"))
        });
        safetensors::serialize(views, Some(text)).expect("a file")
    }
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
