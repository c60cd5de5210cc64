//! A volume group with all that is in it.

use super::id::LvmId;

/// Bytes of a sector as lvm's metadata counts them, whatever the disk's own are.
pub(crate) const SECTOR: u64 = 512;
/// Where the first extent begins on every physical volume that we make, bytes.
pub const DATA_START: u64 = 1 << 20;
/// What lvm takes when nobody says otherwise, bytes.
pub const EXTENT_SIZE: u64 = 4 << 20;
/// What lvm stripes by when nobody says otherwise, bytes.
pub const STRIPE_SIZE: u64 = 64 << 10;

/// A volume group with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeGroup {
    /// Its name.
    pub name: String,
    /// Its identifier.
    pub id: LvmId,
    /// Bytes of an extent: a power of two, or a multiple of 128 KiB.
    pub extent_size: u64,
    /// What it lies on.
    pub physical_volumes: Vec<PhysicalVolume>,
    /// Its logical volumes, hidden ones among them.
    pub logical_volumes: Vec<LogicalVolume>,
    /// When it was made, seconds since 1970.
    pub time: u64,
}

/// A physical volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhysicalVolume {
    /// What the metadata calls it: `pv0`, `pv1`, …
    pub name: String,
    /// Its identifier.
    pub id: LvmId,
    /// Bytes of the medium.
    pub size: u64,
    /// Where the first extent begins, bytes.
    pub data_start: u64,
    /// How many extents it has.
    pub extents: u64,
}

/// A logical volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogicalVolume {
    /// Its name.
    pub name: String,
    /// Its identifier.
    pub id: LvmId,
    /// Not a part of another one.
    pub visible: bool,
    /// What it is made of.
    pub kind: LogicalVolumeKind,
}

/// What a logical volume is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogicalVolumeKind {
    /// Extents of physical volumes, one segment after the other.
    Extents(Vec<Segment>),
    /// A pool that thin volumes take chunks of.
    ThinPool {
        /// The name of the hidden volume with the pool's own metadata.
        metadata: String,
        /// The name of the hidden volume that the chunks lie in.
        data: String,
        /// Bytes of a chunk: a multiple of 64 KiB.
        chunk_size: u64,
        /// How many times thin volumes were made or removed; the pool's own metadata says the same.
        transaction: u64,
    },
    /// A volume that takes chunks of a pool where it was written.
    Thin {
        /// The pool's name.
        pool: String,
        /// Its number in the pool's metadata.
        device: u32,
        /// The pool's transaction when it was made.
        transaction: u64,
        /// Bytes that it seems to have: whole extents.
        size: u64,
    },
    /// What this module reads but knows no more of (mirrors, RAID, snapshots, caches, …).
    Other {
        /// lvm's name of its first segment's kind.
        segment_type: String,
        /// How long it is.
        extents: u64,
    },
}

/// Extents of a logical volume that lie in a row on one physical volume, or in stripes on several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// How many extents of the logical volume: a multiple of the number of stripes.
    pub extents: u64,
    /// Bytes that go to a stripe before the next one's turn; 0 when there is one only.
    pub stripe_size: u64,
    /// Where they lie.
    pub stripes: Vec<Stripe>,
}

/// Where one stripe of a segment lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stripe {
    /// Which physical volume.
    pub physical_volume: usize,
    /// Its first extent.
    pub start: u64,
}

impl VolumeGroup {
    /// The logical volume of this name.
    #[must_use]
    pub fn logical_volume(&self, name: &str) -> Option<&LogicalVolume> {
        self.logical_volumes.iter().find(|volume| volume.name == name)
    }

    /// Bytes of a logical volume; of a pool, the bytes of its data.
    #[must_use]
    pub fn size_of(&self, volume: &LogicalVolume) -> u64 {
        match &volume.kind {
            LogicalVolumeKind::Extents(segments) => {
                segments.iter().map(|segment| segment.extents).sum::<u64>() * self.extent_size
            }
            LogicalVolumeKind::ThinPool { data, .. } => match self.logical_volume(data) {
                // A pool on a pool is refused by `validate`; without this it would not end.
                Some(data) if matches!(data.kind, LogicalVolumeKind::Extents(_)) => {
                    self.size_of(data)
                }
                _ => 0,
            },
            LogicalVolumeKind::Thin { size, .. } => *size,
            LogicalVolumeKind::Other { extents, .. } => extents * self.extent_size,
        }
    }
}
