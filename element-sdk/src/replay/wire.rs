//! Values of the contract as a record writes them: bytes are `{"base64": "…"}`, keys are as WIT
//! names them (`image-name`), a variant is its name or an object of its name and its value, flags
//! are the list of their names, a handle is its number. Source of the form:
//! `host/element/src/wire.rs`, which writes records.

use std::fmt::Write as _;

use data_encoding::BASE64;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::bindings::dib::element::{exec, rootfs};

/// Arguments with more bytes than this are in a record by their digest.
const DIGEST_FROM: usize = 64 << 10;

/// An argument as a record has it.
pub(super) fn argument(value: &(impl Serialize + ?Sized)) -> Value {
    // Values of the contract have no maps and no floats: nothing of them is beyond JSON.
    written(serde_json::to_value(value).unwrap_or_default())
}

/// An answer of a record.
pub(super) fn answer<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(read(value)?).map_err(|e| e.to_string())
}

fn written(value: Value) -> Value {
    match value {
        // No list of the contract has numbers in it but a list of bytes.
        Value::Array(items) => {
            let bytes: Option<Vec<u8>> =
                items.iter().map(|i| i.as_u64().and_then(|n| u8::try_from(n).ok())).collect();
            match bytes {
                Some(bytes) if !bytes.is_empty() => in_base64(&bytes),
                _ => Value::Array(items.into_iter().map(written).collect()),
            }
        }
        Value::Object(object) => Value::Object(
            object.into_iter().map(|(key, v)| (key.replace('_', "-"), written(v))).collect(),
        ),
        other => other,
    }
}

fn in_base64(bytes: &[u8]) -> Value {
    let text = BASE64.encode(bytes);
    if text.len() <= DIGEST_FROM {
        return one("base64", text);
    }
    let mut digest = String::from("sha256:");
    for byte in Sha256::digest(&text) {
        let _ = write!(digest, "{byte:02x}");
    }
    one("base64-digest", digest)
}

fn one(key: &str, text: String) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), text.into())]))
}

fn read(value: Value) -> Result<Value, String> {
    match value {
        Value::Array(items) => items.into_iter().map(read).collect(),
        Value::Object(object) => {
            if let (1, Some(text)) = (object.len(), object.get("base64").and_then(Value::as_str)) {
                let bytes =
                    BASE64.decode(text.as_bytes()).map_err(|e| format!("no base64: {e}"))?;
                return Ok(bytes.into());
            }
            let read = object.into_iter().map(|(k, v)| Ok((k.replace('-', "_"), read(v)?)));
            Ok(Value::Object(read.collect::<Result<_, String>>()?))
        }
        other => Ok(other),
    }
}

macro_rules! flags {
    ($type:ty { $($name:literal $flag:ident),* }) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let all = [$(($name, self.contains(Self::$flag))),*];
                serializer.collect_seq(all.iter().filter(|(_, set)| *set).map(|(name, _)| name))
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut flags = Self::empty();
                for name in Vec::<String>::deserialize(deserializer)? {
                    flags |= match name.as_str() {
                        $($name => Self::$flag,)*
                        _ => return Err(D::Error::custom(format!("no flag `{name}`"))),
                    };
                }
                Ok(flags)
            }
        }
    };
}

flags!(exec::Settings { "network" NETWORK, "allow-failure" ALLOW_FAILURE, "capture" CAPTURE });
flags!(rootfs::WalkFlags { "recursive" RECURSIVE });
