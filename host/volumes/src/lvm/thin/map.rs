//! Which chunks of a pool's data hold which chunks of its thin volumes.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::lvm::{LogicalVolume, LogicalVolumeKind, LvmError, VolumeGroup};

/// The map of a whole pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolMap {
    /// The pool's transaction, which the volume group's metadata must say too.
    pub transaction: u64,
    /// Bytes of a chunk.
    pub chunk_size: u64,
    /// How many chunks the pool's data has.
    pub chunks: u64,
    /// The maps of its volumes, by rising number.
    pub devices: Vec<DeviceMap>,
}

/// The map of one thin volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceMap {
    /// Its number, as the volume group's metadata says it.
    pub device: u32,
    /// The pool's transaction when it was made.
    pub transaction: u64,
    /// Where its chunks lie, by rising origin and without overlap.
    pub mappings: Vec<Mapping>,
}

/// Chunks in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// The first one, of the thin volume.
    pub origin: u64,
    /// The first one, of the pool's data.
    pub data: u64,
    /// How many.
    pub length: u64,
}

impl PoolMap {
    /// Gives every chunk that holds a written byte a chunk of the pool's data, in the order of the
    /// volumes and of their chunks. `written` is by the name of the thin volume, in bytes, in any
    /// order; a volume that it does not name is empty.
    ///
    /// # Errors
    /// When `pool` is none, `written` names none of its volumes or bytes beyond one, or the pool's data
    /// has too few chunks.
    pub fn allocate(
        group: &VolumeGroup,
        pool: &LogicalVolume,
        written: &BTreeMap<String, Vec<Range<u64>>>,
    ) -> Result<Self, LvmError> {
        let wrong = |volume: &str, why: String| LvmError::LogicalVolume {
            group: group.name.clone(),
            volume: volume.to_owned(),
            why,
        };
        let LogicalVolumeKind::ThinPool { chunk_size, transaction, .. } = pool.kind else {
            return Err(wrong(&pool.name, "it is no thin pool".to_owned()));
        };
        let chunks = group.size_of(pool) / chunk_size;
        let mut map = Self { transaction, chunk_size, chunks, devices: Vec::new() };
        let mut unknown: Vec<&String> = written.keys().collect();
        let mut next = 0;
        for volume in &group.logical_volumes {
            let LogicalVolumeKind::Thin { pool: of, device, transaction, size } = &volume.kind
            else {
                continue;
            };
            if *of != pool.name {
                continue;
            }
            unknown.retain(|name| **name != volume.name);
            let mut mappings = Vec::new();
            let ranges = written.get(&volume.name).map_or(&[][..], Vec::as_slice);
            if let Some(range) = ranges.iter().find(|range| range.end > *size) {
                let why = format!("byte {} is beyond its {size} bytes", range.end - 1);
                return Err(wrong(&volume.name, why));
            }
            for chunk in chunk_ranges(ranges, chunk_size) {
                let length = chunk.end - chunk.start;
                mappings.push(Mapping { origin: chunk.start, data: next, length });
                next += length;
            }
            map.devices.push(DeviceMap { device: *device, transaction: *transaction, mappings });
        }
        if let Some(name) = unknown.first() {
            return Err(wrong(name, format!("it is no thin volume of pool `{}`", pool.name)));
        }
        if next > chunks {
            let why = format!(
                "its volumes hold {next} written chunks of {chunk_size} bytes, and it has {chunks}: {} bytes are missing",
                (next - chunks).saturating_mul(chunk_size)
            );
            return Err(wrong(&pool.name, why));
        }
        map.devices.sort_unstable_by_key(|device| device.device);
        Ok(map)
    }

    /// The map of a thin volume.
    #[must_use]
    pub fn device(&self, number: u32) -> Option<&DeviceMap> {
        let index = self.devices.binary_search_by_key(&number, |device| device.device).ok()?;
        self.devices.get(index)
    }
}

/// The chunks that ranges of bytes touch: rising, apart from each other.
fn chunk_ranges(ranges: &[Range<u64>], chunk_size: u64) -> Vec<Range<u64>> {
    let touched = ranges.iter().filter(|range| !range.is_empty());
    let mut chunks: Vec<Range<u64>> =
        touched.map(|r| r.start / chunk_size..r.end.div_ceil(chunk_size)).collect();
    chunks.sort_unstable_by_key(|range| range.start);
    let mut apart: Vec<Range<u64>> = Vec::new();
    for range in chunks {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_that_two_ranges_touch_is_one() {
        let ranges = [250..260, 0..1, 99..101, 5..5, 300..400, 800..900];
        assert_eq!(chunk_ranges(&ranges, 100), [0..4, 8..9]);
        assert_eq!(chunk_ranges(&[500..501, 0..100], 100), [0..1, 5..6]);
    }
}
