//! What is known of disks while they are looked into, and what is noted of it.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Display;

use dibhost_filesystems::probe::Signature;
use dibhost_volumes::btrfs::BtrfsBudget;
use dibhost_volumes::lvm::thin::PoolBudget;
use dibhost_volumes::lvm::{LvmId, VolumeGroup};
use dibhost_volumes::md::MdSuperblock;
use dibhost_volumes::verity::VeritySuperblock;
use uuid::Uuid;

use super::ground::{Ground, Map, VolumeAt};
use super::name::Names;
use super::node::{Draft, NodeAt, Wish};
use super::types::{InspectSecret, InspectedDisk};
use crate::layout::DiskExtent;
use crate::node::NodeKind;

/// A member of an array that was found.
pub(super) struct Member {
    pub(super) volume: VolumeAt,
    pub(super) superblock: MdSuperblock,
}

/// A physical volume that was found.
pub(super) struct Physical {
    pub(super) node: NodeAt,
    pub(super) volume: VolumeAt,
    pub(super) id: LvmId,
    /// The identifier of its group; none: it belongs to none.
    pub(super) of: Option<LvmId>,
    /// Its group, until it is needed.
    pub(super) group: Option<VolumeGroup>,
}

/// What is known so far.
pub(super) struct Finder<'a> {
    pub(super) ground: Ground<'a>,
    pub(super) secrets: &'a [InspectSecret],
    pub(super) drafts: Vec<Draft>,
    pub(super) names: Names,
    /// What the disks are called: they come first.
    pub(super) disk_names: Vec<String>,
    /// The node of each volume.
    pub(super) nodes: Vec<NodeAt>,
    /// Bytes of a sector of each disk, where it is known.
    pub(super) sectors: Vec<Option<u32>>,
    /// Volumes that were not looked at.
    pub(super) queue: VecDeque<VolumeAt>,
    pub(super) physical: Vec<Physical>,
    pub(super) members: Vec<Member>,
    pub(super) groups_done: BTreeSet<LvmId>,
    pub(super) arrays_done: BTreeSet<Uuid>,
    /// What is still read of all pools, and of all btrfs.
    pub(super) pool_budget: PoolBudget,
    pub(super) btrfs_budget: BtrfsBudget,
    pub(super) hashes: Vec<(VolumeAt, VeritySuperblock)>,
    /// Volumes with a filesystem, or with nothing.
    pub(super) leaves: Vec<(VolumeAt, Option<Signature>)>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(disks: &'a [InspectedDisk<'a>], secrets: &'a [InspectSecret]) -> Self {
        let mut finder = Self {
            ground: Ground::new(disks),
            secrets,
            drafts: Vec::new(),
            names: Names::default(),
            disk_names: Vec::new(),
            nodes: Vec::new(),
            sectors: disks.iter().map(|disk| disk.sector_size).collect(),
            queue: VecDeque::new(),
            physical: Vec::new(),
            members: Vec::new(),
            groups_done: BTreeSet::new(),
            arrays_done: BTreeSet::new(),
            pool_budget: PoolBudget::default(),
            btrfs_budget: BtrfsBudget::default(),
            hashes: Vec::new(),
            leaves: Vec::new(),
        };
        for (at, disk) in disks.iter().enumerate() {
            finder.disk_names.push(finder.names.give(&disk.name));
            let size = disk.medium.size();
            let kind = NodeKind::Disk { size: Some(size), sector_size: 512 };
            let node = finder.add(Draft::new(vec![], Wish::Given(disk.name.clone()), kind));
            finder.volume(node, Map::Disk(at));
        }
        finder
    }

    pub(super) fn add(&mut self, draft: Draft) -> NodeAt {
        self.drafts.push(draft);
        self.drafts.len() - 1
    }

    /// A volume of a node, which will be looked at.
    pub(super) fn volume(&mut self, node: NodeAt, map: Map) {
        let Some(volume) = self.ground.add(map) else {
            let note = "too much lies below it, or beside it: it is not looked into";
            return self.drafts[node].problems.push(note.to_owned());
        };
        self.nodes.push(node);
        self.queue.push_back(volume);
        let size = match self.ground.read(volume, |medium| medium.size()) {
            Ok(size) => size,
            Err(error) => return self.problem(volume, &"it cannot be read", &error),
        };
        self.drafts[node].facts.size = Some(size);
        self.drafts[node].facts.place = self.place(volume, size);
    }

    pub(super) fn place(&self, volume: VolumeAt, size: u64) -> Option<DiskExtent> {
        let (disk, extent) = self.ground.place(volume, size)?;
        Some(DiskExtent { disk: self.disk_names[disk].clone(), extent })
    }

    pub(super) fn node_of(&self, volume: VolumeAt) -> NodeAt {
        self.nodes[volume]
    }

    pub(super) fn note(&mut self, volume: VolumeAt, note: impl Into<String>) {
        self.drafts[self.nodes[volume]].notes.push(note.into());
    }

    pub(super) fn problem(&mut self, volume: VolumeAt, what: &dyn Display, why: &dyn Display) {
        self.drafts[self.nodes[volume]].problems.push(format!("{what}: {why}"));
    }

    /// What all disks below a volume have as sectors, if it is known of one.
    pub(super) fn sector(&self, volume: VolumeAt) -> Option<u32> {
        self.ground.disks_below(volume).into_iter().find_map(|disk| self.sectors[disk])
    }

    /// The disks below a volume have such sectors, unless somebody said otherwise.
    pub(super) fn has_sector(&mut self, volume: VolumeAt, sector: u32) {
        for disk in self.ground.disks_below(volume) {
            self.sectors[disk].get_or_insert(sector);
        }
    }
}
