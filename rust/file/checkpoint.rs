//! Files of checkpoints: model files, which any reader of those opens, with the state of the training beside the weights.
//!
//! That state is tensors named `training.*`, its whole numbers in the note `checkpoint`, and bytes of the caller's. A SHA-256
//! over all of them stands in that note, which the description's own checksum covers: a file is whole, or it is refused.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Contents, Tensor, assemble, file_dtype, little_endian, only, open, read, refusal, write_atomically};
use crate::error::{Error, Result};
use crate::math::{Float, zeros};
use crate::network::{InModel, Model, Network, hexadecimal};
use crate::train::{Checkpoint, Progress};

/// The note that makes a model file a checkpoint.
pub(super) const KEY: &str = "checkpoint";

const PREFIX: &str = "training.";

/// Arrays in the network's float type, arrays in double precision, and the caller's bytes.
const FLOATS: &str = "training.floats.";
const DOUBLES: &str = "training.doubles.";
const ATTACHED: &str = "training.attached";

/// Whether a tensor is of the training's state.
pub(super) fn owns(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// A checkpoint of either float type.
#[derive(Clone, Debug)]
pub enum AnyCheckpoint {
    /// Single precision.
    F32(Checkpoint<f32>),
    /// Double precision.
    F64(Checkpoint<f64>),
}

/// What a file of a checkpoint holds.
#[derive(Clone, Debug)]
pub struct CheckpointFile {
    /// The state of the training.
    pub checkpoint: AnyCheckpoint,
    /// The caller's notes.
    pub notes: BTreeMap<String, String>,
    /// The caller's bytes.
    pub attached: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    progress: Progress,
    checksum: String,
}

/// Writes a checkpoint, whole or not at all, to all of `paths`. `notes` and `attached` come back from
/// [`load_checkpoint`] as they are.
///
/// # Errors
/// [`Error::Io`] if a file cannot be written, [`Error::Data`] if a weight is not finite.
pub fn save_checkpoint<F: Float>(
    checkpoint: &Checkpoint<F>,
    paths: &[&Path],
    notes: &BTreeMap<String, String>,
    attached: &[u8],
) -> Result<()> {
    let Some(first) = paths.first() else { return Ok(()) };
    let mut tensors = Vec::new();
    let floats = checkpoint.floats.iter().map(|(name, values)| tensor(FLOATS, name, values));
    tensors.extend(floats.chain(checkpoint.doubles.iter().map(|(name, values)| tensor(DOUBLES, name, values))));
    tensors.push(Tensor {
        name: ATTACHED.into(),
        dtype: Dtype::U8,
        shape: vec![attached.len()],
        data: attached.to_vec(),
    });
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let checksum = checksum(&tensors);
    let described = Described { progress: checkpoint.progress.clone(), checksum };
    let described = serde_json::to_string(&described).map_err(|error| Error::Spec(error.to_string()))?;
    let mut notes = notes.clone();
    notes.insert(KEY.into(), described);
    let bytes = assemble(&[&checkpoint.network], &notes, &tensors, first)?;
    paths.iter().try_for_each(|path| write_atomically(path, &bytes))
}

fn tensor<F: Float>(prefix: &str, name: &str, values: &[F]) -> Tensor {
    let data = little_endian(values);
    Tensor { name: format!("{prefix}{name}"), dtype: file_dtype(F::DTYPE), shape: vec![values.len()], data }
}

/// SHA-256 of tensors in the order of their names.
fn checksum(tensors: &[Tensor]) -> String {
    let mut hash = Sha256::new();
    for Tensor { name, dtype, shape, data } in tensors {
        hash.update(format!("{name} {dtype:?} {shape:?}\n"));
        hash.update(data);
    }
    hexadecimal(&hash.finalize())
}

/// Reads a checkpoint. Like a model file it is checked against its size and its checksums before it is used; whether its
/// arrays fit a training is checked by the training that goes on from it.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::ModelFile`] if it is truncated, foreign, damaged, too new, or a model file
/// without a training.
pub fn load_checkpoint(path: &Path) -> Result<CheckpointFile> {
    let (mut file, size) = open(path)?;
    checkpoint(read(&mut file, size, path, true)?, path)
}

/// Reads the bytes of a checkpoint as [`load_checkpoint`] reads a file; `path` is for messages.
pub fn checkpoint_from_bytes(bytes: &[u8], path: &Path) -> Result<CheckpointFile> {
    checkpoint(read(&mut Cursor::new(bytes), bytes.len() as u64, path, true)?, path)
}

/// The checkpoint that a file holds.
fn checkpoint(contents: Contents, path: &Path) -> Result<CheckpointFile> {
    let Contents { models, mut notes, more: tensors } = contents;
    let model = only(models, path)?;
    let fail = |reason: String| refusal(path, &reason);
    let described = notes.remove(KEY).ok_or_else(|| fail("a model file, but no checkpoint of a training".into()))?;
    let described: Described = serde_json::from_str(&described)
        .map_err(|error| fail(format!("the description of the checkpoint does not parse: {error}")))?;
    if checksum(&tensors) != described.checksum {
        return Err(fail("damaged: the state of the training does not have the checksum saved with it".into()));
    }
    let explain = |error: Error| match error {
        Error::Memory { .. } => error,
        _ => fail(error.to_string()),
    };
    let progress = described.progress;
    progress.check().map_err(explain)?;
    let (checkpoint, attached) = match model {
        Model::F32(network) => {
            state(network, progress, tensors).map(|(own, attached)| (InCheckpoint::any(own), attached))
        }
        Model::F64(network) => {
            state(network, progress, tensors).map(|(own, attached)| (InCheckpoint::any(own), attached))
        }
    }
    .map_err(explain)?;
    Ok(CheckpointFile { checkpoint, notes, attached })
}

/// The checkpoint of which these are the tensors, and the caller's bytes.
fn state<F: Float>(network: Network<F>, progress: Progress, tensors: Vec<Tensor>) -> Result<(Checkpoint<F>, Vec<u8>)> {
    let mut checkpoint = Checkpoint { network, progress, floats: BTreeMap::new(), doubles: BTreeMap::new() };
    let mut attached = Vec::new();
    for tensor in tensors {
        let name = tensor.name.clone();
        if let Some(name) = name.strip_prefix(FLOATS) {
            checkpoint.floats.insert(name.into(), numbers::<F>(tensor)?);
        } else if let Some(name) = name.strip_prefix(DOUBLES) {
            checkpoint.doubles.insert(name.into(), numbers::<f64>(tensor)?);
        } else if name == ATTACHED {
            attached = bytes(tensor, Dtype::U8)?;
        } else {
            return Err(Error::Data(format!("tensor {name} is no part of a checkpoint")));
        }
    }
    Ok((checkpoint, attached))
}

/// The numbers of a tensor.
fn numbers<F: Float>(tensor: Tensor) -> Result<Vec<F>> {
    let bytes = bytes(tensor, file_dtype(F::DTYPE))?;
    let mut numbers = zeros("a checkpoint", bytes.len() / size_of::<F>())?;
    F::read_le(&bytes, &mut numbers);
    Ok(numbers)
}

/// The bytes of a tensor of one axis.
fn bytes(tensor: Tensor, dtype: Dtype) -> Result<Vec<u8>> {
    if tensor.dtype == dtype && tensor.shape.len() == 1 {
        return Ok(tensor.data);
    }
    let got = format!("{:?} {:?}", tensor.dtype, tensor.shape);
    Err(Error::shape(format!("tensor {}", tensor.name), format!("{dtype:?} of one axis"), got))
}

/// A float type that an [`AnyCheckpoint`] can have.
pub trait InCheckpoint: InModel {
    /// A checkpoint of either type.
    fn any(checkpoint: Checkpoint<Self>) -> AnyCheckpoint;
    /// The checkpoint, if it is of this type.
    fn of(checkpoint: &AnyCheckpoint) -> Option<&Checkpoint<Self>>;
}

macro_rules! in_checkpoint {
    ($float:ident, $variant:ident) => {
        impl InCheckpoint for $float {
            fn any(checkpoint: Checkpoint<Self>) -> AnyCheckpoint {
                AnyCheckpoint::$variant(checkpoint)
            }
            fn of(checkpoint: &AnyCheckpoint) -> Option<&Checkpoint<Self>> {
                if let AnyCheckpoint::$variant(own) = checkpoint { Some(own) } else { None }
            }
        }
    };
}
in_checkpoint!(f32, F32);
in_checkpoint!(f64, F64);
