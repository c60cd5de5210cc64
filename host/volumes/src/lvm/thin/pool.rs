//! A thin pool while its volumes are written: whatever stands on them, a chunk is taken when
//! something other than zeros is first written to it.

use std::cell::RefCell;
use std::io;

use super::map::{DeviceMap, Mapping, PoolMap};
use crate::lvm::{LogicalVolume, LvmError, VolumeGroup};
use crate::medium::{Medium, within};

/// How much is looked at and cleared at a time, bytes.
const PIECE: u64 = 1 << 20;

/// A pool whose map grows.
#[derive(Debug, Clone)]
pub struct GrowingPool {
    name: String,
    map: PoolMap,
    /// Chunks that are taken: all before this one.
    next: u64,
}

impl GrowingPool {
    /// A pool of which nothing is taken.
    ///
    /// # Errors
    /// When `pool` is no pool of `group`.
    pub fn new(group: &VolumeGroup, pool: &LogicalVolume) -> Result<Self, LvmError> {
        let map = PoolMap::allocate(group, pool, &std::collections::BTreeMap::new())?;
        Ok(Self { name: pool.name.clone(), map, next: 0 })
    }

    /// What is taken so far.
    #[must_use]
    pub fn map(&self) -> &PoolMap {
        &self.map
    }

    /// The chunk of the pool's data that holds a chunk of a device.
    fn find(&self, device: u32, origin: u64) -> Option<u64> {
        self.map.device(device)?.find(origin)
    }

    /// Takes the next chunk of the pool's data for a chunk that has none.
    fn take(&mut self, device: u32, origin: u64) -> io::Result<u64> {
        let (chunks, chunk_size) = (self.map.chunks, self.map.chunk_size);
        if self.next == chunks {
            let name = &self.name;
            let why = format!(
                "the thin pool `{name}` is full: more is written to its volumes than its {chunks} chunks of {chunk_size} bytes hold; make it larger"
            );
            return Err(io::Error::new(io::ErrorKind::StorageFull, why));
        }
        let missing = || io::Error::other(format!("the thin pool has no device {device}"));
        let index = self.map.devices.binary_search_by_key(&device, |device| device.device);
        let index = index.map_err(|_| missing())?;
        let data = self.next;
        self.map.devices[index].insert(origin, data);
        self.next += 1;
        Ok(data)
    }
}

impl DeviceMap {
    /// The chunk of the pool's data that holds one of the device's.
    fn find(&self, origin: u64) -> Option<u64> {
        let before = self.mappings.partition_point(|mapping| mapping.origin <= origin);
        let mapping = self.mappings.get(before.checked_sub(1)?)?;
        (origin - mapping.origin < mapping.length).then(|| mapping.data + origin - mapping.origin)
    }

    /// Adds a chunk that is not mapped yet. What is written in a row stays one mapping.
    fn insert(&mut self, origin: u64, data: u64) {
        let at = self.mappings.partition_point(|mapping| mapping.origin < origin);
        if let Some(before) = at.checked_sub(1).map(|at| &mut self.mappings[at])
            && before.origin + before.length == origin
            && before.data + before.length == data
        {
            before.length += 1;
            return;
        }
        self.mappings.insert(at, Mapping { origin, data, length: 1 });
    }
}

/// A thin volume of a pool that grows, through the medium of the pool's data.
#[derive(Clone, Copy)]
pub struct GrowingMedium<'a> {
    pool: &'a RefCell<GrowingPool>,
    device: u32,
    size: u64,
    data: &'a dyn Medium,
}

impl<'a> GrowingMedium<'a> {
    /// The device of that number, of `size` bytes.
    #[must_use]
    pub fn new(
        pool: &'a RefCell<GrowingPool>,
        device: u32,
        size: u64,
        data: &'a dyn Medium,
    ) -> Self {
        Self { pool, device, size, data }
    }

    /// Splits a range of bytes into those of one chunk each: chunk, bytes before it in the chunk,
    /// place in the range.
    fn chunks(&self, offset: u64, length: usize) -> Vec<(u64, u64, std::ops::Range<usize>)> {
        let chunk_size = self.pool.borrow().map.chunk_size;
        let mut chunks = Vec::new();
        let mut done = 0;
        while done < length {
            let at = offset + done as u64;
            let inside = at % chunk_size;
            let left = usize::try_from(chunk_size - inside).unwrap_or(usize::MAX);
            let end = done + left.min(length - done);
            chunks.push((at / chunk_size, inside, done..end));
            done = end;
        }
        chunks
    }

    /// Makes a chunk of the pool's data read as zeros, as the kernel does before a thin volume gets
    /// it. Where it does already nothing is written, so that holes stay holes.
    fn clear(&self, start: u64, length: u64) -> io::Result<()> {
        let mut there = vec![0; usize::try_from(PIECE.min(length)).unwrap_or_default()];
        let mut done = 0;
        while done < length {
            let piece = usize::try_from(PIECE.min(length - done)).unwrap_or_default();
            let there = &mut there[..piece];
            self.data.read_exact_at(there, start + done)?;
            if !zeros(there) {
                there.fill(0);
                self.data.write_all_at(there, start + done)?;
            }
            done += piece as u64;
        }
        Ok(())
    }
}

fn zeros(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

impl Medium for GrowingMedium<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        within(self.size, bytes.len(), offset)?;
        let chunk_size = self.pool.borrow().map.chunk_size;
        for (origin, inside, range) in self.chunks(offset, bytes.len()) {
            let found = self.pool.borrow().find(self.device, origin);
            match found {
                Some(data) => {
                    self.data.read_exact_at(&mut bytes[range], data * chunk_size + inside)?;
                }
                None => bytes[range].fill(0),
            }
        }
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        within(self.size, bytes.len(), offset)?;
        let chunk_size = self.pool.borrow().map.chunk_size;
        for (origin, inside, range) in self.chunks(offset, bytes.len()) {
            let bytes = &bytes[range];
            let found = self.pool.borrow().find(self.device, origin);
            let data = match found {
                Some(data) => data,
                None if zeros(bytes) => continue,
                None => {
                    let data = self.pool.borrow_mut().take(self.device, origin)?;
                    if bytes.len() as u64 != chunk_size {
                        self.clear(data * chunk_size, chunk_size)?;
                    }
                    data
                }
            };
            self.data.write_all_at(bytes, data * chunk_size + inside)?;
        }
        Ok(())
    }
}
