//! What a layout is made for: what nodes leave open is decided by it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dibhost_volumes::md::{self, MdMetadata};
use dibhost_volumes::{luks, lvm};

/// A purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Optimise {
    /// Everything that data is written to begins at a multiple of 4 MiB of what it lies on, which is
    /// one of the erase blocks of flash memory, of the stripes of arrays and of the extents of
    /// storage that is assigned as it is used.
    Speed,
    /// As few bytes as can be: partitions begin at multiples of 4096 bytes, and what takes its size
    /// from its content has next to nothing free.
    Size,
}

impl Optimise {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Speed, Self::Size];

    /// As people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Speed => "speed",
            Self::Size => "size",
        }
    }
}

/// How a layout decides what nodes leave open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayoutOptions {
    /// What it is made for. None: 1 MiB of alignment and headers of the usual sizes, as most tools
    /// make them, and filesystems with a little room.
    pub optimise: Option<Optimise>,
}

const MIB: u64 = 1 << 20;

impl LayoutOptions {
    /// Where partitions begin in a table that says nothing, bytes.
    pub(crate) fn alignment(self) -> u64 {
        match self.optimise {
            None => MIB,
            Some(Optimise::Speed) => 4 * MIB,
            Some(Optimise::Size) => 4096,
        }
    }

    /// Bytes before the first extent of a physical volume. lvm keeps its metadata there, and writes
    /// it anew behind the old one: less than usual would not be enough for long.
    pub(crate) fn extents_start(self) -> u64 {
        match self.optimise {
            Some(Optimise::Speed) => 4 * MIB,
            None | Some(Optimise::Size) => lvm::DATA_START,
        }
    }

    /// Bytes before the data of a RAID's member.
    pub(crate) fn member_start(self, metadata: MdMetadata) -> u64 {
        match (metadata, self.optimise) {
            (MdMetadata::End, _) => 0,
            (MdMetadata::Start, Some(Optimise::Speed)) => 4 * MIB,
            (MdMetadata::Start, None | Some(Optimise::Size)) => md::DEFAULT_DATA_OFFSET,
        }
    }

    /// Bytes of the header of LUKS with so many key slots.
    pub(crate) fn luks_header(self, slots: usize) -> u64 {
        match self.optimise {
            None | Some(Optimise::Speed) => luks::DEFAULT_OFFSET,
            // `cryptsetup luksChangeKey` writes the new key before it removes the old one.
            Some(Optimise::Size) => luks::least_offset(slots + 1),
        }
    }

    /// Whether filesystems whose size comes from their content do without room.
    pub(crate) fn lean(self) -> bool {
        self.optimise == Some(Optimise::Size)
    }
}
