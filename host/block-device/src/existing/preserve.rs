//! What of a layout is to be preserved on a device: it is there exactly as the layout has it, or it
//! cannot be there, or nothing is written.
//!
//! | the device has | what is preserved |
//! |---|---|
//! | the layout's kind of table, with a partition of that number, place, type and content | stays |
//! | no table, and nothing that is known where it would lie | is made: a first installation |
//! | an installation that did not end, of which nothing was preserved | is made again |
//! | anything else | is in doubt, and that is an error, whatever may be overwritten |

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::content::Table;
use super::device::{Device, DeviceError};
use super::grounds::grounds;
use crate::graph::TypeId;
use crate::layout::{Layout, PartitionLayout, TableLayout, VolumeMap};
use crate::node::TableKind;
use crate::realise::of_mbr;
use crate::stack::Part;
use dibhost_filesystems::probe::{self, SignatureKind};
use dibhost_volumes::{Extent, FileMedium};

/// What stays.
pub(super) struct Kept {
    /// The identity of the device's table.
    pub(super) table: Option<Uuid>,
    /// The nodes of what is there, each with its PARTUUID in a GPT.
    pub(super) partitions: BTreeMap<String, Option<Uuid>>,
}

/// How an error about a node is made: the node, the problem, the help.
type At<'a> = &'a dyn Fn(&str, String, String) -> DeviceError;

/// A partition that a table has.
struct Existing {
    number: u32,
    type_id: TypeId,
    extent: Extent,
    id: Option<Uuid>,
    label: String,
}

/// Finds what is to be preserved.
///
/// # Errors
/// Any doubt, at the node of the partition.
pub(super) fn kept(layout: &Layout, device: &Device, at: At<'_>) -> Result<Kept, DeviceError> {
    let disk = layout.disks.first().map(|disk| disk.node.as_str()).unwrap_or_default();
    let mut kept = Kept { table: None, partitions: BTreeMap::new() };
    if let Some(table) = layout.tables.iter().find(|table| table.on == disk) {
        let (id, existing) = existing(device, table);
        kept.table = id;
        for partition in layout.partitions.iter().filter(|p| p.preserve && p.table == table.node) {
            let there = Look { layout, device, table, partition, at }.there(&existing)?;
            kept.partitions.extend(there.map(|there| (partition.node.clone(), there.id)));
        }
    }
    // Of tables on volumes, what is in them is not looked for.
    let stay: BTreeSet<&String> = kept.partitions.keys().collect();
    let is_new = match device.table {
        Table::Unfinished => true,
        _ => device.contents().is_empty(),
    };
    let nested = layout.tables.iter().filter(|table| table.on != disk);
    let nested: BTreeSet<&String> = nested.map(|table| &table.node).collect();
    let nested = layout.partitions.iter().filter(|p| p.preserve && nested.contains(&p.table));
    for partition in nested {
        let below = grounds(layout, &partition.node);
        if !is_new && !below.iter().all(|ground| stay.contains(ground)) {
            let problem = format!(
                "it is preserved, and lies in a table that does not lie on the disk itself: whether it \
                 is there is not known, and this is on the device: {}",
                said(device)
            );
            let help = "preserve the partitions that its table stands on, or nothing";
            return Err(at(&partition.node, problem, help.to_owned()));
        }
    }
    Ok(kept)
}

fn existing(device: &Device, table: &TableLayout) -> (Option<Uuid>, Vec<Existing>) {
    match &device.table {
        Table::Gpt(gpt) => {
            let existing = |p: &dibhost_volumes::gpt::GptPartition| Existing {
                number: p.number,
                type_id: TypeId::Gpt(p.type_id),
                extent: p.extent,
                id: Some(p.id),
                label: p.label.clone(),
            };
            (Some(gpt.id), gpt.partitions.iter().map(existing).collect())
        }
        Table::Mbr(mbr) => {
            // PARTUUIDs are made of the signature, which stands first in a table's UUID.
            let mut id = table.id.into_bytes();
            id[..4].copy_from_slice(&mbr.signature.to_be_bytes());
            let existing = |p: &dibhost_volumes::mbr::Partition| Existing {
                number: p.number,
                type_id: TypeId::Mbr(p.type_id),
                extent: p.extent,
                id: None,
                label: String::new(),
            };
            (Some(Uuid::from_bytes(id)), mbr.partitions.iter().map(existing).collect())
        }
        Table::None | Table::Unfinished | Table::Broken(_) => (None, Vec::new()),
    }
}

/// All that is on a device, in one line.
fn said(device: &Device) -> String {
    let said: Vec<_> = device.contents().iter().map(ToString::to_string).collect();
    said.join("; ")
}

fn place(number: u32, extent: Extent, type_id: TypeId) -> String {
    format!("number {number}, {} bytes at {}, type {type_id}", extent.size, extent.offset)
}

/// A partition that is looked for.
struct Look<'a> {
    layout: &'a Layout,
    device: &'a Device,
    table: &'a TableLayout,
    partition: &'a PartitionLayout,
    at: At<'a>,
}

impl Look<'_> {
    fn doubt<T>(&self, problem: String, help: impl Into<String>) -> Result<T, DeviceError> {
        let may = format!(
            "if it may be lost, remove the tables and what is in them yourself (`wipefs --all {0}?* {0}`)",
            self.device.given
        );
        let help = format!("{}; {may}", help.into());
        Err((self.at)(&self.partition.node, format!("it is preserved, and {problem}"), help))
    }

    /// The partition, if it is there; none, if nothing is.
    fn there<'e>(&self, existing: &'e [Existing]) -> Result<Option<&'e Existing>, DeviceError> {
        let wanted = self.table.kind;
        let name = |kind: TableKind| if kind == TableKind::Gpt { "a GPT" } else { "an MBR" };
        let (have, sector) = match &self.device.table {
            Table::Unfinished => return Ok(None),
            Table::None => return self.nothing().map(|()| None),
            Table::Broken(why) => {
                let problem = format!("what the device's table had is not known: {why}");
                return self.doubt(problem, "mend the table first (`gdisk`, `fdisk`)");
            }
            Table::Gpt(gpt) => (TableKind::Gpt, gpt.sector),
            Table::Mbr(_) => (TableKind::Mbr, self.device.sector),
        };
        let (have, want) = (name(have), name(wanted));
        if have != want {
            let problem = format!(
                "the device has {have}, and the layout {want}: there is {}",
                said(self.device)
            );
            return self.doubt(problem, "let the layout have the table that is there");
        }
        if sector != self.device.sector {
            let problem = format!(
                "the device's table counts sectors of {sector} bytes, which are not its own"
            );
            return self.doubt(problem, "put the disk where its sectors have that size");
        }
        let found = existing.iter().find(|there| self.is_it(there));
        let Some(found) = found else { return self.other(existing) };
        self.holds_the_same(found)?;
        Ok(Some(found))
    }

    /// Its type as its table has it.
    fn type_id(&self) -> TypeId {
        match self.table.kind {
            TableKind::Gpt => self.partition.type_id,
            TableKind::Mbr => TypeId::Mbr(of_mbr(self.partition.type_id)),
        }
    }

    fn is_it(&self, there: &Existing) -> bool {
        let partition = self.partition;
        // An installation that did not end leaves a logical partition as a primary one.
        let moved = partition.logical && self.table.kind == TableKind::Mbr && there.number < 5;
        let same_number = there.number == partition.number || moved;
        same_number && there.extent == partition.extent && there.type_id == self.type_id()
    }

    /// There is a table, and it has no such partition.
    fn other<T>(&self, existing: &[Existing]) -> Result<T, DeviceError> {
        let partition = self.partition;
        let placed = |e: &&Existing| e.extent == partition.extent;
        let numbered = |e: &&Existing| e.number == partition.number;
        let labelled = |e: &&Existing| !e.label.is_empty() && e.label == partition.label;
        let alike = |e: &&Existing| e.type_id == self.type_id();
        let nearest = existing.iter().find(placed).or_else(|| existing.iter().find(labelled));
        let nearest = nearest.or_else(|| existing.iter().find(numbered));
        let nearest = nearest.or_else(|| existing.iter().find(alike));
        let wanted = place(partition.number, partition.extent, self.type_id());
        let Some(there) = nearest else {
            let problem =
                format!("the device's table has no such partition; the layout has it as {wanted}");
            return self.doubt(problem, "leave `preserve` out until it is there");
        };
        let lies = place(there.number, there.extent, there.type_id);
        let problem = format!("lies there as {lies}, and the layout has it as {wanted}");
        let help = "let what is before it have the sizes it had, and give it the size in bytes and the type that it has; leave `preserve` out if it is another that is not there yet";
        self.doubt(problem, help)
    }

    fn signatures(&self, extent: Extent) -> Result<Vec<probe::Signature>, DeviceError> {
        let whole = Extent { offset: 0, size: self.device.size };
        let medium = FileMedium::new(&self.device.file, whole);
        probe::signatures(&Part { lower: &medium, extent }).map_err(|source| {
            let (device, doing) = (self.device.given.clone(), "looking for what is preserved");
            DeviceError::Io { device, doing, source }
        })
    }

    /// Makes sure that nothing is where it would lie.
    fn nothing(&self) -> Result<(), DeviceError> {
        let extent = self.partition.extent;
        let found = self.signatures(extent)?;
        if found.is_empty() {
            return Ok(());
        }
        let what: Vec<_> = found.iter().map(ToString::to_string).collect();
        let (what, given) = (what.join("; "), &self.device.given);
        let Extent { offset, size } = extent;
        let problem = format!(
            "it is preserved, and the device has no table any more, but there is something where it \
             would lie, {size} bytes at {offset}: {what}"
        );
        let help = format!(
            "write the table that it had (`sfdisk`); if it may be lost, clear it yourself (`blkdiscard \
             --force --zeroout --offset {offset} --length {size} {given}`)"
        );
        Err((self.at)(&self.partition.node, problem, help))
    }

    /// Makes sure that it holds what the layout has on it.
    fn holds_the_same(&self, there: &Existing) -> Result<(), DeviceError> {
        let Some(wanted) = signature_of(self.layout, &self.partition.node) else { return Ok(()) };
        let found = self.signatures(there.extent)?;
        if found.iter().any(|signature| signature.kind == wanted) {
            return Ok(());
        }
        let what: Vec<_> = found.iter().map(ToString::to_string).collect();
        let what = if what.is_empty() { "nothing that is known".into() } else { what.join("; ") };
        let number = there.number;
        let problem = format!(
            "partition {number} holds this: {what}; and the layout has this on it: {wanted}"
        );
        self.doubt(problem, "let the layout have on it what is there")
    }
}

/// What a volume shows that holds what the layout has on it; none, when that is nothing or leaves no
/// signature. ext2, ext3 and ext4 are three: what `tune2fs` made another is in doubt.
fn signature_of(layout: &Layout, node: &str) -> Option<SignatureKind> {
    if let Some(filesystem) = layout.filesystems.iter().find(|f| f.on == node) {
        return Some(SignatureKind::Filesystem(filesystem.format.kind()));
    }
    let mut volumes = layout.groups.iter().flat_map(|group| &group.physical_volumes);
    if volumes.any(|volume| volume.on == node) {
        return Some(SignatureKind::PhysicalVolume);
    }
    layout.volumes.iter().find_map(|volume| match &volume.map {
        VolumeMap::Luks { on, .. } if on == node => Some(SignatureKind::Luks),
        VolumeMap::Raid { on, .. } if on.iter().any(|on| on == node) => {
            Some(SignatureKind::RaidMember)
        }
        VolumeMap::Verity { hash, .. } if hash == node => Some(SignatureKind::VerityHash),
        // Its data are the volume's own.
        VolumeMap::Verity { data, .. } if data == node => signature_of(layout, &volume.node),
        _ => None,
    })
}
