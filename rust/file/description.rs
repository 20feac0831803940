//! What a model file says of itself: JSON in the header's metadata, under the key `purrceptron`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::header::{Header, Names};
use super::refusal;
use crate::error::{Error, Result};
use crate::math::Float;
use crate::network::{Network, hexadecimal};
use crate::spec::NetworkSpec;

/// Version of the metadata's layout. Older ones always load; a newer one is refused.
const FORMAT_VERSION: u32 = 1;

/// Most values in the description of a network, which is some two thousand layers: JSON that is small in a file can be
/// large in memory.
const MOST_VALUES: usize = 1 << 14;

/// The description of a network.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    format_version: u32,
    library_version: String,
    /// The network's spec.
    #[serde(deserialize_with = "network")]
    pub network: NetworkSpec,
    /// That of the weights.
    pub fingerprint: String,
    /// The caller's own.
    #[serde(deserialize_with = "notes")]
    pub notes: BTreeMap<String, String>,
    checksum: String,
}

impl Description {
    /// Describes `network`.
    pub fn of<F: Float>(network: &Network<F>, notes: &BTreeMap<String, String>) -> Result<Description> {
        let description = Description {
            format_version: FORMAT_VERSION,
            library_version: env!("CARGO_PKG_VERSION").into(),
            network: network.spec().clone(),
            fingerprint: network.fingerprint()?,
            notes: notes.clone(),
            checksum: String::new(),
        };
        Ok(Description { checksum: description.sum()?, ..description })
    }

    /// What a header says, if this version can read it; `path` is for messages.
    pub fn read(header: &mut Header, path: &Path) -> Result<Description> {
        let fail = |reason: String| refusal(path, &reason);
        let none = || fail("a safetensors file, but not a purrceptron model: no description in it".into());
        let text = header.description().ok_or_else(none)?;
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

    /// Whether it is as it was written.
    pub fn is_whole(&self) -> Result<bool> {
        Ok(self.sum()? == self.checksum)
    }

    /// SHA-256 of everything else in here: what the fingerprint is for the weights.
    fn sum(&self) -> Result<String> {
        let rest = (self.format_version, &self.library_version, &self.network, &self.fingerprint, &self.notes);
        let text = serde_json::to_string(&rest).map_err(|error| Error::Spec(error.to_string()))?;
        Ok(hexadecimal(&Sha256::digest(text)))
    }
}

/// A network's description, unless it has too many values: each but the first comes after one of these bytes.
fn network<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<NetworkSpec, D::Error> {
    let json = <&RawValue>::deserialize(deserializer)?.get();
    if json.bytes().filter(|byte| b",[{".contains(byte)).count() >= MOST_VALUES {
        return Err(D::Error::custom(format!("a network of more than {MOST_VALUES} values")));
    }
    serde_json::from_str(json).map_err(D::Error::custom)
}

/// The caller's notes.
fn notes<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<BTreeMap<String, String>, D::Error> {
    Ok(Names::deserialize(deserializer)?.0)
}

/// What is read first, to tell a newer format from a damaged one.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
    library_version: Option<String>,
}
