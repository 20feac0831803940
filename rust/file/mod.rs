//! Model files: safetensors, which are data and no code.
//!
//! Tensors are named as the network's parameters and buffers. The header's metadata has one entry, `purrceptron`: a JSON object
//! with the format version, the library's version, the network's spec, the weights' fingerprint and the caller's own
//! notes. (One entry, because the order of several would change from file to file.) Everything that a file claims is
//! checked against its size and its spec before memory is taken for it, and the fingerprint after.
//!
//! An ensemble is several networks that differ in seed and weights alone. Its file is that of the first network, with the
//! seeds and fingerprints of the others in the description, and their tensors as `members.1.*`, `members.2.*` and so on.

mod atomic;
mod checkpoint;
mod contents;
mod description;
mod header;
mod lock;

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::path::Path;
use std::slice;

use safetensors::tensor::{Dtype, TensorView, serialize};

use crate::error::{Error, Result};
use crate::math::{DType, Float, check_room};
use crate::network::{InModel, Model, Network};
pub use atomic::write_atomically;
pub use checkpoint::{
    AnyCheckpoint, CheckpointFile, InCheckpoint, checkpoint_from_bytes, load_checkpoint, save_checkpoint,
};
use contents::{Contents, open, read};
use description::Description;
use header::Header;
pub use lock::DirectoryLock;

/// Longest header: 8 bytes of length not counted.
const MOST_HEADER: u64 = 1 << 20;

/// Longest reason in an error, in letters: a file must not fill a screen.
const MOST_REASON: usize = 300;

/// The metadata's one key.
const KEY: &str = "purrceptron";

/// Writes `model` to `path`, whole or not at all. `notes` come back from [`load`] as they are.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written, [`Error::Data`] if a weight is not finite.
pub fn save(model: &Model, path: &Path, notes: &BTreeMap<String, String>) -> Result<()> {
    save_ensemble(slice::from_ref(model), path, notes)
}

/// Writes an ensemble to one file, which [`load_ensemble`] reads; of one network it is the file that [`save`] writes.
///
/// # Errors
/// As of [`save`]; and [`Error::Spec`] if there is no network, or if two differ in more than seed and weights.
pub fn save_ensemble(models: &[impl Borrow<Model>], path: &Path, notes: &BTreeMap<String, String>) -> Result<()> {
    write_atomically(path, &ensemble_to_bytes(models, notes, path)?)
}

/// The bytes of a model file; `path` is for messages.
pub fn to_bytes(model: &Model, notes: &BTreeMap<String, String>, path: &Path) -> Result<Vec<u8>> {
    ensemble_to_bytes(slice::from_ref(model), notes, path)
}

/// The bytes of the file of an ensemble; `path` is for messages.
pub fn ensemble_to_bytes(
    models: &[impl Borrow<Model>],
    notes: &BTreeMap<String, String>,
    path: &Path,
) -> Result<Vec<u8>> {
    match models.first().map(Borrow::borrow) {
        Some(Model::F64(_)) => assemble(&of_type::<f64>(models)?, notes, &[], path),
        _ => assemble(&of_type::<f32>(models)?, notes, &[], path),
    }
}

fn of_type<F: InModel>(models: &[impl Borrow<Model>]) -> Result<Vec<&Network<F>>> {
    models.iter().map(|model| F::network(model.borrow())).collect()
}

/// The bytes of a model file of networks of one spec, with some tensors more.
fn assemble<F: Float>(
    networks: &[&Network<F>],
    notes: &BTreeMap<String, String>,
    more: &[Tensor],
    path: &Path,
) -> Result<Vec<u8>> {
    let fail = |reason: String| refusal(path, &reason);
    let description = Description::of(networks, notes)?;
    let description = serde_json::to_string(&description).map_err(|error| fail(error.to_string()))?;
    let arrays = || networks.iter().enumerate().flat_map(|(i, network)| network.arrays().map(move |array| (i, array)));
    let bytes = arrays().map(|(_, (_, values))| size_of_val(values)).sum::<usize>();
    let additional = more.iter().map(|tensor| tensor.data.len()).sum::<usize>();
    check_room::<u8>("a model file", 2 * bytes + additional)?; // array by array, and put together
    let own = arrays().map(|(i, (place, values))| Tensor {
        name: tensor_name(i, &place.name),
        dtype: file_dtype(F::DTYPE),
        shape: place.shape.clone(),
        data: little_endian(values),
    });
    let own: Vec<Tensor> = own.collect();
    let mut tensors = Vec::new();
    for Tensor { name, dtype, shape, data } in own.iter().chain(more) {
        let view = TensorView::new(*dtype, shape.clone(), data);
        tensors.push((name.as_str(), view.map_err(|error| fail(error.to_string()))?));
    }
    let bytes = serialize(tensors, Some(HashMap::from([(KEY.into(), description)])));
    let bytes = bytes.map_err(|error| fail(error.to_string()))?;
    let header = bytes.first_chunk().and_then(|length| bytes.get(8..)?.get(..u64::from_le_bytes(*length) as usize));
    let header = header.filter(|header| header.len() as u64 <= MOST_HEADER);
    let longer = || fail("the description of the network and the notes are longer than 1 MiB".into());
    // What is written can be read again: the limits are those of the reader.
    let mut header = Header::parse(header.ok_or_else(longer)?).map_err(|error| fail(error.to_string()))?;
    Description::read(&mut header, path)?;
    Ok(bytes)
}

/// A tensor of a file.
struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

fn little_endian<F: Float>(values: &[F]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size_of_val(values));
    values.iter().for_each(|value| value.write_le(&mut bytes));
    bytes
}

/// Name in the file of an array of the network that is number `member` of the ensemble.
fn tensor_name(member: usize, name: &str) -> String {
    if member == 0 { name.into() } else { format!("members.{member}.{name}") }
}

fn file_dtype(dtype: DType) -> Dtype {
    match dtype {
        DType::Float32 => Dtype::F32,
        DType::Float64 => Dtype::F64,
    }
}

/// Reads a model file, with the notes that were saved with it.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::ModelFile`] if it is truncated, foreign, damaged, too new, or an ensemble,
/// [`Error::Memory`] if it is whole and there is no room for it.
pub fn load(path: &Path) -> Result<(Model, BTreeMap<String, String>)> {
    let (models, notes) = load_ensemble(path)?;
    Ok((only(models, path)?, notes))
}

/// Reads a model file of one network or of an ensemble.
///
/// # Errors
/// As of [`load`], but for the last.
pub fn load_ensemble(path: &Path) -> Result<(Vec<Model>, BTreeMap<String, String>)> {
    let (mut file, size) = open(path)?;
    let Contents { models, notes, .. } = read(&mut file, size, path, false)?;
    Ok((models, notes))
}

/// Reads the bytes of a model file as [`load`] reads a file; `path` is for messages.
pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<(Model, BTreeMap<String, String>)> {
    let (models, notes) = ensemble_from_bytes(bytes, path)?;
    Ok((only(models, path)?, notes))
}

/// Reads the bytes of a model file as [`load_ensemble`] reads a file; `path` is for messages.
pub fn ensemble_from_bytes(bytes: &[u8], path: &Path) -> Result<(Vec<Model>, BTreeMap<String, String>)> {
    let Contents { models, notes, .. } = read(&mut Cursor::new(bytes), bytes.len() as u64, path, false)?;
    Ok((models, notes))
}

/// The one network of a file.
fn only(models: Vec<Model>, path: &Path) -> Result<Model> {
    let one = <[Model; 1]>::try_from(models);
    let [model] = one.map_err(|models| refusal(path, &format!("an ensemble of {} networks, not one", models.len())))?;
    Ok(model)
}

/// A file may speak through the reason: what a terminal would obey is spelled out, and what is long is cut.
fn refusal(path: &Path, reason: &str) -> Error {
    let plain = |letter: char| match letter {
        '"' | '\'' | '\\' => letter.to_string(),
        _ => letter.escape_debug().to_string(),
    };
    let mut short: String = reason.chars().take(MOST_REASON).map(plain).collect();
    if reason.chars().nth(MOST_REASON).is_some() {
        short.push('…');
    }
    Error::ModelFile { path: path.into(), reason: short }
}
