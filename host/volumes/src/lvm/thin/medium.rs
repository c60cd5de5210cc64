//! The bytes of a thin volume, through its map.

use std::io;

use super::map::DeviceMap;
use crate::medium::{Medium, within};

/// A range of a thin volume that lies in one piece of the pool's data, or nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThinMapped {
    /// Where it begins in the thin volume, bytes.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// Where it begins in the pool's data, bytes; none of what was never written, which reads as
    /// zeros.
    pub data_offset: Option<u64>,
}

impl DeviceMap {
    /// Maps a range of bytes, in its order.
    #[must_use]
    pub fn map(&self, chunk_size: u64, offset: u64, length: u64) -> Vec<ThinMapped> {
        let end = offset.saturating_add(length);
        let mut at = offset;
        let mut ranges = Vec::new();
        let behind =
            |m: &super::map::Mapping| (m.origin + m.length).saturating_mul(chunk_size) <= at;
        let first = self.mappings.partition_point(behind);
        for mapping in &self.mappings[first..] {
            let start = mapping.origin.saturating_mul(chunk_size);
            if at >= end || start >= end {
                break;
            }
            if at < start {
                ranges.push(ThinMapped { offset: at, length: start - at, data_offset: None });
                at = start;
            }
            let stop = (mapping.origin + mapping.length).saturating_mul(chunk_size).min(end);
            let data_offset = Some(mapping.data * chunk_size + (at - start));
            ranges.push(ThinMapped { offset: at, length: stop - at, data_offset });
            at = stop;
        }
        if at < end {
            ranges.push(ThinMapped { offset: at, length: end - at, data_offset: None });
        }
        ranges
    }
}

/// A thin volume through the medium of its pool's data.
#[derive(Clone, Copy)]
pub struct ThinMedium<'a> {
    map: &'a DeviceMap,
    chunk_size: u64,
    size: u64,
    data: &'a dyn Medium,
}

impl<'a> ThinMedium<'a> {
    /// A volume of `size` bytes, with its map and the pool's data.
    #[must_use]
    pub fn new(map: &'a DeviceMap, chunk_size: u64, size: u64, data: &'a dyn Medium) -> Self {
        Self { map, chunk_size, size, data }
    }
}

impl Medium for ThinMedium<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        within(self.size, bytes.len(), offset)?;
        for range in self.map.map(self.chunk_size, offset, bytes.len() as u64) {
            let begin = (range.offset - offset) as usize;
            let part = &mut bytes[begin..begin + range.length as usize];
            match range.data_offset {
                Some(at) => self.data.read_exact_at(part, at)?,
                None => part.fill(0),
            }
        }
        Ok(())
    }

    /// Writes to chunks that the map has; elsewhere zeros only, which are there already.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        within(self.size, bytes.len(), offset)?;
        for range in self.map.map(self.chunk_size, offset, bytes.len() as u64) {
            let begin = (range.offset - offset) as usize;
            let part = &bytes[begin..begin + range.length as usize];
            match range.data_offset {
                Some(at) => self.data.write_all_at(part, at)?,
                None if part.iter().all(|byte| *byte == 0) => {}
                None => {
                    let at = range.offset;
                    let why =
                        format!("the thin volume's chunk at byte {at} has no place in the pool");
                    return Err(io::Error::other(why));
                }
            }
        }
        Ok(())
    }
}
