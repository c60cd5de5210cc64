//! The volumes that were found, as media: a logical volume on an encrypted array is read through
//! whatever lies below it.

use std::io;

use super::types::InspectedDisk;
use crate::stack::Part;
use dibhost_volumes::Extent;
use dibhost_volumes::Medium;
use dibhost_volumes::luks::{LuksHeader, VolumeKey};
use dibhost_volumes::lvm::thin::{DeviceMap, ThinMedium};
use dibhost_volumes::lvm::{self, LogicalVolumeKind, LogicalVolumeMedium};
use dibhost_volumes::md::{Raid0Medium, Raid1Medium, RaidLevel};

/// Numbers a volume in [`Ground`].
pub(super) type VolumeAt = usize;

/// What a volume is made of.
pub(super) enum Map {
    /// The disk of this number.
    Disk(usize),
    Part {
        on: VolumeAt,
        extent: Extent,
    },
    Luks {
        on: VolumeAt,
        header: Box<LuksHeader>,
        key: VolumeKey,
    },
    Raid {
        on: Vec<VolumeAt>,
        level: RaidLevel,
        data_offset: u64,
        used_size: u64,
    },
    /// The group, and the logical volume in it.
    Logical {
        group: usize,
        volume: usize,
    },
    /// The group, and the logical volume in it that has the chunks of the pool.
    Thin {
        group: usize,
        data: usize,
        chunk_size: u64,
        size: u64,
        map: DeviceMap,
    },
}

/// A volume group, all of whose physical volumes were found.
pub(super) struct Group {
    pub(super) group: lvm::VolumeGroup,
    /// What its physical volumes stand on, in their order.
    pub(super) on: Vec<VolumeAt>,
}

/// A logical volume on a mirror of logical volumes on a mirror of … is read by as many ways as there
/// are leaves; what people make has a few dozen. Each takes some of the stack.
const MOST_LENT: usize = 256;
/// Many times the partitions of a disk and the volumes of a group that anybody has.
const MOST_VOLUMES: usize = 4096;

/// All volumes that were found.
pub(super) struct Ground<'a> {
    pub(super) disks: &'a [InspectedDisk<'a>],
    pub(super) groups: Vec<Group>,
    maps: Vec<Map>,
    /// How many media are lent when each is read, those below it counted once for every way to them.
    weights: Vec<usize>,
}

/// What is done with a medium, which borrows those below it.
type Act<'f> = &'f mut dyn FnMut(&dyn Medium) -> io::Result<()>;
type ActAll<'f> = &'f mut dyn FnMut(&[&dyn Medium]) -> io::Result<()>;

impl<'a> Ground<'a> {
    pub(super) fn new(disks: &'a [InspectedDisk<'a>]) -> Self {
        Self { disks, groups: Vec::new(), maps: Vec::new(), weights: Vec::new() }
    }

    /// None: too much lies below it for it to be read.
    pub(super) fn add(&mut self, map: Map) -> Option<VolumeAt> {
        let all = |on: &[VolumeAt]| {
            on.iter().fold(1usize, |sum, at| sum.saturating_add(self.weights[*at]))
        };
        let weight = match &map {
            Map::Disk(_) => 1,
            Map::Part { on, .. } | Map::Luks { on, .. } => all(&[*on]),
            Map::Raid { on, .. } => all(on),
            Map::Logical { group, .. } | Map::Thin { group, .. } => all(&self.groups[*group].on),
        };
        if weight > MOST_LENT || self.maps.len() == MOST_VOLUMES {
            return None;
        }
        self.maps.push(map);
        self.weights.push(weight);
        Some(self.maps.len() - 1)
    }

    pub(super) fn map(&self, volume: VolumeAt) -> &Map {
        &self.maps[volume]
    }

    /// Lends the medium that a volume is.
    pub(super) fn with(&self, volume: VolumeAt, act: Act<'_>) -> io::Result<()> {
        match &self.maps[volume] {
            Map::Disk(disk) => act(self.disks[*disk].medium),
            Map::Part { on, extent } => {
                self.with(*on, &mut |lower| act(&Part { lower, extent: *extent }))
            }
            Map::Luks { on, header, key } => self.with(*on, &mut |lower| {
                act(&header.payload(lower, key).map_err(io::Error::other)?)
            }),
            Map::Raid { on, level, data_offset, used_size } => {
                self.with_all(on, &[], &mut |members| {
                    let (members, offset, used) = (members.to_vec(), *data_offset, *used_size);
                    match level {
                        RaidLevel::Raid0 { chunk } => {
                            act(&Raid0Medium::new(members, offset, used, *chunk)
                                .map_err(io::Error::other)?)
                        }
                        RaidLevel::Raid1 => {
                            act(&Raid1Medium::new(members, offset, used)
                                .map_err(io::Error::other)?)
                        }
                    }
                })
            }
            Map::Logical { group, volume } => self.with_logical(*group, *volume, act),
            Map::Thin { group, data, chunk_size, size, map } => {
                self.with_logical(*group, *data, &mut |data| {
                    act(&ThinMedium::new(map, *chunk_size, *size, data))
                })
            }
        }
    }

    /// Lends the medium of a logical volume with extents, a hidden one of a pool too.
    pub(super) fn with_logical(&self, group: usize, volume: usize, act: Act<'_>) -> io::Result<()> {
        let Group { group, on } = &self.groups[group];
        let volume = &group.logical_volumes[volume];
        self.with_all(on, &[], &mut |lower| {
            let medium = LogicalVolumeMedium::new(group, volume, lower);
            act(&medium.map_err(io::Error::other)?)
        })
    }

    /// Lends the media of several volumes, in their order, behind those that are lent already.
    pub(super) fn with_all(
        &self,
        volumes: &[VolumeAt],
        lent: &[&dyn Medium],
        act: ActAll<'_>,
    ) -> io::Result<()> {
        let Some((first, rest)) = volumes.split_first() else { return act(lent) };
        self.with(*first, &mut |medium| {
            let mut lent = lent.to_vec();
            lent.push(medium);
            self.with_all(rest, &lent, act)
        })
    }

    /// Lends a volume's medium, and gives what is made of it.
    pub(super) fn read<T>(
        &self,
        volume: VolumeAt,
        read: impl FnOnce(&dyn Medium) -> T,
    ) -> io::Result<T> {
        let mut read = Some(read);
        let mut result = None;
        self.with(volume, &mut |medium| {
            result = read.take().map(|read| read(medium));
            Ok(())
        })?;
        result.ok_or_else(|| io::Error::other("the volume was not lent"))
    }

    /// Where the first `size` bytes of a volume lie, if that is one stretch of one disk.
    pub(super) fn place(&self, volume: VolumeAt, size: u64) -> Option<(usize, Extent)> {
        let (mut at, mut offset) = (volume, 0u64);
        loop {
            match &self.maps[at] {
                Map::Disk(disk) => return Some((*disk, Extent { offset, size })),
                Map::Part { on, extent } => {
                    offset = offset.checked_add(extent.offset)?;
                    at = *on;
                }
                Map::Logical { group, volume } => {
                    let Group { group, on } = &self.groups[*group];
                    let volume = &group.logical_volumes[*volume];
                    let LogicalVolumeKind::Extents(segments) = &volume.kind else { return None };
                    // A range for each stripe would be a great many.
                    if segments.iter().any(|segment| segment.stripes.len() != 1) {
                        return None;
                    }
                    let ranges = group.map(volume, offset, size).ok()?;
                    let [range] = ranges.as_slice() else { return None };
                    offset = range.physical_offset;
                    at = *on.get(range.physical_volume)?;
                }
                Map::Luks { .. } | Map::Raid { .. } | Map::Thin { .. } => return None,
            }
        }
    }

    /// The numbers of the disks that a volume lies on.
    pub(super) fn disks_below(&self, volume: VolumeAt) -> Vec<usize> {
        let mut disks = Vec::new();
        let mut seen = vec![false; self.maps.len()];
        let mut left = vec![volume];
        while let Some(at) = left.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            match &self.maps[at] {
                Map::Disk(disk) => disks.push(*disk),
                Map::Part { on, .. } | Map::Luks { on, .. } => left.push(*on),
                Map::Raid { on, .. } => left.extend(on),
                Map::Logical { group, .. } | Map::Thin { group, .. } => {
                    left.extend(&self.groups[*group].on);
                }
            }
        }
        disks.sort_unstable();
        disks.dedup();
        disks
    }
}
