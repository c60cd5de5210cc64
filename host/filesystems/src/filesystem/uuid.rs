//! UUIDs as each kind writes them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::kind::FilesystemKind;
use super::refused::{Refused, refuse};

/// The UUID of a filesystem as its kind writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FilesystemUuid {
    /// A UUID.
    Uuid(Uuid),
    /// FAT's volume serial number.
    Serial(FatSerial),
}

/// FAT's volume serial number, written `1A2B-3C4D`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FatSerial(pub u32);

impl std::fmt::Display for FatSerial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04X}-{:04X}", self.0 >> 16, self.0 & 0xffff)
    }
}

impl<'de> Deserialize<'de> for FatSerial {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match parse_uuid(FilesystemKind::Vfat, &text) {
            Ok(FilesystemUuid::Serial(serial)) => Ok(serial),
            _ => Err(serde::de::Error::custom("not a FAT volume id")),
        }
    }
}

impl Serialize for FatSerial {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for FilesystemUuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uuid(id) => id.fmt(f),
            Self::Serial(id) => id.fmt(f),
        }
    }
}

/// The UUID a text means to a kind: with hyphens, and never nil; FAT's as `1A2B-3C4D`.
///
/// # Errors
/// It is none.
pub fn parse_uuid(kind: FilesystemKind, text: &str) -> Result<FilesystemUuid, Refused> {
    if kind == FilesystemKind::Vfat {
        let digits = text.as_bytes();
        if digits.len() == 9 && digits[4] == b'-' {
            let hex = text.replacen('-', "", 1);
            if hex.len() == 8
                && hex.bytes().all(|b| b.is_ascii_hexdigit())
                && let Ok(serial) = u32::from_str_radix(&hex, 16)
            {
                return Ok(FilesystemUuid::Serial(FatSerial(serial)));
            }
        }
        return refuse(
            format!("`{}` is not a FAT volume id", text.escape_debug()),
            "write eight hexadecimal digits such as `1A2B-3C4D`, or leave `uuid` out",
        );
    }
    match Uuid::try_parse(text) {
        Ok(id) if text.len() == 36 && !id.is_nil() => Ok(FilesystemUuid::Uuid(id)),
        _ => refuse(
            format!("`{}` is not a UUID", text.escape_debug()),
            "write one such as `0fc63daf-8483-4772-8e79-3d69d8477de4`, or leave `uuid` out",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_fat_serial_reads_as_it_is_written() {
        let serial = parse_uuid(FilesystemKind::Vfat, "1a2b-3C4D").unwrap();
        assert_eq!(serial.to_string(), "1A2B-3C4D");
        for bad in ["1a2b3c4d", "+a2b-3C4D", "1a2b-3C4", "1a2b-3C4D5", "ä2b-3C4D", ""] {
            assert!(parse_uuid(FilesystemKind::Vfat, bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_uuid_or_refused(text in ".{0,40}") {
            for kind in FilesystemKind::ALL {
                let _ = parse_uuid(kind, &text);
            }
        }
    }
}
