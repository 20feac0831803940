//! What a model file says of itself: JSON in the header's metadata, under the key `purrceptron`.

use std::collections::BTreeMap;
use std::iter;
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

/// Version of the metadata's layout: of one network, and of an ensemble. Older ones always load; a newer one is refused.
const OF_NETWORK: u32 = 1;
const OF_ENSEMBLE: u32 = 2;

/// Most values in the description of a network, or of all of an ensemble together, which is some two thousand layers: JSON
/// that is small in a file can be large in memory.
const MOST_VALUES: usize = 1 << 14;

/// The description of a network, or of an ensemble.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    format_version: u32,
    library_version: String,
    /// The network's spec; of an ensemble that of the first.
    #[serde(deserialize_with = "network")]
    pub network: NetworkSpec,
    /// That of the weights.
    fingerprint: String,
    /// The caller's own.
    #[serde(deserialize_with = "notes")]
    pub notes: BTreeMap<String, String>,
    /// The other networks of an ensemble.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    members: Vec<Member>,
    checksum: String,
}

/// What a further network of an ensemble has of its own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    seed: u64,
    fingerprint: String,
}

impl Description {
    /// Describes networks that differ in seed and weights alone.
    pub fn of<F: Float>(networks: &[&Network<F>], notes: &BTreeMap<String, String>) -> Result<Description> {
        let none = || Error::Spec("a model file holds one network at least, got none".into());
        let (first, further) = networks.split_first().ok_or_else(none)?;
        let member = |(i, network): (usize, &&Network<F>)| {
            let (seed, name) = (network.spec().seed, format!("members.{}", i + 1));
            if *network.spec() != (NetworkSpec { seed, ..first.spec().clone() }) {
                let reason = format!("{name}: differs from the first network in more than seed and weights");
                return Err(Error::Spec(reason));
            }
            Ok(Member { seed, fingerprint: network.fingerprint().map_err(|error| error.of(&name))? })
        };
        let members = further.iter().enumerate().map(member).collect::<Result<Vec<_>>>()?;
        let description = Description {
            format_version: if members.is_empty() { OF_NETWORK } else { OF_ENSEMBLE },
            library_version: env!("CARGO_PKG_VERSION").into(),
            network: first.spec().clone(),
            fingerprint: first.fingerprint()?,
            notes: notes.clone(),
            members,
            checksum: String::new(),
        };
        Ok(Description { checksum: description.sum()?, ..description })
    }

    /// Spec and fingerprint of every network.
    pub fn networks(&self) -> impl Iterator<Item = (NetworkSpec, &str)> {
        let spec = |seed| NetworkSpec { seed, ..self.network.clone() };
        let further = self.members.iter().map(move |member| (spec(member.seed), member.fingerprint.as_str()));
        iter::once((self.network.clone(), self.fingerprint.as_str())).chain(further)
    }

    /// What a header says, if this version can read it; `path` is for messages.
    pub fn read(header: &mut Header, path: &Path) -> Result<Description> {
        let fail = |reason: String| refusal(path, &reason);
        let none = || fail("a safetensors file, but not a purrceptron model: no description in it".into());
        let text = header.description().ok_or_else(none)?;
        let bad = |error: serde_json::Error| fail(format!("the description of the network does not parse: {error}"));
        let version: Version = serde_json::from_str(&text).map_err(bad)?;
        if !(OF_NETWORK..=OF_ENSEMBLE).contains(&version.format_version) {
            return Err(fail(format!(
                "written by purrceptron {} in format {}; this version reads formats 1 to {OF_ENSEMBLE}: upgrade purrceptron",
                version.library_version.as_deref().unwrap_or("(unknown)"),
                version.format_version
            )));
        }
        let description: Description = serde_json::from_str(&text).map_err(bad)?;
        let networks = 1 + description.members.len();
        if networks > 1 && networks * values(&description.network.to_json()?) > MOST_VALUES {
            return Err(fail(format!("an ensemble of {networks} networks with more than {MOST_VALUES} values in all")));
        }
        Ok(description)
    }

    /// Whether it is as it was written.
    pub fn is_whole(&self) -> Result<bool> {
        Ok(self.sum()? == self.checksum)
    }

    /// SHA-256 of everything else in here: what the fingerprint is for the weights.
    fn sum(&self) -> Result<String> {
        let rest = (self.format_version, &self.library_version, &self.network, &self.fingerprint, &self.notes);
        let text = match self.members.as_slice() {
            [] => serde_json::to_string(&rest),
            members => serde_json::to_string(&(rest, members)),
        };
        let text = text.map_err(|error| Error::Spec(error.to_string()))?;
        Ok(hexadecimal(&Sha256::digest(text)))
    }
}

/// Values in JSON, at most: each but the first comes after one of these bytes.
fn values(json: &str) -> usize {
    1 + json.bytes().filter(|byte| b",[{".contains(byte)).count()
}

/// A network's description, unless it has too many values.
fn network<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<NetworkSpec, D::Error> {
    let json = <&RawValue>::deserialize(deserializer)?.get();
    if values(json) > MOST_VALUES {
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
