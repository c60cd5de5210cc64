//! What is found on a volume, and looking at one.

use std::fmt;
use std::io;

use dibhost_volumes::Medium;
use dibhost_volumes::bytes::array;
use serde::Serialize;
use uuid::Uuid;

use crate::filesystem::FilesystemKind;

/// What a signature is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureKind {
    /// LUKS, version 1 or 2; also where only the second header is left.
    Luks,
    /// A physical volume of LVM2.
    PhysicalVolume,
    /// A member of an md array.
    RaidMember,
    /// The hashes of a dm-verity device.
    VerityHash,
    /// A GUID partition table, of either copy.
    Gpt,
    /// A partition table in a master boot record, but for the protective one of a GPT.
    Mbr,
    /// A filesystem that graphs know, or swap space.
    Filesystem(FilesystemKind),
    /// Another filesystem or format, by the name that `blkid` has for it.
    Other(&'static str),
}

/// What was found on a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Signature {
    /// What it is of.
    pub kind: SignatureKind,
    /// Which version or variant of it: `2` of LUKS, `1.2` of md, `FAT32`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its label, or the name of an array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its UUID as its tools write it: FAT's serial number is `1A2B-3C4D`, LVM's 32 letters. Of an
    /// array's member, the array's; of an MBR, its signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Bytes that it says it takes of the volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Bytes of a block; of FAT and partition tables, of a sector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_size: Option<u32>,
}

impl Signature {
    pub(super) fn new(kind: SignatureKind) -> Self {
        Self { kind, version: None, label: None, uuid: None, size: None, block_size: None }
    }
}

impl fmt::Display for SignatureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Luks => f.write_str("LUKS encryption"),
            Self::PhysicalVolume => f.write_str("LVM physical volume"),
            Self::RaidMember => f.write_str("RAID member"),
            Self::VerityHash => f.write_str("verity hashes"),
            Self::Gpt => f.write_str("GPT"),
            Self::Mbr => f.write_str("MBR partition table"),
            Self::Filesystem(FilesystemKind::Swap) => f.write_str("swap space"),
            Self::Filesystem(kind) => write!(f, "{} filesystem", kind.name()),
            Self::Other(name) => write!(f, "{name} signature"),
        }
    }
}

/// As a sentence has it: ext4 filesystem, label `root`, UUID 0fc63daf-….
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if let Some(version) = &self.version {
            write!(f, " ({version})")?;
        }
        if let Some(label) = &self.label {
            write!(f, ", label `{}`", label.escape_debug())?;
        }
        if let Some(uuid) = &self.uuid {
            // LUKS has text there, which may be anything.
            write!(f, ", UUID {}", uuid.escape_debug())?;
        }
        Ok(())
    }
}

/// A volume that is looked at.
pub(super) struct Probe<'a>(pub(super) &'a dyn Medium);

impl Probe<'_> {
    /// Bytes at an offset; none where the volume does not reach that far.
    pub(super) fn at<const N: usize>(&self, offset: u64) -> io::Result<Option<[u8; N]>> {
        if offset.checked_add(N as u64).is_none_or(|end| end > self.0.size()) {
            return Ok(None);
        }
        let mut bytes = [0; N];
        self.0.read_exact_at(&mut bytes, offset)?;
        Ok(Some(bytes))
    }

    /// Whether these bytes are there.
    pub(super) fn is(&self, offset: u64, magic: &[u8]) -> io::Result<bool> {
        let mut bytes = [0; 16];
        let bytes = &mut bytes[..magic.len().min(16)];
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > self.0.size()) {
            return Ok(false);
        }
        self.0.read_exact_at(bytes, offset)?;
        Ok(bytes == magic)
    }
}

/// A UUID that is one.
pub(super) fn uuid(bytes: &[u8], at: usize) -> Option<String> {
    let uuid = Uuid::from_bytes(array(bytes, at));
    (!uuid.is_nil()).then(|| uuid.to_string())
}

/// A text up to its first NUL, without blanks behind it; none, if nothing is left.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(&bytes[..end]);
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}
