//! Model files: safetensors, which are data and no code.
//!
//! Tensors are named as the network's parameters and buffers. The header's metadata has one entry, `purrceptron`: a JSON object
//! with the format version, the library's version, the network's spec, the weights' fingerprint and the caller's own
//! notes. (One entry, because the order of several would change from file to file.) Everything that a file claims is
//! checked against its size and its spec before memory is taken for it, and the fingerprint after.

mod atomic;
mod checkpoint;
mod description;
mod header;
mod lock;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use safetensors::tensor::{Dtype, TensorInfo, TensorView, serialize};

use crate::error::{Error, Result};
use crate::layer::{Parameter, length};
use crate::math::{DType, Float, check_room, space, zeros};
use crate::network::{Model, Network};
use crate::spec::NetworkSpec;
use crate::with_network;
pub use atomic::write_atomically;
pub use checkpoint::{
    AnyCheckpoint, CheckpointFile, InCheckpoint, checkpoint_from_bytes, load_checkpoint, save_checkpoint,
};
use description::Description;
use header::{Header, Named};
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
    let fail = |reason: String| refusal(path, &reason);
    let description = Description::of(network, notes)?;
    let description = serde_json::to_string(&description).map_err(|error| fail(error.to_string()))?;
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

/// Reads a model file, with the notes that were saved with it.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::ModelFile`] if it is truncated, foreign, damaged, or too new,
/// [`Error::Memory`] if it is whole and there is no room for it.
pub fn load(path: &Path) -> Result<(Model, BTreeMap<String, String>)> {
    let (mut file, size) = open(path)?;
    let Contents { model, notes, .. } = read(&mut file, size, path, false)?;
    Ok((model, notes))
}

/// Reads the bytes of a model file; `path` is for messages.
pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<(Model, BTreeMap<String, String>)> {
    let Contents { model, notes, .. } = read(&mut Cursor::new(bytes), bytes.len() as u64, path, false)?;
    Ok((model, notes))
}

/// A regular file, and its size.
fn open(path: &Path) -> Result<(File, u64)> {
    let io = |source| Error::Io { path: path.to_path_buf(), source };
    // Opening a pipe would wait for its other end.
    let kind = std::fs::metadata(path).map_err(io)?;
    if !kind.is_file() {
        let reason = if kind.is_dir() { "is a folder, not a model file" } else { "is no regular file" };
        return Err(refusal(path, reason));
    }
    let file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    Ok((file, size))
}

/// What a file holds.
struct Contents {
    model: Model,
    notes: BTreeMap<String, String>,
    /// What a checkpoint has beside the model, if it was asked for, in the order of the names.
    more: Vec<Tensor>,
}

/// Reads a model from a file of `size` bytes. The header is held against the size, the description against its limits, the
/// tensors against the description and the size; then memory is taken for the weights, and they are read into it.
fn read(file: &mut (impl Read + Seek), size: u64, path: &Path, wants_more: bool) -> Result<Contents> {
    let fail = |reason: String| refusal(path, &reason);
    let io = |error: std::io::Error| match error.kind() {
        ErrorKind::UnexpectedEof => fail(format!("{FOREIGN}, or truncated: {size} bytes")),
        _ => Error::Io { path: path.to_path_buf(), source: error },
    };
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(io)?;
    let length = u64::from_le_bytes(length);
    if length > MOST_HEADER {
        return Err(fail(format!("{FOREIGN}: no header of at most 1 MiB")));
    }
    let Some(bytes) = size.checked_sub(8 + length) else { return Err(io(ErrorKind::UnexpectedEof.into())) };
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(io)?;
    let mut header = Header::parse(&header).map_err(|error| fail(format!("{FOREIGN}: {error}")))?;
    let description = Description::read(&mut header, path)?;
    let whole = description.is_whole()?;
    let Description { network: spec, fingerprint, notes, .. } = description;
    let explain = |error: Error| match error {
        Error::Io { source, .. } => io(source),
        Error::Memory { .. } => error,
        _ => fail(error.to_string()),
    };
    let is_more = |name: &str| notes.contains_key(checkpoint::KEY) && checkpoint::owns(name);
    let mut data = Data { file, path, first: 8 + length };
    let (model, places) = match spec.dtype {
        DType::Float32 => {
            let read = data.network(spec, &header, bytes, is_more, &fingerprint);
            read.map(|(network, places)| (Model::F32(network), places))
        }
        DType::Float64 => {
            let read = data.network(spec, &header, bytes, is_more, &fingerprint);
            read.map(|(network, places)| (Model::F64(network), places))
        }
    }
    .map_err(explain)?;
    if !whole {
        return Err(fail("damaged: the description of the network does not have the checksum saved with it".into()));
    }
    let more = places.into_iter().filter(|_| wants_more);
    let more = more.map(|(name, tensor)| data.tensor(name, tensor)).collect::<Result<_>>().map_err(explain)?;
    Ok(Contents { model, notes, more })
}

const FOREIGN: &str = "not a purrceptron model file (safetensors)";

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

/// What follows the header.
struct Data<'a, R> {
    file: &'a mut R,
    path: &'a Path,
    first: u64,
}

impl<R: Read + Seek> Data<'_, R> {
    /// The network of `spec` with its weights, and where the tensors are that are none of them.
    fn network<'h, F: Float>(
        &mut self,
        spec: NetworkSpec,
        header: &'h Header,
        bytes: u64,
        is_more: impl Fn(&str) -> bool,
        fingerprint: &str,
    ) -> Result<(Network<F>, Vec<Named<'h>>)> {
        let mut network = Network::<F>::without_weights(spec)?;
        let (parameters, buffers) = (network.named_parameters(), network.named_buffers());
        let arrays = parameters.iter().chain(buffers).map(|array| (array.name.as_str(), array.shape.as_slice()));
        let arrays: Vec<_> = arrays.collect();
        let (places, more) = header.places(&arrays, file_dtype(F::DTYPE), is_more, bytes)?;
        let (learned, gathered) = places.split_at(parameters.len());
        let mut read = |arrays: &[Parameter], places: &[TensorInfo]| {
            let mut values = zeros("a model file", length(arrays))?;
            for (array, place) in arrays.iter().zip(places) {
                self.array(&mut values[array.range.clone()], place)?;
            }
            Ok::<_, Error>(values)
        };
        let (parameters, buffers) = (read(parameters, learned)?, read(buffers, gathered)?);
        network.set_parameters(parameters)?;
        network.set_buffers(buffers)?;
        if network.fingerprint()? != fingerprint {
            return Err(Error::Data(
                "damaged: the weights do not have the fingerprint that was saved with them".into(),
            ));
        }
        Ok((network, more))
    }

    /// Fills an array from its place, a piece at a time.
    fn array<F: Float>(&mut self, values: &mut [F], place: &TensorInfo) -> Result<()> {
        self.seek(place)?;
        let mut bytes = [0; 1 << 14];
        for values in values.chunks_mut(bytes.len() / size_of::<F>()) {
            let bytes = &mut bytes[..size_of_val(values)];
            self.file.read_exact(bytes).map_err(|source| self.error(source))?;
            F::read_le(bytes, values);
        }
        Ok(())
    }

    /// A tensor as it is.
    fn tensor(&mut self, name: &str, place: TensorInfo) -> Result<Tensor> {
        self.seek(&place)?;
        let length = place.data_offsets.1 - place.data_offsets.0;
        let mut data = space("a checkpoint", length)?;
        data.resize(length, 0);
        self.file.read_exact(&mut data).map_err(|source| self.error(source))?;
        Ok(Tensor { name: name.into(), dtype: place.dtype, shape: place.shape, data })
    }

    fn seek(&mut self, place: &TensorInfo) -> Result<()> {
        let start = self.first + place.data_offsets.0 as u64;
        self.file.seek(SeekFrom::Start(start)).map_err(|source| self.error(source))?;
        Ok(())
    }

    fn error(&self, source: std::io::Error) -> Error {
        Error::Io { path: self.path.into(), source }
    }
}
