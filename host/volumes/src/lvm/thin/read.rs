//! A pool's metadata on the disk: which chunks its volumes have, read without any program.
//!
//! ```text
//! block 0: superblock ─► devices: number ─► chunks mapped, transaction, times
//!                    └─► mappings: number ─► a tree of its own: chunk ─► chunk of the pool's data, time
//! ```
//!
//! The bytes may be anybody's: every block has to have its checksum, trees have neither loops nor keys
//! out of place, and no number of theirs says how much memory is taken.
//!
//! Source: Linux `drivers/md/dm-thin-metadata.c`.

use super::map::{DeviceMap, Mapping, PoolMap};
use super::tree::{self, BLOCK, wrong_at};
use crate::bytes::{le32, le64};
use crate::lvm::LvmError;
use crate::lvm::group::SECTOR;
use crate::medium::Medium;

const MAGIC: u64 = 27_022_010;
/// What the sum of a superblock is mixed with.
const SUPERBLOCK_MIX: u32 = 160_774;
/// The versions that say the same of what is read here.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=2;
/// The pool failed once, and has to be checked before it is used.
const NEEDS_CHECK: u32 = 1;
/// Bytes of what is said of a device.
const DETAILS: usize = 24;
/// Below a chunk's place in the pool's data, bits of when it was mapped.
const TIME_BITS: u32 = 24;

/// How much of pools is read, all that share it together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolBudget {
    /// Blocks of metadata, of 4096 bytes.
    pub nodes: usize,
    /// Stretches of chunks in a row.
    pub mappings: usize,
}

impl Default for PoolBudget {
    /// 256 MiB of metadata, twice what lvm makes unless it is told to; 50 MB of mappings.
    fn default() -> Self {
        Self { nodes: 1 << 16, mappings: 1 << 21 }
    }
}

/// A pool's metadata, of which the superblock is read and checked.
pub struct PoolMetadata<'a> {
    metadata: &'a dyn Medium,
    /// The pool's transaction, which the volume group's metadata must say too.
    pub transaction: u64,
    /// Bytes of a chunk.
    pub chunk_size: u64,
    /// How many chunks the pool's data has.
    pub chunks: u64,
    /// The kernel found it broken: it takes no writes until it was checked.
    pub needs_check: bool,
    mappings: u64,
    devices: u64,
}

impl<'a> PoolMetadata<'a> {
    /// Reads the superblock of `metadata`, the pool's hidden metadata volume.
    ///
    /// # Errors
    /// When it is none, is broken, or of a version not known here; when reading fails.
    pub fn read(metadata: &'a dyn Medium) -> Result<Self, LvmError> {
        let wrong = |why: String| wrong_at(0, why);
        let block = tree::block(metadata, 0)?;
        let bytes = &block[..];
        if le64(bytes, 32) != MAGIC {
            return Err(wrong("it does not begin with a superblock".to_owned()));
        }
        let (found, wanted) = (le32(bytes, 0), tree::sum(&block, SUPERBLOCK_MIX));
        if found != wanted {
            let why = format!("its superblock has the checksum {found:08x}, not {wanted:08x}");
            return Err(wrong(why));
        }
        let (version, features) = (le32(bytes, 40), le32(bytes, 360));
        if !VERSIONS.contains(&version) || features != 0 {
            let why = format!("it is of version {version} with features {features:#x}");
            return Err(wrong(why));
        }
        if u64::from(le32(bytes, 340)) * SECTOR != BLOCK as u64 || le64(bytes, 8) != 0 {
            return Err(wrong(format!("its blocks are not of {BLOCK} bytes, from 0 on")));
        }
        // What device-mapper takes: 64 KiB to 1 GiB.
        let chunk_size = u64::from(le32(bytes, 336)) * SECTOR;
        if !(64 << 10..=1 << 30).contains(&chunk_size) || !chunk_size.is_multiple_of(64 << 10) {
            return Err(wrong(format!("its chunks have {chunk_size} bytes, as no pool's have")));
        }
        // The space map of the data begins with how much there is to map.
        let chunks = le64(bytes, 64);
        if chunks.checked_mul(chunk_size).is_none() {
            return Err(wrong("it has more chunks than any disk".to_owned()));
        }
        Ok(Self {
            metadata,
            transaction: le64(bytes, 48),
            chunk_size,
            chunks,
            needs_check: le32(bytes, 4) & NEEDS_CHECK != 0,
            mappings: le64(bytes, 320),
            devices: le64(bytes, 328),
        })
    }

    /// The map of a device; none: the pool has no such device.
    ///
    /// # Errors
    /// When the metadata is broken, or more than `budget` allows.
    pub fn device(
        &self,
        number: u32,
        budget: &mut PoolBudget,
    ) -> Result<Option<DeviceMap>, LvmError> {
        let key = u64::from(number)..=u64::from(number);
        let mut details = None;
        let nodes = &mut budget.nodes;
        tree::walk(self.metadata, self.devices, DETAILS, &key, nodes, &mut |_, value| {
            details = Some((le64(value, 0), le64(value, 8)));
            Ok(())
        })?;
        let mut root = None;
        tree::walk(self.metadata, self.mappings, 8, &key, nodes, &mut |_, value| {
            root = Some(le64(value, 0));
            Ok(())
        })?;
        let ((mapped, transaction), root) = match (details, root) {
            (Some(details), Some(root)) => (details, root),
            (None, None) => return Ok(None),
            _ => {
                let why = format!("one of its trees has device {number}, and the other has not");
                return Err(wrong_at(0, why));
            }
        };
        let mut device = DeviceMap { device: number, transaction, mappings: Vec::new() };
        let mut count = 0_u64;
        let PoolBudget { nodes, mappings } = budget;
        tree::walk(self.metadata, root, 8, &(0..=u64::MAX), nodes, &mut |origin, value| {
            let data = le64(value, 0) >> TIME_BITS;
            if data >= self.chunks || origin.checked_mul(self.chunk_size).is_none() {
                let why = format!(
                    "chunk {origin} of device {number} is mapped to chunk {data} of {}",
                    self.chunks
                );
                return Err(wrong_at(root, why));
            }
            count += 1;
            match device.mappings.last_mut() {
                Some(last)
                    if last.origin + last.length == origin && last.data + last.length == data =>
                {
                    last.length += 1;
                }
                _ => {
                    *mappings = mappings.checked_sub(1).ok_or_else(|| {
                        wrong_at(root, "it has more pieces than are looked into".to_owned())
                    })?;
                    device.mappings.push(Mapping { origin, data, length: 1 });
                }
            }
            Ok(())
        })?;
        if count != mapped {
            let why = format!("device {number} has {count} chunks, and {mapped} are said of it");
            return Err(wrong_at(root, why));
        }
        Ok(Some(device))
    }

    /// The numbers of its devices, rising: at most as many as `most`.
    ///
    /// # Errors
    /// When the metadata is broken, or more than `budget` allows; when there are more.
    pub fn devices(&self, most: usize, budget: &mut PoolBudget) -> Result<Vec<u32>, LvmError> {
        let mut devices = Vec::new();
        let nodes = &mut budget.nodes;
        let all = 0..=u64::MAX;
        tree::walk(self.metadata, self.devices, DETAILS, &all, nodes, &mut |number, _| {
            let number = u32::try_from(number)
                .map_err(|_| wrong_at(self.devices, format!("it has a device {number}")))?;
            if devices.len() == most {
                return Err(wrong_at(self.devices, format!("it has more than {most} devices")));
            }
            devices.push(number);
            Ok(())
        })?;
        Ok(devices)
    }

    /// The map of all of its devices.
    ///
    /// # Errors
    /// When the metadata is broken, or more than `budget` allows.
    pub fn map(&self, budget: &mut PoolBudget) -> Result<PoolMap, LvmError> {
        let mut devices = Vec::new();
        for number in self.devices(budget.nodes, budget)? {
            devices.extend(self.device(number, budget)?);
        }
        let Self { transaction, chunk_size, chunks, .. } = *self;
        Ok(PoolMap { transaction, chunk_size, chunks, devices })
    }
}
