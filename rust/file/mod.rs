//! Model files: safetensors, which are data and no code.
//!
//! Tensors are named as the network's parameters and buffers. The header's metadata has one entry, `purrceptron`: a JSON object
//! with the format version, the library's version, the network's spec, the weights' fingerprint and the caller's own
//! notes. (One entry, because the order of several would change from file to file.) Everything that a file claims is
//! checked against its size and its spec before memory is taken for it, and the fingerprint after.

mod atomic;
mod checkpoint;
mod lock;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::layer::Parameter;
use crate::math::{DType, Float, check_room};
use crate::network::{Model, Network, hexadecimal};
use crate::spec::NetworkSpec;
use crate::with_network;
pub use atomic::write_atomically;
pub use checkpoint::{AnyCheckpoint, CheckpointFile, InCheckpoint, load_checkpoint, save_checkpoint};
pub use lock::DirectoryLock;

/// Version of the metadata's layout. Older ones always load; a newer one is refused.
const FORMAT_VERSION: u32 = 1;

/// Longest header: 8 bytes of length not counted.
const MOST_HEADER: u64 = 1 << 20;

/// The metadata's one key.
const KEY: &str = "purrceptron";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    format_version: u32,
    library_version: String,
    network: NetworkSpec,
    fingerprint: String,
    notes: BTreeMap<String, String>,
    checksum: String,
}

impl Metadata {
    /// SHA-256 of everything else in here: what the fingerprint is for the weights.
    fn sum(&self) -> Result<String> {
        let rest = (self.format_version, &self.library_version, &self.network, &self.fingerprint, &self.notes);
        let text = serde_json::to_string(&rest).map_err(|error| Error::Spec(error.to_string()))?;
        Ok(hexadecimal(&Sha256::digest(text)))
    }
}

/// What is read first, to tell a newer format from a damaged one.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
    library_version: Option<String>,
}

/// Writes `model` to `path`, whole or not at all. `notes` come back from [`load`] as they are.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written, [`Error::Data`] if a weight is not finite.
pub fn save(model: &Model, path: &Path, notes: &BTreeMap<String, String>) -> Result<()> {
    write_atomically(path, &to_bytes(model, notes, path)?)
}

/// The bytes of a model file; `path` is for messages.
pub fn to_bytes(model: &Model, notes: &BTreeMap<String, String>, path: &Path) -> Result<Vec<u8>> {
    with_network!(model, network => assemble(network, notes, &[], path))
}

/// The bytes of a model file with some tensors more.
fn assemble<F: Float>(
    network: &Network<F>,
    notes: &BTreeMap<String, String>,
    more: &[Tensor],
    path: &Path,
) -> Result<Vec<u8>> {
    let mut metadata = Metadata {
        format_version: FORMAT_VERSION,
        library_version: env!("CARGO_PKG_VERSION").into(),
        network: network.spec().clone(),
        fingerprint: network.fingerprint()?,
        notes: notes.clone(),
        checksum: String::new(),
    };
    metadata.checksum = metadata.sum()?;
    let fail = |reason: String| Error::ModelFile { path: path.into(), reason };
    let metadata = serde_json::to_string(&metadata).map_err(|error| fail(error.to_string()))?;
    let bytes = network.arrays().map(|(_, values)| size_of_val(values)).sum::<usize>();
    let additional = more.iter().map(|tensor| tensor.data.len()).sum::<usize>();
    check_room::<u8>("a model file", 2 * bytes + additional)?; // array by array, and put together
    let data = little_endian(network);
    let mut tensors = Vec::new();
    for ((parameter, _), data) in network.arrays().zip(&data) {
        let view = TensorView::new(file_dtype(network.spec().dtype), parameter.shape.clone(), data);
        tensors.push((parameter.name.as_str(), view.map_err(|error| fail(error.to_string()))?));
    }
    for Tensor { name, dtype, shape, data } in more {
        let view = TensorView::new(*dtype, shape.clone(), data);
        tensors.push((name.as_str(), view.map_err(|error| fail(error.to_string()))?));
    }
    let bytes = serialize(tensors, Some(HashMap::from([(KEY.into(), metadata)])));
    let bytes = bytes.map_err(|error| fail(error.to_string()))?;
    match header_length(&bytes) {
        Some(length) if length <= MOST_HEADER => Ok(bytes),
        _ => Err(fail("the description of the network and the notes are longer than 1 MiB".into())),
    }
}

/// A tensor beside those of the network.
struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

fn little_endian<F: Float>(network: &Network<F>) -> Vec<Vec<u8>> {
    let bytes = |values: &[F]| {
        let mut bytes = Vec::with_capacity(std::mem::size_of_val(values));
        values.iter().for_each(|value| value.write_le(&mut bytes));
        bytes
    };
    network.arrays().map(|(_, values)| bytes(values)).collect()
}

fn file_dtype(dtype: DType) -> Dtype {
    match dtype {
        DType::Float32 => Dtype::F32,
        DType::Float64 => Dtype::F64,
    }
}

fn header_length(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|length| u64::from_le_bytes(*length))
}

/// Reads a model file, with the notes that were saved with it.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::ModelFile`] if it is truncated, foreign, damaged, or too new.
pub fn load(path: &Path) -> Result<(Model, BTreeMap<String, String>)> {
    from_bytes(&read(path)?, path)
}

/// The bytes of a file that says it is a model file.
fn read(path: &Path) -> Result<Vec<u8>> {
    let io = |source| Error::Io { path: path.to_path_buf(), source };
    let fail = |reason: &str| Error::ModelFile { path: path.into(), reason: reason.into() };
    // Opening a pipe would wait for its other end.
    let kind = std::fs::metadata(path).map_err(io)?;
    if !kind.is_file() {
        return Err(fail(if kind.is_dir() { "is a folder, not a model file" } else { "is no regular file" }));
    }
    let mut file = File::open(path).map_err(io)?;
    // The header first: a file that is no model is refused before the rest of it is read.
    let mut bytes = Vec::new();
    file.by_ref().take(8).read_to_end(&mut bytes).map_err(io)?;
    let length = header_length(&bytes).filter(|length| *length <= MOST_HEADER);
    let length = length.ok_or_else(|| fail(&format!("{FOREIGN}: no header of at most 1 MiB")))?;
    file.by_ref().take(length).read_to_end(&mut bytes).map_err(io)?;
    describe(&bytes, path)?;
    file.read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

const FOREIGN: &str = "not a purrceptron model file (safetensors)";

/// The metadata of a file that begins with `bytes`.
fn describe(bytes: &[u8], path: &Path) -> Result<Metadata> {
    /// A safetensors header, of which only this counts here.
    #[derive(Deserialize)]
    struct Header {
        #[serde(rename = "__metadata__")]
        metadata: Option<HashMap<String, String>>,
    }
    let fail = |reason: String| Error::ModelFile { path: path.into(), reason };
    let header = header_length(bytes).and_then(|length| bytes.get(8..)?.get(..usize::try_from(length).ok()?));
    let header = header.ok_or_else(|| fail(format!("{FOREIGN}, or truncated: {} bytes", bytes.len())))?;
    let header: Header = serde_json::from_slice(header).map_err(|error| fail(format!("{FOREIGN}: {error}")))?;
    let text = header.metadata.and_then(|mut metadata| metadata.remove(KEY));
    let text =
        text.ok_or_else(|| fail("a safetensors file, but not a purrceptron model: no description in it".into()))?;
    let bad = |error: serde_json::Error| fail(format!("the description of the network does not parse: {error}"));
    let version: Version = serde_json::from_str(&text).map_err(bad)?;
    if !(1..=FORMAT_VERSION).contains(&version.format_version) {
        return Err(fail(format!(
            "written by purrceptron {} in format {}; this version reads formats 1 to {FORMAT_VERSION}: upgrade purrceptron",
            version.library_version.as_deref().unwrap_or("(unknown)"),
            version.format_version
        )));
    }
    serde_json::from_str(&text).map_err(bad)
}

/// Reads the bytes of a model file; `path` is for messages.
pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<(Model, BTreeMap<String, String>)> {
    let fail = |reason: String| Error::ModelFile { path: path.into(), reason };
    let metadata = describe(bytes, path)?;
    let tensors = SafeTensors::deserialize(bytes);
    let tensors = tensors.map_err(|error| fail(format!("truncated or damaged: {error}")))?;
    let explain = |error: Error| fail(error.to_string());
    let model = match metadata.network.dtype {
        DType::Float32 => Model::F32(read_weights(&metadata, &tensors).map_err(explain)?),
        DType::Float64 => Model::F64(read_weights(&metadata, &tensors).map_err(explain)?),
    };
    if metadata.sum()? != metadata.checksum {
        return Err(fail("damaged: the description of the network does not have the checksum saved with it".into()));
    }
    Ok((model, metadata.notes))
}

/// The network of a description with the weights in `tensors`. A checkpoint is a model file with some tensors more.
fn read_weights<F: Float>(metadata: &Metadata, tensors: &SafeTensors) -> Result<Network<F>> {
    let mut network = Network::<F>::without_weights(metadata.network.clone())?;
    let arrays = network.named_parameters().len() + network.named_buffers().len();
    let of_checkpoint = |name: &&str| metadata.notes.contains_key(checkpoint::KEY) && checkpoint::owns(name);
    let got = tensors.len() - tensors.names().into_iter().filter(of_checkpoint).count();
    if got != arrays {
        let expected = format!("{arrays} as the network has");
        return Err(Error::shape("number of tensors", expected, got.to_string()));
    }
    let read = |arrays: &[Parameter]| {
        let mut values = Vec::new();
        for Parameter { name, shape, .. } in arrays {
            let tensor = tensors.tensor(name).map_err(|_| Error::Data(format!("tensor {name} is missing")))?;
            if tensor.dtype() != file_dtype(F::DTYPE) || tensor.shape() != shape {
                return Err(Error::shape(
                    format!("tensor {name}"),
                    format!("{:?} {shape:?}", file_dtype(F::DTYPE)),
                    format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
                ));
            }
            values.extend(F::read_le(tensor.data()));
        }
        Ok(values)
    };
    let (parameters, buffers) = (read(network.named_parameters())?, read(network.named_buffers())?);
    network.set_parameters(parameters)?;
    network.set_buffers(buffers)?;
    if network.fingerprint()? != metadata.fingerprint {
        return Err(Error::Data("damaged: the weights do not have the fingerprint that was saved with them".into()));
    }
    Ok(network)
}
