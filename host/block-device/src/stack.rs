//! The volumes of a layout as media: what is written to a logical volume on an encrypted RAID ends
//! up, encrypted, at its places on the disks' files.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use crate::driver::RaidLevel;
use crate::layout::{GroupLayout, Layout, VolumeLayout, VolumeMap};
use dibhost_volumes::Extent;
use dibhost_volumes::luks::{LuksMedium, VolumeKey};
use dibhost_volumes::lvm::thin::{GrowingMedium, GrowingPool};
use dibhost_volumes::lvm::{LogicalVolumeKind, LogicalVolumeMedium};
use dibhost_volumes::md::{Raid0Medium, Raid1Medium};
use dibhost_volumes::{FileMedium, Medium, within};

/// Files of disks, and keys of what is open.
pub(crate) struct Stack<'a> {
    pub(crate) layout: &'a Layout,
    /// By the node of the disk.
    pub(crate) files: &'a BTreeMap<String, File>,
    /// By the node of the encryption.
    pub(crate) keys: BTreeMap<String, VolumeKey>,
    /// Thin pools, and what of them is taken, by their nodes.
    pub(crate) pools: BTreeMap<String, RefCell<GrowingPool>>,
}

/// What is done with a medium. A medium borrows those below it, so it is lent and not given.
type Act<'f> = &'f mut dyn FnMut(&dyn Medium) -> io::Result<()>;
type ActAll<'f> = &'f mut dyn FnMut(&[&dyn Medium]) -> io::Result<()>;

fn missing(node: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no volume `{node}`"))
}

impl<'a> Stack<'a> {
    /// New disks: nothing of a pool is taken.
    pub(crate) fn new(layout: &'a Layout, files: &'a BTreeMap<String, File>) -> io::Result<Self> {
        let mut pools = BTreeMap::new();
        for (group, pool) in layout.groups.iter().flat_map(|g| g.pools.iter().map(move |p| (g, p)))
        {
            let volume = group.group.logical_volume(&pool.node);
            let volume = volume.ok_or_else(|| missing(&pool.node))?;
            let growing = GrowingPool::new(&group.group, volume).map_err(io::Error::other)?;
            pools.insert(pool.node.clone(), RefCell::new(growing));
        }
        Ok(Self { layout, files, keys: BTreeMap::new(), pools })
    }
}

impl Stack<'_> {
    /// Lends the medium that a disk, partition or volume is.
    pub(crate) fn with(&self, node: &str, act: Act<'_>) -> io::Result<()> {
        if let Some(disk) = self.layout.disks.iter().find(|disk| disk.node == node) {
            let file = self.files.get(node).ok_or_else(|| missing(node))?;
            return act(&FileMedium::new(file, Extent { offset: 0, size: disk.size }));
        }
        if let Some((partition, table)) = self.layout.partition(node) {
            let extent = partition.extent;
            return self.with(&table.on, &mut |lower| act(&Part { lower, extent }));
        }
        let volume = self.layout.volume(node).ok_or_else(|| missing(node))?;
        self.volume(volume, act)
    }

    fn volume(&self, volume: &VolumeLayout, act: Act<'_>) -> io::Result<()> {
        let (node, size) = (&volume.node, volume.size);
        match &volume.map {
            VolumeMap::Luks { on, data_offset, sector_size, .. } => {
                let key = self.keys.get(node).ok_or_else(|| missing(node))?;
                self.with(on, &mut |lower| {
                    let luks = LuksMedium::new(lower, *data_offset, *sector_size, key);
                    act(&luks.map_err(io::Error::other)?)
                })
            }
            VolumeMap::Raid { on, level, chunk, data_offset, member_size, .. } => {
                let (offset, used) = (*data_offset, *member_size);
                let chunk = u32::try_from(*chunk).map_err(io::Error::other)?;
                self.with_all(on, &[], &mut |members| {
                    let members = members.to_vec();
                    match level {
                        RaidLevel::Stripe => act(&Raid0Medium::new(members, offset, used, chunk)
                            .map_err(io::Error::other)?),
                        RaidLevel::Mirror => {
                            act(&Raid1Medium::new(members, offset, used)
                                .map_err(io::Error::other)?)
                        }
                    }
                })
            }
            VolumeMap::Verity { data, .. } => {
                let extent = Extent { offset: 0, size };
                self.with(data, &mut |lower| act(&Part { lower, extent }))
            }
            VolumeMap::Logical { group } => self.logical(group, node, act),
            VolumeMap::Thin { group, pool, device } => {
                let growing = self.pools.get(pool).ok_or_else(|| missing(pool))?;
                let (data, _) = self.parts_of(group, pool)?;
                self.logical(group, data, &mut |data| {
                    act(&GrowingMedium::new(growing, *device, size, data))
                })
            }
        }
    }

    /// Lends a logical volume with extents of its own, hidden ones too.
    pub(crate) fn logical(&self, group: &str, name: &str, act: Act<'_>) -> io::Result<()> {
        let group = self.group(group)?;
        let volume = group.group.logical_volume(name).ok_or_else(|| missing(name))?;
        let below: Vec<String> = group.physical_volumes.iter().map(|pv| pv.on.clone()).collect();
        self.with_all(&below, &[], &mut |lower| {
            let medium = LogicalVolumeMedium::new(&group.group, volume, lower);
            act(&medium.map_err(io::Error::other)?)
        })
    }

    /// The hidden volumes of a pool: its data, and its metadata.
    pub(crate) fn parts_of(&self, group: &str, pool: &str) -> io::Result<(&str, &str)> {
        match self.group(group)?.group.logical_volume(pool).map(|volume| &volume.kind) {
            Some(LogicalVolumeKind::ThinPool { data, metadata, .. }) => Ok((data, metadata)),
            _ => Err(missing(pool)),
        }
    }

    fn group(&self, node: &str) -> io::Result<&GroupLayout> {
        self.layout.groups.iter().find(|group| group.node == node).ok_or_else(|| missing(node))
    }

    /// Lends the media of several nodes, in their order, behind those that are lent already.
    pub(crate) fn with_all(
        &self,
        nodes: &[String],
        lent: &[&dyn Medium],
        act: ActAll<'_>,
    ) -> io::Result<()> {
        let Some((first, rest)) = nodes.split_first() else { return act(lent) };
        self.with(first, &mut |medium| {
            let mut lent = lent.to_vec();
            lent.push(medium);
            self.with_all(rest, &lent, act)
        })
    }
}

/// A part of a medium.
pub(crate) struct Part<'a> {
    pub(crate) lower: &'a dyn Medium,
    pub(crate) extent: Extent,
}

impl Medium for Part<'_> {
    fn size(&self) -> u64 {
        self.extent.size
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        within(self.extent.size, bytes.len(), offset)?;
        self.lower.read_exact_at(bytes, self.extent.offset + offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        within(self.extent.size, bytes.len(), offset)?;
        self.lower.write_all_at(bytes, self.extent.offset + offset)
    }
}
