//! The header of a safetensors file: what the file says is in it, before any of that is believed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::{self, Formatter};
use std::marker::PhantomData;
use std::ops::Range;

use safetensors::tensor::{Dtype, TensorInfo};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::KEY;
use crate::error::{Error, Result};

/// Most names in one object. A header of 1 MiB has no room for more tensors; it has for names that ask for many times
/// their own size.
const MOST_NAMES: usize = 1 << 14;

/// Names with what they stand for, each there once: what a reader makes of a name that stands there twice depends on the
/// reader.
pub struct Names<V>(pub BTreeMap<String, V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Names<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Reader<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Reader<V> {
            type Value = Names<V>;

            fn expecting(&self, formatter: &mut Formatter) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Names<V>, A::Error> {
                let mut names = BTreeMap::new();
                while let Some(name) = map.next_key()? {
                    if names.len() == MOST_NAMES {
                        return Err(A::Error::custom(format!("more than {MOST_NAMES} names")));
                    }
                    match names.entry(name) {
                        Entry::Vacant(place) => place.insert(map.next_value()?),
                        Entry::Occupied(place) => {
                            return Err(A::Error::custom(format!("{:?} stands there twice", place.key())));
                        }
                    };
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_map(Reader(PhantomData))
    }
}

/// What a header says: the description under [`KEY`], and entries of tensors, which are read where they are asked for.
pub struct Header<'a> {
    description: Option<String>,
    tensors: BTreeMap<String, &'a RawValue>,
}

impl<'a> Header<'a> {
    /// Reads the JSON of a header.
    pub fn parse(json: &'a [u8]) -> serde_json::Result<Header<'a>> {
        let Names(mut tensors) = serde_json::from_slice::<Names<&RawValue>>(json)?;
        let metadata = tensors.remove("__metadata__").map(|raw| serde_json::from_str::<Names<String>>(raw.get()));
        let description = metadata.transpose()?.and_then(|Names(mut metadata)| metadata.remove(KEY));
        Ok(Header { description, tensors })
    }

    /// Takes the description out, if there is one.
    pub fn description(&mut self) -> Option<String> {
        self.description.take()
    }

    /// Where these arrays, with name and shape, lie within the `bytes` that follow the header. They are all that is there,
    /// of that type, and one after the other.
    pub fn places(&self, arrays: &[(&str, &[usize])], dtype: Dtype, bytes: u64) -> Result<Vec<Range<u64>>> {
        if self.tensors.len() != arrays.len() {
            let expected = format!("{} as the network has", arrays.len());
            return Err(Error::shape("number of tensors", expected, self.tensors.len().to_string()));
        }
        let mut places = Vec::with_capacity(arrays.len());
        for &(name, shape) in arrays {
            let raw = self.tensors.get(name).ok_or_else(|| Error::Data(format!("tensor {name} is missing")))?;
            let tensor: TensorInfo = serde_json::from_str(raw.get())
                .map_err(|error| Error::Data(format!("the entry of tensor {name} does not parse: {error}")))?;
            if tensor.dtype != dtype || tensor.shape != shape {
                let got = format!("{:?} {:?}", tensor.dtype, tensor.shape);
                return Err(Error::shape(format!("tensor {name}"), format!("{dtype:?} {shape:?}"), got));
            }
            // No overflow: a network has at most 2^40 parameters.
            let length = (shape.iter().product::<usize>() * dtype.bitsize() / 8) as u64;
            let (start, end) = (tensor.data_offsets.0 as u64, tensor.data_offsets.1 as u64);
            if end.checked_sub(start) != Some(length) {
                return Err(Error::shape(
                    format!("tensor {name}"),
                    format!("{length} bytes"),
                    format!("bytes {start} to {end}"),
                ));
            }
            places.push(start..end);
        }
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(|&i| places[i].start);
        let mut end = 0;
        for i in order {
            if places[i].start != end {
                let expected = format!("its first byte at {end}, after the one before");
                return Err(Error::shape(format!("tensor {}", arrays[i].0), expected, places[i].start.to_string()));
            }
            end = places[i].end;
        }
        if end != bytes {
            return Err(Error::shape("truncated or damaged: the tensors", format!("{end} bytes"), bytes.to_string()));
        }
        Ok(places)
    }
}
