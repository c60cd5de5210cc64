//! From the filesystems downwards: how large each volume has to be.

use crate::driver::RaidLevel;
use crate::graph::{Graph, LogicalVolume, Partition, Table, VolumeGroup};
use crate::layout::content::Sized;
use crate::layout::grub::Images;
use crate::layout::options::LayoutOptions;
use crate::layout::sector::sector_of;
use crate::layout::types::{LayoutError, refused};
use crate::node::{NodeKind, Size, TableKind};
use crate::place::mbr::{Placed, PlacedPartition};
use crate::place::{self, Ground};
use dibhost_volumes::lvm;
use dibhost_volumes::verity;

/// Millionths of a whole.
const WHOLE: u64 = 1_000_000;

/// The least whole of which so many millionths are so many bytes.
fn part_of(bytes: u64, share: u64) -> Option<u64> {
    let whole = (u128::from(bytes) * u128::from(WHOLE)).div_ceil(u128::from(share.max(1)));
    u64::try_from(whole).ok()
}

/// Bytes of a group that are taken.
pub(crate) struct Taken {
    extent_size: u64,
    pub(crate) bytes: u64,
    /// Bytes of the spare that lvm repairs a pool's metadata into, as large as the largest.
    spare: u64,
}

impl Taken {
    /// Nothing of a group.
    pub(crate) fn of(group: &VolumeGroup) -> Self {
        Self { extent_size: group.extent_size, bytes: 0, spare: 0 }
    }

    /// Bytes that a volume's size is a multiple of: an extent of each physical volume it is striped
    /// over.
    pub(crate) fn step(&self, volume: &LogicalVolume) -> u64 {
        u64::from(volume.stripes) * self.extent_size
    }

    /// Bytes that a volume of `size` takes beside them: a pool's metadata, and what the spare grows.
    pub(crate) fn beside(&self, volume: &LogicalVolume, size: u64) -> u64 {
        if !volume.is_thin_pool {
            return 0;
        }
        let metadata = lvm::round(lvm::pool_numbers(size).1, self.extent_size);
        metadata + metadata.saturating_sub(self.spare)
    }

    /// Takes what a volume of `size` needs.
    pub(crate) fn add(&mut self, volume: &LogicalVolume, size: u64) {
        let all = size.saturating_add(self.beside(volume, size));
        self.bytes = self.bytes.saturating_add(all);
        if volume.is_thin_pool {
            let metadata = lvm::round(lvm::pool_numbers(size).1, self.extent_size);
            self.spare = self.spare.max(metadata);
        }
    }
}

/// What everything needs.
pub(crate) struct Needs<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) sized: &'a [Sized<'a>],
    pub(crate) grub: &'a [Images<'a>],
    pub(crate) options: LayoutOptions,
}

impl Needs<'_> {
    /// The least bytes that a disk, partition or volume must offer to what stands on it; none:
    /// nothing on it says so.
    pub(crate) fn of(&self, node: &str) -> Option<u64> {
        if let Some(sized) = self.sized.iter().find(|s| s.filesystem.on == node) {
            return Some(sized.bytes(0, sector_of(self.graph, node)));
        }
        if let Some(grub) = self.grub.iter().find(|g| g.node.partition.as_deref() == Some(node)) {
            return Some(grub.core);
        }
        let above =
            self.graph.above(node).find(|n| !matches!(n.kind, NodeKind::GrubBios { .. }))?;
        match &above.kind {
            NodeKind::Table { .. } => {
                let table = self.graph.tables.iter().find(|table| table.node == above.name)?;
                self.placed(table, None).ok().map(|placed| placed.disk)
            }
            NodeKind::Encryption { secrets, .. } => {
                Some(self.of(&above.name)? + self.options.luks_header(secrets.len()))
            }
            NodeKind::PhysicalVolume => self.physical_volume(&above.name),
            NodeKind::Driver { .. } => self.driver(&above.name, node),
            _ => None,
        }
    }

    fn driver(&self, above: &str, node: &str) -> Option<u64> {
        if let Some(raid) = self.graph.raids.iter().find(|raid| raid.node == above) {
            let members = raid.on.len() as u64;
            let data = match raid.level {
                RaidLevel::Mirror => self.of(above)?,
                RaidLevel::Stripe => self.of(above)?.div_ceil(members).next_multiple_of(raid.chunk),
            };
            let start = self.options.member_start(raid.metadata);
            return Some(data + raid.metadata.beside(start));
        }
        let verity = self.graph.verities.iter().find(|verity| verity.node == above)?;
        let data = self.of(above)?.next_multiple_of(verity::BLOCK);
        if node == verity.data {
            return Some(data);
        }
        let most = self.most(&verity.data, data)?;
        verity::hash_size(most.div_ceil(verity::BLOCK))
    }

    /// Bytes that a volume may get where it needs `bytes`: what is written of sizes below it, and
    /// what each of them is rounded up to.
    fn most(&self, node: &str, bytes: u64) -> Option<u64> {
        let graph = self.graph;
        let (mut at, mut bytes, mut members) = (node, bytes, 1u64);
        loop {
            let (size, step) = if let Some(part) = graph.partitions.iter().find(|p| p.node == at) {
                let table = graph.tables.iter().find(|table| table.node == part.table)?;
                at = &table.disk;
                (Some(part.size), self.alignment(table))
            } else if let Some(volume) = graph.logical_volumes.iter().find(|v| v.node == at) {
                let group = graph.volume_groups.iter().find(|group| group.node == volume.group)?;
                // Several volumes may share what is below: no more is known of this one.
                at = &group.node;
                (Some(volume.size), u64::from(volume.stripes) * group.extent_size)
            } else if let Some(raid) = graph.raids.iter().find(|raid| raid.node == at) {
                at = raid.on.first()?;
                if raid.level == RaidLevel::Stripe {
                    members = members.checked_mul(raid.on.len() as u64)?;
                }
                (None, raid.chunk)
            } else if let Some(encryption) = graph.encryptions.iter().find(|e| e.node == at) {
                at = &encryption.on;
                (None, 4096)
            } else {
                let disk = graph.disks.iter().find(|disk| disk.node == at);
                let size = disk.and_then(|disk| disk.size);
                return Some(bytes.max(size.filter(|_| at == node).unwrap_or_default()));
            };
            bytes = match size {
                Some(Size::Bytes(whole)) => bytes.max(whole.checked_mul(members)?),
                Some(Size::Content(extra)) => bytes.checked_add(extra.checked_mul(members)?)?,
                _ => bytes,
            };
            bytes = bytes.checked_add(step.checked_mul(members)?)?;
        }
    }

    fn physical_volume(&self, node: &str) -> Option<u64> {
        let mut groups = self.graph.volume_groups.iter();
        let group = groups.find(|group| group.on.iter().any(|on| on == node))?;
        // With several, nobody says which of them takes what.
        let [_] = group.on.as_slice() else { return None };
        self.group(group)?.checked_add(self.options.extents_start())
    }

    /// Bytes that a group needs for its volumes; none: one of them has no size that is known.
    ///
    /// A share is of the whole, so the whole is as large as the largest makes it, and what takes no
    /// share has to fit into what the shares leave.
    fn group(&self, group: &VolumeGroup) -> Option<u64> {
        let mut taken = Taken::of(group);
        let (mut shares, mut whole) = (0u64, 0u64);
        let own = |v: &&LogicalVolume| v.group == group.node && v.thin_pool.is_none();
        for volume in self.graph.logical_volumes.iter().filter(own) {
            let Size::Share(share) = volume.size else {
                let bytes = self.logical_volume(volume)?;
                taken.add(volume, lvm::round(bytes, taken.step(volume)));
                continue;
            };
            let content = match volume.is_thin_pool {
                true => self.pool(&volume.node, 0)?,
                false => self.of(&volume.node)?,
            };
            let bytes = lvm::round(content, taken.step(volume));
            let bytes = bytes.checked_add(taken.beside(volume, bytes))?;
            whole = whole.max(part_of(bytes, u64::from(share))?);
            shares = shares.checked_add(u64::from(share))?;
        }
        let all = match WHOLE.checked_sub(shares)? {
            0 if taken.bytes > 0 => return None,
            0 => whole,
            left => whole.max(part_of(taken.bytes, left)?),
        };
        Some(lvm::round(all, group.extent_size))
    }

    /// Why what a disk, partition or volume must offer is not known, by the node that does not say.
    pub(crate) fn unknown(&self, node: &str) -> Option<LayoutError> {
        let mut above =
            self.graph.above(node).filter(|n| !matches!(n.kind, NodeKind::GrubBios { .. }));
        let above = above.next()?;
        if above.kind != NodeKind::PhysicalVolume {
            return self.unknown(&above.name);
        }
        let mut groups = self.graph.volume_groups.iter();
        let group = groups.find(|group| group.on.contains(&above.name))?;
        if group.on.len() > 1 {
            let problem = format!(
                "it is one of the {} physical volumes of `{}`, and nothing says how much each of them \
                 takes",
                group.on.len(),
                group.node
            );
            return Some(refused(
                &above.name,
                problem,
                "write the size of what it stands on in bytes",
            ));
        }
        let own = |v: &&LogicalVolume| v.group == group.node && v.thin_pool.is_none();
        let volumes: Vec<_> = self.graph.logical_volumes.iter().filter(own).collect();
        let is_share = |v: &LogicalVolume| matches!(v.size, Size::Share(_) | Size::ShareOfRest(_));
        let unsaid = |v: &&&LogicalVolume| !is_share(v) && self.logical_volume(v).is_none();
        if let Some(volume) = volumes.iter().find(unsaid) {
            let problem = "its size comes from its content, and there is none to know";
            let help = "put a filesystem on it, or write its size in bytes";
            let here = || refused(&volume.node, problem, help);
            return Some(self.unknown(&volume.node).unwrap_or_else(here));
        }
        let empty = |v: &&&LogicalVolume| {
            let pool = v.is_thin_pool.then(|| self.pool(&v.node, 0)).flatten();
            is_share(v) && pool.or_else(|| self.of(&v.node)).is_none()
        };
        let of_rest = |v: &&&LogicalVolume| matches!(v.size, Size::ShareOfRest(_));
        let mut shares = volumes.iter().filter(|v| is_share(v));
        let volume = volumes.iter().find(empty).or_else(|| volumes.iter().find(of_rest));
        let volume = volume.or_else(|| shares.next())?;
        let problem = format!(
            "it takes a share of `{}`, whose size comes from its content, and with this share comes to \
             none",
            group.node
        );
        let help = "give the disk a size, or let the volume take `rest` or its content";
        Some(refused(&volume.node, problem, help))
    }

    /// Bytes that a pool takes from its content, and `extra` ones; none: nothing on its volumes says
    /// so.
    fn pool(&self, pool: &str, extra: u64) -> Option<u64> {
        let (mut chunk, _) = lvm::pool_numbers(0);
        loop {
            let bytes = self.chunks(pool, chunk).or((extra > 0).then_some(0))?;
            let bytes = bytes.saturating_add(extra);
            // A larger pool has larger chunks, of which more are filled in part.
            let (larger, _) = lvm::pool_numbers(bytes);
            if larger <= chunk {
                return Some(bytes);
            }
            chunk = larger;
        }
    }

    /// Bytes of chunks of that size that what stands on a pool's volumes fills at the most; none:
    /// nothing stands on them.
    pub(crate) fn chunks(&self, pool: &str, chunk: u64) -> Option<u64> {
        let volumes = self.graph.logical_volumes.iter();
        let volumes = volumes.filter(|volume| volume.thin_pool.as_deref() == Some(pool));
        volumes.filter_map(|volume| self.thin(volume, chunk)).reduce(u64::saturating_add)
    }

    fn thin(&self, volume: &LogicalVolume, chunk: u64) -> Option<u64> {
        self.graph.above(&volume.node).next()?;
        let size = self.logical_volume(volume)?.checked_next_multiple_of(chunk)?;
        let mut sized = self.sized.iter();
        let Some(sized) = sized.find(|sized| sized.filesystem.on == volume.node) else {
            // What encrypts writes everywhere, and so may all else.
            return Some(size);
        };
        let content = sized.bytes(0, sector_of(self.graph, &volume.node));
        // Tables of a filesystem that is larger than its content are spread over it: those of 16
        // block groups of ext4, 2 GiB, lie together, begin and end within a chunk, and some have
        // copies of the superblock. Others have fewer groups.
        let spread = (size.div_ceil(2 << 30) + 16).saturating_mul(4 * chunk);
        let filled = content.saturating_add(spread).checked_next_multiple_of(chunk)?;
        Some(filled.min(size))
    }

    /// Bytes of a logical volume where its group has no size yet; none: it takes a share.
    pub(crate) fn logical_volume(&self, volume: &LogicalVolume) -> Option<u64> {
        let content = |volume: &LogicalVolume| self.of(&volume.node);
        match volume.size {
            Size::Content(extra) if volume.is_thin_pool => self.pool(&volume.node, extra),
            Size::Rest if volume.is_thin_pool => self.pool(&volume.node, 0),
            Size::Bytes(bytes) => Some(bytes),
            Size::Content(extra) => content(volume).or((extra > 0).then_some(0)).map(|c| c + extra),
            Size::Rest => content(volume),
            Size::Share(_) | Size::ShareOfRest(_) => None,
        }
    }

    /// Where the partitions of a table lie, on `size` bytes (none: as many as need be).
    pub(crate) fn placed(&self, table: &Table, size: Option<u64>) -> Result<Placed, LayoutError> {
        let partitions: Vec<&Partition> = self.partitions(table).collect();
        let requests: Vec<place::mbr::Request> = partitions
            .iter()
            .map(|partition| {
                let extra = if let Size::Content(extra) = partition.size { extra } else { 0 };
                let content = self.of(&partition.node);
                let content = content.or((extra > 0).then_some(0)).map(|c| c + extra);
                place::mbr::Request { size: partition.size, content, logical: partition.logical }
            })
            .collect();
        let sector = sector_of(self.graph, &table.disk);
        // What lies in the gap behind an MBR.
        let mut grub = self.grub.iter();
        let gap = grub.find(|g| g.node.partition.is_none() && g.node.disk == table.disk);
        let ahead = gap.map_or(0, |grub| grub.core);
        let ground = Ground { disk: size, sector, alignment: self.alignment(table), ahead };
        let placed = match table.kind {
            TableKind::Mbr => place::mbr::place(&ground, &requests),
            TableKind::Gpt => {
                let request = |r: &place::mbr::Request| place::gpt::Request {
                    size: r.size,
                    content: r.content,
                };
                let requests: Vec<_> = requests.iter().map(request).collect();
                place::gpt::place(&ground, &requests).map(|(extents, disk)| Placed {
                    partitions: (1..)
                        .zip(extents)
                        .map(|(number, extent)| PlacedPartition { number, extent, ebr: None })
                        .collect(),
                    extended: None,
                    disk,
                })
            }
        };
        placed.map_err(|no| {
            let (node, size) = (&partitions[no.index].node, partitions[no.index].size);
            let of_content = matches!(size, Size::Content(_) | Size::Rest);
            let deeper =
                (of_content && requests[no.index].content.is_none() && ground.disk.is_none())
                    .then(|| self.unknown(node))
                    .flatten();
            deeper.unwrap_or_else(|| refused(node, no.problem, no.help))
        })
    }

    /// Where partitions of a table begin, bytes.
    pub(crate) fn alignment(&self, table: &Table) -> u64 {
        table.alignment.unwrap_or_else(|| self.options.alignment())
    }

    pub(crate) fn partitions<'g>(
        &'g self,
        table: &'g Table,
    ) -> impl Iterator<Item = &'g Partition> {
        self.graph.partitions.iter().filter(|partition| partition.table == table.node)
    }
}
