//! Reading a model file: the header, then the weights of every network that it describes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use safetensors::tensor::TensorInfo;

use super::description::Description;
use super::header::{Header, Named};
use super::{MOST_HEADER, Tensor, checkpoint, file_dtype, refusal, tensor_name};
use crate::error::{Error, Result};
use crate::layer::{Parameter, length};
use crate::math::{DType, Float, space, zeros};
use crate::network::{InModel, Model, Network};

/// A regular file, and its size.
pub fn open(path: &Path) -> Result<(File, u64)> {
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
pub struct Contents {
    /// One network, or those of an ensemble.
    pub models: Vec<Model>,
    /// The caller's own.
    pub notes: BTreeMap<String, String>,
    /// What a checkpoint has beside the model, if it was asked for, in the order of the names.
    pub more: Vec<Tensor>,
}

/// Reads what a file of `size` bytes holds. The header is held against the size, the description against its limits, the
/// tensors against the description and the size; then memory is taken for the weights, and they are read into it.
pub fn read(file: &mut (impl Read + Seek), size: u64, path: &Path, wants_more: bool) -> Result<Contents> {
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
    let explain = |error: Error| match error {
        Error::Io { source, .. } => io(source),
        Error::Memory { .. } => error,
        _ => fail(error.to_string()),
    };
    let is_more = |name: &str| description.notes.contains_key(checkpoint::KEY) && checkpoint::owns(name);
    let mut data = Data { file, path, first: 8 + length };
    let (models, places) = match description.network.dtype {
        DType::Float32 => data.models::<f32>(&description, &header, bytes, is_more),
        DType::Float64 => data.models::<f64>(&description, &header, bytes, is_more),
    }
    .map_err(explain)?;
    if !whole {
        return Err(fail("damaged: the description of the network does not have the checksum saved with it".into()));
    }
    let more = places.into_iter().filter(|_| wants_more);
    let more = more.map(|(name, tensor)| data.tensor(name, tensor)).collect::<Result<_>>().map_err(explain)?;
    Ok(Contents { models, notes: description.notes, more })
}

const FOREIGN: &str = "not a purrceptron model file (safetensors)";

/// What follows the header.
struct Data<'a, R> {
    file: &'a mut R,
    path: &'a Path,
    first: u64,
}

impl<R: Read + Seek> Data<'_, R> {
    /// The networks that are described, with their weights, and where the tensors are that are none of them.
    fn models<'h, F: InModel>(
        &mut self,
        description: &Description,
        header: &'h Header,
        bytes: u64,
        is_more: impl Fn(&str) -> bool,
    ) -> Result<(Vec<Model>, Vec<Named<'h>>)> {
        let (specs, fingerprints): (Vec<_>, Vec<_>) = description.networks().unzip();
        let networks = specs.into_iter().map(Network::<F>::without_weights).collect::<Result<Vec<_>>>()?;
        let arrays = networks.iter().enumerate().flat_map(|(i, network)| {
            let arrays = network.named_parameters().iter().chain(network.named_buffers());
            arrays.map(move |array| (tensor_name(i, &array.name), array.shape.as_slice()))
        });
        let (places, more) = header.places(&arrays.collect::<Vec<_>>(), file_dtype(F::DTYPE), is_more, bytes)?;
        let mut places = places.as_slice();
        let mut models = Vec::with_capacity(networks.len());
        for (i, (mut network, fingerprint)) in networks.into_iter().zip(fingerprints).enumerate() {
            let parameters = self.arrays(network.named_parameters(), &mut places)?;
            let buffers = self.arrays(network.named_buffers(), &mut places)?;
            network.set_parameters(parameters)?;
            network.set_buffers(buffers)?;
            let whose = |error: Error| if i == 0 { error } else { error.of(&format!("members.{i}")) };
            if network.fingerprint().map_err(whose)? != fingerprint {
                let damaged = "damaged: the weights do not have the fingerprint that was saved with them";
                return Err(whose(Error::Data(damaged.into())));
            }
            models.push(F::model(network));
        }
        Ok((models, more))
    }

    /// The values of arrays, flat, from the first of the places, which are taken away.
    fn arrays<F: Float>(&mut self, arrays: &[Parameter], places: &mut &[TensorInfo]) -> Result<Vec<F>> {
        let (own, rest) = places.split_at(arrays.len());
        *places = rest;
        let mut values = zeros("a model file", length(arrays))?;
        for (array, place) in arrays.iter().zip(own) {
            self.array(&mut values[array.range.clone()], place)?;
        }
        Ok(values)
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
