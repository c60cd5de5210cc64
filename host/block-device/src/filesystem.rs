//! What a filesystem may be told: kinds, labels, UUIDs, tuning. Everything here ends up in the
//! arguments of programs or on the disk, so everything is checked against what it may be, never
//! against what it may not.

use dibhost_text::parse_size;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A kind of filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilesystemKind {
    /// ext2: no journal.
    Ext2,
    /// ext3: a journal, and files mapped block by block.
    Ext3,
    /// ext4.
    Ext4,
    /// FAT with long names.
    Vfat,
    /// XFS.
    Xfs,
    /// Btrfs.
    Btrfs,
    /// Swap space.
    Swap,
    /// SquashFS.
    Squashfs,
    /// EROFS.
    Erofs,
}

impl FilesystemKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Ext2,
        Self::Ext3,
        Self::Ext4,
        Self::Vfat,
        Self::Xfs,
        Self::Btrfs,
        Self::Swap,
        Self::Squashfs,
        Self::Erofs,
    ];

    /// As `fstab` and `mount` call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
            Self::Vfat => "vfat",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Swap => "swap",
            Self::Squashfs => "squashfs",
            Self::Erofs => "erofs",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// How many bytes a label may have.
    fn label_limit(self) -> usize {
        match self {
            Self::Ext2 | Self::Ext3 | Self::Ext4 | Self::Swap => 16,
            Self::Vfat => 11,
            Self::Xfs => 12,
            Self::Btrfs => 255,
            // SquashFS has none on the disk, and `mkfs.erofs` writes none before 1.7.
            Self::Squashfs | Self::Erofs => 0,
        }
    }

    /// Whether its superblock has a UUID (or FAT's serial number) to be found by.
    #[must_use]
    pub fn has_uuid(self) -> bool {
        self != Self::Squashfs
    }

    /// Whether it can be mounted read-only alone.
    #[must_use]
    pub fn is_read_only(self) -> bool {
        matches!(self, Self::Squashfs | Self::Erofs)
    }

    /// Whether files can lie in it.
    #[must_use]
    pub fn is_mounted(self) -> bool {
        self != Self::Swap
    }

    /// The sixth field of fstab: when `fsck` looks at it while booting. 0: never.
    #[must_use]
    pub fn fsck_pass(self, at: &str) -> u8 {
        match self {
            // Their `fsck` does nothing, or there is none.
            Self::Xfs | Self::Btrfs | Self::Swap | Self::Squashfs | Self::Erofs => 0,
            Self::Ext2 | Self::Ext3 | Self::Ext4 | Self::Vfat if at == "/" => 1,
            Self::Ext2 | Self::Ext3 | Self::Ext4 | Self::Vfat => 2,
        }
    }
}

/// Something is wrong: what, and what to do.
pub(crate) type Refused = (String, String);

fn refuse<T>(problem: impl Into<String>, help: impl Into<String>) -> Result<T, Refused> {
    Err((problem.into(), help.into()))
}

/// A label goes into `fstab`, boot loader configurations and program arguments, none of which
/// quote alike: letters, digits and a few marks that mean nothing to any of them.
pub(crate) fn check_label(kind: FilesystemKind, label: &str) -> Result<(), Refused> {
    let limit = kind.label_limit();
    if limit == 0 {
        return refuse(format!("{} has no label", kind.name()), "leave `label` out");
    }
    if label.is_empty() {
        return refuse("the label is empty", "leave `label` out, or write one");
    }
    if label.len() > limit {
        let (have, kind, label) = (label.len(), kind.name(), label.escape_debug());
        return refuse(
            format!("the label `{label}` has {have} bytes and {kind} takes {limit}"),
            "shorten it",
        );
    }
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.+:@".contains(c);
    if let Some(bad) = label.chars().find(|c| !fine(*c)) {
        return refuse(
            format!("the label `{}` has the character {bad:?}", label.escape_debug()),
            "use letters, digits and `-_.+:@`",
        );
    }
    if label.starts_with('-') {
        return refuse(format!("the label `{label}` starts with `-`"), "start it with a letter");
    }
    if kind == FilesystemKind::Vfat
        && label.chars().any(|c| c.is_ascii_lowercase() || "+:.@".contains(c))
    {
        return refuse(
            format!("the label `{label}` is not one that every FAT reader takes"),
            format!("write capitals, digits, `-` and `_`, such as `{}`", fat_label(label)),
        );
    }
    Ok(())
}

fn fat_label(label: &str) -> String {
    label.to_ascii_uppercase().replace(['+', ':', '.', '@'], "_")
}

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

pub(crate) fn parse_uuid(kind: FilesystemKind, text: &str) -> Result<FilesystemUuid, Refused> {
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
pub enum Compression {
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

impl Compression {
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
    pub compression: Compression,
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

pub(crate) fn parse_tuning(
    kind: FilesystemKind,
    pairs: &[(String, String)],
) -> Result<Tuning, Refused> {
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
            packed(Compression::Zstd, "`zstd`, `xz`, `gzip` or `lz4`", pairs, &unknown)
        }
        FilesystemKind::Erofs => {
            packed(Compression::None, "`none`, `lz4` or `lz4hc`", pairs, &unknown)
        }
        FilesystemKind::Swap => match pairs.first() {
            Some((key, _)) => unknown(key, "none"),
            None => Ok(Tuning::Other),
        },
    }
}

/// `kinds` names what the kind can do, each between back-ticks.
fn packed(
    usual: Compression,
    kinds: &str,
    pairs: &[(String, String)],
    unknown: &dyn Fn(&str, &str) -> Result<Tuning, Refused>,
) -> Result<Tuning, Refused> {
    use Compression::{Gzip, Lz4, Lz4hc, None, Xz, Zstd};
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
    fn labels_have_their_limits() {
        assert!(check_label(FilesystemKind::Ext4, "cloudimg-rootfs").is_ok());
        assert!(check_label(FilesystemKind::Ext4, "seventeen-bytes-x").is_err());
        assert!(check_label(FilesystemKind::Xfs, "img-rootfs-xx").is_err());
        assert!(check_label(FilesystemKind::Vfat, "MKFS_ESP").is_ok());
        let (problem, help) = check_label(FilesystemKind::Vfat, "mkfs_esp").unwrap_err();
        assert!(problem.contains("`mkfs_esp`") && help.contains("`MKFS_ESP`"), "{problem} {help}");
        assert!(check_label(FilesystemKind::Ext4, "-d").is_err());
        assert!(check_label(FilesystemKind::Ext4, "a b").is_err());
        assert!(check_label(FilesystemKind::Ext4, "a\"b").is_err());
        assert!(check_label(FilesystemKind::Squashfs, "a").is_err());
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
        let xz = PackedTuning { compression: Compression::Xz };
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
        fn no_accepted_label_can_be_an_option_or_break_a_line(label in ".{0,20}") {
            for kind in FilesystemKind::ALL {
                if check_label(kind, &label).is_ok() {
                    prop_assert!(!label.starts_with('-') && !label.is_empty());
                    prop_assert!(label.bytes().all(|b| b.is_ascii_graphic()));
                    prop_assert!(!label.contains(['"', '\'', '\\', '$', '`', '#', ',', '/']));
                }
            }
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,40}", key in "[a-z-]{0,20}") {
                        for kind in FilesystemKind::ALL {
                let _ = parse_uuid(kind, &text);
                let _ = parse_tuning(kind, &[(key.clone(), text.clone())]);
            }
        }
    }
}
