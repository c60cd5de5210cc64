//! Formats of image files.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of image file: of a disk, or of the tree alone.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The bytes of the disk as they are.
    Raw,
    /// QEMU's copy-on-write format, version 3.
    Qcow2,
    /// Virtual Hard Disk of a fixed size, as Azure, Hyper-V and Xen take it.
    Vhd,
    /// Hyper-V's format, which grows.
    Vhdx,
    /// VMware's format, compressed and written in one go (`streamOptimized`), as it is imported.
    Vmdk,
    /// VirtualBox's format, which grows.
    Vdi,
    /// The tree as an archive (POSIX, with hard links, attributes and numeric owners).
    Tar,
    /// The same by gzip.
    Tgz,
    /// The same by zstd.
    #[serde(rename = "tar.zst")]
    TarZst,
    /// The tree as a squashfs.
    Squashfs,
    /// The tree as an image of a container: an OCI image layout of one layer, in one archive.
    Oci,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Raw,
        Self::Qcow2,
        Self::Vhd,
        Self::Vhdx,
        Self::Vmdk,
        Self::Vdi,
        Self::Tar,
        Self::Tgz,
        Self::TarZst,
        Self::Squashfs,
        Self::Oci,
    ];

    /// As it is written, which is also what the file's name ends with.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Vhd => "vhd",
            Self::Vhdx => "vhdx",
            Self::Vmdk => "vmdk",
            Self::Vdi => "vdi",
            Self::Tar => "tar",
            Self::Tgz => "tgz",
            Self::TarZst => "tar.zst",
            Self::Squashfs => "squashfs",
            Self::Oci => "oci",
        }
    }

    /// Whether it holds a disk, with partitions and filesystems; else it holds the tree.
    #[must_use]
    pub fn is_of_disk(self) -> bool {
        match self {
            Self::Raw | Self::Qcow2 | Self::Vhd | Self::Vhdx | Self::Vmdk | Self::Vdi => true,
            Self::Tar | Self::Tgz | Self::TarZst | Self::Squashfs | Self::Oci => false,
        }
    }

    /// The format of that name; which one may have been meant is for the caller to say.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// A file's name without the ending of a format, and that format.
    #[must_use]
    pub fn of_file_name(name: &str) -> Option<(&str, Self)> {
        let split = |format: Self| {
            let stem = name.strip_suffix(format.name())?.strip_suffix('.')?;
            (!stem.is_empty()).then_some((stem, format))
        };
        Self::ALL.into_iter().find_map(split)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How clusters of a qcow2 are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Qcow2Compression {
    /// QEMU 5.1 and later read it. A seventh of zlib's time, and a little smaller.
    #[default]
    Zstd,
    /// Every reader of qcow2 reads it.
    Zlib,
    /// Not at all.
    None,
}

impl Qcow2Compression {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Zlib, Self::None];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Zlib => "zlib",
            Self::None => "none",
        }
    }

    /// The compression of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.name() == name)
    }
}

impl fmt::Display for Qcow2Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_they_are_written_as() {
        for format in Format::ALL {
            assert_eq!(Format::from_name(format.name()), Some(format));
            assert_eq!(serde_json::to_value(format).unwrap(), format.name());
        }
        for compression in Qcow2Compression::ALL {
            assert_eq!(Qcow2Compression::from_name(compression.name()), Some(compression));
            assert_eq!(serde_json::to_value(compression).unwrap(), compression.name());
        }
        assert_eq!(Format::from_name("elephant"), None);
        assert_eq!(Format::from_name("QCOW2"), None);
    }

    #[test]
    fn a_file_is_named_after_its_format() {
        for (name, split) in [
            ("a.tar.zst", Some(("a", Format::TarZst))),
            ("a.b.tar", Some(("a.b", Format::Tar))),
            (".raw", None),
            ("raw", None),
            ("a.zst", None),
            ("a.", None),
        ] {
            assert_eq!(Format::of_file_name(name), split, "{name}");
        }
    }
}
