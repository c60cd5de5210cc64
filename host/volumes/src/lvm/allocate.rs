//! Which extents of which physical volumes a logical volume gets. Pure, and the same always: logical
//! volumes in the order they are asked for, each from the front of what is free.

use super::error::LvmError;
use super::group::{
    LogicalVolume, LogicalVolumeKind, PhysicalVolume, SECTOR, STRIPE_SIZE, Segment, Stripe,
    VolumeGroup,
};
use super::id::LvmId;
use super::validate::check_extent_size;
use super::{check_logical_volume_name, check_volume_group_name};

/// lvm's default and least chunk of a pool, and the step of all chunk sizes, bytes.
const CHUNK_STEP: u64 = 64 << 10;
/// The largest chunk that the kernel takes, bytes.
const CHUNK_MOST: u64 = 1 << 30;
/// What the kernel's thin target needs of its metadata for a chunk, as lvm reckons it, bytes.
const METADATA_PER_CHUNK: u64 = 64;
/// lvm takes larger chunks rather than more metadata than this, bytes.
const METADATA_WISHED: u64 = 128 << 20;
/// The least and the most metadata of a pool that lvm makes, bytes.
const METADATA_LEAST: u64 = 2 << 20;
const METADATA_MOST: u64 = 16_192 << 20;

/// The least bytes before the first extent: metadata of a few dozen volumes, twice.
const LEAST_DATA_START: u64 = 128 << 10;

/// The volume group that is wished for.
#[derive(Debug, Clone)]
pub struct VolumeGroupRequest {
    /// Its name.
    pub name: String,
    /// Its identifier.
    pub id: LvmId,
    /// Bytes of an extent.
    pub extent_size: u64,
    /// Seconds since 1970.
    pub time: u64,
    /// Bytes before the first extent of each physical volume ([`DATA_START`](super::DATA_START)): whole sectors.
    pub data_start: u64,
    /// What it lies on.
    pub physical_volumes: Vec<PhysicalVolumeRequest>,
    /// What is in it.
    pub logical_volumes: Vec<LogicalVolumeRequest>,
}

/// A physical volume to be.
#[derive(Debug, Clone, Copy)]
pub struct PhysicalVolumeRequest {
    /// Its identifier.
    pub id: LvmId,
    /// Bytes of the medium.
    pub size: u64,
}

/// A logical volume that is wished for.
#[derive(Debug, Clone)]
pub struct LogicalVolumeRequest {
    /// Its name.
    pub name: String,
    /// Its identifier.
    pub id: LvmId,
    /// What it is to be made of.
    pub kind: RequestKind,
}

/// What a logical volume is to be made of. Sizes are bytes, and rounded up to whole extents.
#[derive(Debug, Clone)]
pub enum RequestKind {
    /// On one physical volume, on several when none has the room.
    Linear {
        /// Bytes.
        size: u64,
    },
    /// In equal parts on several physical volumes.
    Striped {
        /// Bytes.
        size: u64,
        /// On how many physical volumes, 2 to 128.
        stripes: usize,
        /// Bytes that go to one before the next one's turn: a power of two from 4 KiB up to an
        /// extent.
        stripe_size: u64,
    },
    /// A pool for thin volumes; takes room for its metadata, and once more for a spare, as lvm does.
    ThinPool {
        /// Bytes of data.
        size: u64,
        /// Bytes of metadata, or as many as lvm would take.
        metadata_size: Option<u64>,
        /// Bytes of a chunk, or as many as lvm would take.
        chunk_size: Option<u64>,
        /// On how many physical volumes its data lies in stripes; 1: on one after the other.
        stripes: usize,
    },
    /// A volume of a pool that is asked for before it.
    Thin {
        /// The pool's name.
        pool: String,
        /// Bytes that it seems to have.
        size: u64,
    },
}

/// Bytes, rounded up to whole extents; at least one, and `u64::MAX` at the most.
#[must_use]
pub fn round(size: u64, extent_size: u64) -> u64 {
    size.max(1).div_ceil(extent_size).saturating_mul(extent_size)
}

/// What lvm takes for a pool of so many bytes of data: bytes of a chunk, and of the metadata.
#[must_use]
pub fn pool_numbers(size: u64) -> (u64, u64) {
    let mut chunk = CHUNK_STEP;
    while metadata_needed(size, chunk) > METADATA_WISHED && chunk < CHUNK_MOST {
        chunk *= 2;
    }
    (chunk, metadata_needed(size, chunk).clamp(METADATA_LEAST, METADATA_MOST))
}

fn metadata_needed(size: u64, chunk: u64) -> u64 {
    size.div_ceil(chunk).saturating_mul(METADATA_PER_CHUNK)
}

/// What is free on a physical volume: everything from an extent on.
#[derive(Clone, Copy)]
struct Free {
    next: u64,
    end: u64,
}

impl Free {
    fn count(self) -> u64 {
        self.end - self.next
    }
}

impl VolumeGroupRequest {
    /// Decides where every extent lies.
    ///
    /// # Errors
    /// When a name or a size is none that lvm takes, or there are fewer extents than asked for.
    pub fn allocate(&self) -> Result<VolumeGroup, LvmError> {
        check_volume_group_name(&self.name)?;
        check_extent_size(&self.name, self.extent_size)?;
        let physical_volumes = self.physical_volumes()?;
        let free = physical_volumes.iter().map(|p| Free { next: 0, end: p.extents }).collect();
        let mut work = Work { request: self, free, volumes: Vec::new(), largest_metadata: 0 };
        for volume in &self.logical_volumes {
            check_logical_volume_name(&self.name, &volume.name)?;
            work.add(volume)?;
        }
        work.add_spare()?;
        let group = VolumeGroup {
            name: self.name.clone(),
            id: self.id,
            extent_size: self.extent_size,
            physical_volumes,
            logical_volumes: work.volumes,
            time: self.time,
        };
        group.validate()?;
        Ok(group)
    }

    fn physical_volumes(&self) -> Result<Vec<PhysicalVolume>, LvmError> {
        let data_start = self.data_start;
        // 4608 bytes are label and header, and lvm writes its text twice behind them.
        if data_start < LEAST_DATA_START || !data_start.is_multiple_of(4096) {
            let why = format!(
                "extents from byte {data_start} on: they begin at a multiple of 4096, and at {LEAST_DATA_START} or after it"
            );
            return Err(LvmError::VolumeGroup { group: self.name.clone(), why });
        }
        let make = |(index, volume): (usize, &PhysicalVolumeRequest)| {
            let size = volume.size / SECTOR * SECTOR;
            let extents = size.saturating_sub(data_start) / self.extent_size;
            if extents == 0 {
                return Err(LvmError::PhysicalVolume {
                    group: self.name.clone(),
                    index,
                    why: format!(
                        "its {} bytes have no room for {data_start} bytes of metadata and an extent of {} bytes",
                        volume.size, self.extent_size
                    ),
                });
            }
            let extents = extents.min(u64::from(u32::MAX));
            let name = format!("pv{index}");
            Ok(PhysicalVolume { name, id: volume.id, size, data_start, extents })
        };
        self.physical_volumes.iter().enumerate().map(make).collect()
    }

    fn wrong(&self, volume: &str, why: impl Into<String>) -> LvmError {
        let group = self.name.clone();
        LvmError::LogicalVolume { group, volume: volume.to_owned(), why: why.into() }
    }

    /// How many extents hold `size` bytes.
    fn extents(&self, volume: &str, size: u64) -> Result<u64, LvmError> {
        if size == 0 {
            return Err(self.wrong(volume, "its size is 0"));
        }
        let extents = size.div_ceil(self.extent_size);
        if extents > u64::from(u32::MAX) || extents.checked_mul(self.extent_size).is_none() {
            let why = format!("{size} bytes are more extents than lvm can count");
            return Err(self.wrong(volume, why));
        }
        Ok(extents)
    }
}

struct Work<'a> {
    request: &'a VolumeGroupRequest,
    free: Vec<Free>,
    volumes: Vec<LogicalVolume>,
    /// Extents of the largest metadata of a pool, which the spare must hold.
    largest_metadata: u64,
}

impl Work<'_> {
    fn add(&mut self, volume: &LogicalVolumeRequest) -> Result<(), LvmError> {
        let name = &volume.name;
        let kind = match &volume.kind {
            RequestKind::Linear { size } => {
                let extents = self.request.extents(name, *size)?;
                LogicalVolumeKind::Extents(self.linear(name, extents)?)
            }
            RequestKind::Striped { size, stripes, stripe_size } => {
                let extents = self.request.extents(name, *size)?;
                LogicalVolumeKind::Extents(self.striped(name, extents, *stripes, *stripe_size)?)
            }
            RequestKind::ThinPool { size, metadata_size, chunk_size, stripes } => {
                self.pool(volume, *size, *metadata_size, *chunk_size, *stripes)?
            }
            RequestKind::Thin { pool, size } => self.thin(name, pool, *size)?,
        };
        let (name, id) = (name.clone(), volume.id);
        self.volumes.push(LogicalVolume { name, id, visible: true, kind });
        Ok(())
    }

    fn space(&self, volume: &str, needed: u64, free: u64, on: String) -> LvmError {
        LvmError::Space {
            group: self.request.name.clone(),
            volume: volume.to_owned(),
            needed,
            extent_size: self.request.extent_size,
            on,
            free,
            missing: (needed - free).saturating_mul(self.request.extent_size),
        }
    }

    /// The first physical volume with room for all of it, else as much of each as it has.
    fn linear(&mut self, name: &str, extents: u64) -> Result<Vec<Segment>, LvmError> {
        let total: u64 = self.free.iter().map(|free| free.count()).sum();
        if total < extents {
            return Err(self.space(name, extents, total, String::new()));
        }
        let whole = self.free.iter().position(|free| free.count() >= extents);
        let mut left = extents;
        let mut segments = Vec::new();
        for (index, free) in self.free.iter_mut().enumerate() {
            if whole.is_some_and(|whole| whole != index) {
                continue;
            }
            let taken = left.min(free.count());
            if taken == 0 {
                continue;
            }
            let stripes = vec![Stripe { physical_volume: index, start: free.next }];
            segments.push(Segment { extents: taken, stripe_size: 0, stripes });
            free.next += taken;
            left -= taken;
        }
        Ok(segments)
    }

    /// Rows of one extent of each of `stripes` physical volumes, as few segments as there can be.
    ///
    /// McNaughton's wrap-around rule: a physical volume gives no more extents than there are rows, so
    /// that, laid end to end into the columns, none meets itself in a row; and what cannot be laid
    /// so cannot be laid at all.
    fn striped(
        &mut self,
        name: &str,
        extents: u64,
        stripes: usize,
        stripe_size: u64,
    ) -> Result<Vec<Segment>, LvmError> {
        let wrong = |why: String| self.request.wrong(name, why);
        if !(2..=128).contains(&stripes) {
            return Err(wrong(format!("{stripes} stripes are none of 2 to 128")));
        }
        if stripes > self.free.len() {
            let why = format!(
                "{stripes} stripes need as many physical volumes, and there are {}",
                self.free.len()
            );
            return Err(wrong(why));
        }
        let most = self.request.extent_size;
        if !stripe_size.is_power_of_two() || !(4096..=most).contains(&stripe_size) {
            return Err(wrong(format!(
                "a stripe size of {stripe_size} bytes is no power of two from 4096 to {most}, the extent's size"
            )));
        }
        let rows = extents.div_ceil(stripes as u64);
        let needed = rows * stripes as u64;
        let usable = |free: &Free| free.count().min(rows);
        let free: u64 = self.free.iter().map(usable).sum();
        if free < needed {
            return Err(self.space(name, needed, free, format!(" in {stripes} equal parts")));
        }

        let mut order: Vec<usize> = (0..self.free.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(usable(&self.free[*index])));
        // Of every column: from which row on, and which extent lies in it.
        let mut columns: Vec<Vec<(u64, Stripe)>> = vec![Vec::new(); stripes];
        let (mut column, mut row) = (0, 0);
        for index in order {
            if column == stripes {
                break;
            }
            let free = &mut self.free[index];
            let count = usable(free).min((stripes - column) as u64 * rows - row);
            if count == 0 {
                continue;
            }
            let over = (row + count).saturating_sub(rows);
            let stripe = |start| Stripe { physical_volume: index, start };
            // What wraps around lies in upper rows, so it gets the lower extents.
            columns[column].push((row, stripe(free.next + over)));
            if over > 0 {
                columns[column + 1].push((0, stripe(free.next)));
            }
            free.next += count;
            let position = column as u64 * rows + row + count;
            (column, row) = ((position / rows) as usize, position % rows);
        }

        let mut cuts: Vec<u64> = columns.iter().flatten().map(|(row, _)| *row).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let ends = cuts.iter().copied().skip(1).chain([rows]);
        let segment = |(start, end): (u64, u64)| {
            let at = |column: &Vec<(u64, Stripe)>| {
                let (row, stripe) = column.iter().rev().find(|(row, _)| *row <= start)?;
                Some(Stripe { start: stripe.start + (start - row), ..*stripe })
            };
            let extents = (end - start) * stripes as u64;
            Segment { extents, stripe_size, stripes: columns.iter().filter_map(at).collect() }
        };
        Ok(cuts.iter().copied().zip(ends).map(segment).collect())
    }

    fn pool(
        &mut self,
        volume: &LogicalVolumeRequest,
        size: u64,
        metadata_size: Option<u64>,
        chunk_size: Option<u64>,
        stripes: usize,
    ) -> Result<LogicalVolumeKind, LvmError> {
        let name = &volume.name;
        let extents = self.request.extents(name, size)?;
        let size = extents * self.request.extent_size;
        let chunk_size = chunk_size.unwrap_or_else(|| pool_numbers(size).0);
        if chunk_size == 0 || !chunk_size.is_multiple_of(CHUNK_STEP) || chunk_size > CHUNK_MOST {
            let why =
                format!("a chunk size of {chunk_size} bytes is no multiple of 64 KiB up to 1 GiB");
            return Err(self.request.wrong(name, why));
        }
        if size < chunk_size {
            let why = format!("its {size} bytes hold no chunk of {chunk_size} bytes");
            return Err(self.request.wrong(name, why));
        }
        let least = metadata_needed(size, chunk_size).clamp(METADATA_LEAST, METADATA_MOST);
        let metadata_size = metadata_size.unwrap_or(least);
        if !(METADATA_LEAST..=METADATA_MOST).contains(&metadata_size) {
            let why = format!(
                "metadata of {metadata_size} bytes are none of {METADATA_LEAST} to {METADATA_MOST} bytes"
            );
            return Err(self.request.wrong(name, why));
        }
        let metadata_extents = self.request.extents(name, metadata_size)?;
        self.largest_metadata = self.largest_metadata.max(metadata_extents);

        let data = match stripes {
            0 | 1 => self.linear(name, extents)?,
            _ => self.striped(name, extents, stripes, STRIPE_SIZE.min(self.request.extent_size))?,
        };
        let metadata = self.linear(name, metadata_extents)?;
        let mut part = |suffix: &str, segments| {
            let kind = LogicalVolumeKind::Extents(segments);
            let part = format!("{name}{suffix}");
            let id = volume.id.part(suffix);
            self.volumes.push(LogicalVolume { name: part.clone(), id, visible: false, kind });
            part
        };
        let data = part("_tdata", data);
        let metadata = part("_tmeta", metadata);
        Ok(LogicalVolumeKind::ThinPool { metadata, data, chunk_size, transaction: 0 })
    }

    fn thin(&mut self, name: &str, pool: &str, size: u64) -> Result<LogicalVolumeKind, LvmError> {
        let size = self.request.extents(name, size)? * self.request.extent_size;
        let found = self.volumes.iter_mut().find(|volume| volume.name == pool);
        let Some(LogicalVolumeKind::ThinPool { transaction, .. }) = found.map(|v| &mut v.kind)
        else {
            let why = format!("there is no thin pool `{pool}` before it");
            return Err(self.request.wrong(name, why));
        };
        // As lvm counts: every thin volume is a transaction of its own.
        let before = *transaction;
        *transaction += 1;
        // The kernel's thin devices have 24 bits.
        let device = u32::try_from(*transaction).ok().filter(|device| *device < 1 << 24);
        let device = device.ok_or_else(|| {
            self.request.wrong(name, format!("pool `{pool}` has no number left for it"))
        })?;
        let pool = pool.to_owned();
        Ok(LogicalVolumeKind::Thin { pool, device, transaction: before, size })
    }

    /// What lvm repairs a pool's metadata into: one a volume group, as large as the largest of them.
    fn add_spare(&mut self) -> Result<(), LvmError> {
        if self.largest_metadata == 0 {
            return Ok(());
        }
        let taken = |name: &str| self.request.logical_volumes.iter().any(|v| v.name == name);
        let free = (0..).map(|n: u32| format!("lvol{n}")).find(|name| !taken(name));
        let name = format!("{}_pmspare", free.unwrap_or_default());
        let kind = LogicalVolumeKind::Extents(self.linear(&name, self.largest_metadata)?);
        let id = self.request.id.part("_pmspare");
        self.volumes.push(LogicalVolume { name, id, visible: false, kind });
        Ok(())
    }
}
