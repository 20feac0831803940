//! The header of a safetensors file: what the file says is in it, before any of that is believed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::{self, Formatter};
use std::marker::PhantomData;

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

/// A tensor, by name.
pub type Named<'a> = (&'a str, TensorInfo);

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

    /// Where these arrays, with name and shape, lie within the `bytes` that follow the header, and where what there is
    /// beside them: of that are only names that `is_more`. All lie one after the other, without a gap.
    pub fn places(
        &self,
        arrays: &[(String, &[usize])],
        dtype: Dtype,
        is_more: impl Fn(&str) -> bool,
        bytes: u64,
    ) -> Result<(Vec<TensorInfo>, Vec<Named<'_>>)> {
        let names = self.tensors.keys().map(String::as_str);
        let (more, own): (Vec<&str>, Vec<&str>) = names.partition(|name| is_more(name));
        if own.len() != arrays.len() {
            let expected = format!("{} as the network has", arrays.len());
            return Err(Error::shape("number of tensors", expected, own.len().to_string()));
        }
        let mut places = Vec::with_capacity(arrays.len());
        for (name, shape) in arrays {
            let tensor = self.tensor(name)?;
            if tensor.dtype != dtype || tensor.shape != *shape {
                let got = format!("{:?} {:?}", tensor.dtype, tensor.shape);
                return Err(Error::shape(format!("tensor {name}"), format!("{dtype:?} {shape:?}"), got));
            }
            places.push(tensor);
        }
        let more = more.into_iter().map(|name| Ok((name, self.tensor(name)?))).collect::<Result<Vec<_>>>()?;
        let own = arrays.iter().map(|(name, _)| name.as_str()).zip(&places);
        check_order(own.chain(more.iter().map(|(name, tensor)| (*name, tensor))), bytes)?;
        Ok((places, more))
    }

    /// The entry of a tensor that is as long as its shape says.
    fn tensor(&self, name: &str) -> Result<TensorInfo> {
        let raw = self.tensors.get(name).ok_or_else(|| Error::Data(format!("tensor {name} is missing")))?;
        let tensor: TensorInfo = serde_json::from_str(raw.get())
            .map_err(|error| Error::Data(format!("the entry of tensor {name} does not parse: {error}")))?;
        let numbers = tensor.shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
        let bits = numbers.and_then(|numbers| numbers.checked_mul(tensor.dtype.bitsize()));
        let (start, end) = tensor.data_offsets;
        match bits {
            Some(bits) if bits % 8 == 0 && end.checked_sub(start) == Some(bits / 8) => Ok(tensor),
            _ => {
                let expected = format!("as many bytes as {:?} {:?} has", tensor.dtype, tensor.shape);
                Err(Error::shape(format!("tensor {name}"), expected, format!("bytes {start} to {end}")))
            }
        }
    }
}

/// Refuses tensors that do not lie one after the other in `bytes`.
fn check_order<'a>(tensors: impl Iterator<Item = (&'a str, &'a TensorInfo)>, bytes: u64) -> Result<()> {
    let mut order: Vec<_> = tensors.collect();
    order.sort_by_key(|(_, tensor)| tensor.data_offsets);
    let mut end = 0;
    for (name, tensor) in order {
        if tensor.data_offsets.0 != end {
            let expected = format!("its first byte at {end}, after the one before");
            return Err(Error::shape(format!("tensor {name}"), expected, tensor.data_offsets.0.to_string()));
        }
        end = tensor.data_offsets.1;
    }
    if end as u64 != bytes {
        return Err(Error::shape("truncated or damaged: the tensors", format!("{end} bytes"), bytes.to_string()));
    }
    Ok(())
}
