//! What can be set on a filesystem: closed lists, each with its bounds.

use dibhost_text::parse_size;
use serde::{Deserialize, Serialize};

use super::kind::FilesystemKind;
use super::refused::{Refused, refuse};

/// What can be set on an ext4 filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ext4Tuning {
    /// Bytes up to which tables are reserved for growing it while mounted. None: 1024 times its
    /// size, as `mke2fs` does. Beyond what the tables hold (8 TiB at most) the kernel goes on with
    /// another kind of table (`meta_bg`), which 64-bit block numbers allow.
    pub max_online_resize: Option<u64>,
    /// Bytes that stay free on top of the small reserve that every filesystem gets.
    pub free_space: u64,
    /// Bytes for each inode, 4096 at least. 4096, as DIB: an image grows, and its inodes with it.
    pub inode_ratio: u32,
    /// Hundredths kept for root. 1: five of them, as `mke2fs` has it, would be more than all the
    /// free space of an image that has not grown yet.
    pub reserved_percent: u8,
}

impl Default for Ext4Tuning {
    fn default() -> Self {
        Self { max_online_resize: None, free_space: 0, inode_ratio: 4096, reserved_percent: 1 }
    }
}

/// Which File Allocation Table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FatBits {
    /// FAT16.
    #[serde(rename = "16")]
    Sixteen,
    /// FAT32.
    #[serde(rename = "32")]
    ThirtyTwo,
}

/// What can be set on a FAT filesystem.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VfatTuning {
    /// None: FAT32 where the size allows it.
    pub fat_bits: Option<FatBits>,
    /// Bytes that stay free.
    pub free_space: u64,
}

/// What can be set on an XFS or Btrfs filesystem.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FreeTuning {
    /// Bytes that stay free.
    pub free_space: u64,
}

/// How a filesystem that is only read packs its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compressor {
    /// Not at all.
    None,
    /// Zstandard.
    Zstd,
    /// XZ.
    Xz,
    /// zlib.
    Gzip,
    /// LZ4.
    Lz4,
    /// LZ4, packed with more effort.
    Lz4hc,
}

impl Compressor {
    /// As `mksquashfs` and `mkfs.erofs` call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Gzip => "gzip",
            Self::Lz4 => "lz4",
            Self::Lz4hc => "lz4hc",
        }
    }
}

/// What can be set on a SquashFS or EROFS filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackedTuning {
    /// SquashFS: Zstandard, XZ, zlib or LZ4. EROFS: none, LZ4 or LZ4HC.
    pub compression: Compressor,
}

/// Tuning of any filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Tuning {
    /// Of ext2, ext3 and ext4.
    Ext4(Ext4Tuning),
    /// FAT's.
    Vfat(VfatTuning),
    /// Of XFS and Btrfs.
    Free(FreeTuning),
    /// Of SquashFS and EROFS.
    Packed(PackedTuning),
    /// Nothing can be set.
    Other,
}

const EXT4_KEYS: &str = "`max-online-resize`, `free-space`, `inode-ratio` and `reserved-percent`";
const VFAT_KEYS: &str = "`fat-bits` and `free-space`";

/// Settings as a node says them, each of those that its kind has, once.
///
/// # Errors
/// The first that is unknown, there twice, or out of its bounds.
pub fn parse_tuning(kind: FilesystemKind, pairs: &[(String, String)]) -> Result<Tuning, Refused> {
    for (i, (key, _)) in pairs.iter().enumerate() {
        if pairs[..i].iter().any(|(k, _)| k == key) {
            return refuse(format!("`{}` is set twice", key.escape_debug()), "set it once");
        }
    }
    let unknown = |key: &str, known: &str| {
        let (kind, key) = (kind.name(), key.escape_debug());
        refuse(format!("{kind} has no setting `{key}`"), format!("the settings are {known}"))
    };
    match kind {
        FilesystemKind::Ext2 | FilesystemKind::Ext3 | FilesystemKind::Ext4 => {
            let mut tuning = Ext4Tuning::default();
            for (key, value) in pairs {
                match key.as_str() {
                    "max-online-resize" => {
                        let limit = 1 << 60;
                        tuning.max_online_resize = Some(bytes(key, value, 1 << 20, limit)?);
                    }
                    "free-space" => tuning.free_space = bytes(key, value, 0, 1 << 50)?,
                    "inode-ratio" => {
                        // A group of 32768 blocks of 4096 bytes has at most 32768 inodes: with more
                        // of them mke2fs makes smaller groups, and nobody gains.
                        let ratio = bytes(key, value, 4096, 4 << 20)?;
                        tuning.inode_ratio = u32::try_from(ratio).unwrap_or(4096);
                    }
                    "reserved-percent" => match value.parse::<u8>() {
                        Ok(percent @ 0..=50) => tuning.reserved_percent = percent,
                        _ => return wrong(key, value, "a whole number from 0 to 50"),
                    },
                    _ => return unknown(key, EXT4_KEYS),
                }
            }
            Ok(Tuning::Ext4(tuning))
        }
        FilesystemKind::Vfat => {
            let mut tuning = VfatTuning::default();
            for (key, value) in pairs {
                match (key.as_str(), value.as_str()) {
                    ("fat-bits", "16") => tuning.fat_bits = Some(FatBits::Sixteen),
                    ("fat-bits", "32") => tuning.fat_bits = Some(FatBits::ThirtyTwo),
                    ("fat-bits", _) => return wrong(key, value, "`16` or `32`"),
                    ("free-space", _) => tuning.free_space = bytes(key, value, 0, 1 << 40)?,
                    _ => return unknown(key, VFAT_KEYS),
                }
            }
            Ok(Tuning::Vfat(tuning))
        }
        FilesystemKind::Xfs | FilesystemKind::Btrfs => {
            let mut tuning = FreeTuning::default();
            for (key, value) in pairs {
                match key.as_str() {
                    "free-space" => tuning.free_space = bytes(key, value, 0, 1 << 50)?,
                    _ => return unknown(key, "`free-space` alone"),
                }
            }
            Ok(Tuning::Free(tuning))
        }
        FilesystemKind::Squashfs => {
            packed(Compressor::Zstd, "`zstd`, `xz`, `gzip` or `lz4`", pairs, &unknown)
        }
        FilesystemKind::Erofs => {
            packed(Compressor::None, "`none`, `lz4` or `lz4hc`", pairs, &unknown)
        }
        FilesystemKind::Swap => match pairs.first() {
            Some((key, _)) => unknown(key, "none"),
            None => Ok(Tuning::Other),
        },
    }
}

/// `kinds` names what the kind can do, each between back-ticks.
fn packed(
    usual: Compressor,
    kinds: &str,
    pairs: &[(String, String)],
    unknown: &dyn Fn(&str, &str) -> Result<Tuning, Refused>,
) -> Result<Tuning, Refused> {
    use Compressor::{Gzip, Lz4, Lz4hc, None, Xz, Zstd};
    let mut tuning = PackedTuning { compression: usual };
    for (key, value) in pairs {
        if key != "compression" {
            return unknown(key, "`compression` alone");
        }
        let named = [None, Zstd, Xz, Gzip, Lz4, Lz4hc].into_iter().find(|c| c.name() == value);
        match named.filter(|c| kinds.contains(&format!("`{}`", c.name()))) {
            Some(compression) => tuning.compression = compression,
            Option::None => return wrong(key, value, kinds),
        }
    }
    Ok(Tuning::Packed(tuning))
}

fn wrong<T>(key: &str, value: &str, want: &str) -> Result<T, Refused> {
    refuse(format!("`{key}` is `{}`", value.escape_debug()), format!("write {want}"))
}

fn bytes(key: &str, value: &str, least: u64, most: u64) -> Result<u64, Refused> {
    match parse_size(value) {
        Ok(bytes) if (least..=most).contains(&bytes) => Ok(bytes),
        _ => {
            let want = format!("bytes from {least} to {most}, such as `{}` or `16MiB`", 64 << 10);
            wrong(key, value, &want)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tuned(kind: FilesystemKind, pairs: &[(&str, &str)]) -> Result<Tuning, Refused> {
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        parse_tuning(kind, &pairs)
    }

    #[test]
    fn tuning_is_typed_and_closed() {
        let tuning =
            tuned(FilesystemKind::Ext4, &[("max-online-resize", "1PB"), ("inode-ratio", "8192")]);
        let want = Ext4Tuning {
            max_online_resize: Some(1_000_000_000_000_000),
            inode_ratio: 8192,
            ..Ext4Tuning::default()
        };
        assert_eq!(tuning, Ok(Tuning::Ext4(want)));
        for (key, value) in [
            ("max-online-resize", "-d"),
            ("inode-ratio", "2048"),
            ("reserved-percent", "51"),
            ("reserved-percent", "1.5"),
            ("free-space", "1 kb"),
            ("root-owner", "0:0"),
        ] {
            assert!(tuned(FilesystemKind::Ext4, &[(key, value)]).is_err(), "{key}={value}");
        }
        assert!(tuned(FilesystemKind::Ext4, &[("free-space", "1"), ("free-space", "2")]).is_err());
        assert!(tuned(FilesystemKind::Vfat, &[("fat-bits", "12")]).is_err());
        assert!(tuned(FilesystemKind::Xfs, &[("free-space", "1")]).is_ok());
        assert!(tuned(FilesystemKind::Btrfs, &[("inode-ratio", "8192")]).is_err());
        assert!(tuned(FilesystemKind::Swap, &[("free-space", "1")]).is_err());
        let xz = PackedTuning { compression: Compressor::Xz };
        assert_eq!(
            tuned(FilesystemKind::Squashfs, &[("compression", "xz")]),
            Ok(Tuning::Packed(xz))
        );
        for (kind, value) in [
            (FilesystemKind::Squashfs, "none"),
            (FilesystemKind::Squashfs, "-d"),
            (FilesystemKind::Erofs, "zstd"),
            (FilesystemKind::Erofs, ""),
        ] {
            assert!(tuned(kind, &[("compression", value)]).is_err(), "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,40}", key in "[a-z-]{0,20}") {
            for kind in FilesystemKind::ALL {
                let _ = parse_tuning(kind, &[(key.clone(), text.clone())]);
            }
        }
    }
}
