//! Values of the contract as JSON: for records of a step, and made of arbitrary bytes for tests.
//!
//! Bytes are `{"base64": "…"}`, keys are as WIT names them (`image-name`), a variant is its name
//! or an object of its name and its value (`{"Write": {…}}`), a handle its number.

use std::fmt::Write as _;

use data_encoding::BASE64;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use wasmtime::component::Resource;

use crate::bindings::dib::element::{
    accounts, block_device, bootstrap, builder, exec, facts, files, host, inputs, log, packages,
    rootfs, services, types,
};

/// Arguments with more bytes than this are recorded by their digest: they are compared only.
const DIGEST_FROM: usize = 64 << 10;

/// A value that goes over the border between host and element.
pub(crate) trait Wire: Sized {
    /// As JSON.
    fn out(&self) -> Value;
    /// From JSON.
    fn back(value: Value) -> Result<Self, String>;
    /// Of arbitrary bytes.
    #[cfg(any(test, feature = "fuzzing"))]
    fn arbitrary(source: &mut dibhost_arbitrary::Source<'_>) -> Self;
}

macro_rules! by_serde {
    ($($type:ty),* $(,)?) => {$(
        impl Wire for $type {
            fn out(&self) -> Value {
                to_json(self)
            }

            fn back(value: Value) -> Result<Self, String> {
                from_json(value)
            }

            #[cfg(any(test, feature = "fuzzing"))]
            fn arbitrary(source: &mut dibhost_arbitrary::Source<'_>) -> Self {
                source.value()
            }
        }
    )*};
}

by_serde! {
    (), bool, u32, u64, String, Vec<u8>, Vec<String>, Vec<(String, String)>, Option<String>,
    Option<u32>, Option<u64>,
    host::Target, Option<host::Value>, log::Level, Vec<facts::Fact>,
    Vec<packages::Wish>, Vec<packages::Answer>, packages::DebRepository,
    packages::RpmRepository, packages::Module, packages::Group, services::DropIn,
    services::Preset, accounts::User,
    Vec<block_device::Node>, block_device::Node, bootstrap::Source, builder::Proxy,
    Option<rootfs::Stat>, Vec<rootfs::Entry>, Vec<rootfs::Change>, Vec<files::Wish>,
    inputs::About, Vec<inputs::Node>, rootfs::Placement,
    types::Attributes, rootfs::WalkFlags, exec::Command, exec::Output,
}

impl<T: 'static> Wire for Resource<T> {
    fn out(&self) -> Value {
        self.rep().into()
    }

    fn back(value: Value) -> Result<Self, String> {
        from_json(value).map(Self::new_own)
    }

    #[cfg(any(test, feature = "fuzzing"))]
    fn arbitrary(source: &mut dibhost_arbitrary::Source<'_>) -> Self {
        // Few handles are there, so a number is likely to be one's; of which type is not said.
        Self::new_own(u32::from(source.byte() % 16))
    }
}

impl<T: 'static> Wire for Option<Resource<T>> {
    fn out(&self) -> Value {
        self.as_ref().map_or(Value::Null, Wire::out)
    }

    fn back(value: Value) -> Result<Self, String> {
        from_json::<Option<u32>>(value).map(|rep| rep.map(Resource::new_own))
    }

    #[cfg(any(test, feature = "fuzzing"))]
    fn arbitrary(source: &mut dibhost_arbitrary::Source<'_>) -> Self {
        Some(Resource::arbitrary(source))
    }
}

fn to_json(value: &impl Serialize) -> Value {
    // Values of the contract have no maps and no floats: nothing of them is beyond JSON.
    written(serde_json::to_value(value).unwrap_or_default())
}

fn from_json<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(read(value)?).map_err(|e| e.to_string())
}

/// As Rust's types say it → as it is written.
fn written(value: Value) -> Value {
    match value {
        // No list of the contract has numbers in it but a list of bytes.
        Value::Array(items) => {
            let bytes: Option<Vec<u8>> =
                items.iter().map(|i| i.as_u64().and_then(|n| u8::try_from(n).ok())).collect();
            match bytes {
                Some(bytes) if !bytes.is_empty() => one("base64", BASE64.encode(&bytes).into()),
                _ => Value::Array(items.into_iter().map(written).collect()),
            }
        }
        Value::Object(object) => Value::Object(
            object.into_iter().map(|(key, v)| (key.replace('_', "-"), written(v))).collect(),
        ),
        other => other,
    }
}

/// As it is written → as Rust's types say it.
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

/// The same with a digest in the place of long bytes.
pub(crate) fn shortened(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(shortened).collect(),
        Value::Object(object) => {
            let long = object.get("base64").and_then(Value::as_str);
            if let Some(text) = long.filter(|t| object.len() == 1 && t.len() > DIGEST_FROM) {
                let mut digest = String::from("sha256:");
                for byte in Sha256::digest(text) {
                    let _ = write!(digest, "{byte:02x}");
                }
                return one("base64-digest", digest.into());
            }
            Value::Object(object.into_iter().map(|(k, v)| (k, shortened(v))).collect())
        }
        other => other,
    }
}

fn one(key: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

/// Flags are the list of their names.
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
                if !deserializer.is_human_readable() {
                    let bits = u8::deserialize(deserializer)?;
                    let all = [$(Self::$flag),*];
                    for (at, flag) in all.into_iter().enumerate() {
                        if bits & 1 << at != 0 {
                            flags |= flag;
                        }
                    }
                    return Ok(flags);
                }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_comes_back_as_it_went_out() {
        let attributes = types::Attributes {
            mode: Some(0o644),
            owner: None,
            group: None,
            xattrs: vec![("user.n".to_owned(), b"\0\xff".to_vec())],
            extensions: Vec::new(),
        };
        let file = types::NewFile { path: "/a".into(), content: Vec::new(), attributes };
        let changes = vec![rootfs::Change::Write(file), rootfs::Change::Remove("/b".into())];
        let json = changes.out();
        assert_eq!(
            json[0]["Write"]["attributes"]["xattrs"],
            json!([["user.n", {"base64": "AP8="}]])
        );
        assert_eq!(Vec::<rootfs::Change>::back(json.clone()).unwrap().out(), json);

        let flags = rootfs::WalkFlags::RECURSIVE;
        assert_eq!(flags.out(), json!(["recursive"]));
        assert_eq!(rootfs::WalkFlags::back(flags.out()).unwrap(), flags);
        assert!(rootfs::WalkFlags::back(json!(["up"])).is_err());

        let target = host::Target {
            arch: "amd64".into(),
            image_name: "x".into(),
            source_date_epoch: 7,
            extensions: Vec::new(),
        };
        assert_eq!(
            target.out(),
            json!({
                "arch": "amd64",
                "extensions": [],
                "image-name": "x",
                "source-date-epoch": 7
            })
        );
        assert_eq!(host::Target::back(target.out()).unwrap().image_name, "x");
    }

    #[test]
    fn long_bytes_are_told_by_their_digest() {
        let long = shortened(vec![7_u8; 100_000].out());
        let other = shortened(vec![8_u8; 100_000].out());
        assert!(long["base64-digest"].as_str().unwrap().starts_with("sha256:"));
        assert_ne!(long, other);
        assert_eq!(shortened(b"short".to_vec().out()), b"short".to_vec().out());
    }
}
