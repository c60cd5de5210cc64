//! Writes what makes volumes of other volumes: tables, headers, superblocks, metadata.

use std::io;
use std::path::Path;

use dibhost_sys::SecretBytes;

use super::error::RealiseError;
use super::filesystems::reads_zeros;
use super::means::{Means, Realise, Realised};
use crate::graph::TypeId;
use crate::identity::signature;
use crate::layout::{GroupLayout, Layout, PartitionLayout, TableLayout, VolumeLayout, VolumeMap};
use crate::node::TableKind;
use crate::partition_type::{mbr_type, partition_type_name};
use crate::stack::Stack;
use dibhost_filesystems::Tree;
use dibhost_volumes::Medium;
use dibhost_volumes::gpt::{self, GptPartition};
use dibhost_volumes::luks::{self, Argon2Cost, LuksError, LuksOptions, VolumeKey};
use dibhost_volumes::lvm;
use dibhost_volumes::mbr;
use dibhost_volumes::md::{self, MdOptions};
use dibhost_volumes::verity;

/// Writes them all, what is below before what is above it.
pub(crate) fn make(
    stack: &mut Stack<'_>,
    to: &Realise<'_>,
    means: &Means<'_>,
) -> Result<(), RealiseError> {
    let layout = stack.layout;
    let mut left: Vec<Part<'_>> = layout
        .tables
        .iter()
        .filter(|table| means.table_later != Some(table.node.as_str()))
        .map(Part::Table)
        .collect();
    left.extend(layout.volumes.iter().map(Part::Volume));
    left.extend(layout.groups.iter().map(Part::Group));
    // What stands on something that is still to be written waits.
    while !left.is_empty() {
        let waits = |part: &Part<'_>| {
            part.below(layout).iter().any(|on| left.iter().any(|other| other.makes(layout, on)))
        };
        let Some(next) = left.iter().position(|part| !waits(part)) else { break };
        to.cancel.check()?;
        match left.remove(next) {
            Part::Table(table) => self::table(stack, table)?,
            Part::Volume(volume) => self::volume(stack, volume, to, means)?,
            Part::Group(group) => self::group(stack, group, to)?,
        }
    }
    Ok(())
}

/// Something that is written once what it stands on is.
enum Part<'a> {
    Table(&'a TableLayout),
    Volume(&'a VolumeLayout),
    Group(&'a GroupLayout),
}

impl Part<'_> {
    /// The volumes it is written to.
    fn below(&self, layout: &Layout) -> Vec<String> {
        match self {
            Self::Table(table) => vec![table.on.clone()],
            Self::Group(group) => group.physical_volumes.iter().map(|pv| pv.on.clone()).collect(),
            Self::Volume(volume) => match &volume.map {
                VolumeMap::Luks { on, .. } => vec![on.clone()],
                VolumeMap::Raid { on, .. } => on.clone(),
                VolumeMap::Verity { data, hash } => vec![data.clone(), hash.clone()],
                VolumeMap::Logical { group } | VolumeMap::Thin { group, .. } => layout
                    .groups
                    .iter()
                    .filter(|g| g.node == *group)
                    .flat_map(|g| g.physical_volumes.iter().map(|pv| pv.on.clone()))
                    .collect(),
            },
        }
    }

    /// Whether `node` is there once it is written.
    fn makes(&self, layout: &Layout, node: &str) -> bool {
        match self {
            Self::Table(table) => {
                layout.partition(node).is_some_and(|(_, of)| of.node == table.node)
            }
            Self::Volume(volume) => volume.node == node,
            Self::Group(group) => matches!(
                layout.volume(node).map(|v| &v.map),
                Some(VolumeMap::Logical { group: of } | VolumeMap::Thin { group: of, .. })
                    if *of == group.node
            ),
        }
    }
}

fn writing(node: &str) -> impl Fn(io::Error) -> RealiseError {
    let node = node.to_owned();
    move |source| RealiseError::Write { node: node.clone(), source }
}

fn table(stack: &Stack<'_>, table: &TableLayout) -> Result<(), RealiseError> {
    let partitions: Vec<_> =
        stack.layout.partitions.iter().filter(|p| p.table == table.node).collect();
    let write = &mut |medium: &dyn Medium| write_table(medium, table, &partitions);
    stack.with(&table.on, write).map_err(writing(&table.node))
}

/// Writes a table with its partitions.
pub(crate) fn write_table(
    medium: &dyn Medium,
    table: &TableLayout,
    partitions: &[&PartitionLayout],
) -> io::Result<()> {
    match table.kind {
        TableKind::Gpt => {
            let entries = partitions.iter().map(of_gpt).collect::<io::Result<Vec<_>>>()?;
            gpt::write(medium, table.sector_size, table.id, &entries)?;
            hybrid(medium, table, partitions)
        }
        TableKind::Mbr => {
            let entry = |p: &&PartitionLayout| mbr::Partition {
                number: p.number,
                type_id: of_mbr(p.type_id),
                active: p.active,
                extent: p.extent,
                ebr: p.ebr,
            };
            let mbr = mbr::Table {
                signature: signature(table.id),
                partitions: partitions.iter().map(entry).collect(),
                extended: table.extended,
            };
            mbr.write(medium, table.sector_size).map_err(io::Error::other)
        }
    }
}

/// A partition as a GPT has it.
fn of_gpt(partition: &&PartitionLayout) -> io::Result<GptPartition> {
    let TypeId::Gpt(type_id) = partition.type_id else {
        return Err(io::Error::other("a partition of a GPT has a type of an MBR"));
    };
    Ok(GptPartition {
        number: partition.number,
        type_id,
        id: partition.id,
        label: partition.label.clone(),
        attributes: partition.attributes,
        extent: partition.extent,
    })
}

/// The MBR type of a partition; that of a Linux filesystem where an MBR has no name for it.
pub(crate) fn of_mbr(type_id: TypeId) -> u8 {
    match type_id {
        TypeId::Mbr(id) => id,
        TypeId::Gpt(id) => partition_type_name(id).and_then(mbr_type).unwrap_or(0x83),
    }
}

/// Names partitions of a GPT in its MBR too.
fn hybrid(
    medium: &dyn Medium,
    table: &TableLayout,
    partitions: &[&PartitionLayout],
) -> io::Result<()> {
    let named = partitions.iter().filter(|p| p.hybrid);
    let partitions: Vec<_> = (2..)
        .zip(named)
        .map(|(number, p)| mbr::Partition {
            number,
            type_id: of_mbr(p.type_id),
            active: false,
            extent: p.extent,
            ebr: None,
        })
        .collect();
    if partitions.is_empty() {
        return Ok(());
    }
    let hybrid = mbr::Hybrid { signature: signature(table.id), partitions };
    hybrid.write(medium, table.sector_size).map_err(io::Error::other)
}

fn group(stack: &Stack<'_>, group: &GroupLayout, to: &Realise<'_>) -> Result<(), RealiseError> {
    let mut metadata = group.group.clone();
    metadata.time = u64::try_from(to.time).unwrap_or_default();
    for (index, volume) in group.physical_volumes.iter().enumerate() {
        let write = &mut |medium: &dyn Medium| {
            lvm::write(&metadata, index, medium).map_err(io::Error::other)
        };
        stack.with(&volume.on, write).map_err(writing(&volume.node))?;
    }
    Ok(())
}

fn volume(
    stack: &mut Stack<'_>,
    volume: &VolumeLayout,
    to: &Realise<'_>,
    means: &Means<'_>,
) -> Result<(), RealiseError> {
    let (node, folder) = (&volume.node, means.scratch);
    match &volume.map {
        VolumeMap::Luks { on, data_offset, sector_size, secrets, label } => {
            let secret = |name: &String| {
                to.secrets.secret(name).map_err(|source| RealiseError::Secret {
                    node: node.clone(),
                    secret: name.clone(),
                    source,
                })
            };
            let secrets = secrets.iter().map(secret).collect::<Result<Vec<_>, _>>()?;
            let keys: Vec<&SecretBytes> = secrets.iter().map(AsRef::as_ref).collect();
            let options = LuksOptions {
                uuid: volume.id,
                label: label.as_deref(),
                sector: *sector_size,
                offset: *data_offset,
                cost: Argon2Cost::default(),
            };
            let key = VolumeKey::random().map_err(writing(node))?;
            let size = data_offset + volume.size;
            let mut program = None;
            let done = stack.with(on, &mut |lower| {
                // The payload ends at a whole sector, and so does what the header is made for.
                let extent = dibhost_volumes::Extent { offset: 0, size };
                let lower = crate::stack::Part { lower, extent };
                let made = luks::format(&lower, &options, &key, &keys, folder, to.cancel);
                made.map(drop).map_err(|error| match error {
                    LuksError::Io(source) => source,
                    LuksError::Program(source) => {
                        program = Some(source);
                        io::Error::other("cryptsetup failed")
                    }
                    other => io::Error::other(other),
                })
            });
            if let Some(source) = program {
                return Err(RealiseError::Program { node: node.clone(), source });
            }
            done.map_err(writing(node))?;
            stack.keys.insert(node.clone(), key);
            Ok(())
        }
        VolumeMap::Raid { on, level, name, chunk, metadata, data_offset, .. } => {
            let options = MdOptions {
                uuid: volume.id,
                name,
                level: level.of_md(*chunk),
                metadata: *metadata,
                data_offset: *data_offset,
                // What is decrypted of blocks that nobody wrote is another noise on each member.
                in_step: reads_zeros(stack.layout, node, means.zeroed),
                time: u64::try_from(to.time).unwrap_or_default(),
            };
            let create = &mut |members: &[&dyn Medium]| {
                md::create(members, &options).map_err(io::Error::other)
            };
            stack.with_all(on, &[], create).map_err(writing(node))
        }
        // Its group's metadata makes it; the hashes come when the data is there.
        VolumeMap::Logical { .. } | VolumeMap::Thin { .. } | VolumeMap::Verity { .. } => Ok(()),
    }
}

/// Writes what depends on all that is written: the hashes of verity devices, the lower one first.
pub(crate) fn seal(stack: &Stack<'_>, to: &Realise<'_>) -> Result<Realised, RealiseError> {
    let mut realised = Realised::default();
    for volume in &stack.layout.volumes {
        let VolumeMap::Verity { data, hash } = &volume.map else { continue };
        to.cancel.check()?;
        let extent = dibhost_volumes::Extent { offset: 0, size: volume.size };
        let both = [data.clone(), hash.clone()];
        // Salt keeps equal blocks of different images apart; that it is known is no loss.
        let salt = volume.id.as_bytes();
        let mut root = String::new();
        let write = &mut |media: &[&dyn Medium]| {
            let [data, hashes] = media else { return Err(io::Error::other("no two volumes")) };
            let data = crate::stack::Part { lower: *data, extent };
            let hash = verity::write(&data, *hashes, volume.id, salt).map_err(io::Error::other)?;
            root = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            Ok(())
        };
        stack.with_all(&both, &[], write).map_err(writing(&volume.node))?;
        realised.root_hashes.insert(volume.node.clone(), root);
    }
    Ok(realised)
}

/// Writes the metadata of thin pools: which chunks were taken is known only now. Groups are in the
/// order in which they stand on one another, and the upper one's metadata takes chunks of the lower.
pub(crate) fn seal_pools(
    stack: &Stack<'_>,
    tree: &mut dyn Tree,
    to: &Realise<'_>,
    folder: &Path,
) -> Result<(), RealiseError> {
    for group in stack.layout.groups.iter().rev() {
        for pool in group.pools.iter().map(|pool| &pool.node) {
            to.cancel.check()?;
            let Some(growing) = stack.pools.get(pool) else { continue };
            let map = growing.borrow().map().clone();
            let (_, metadata) = stack.parts_of(&group.node, pool).map_err(writing(pool))?;
            let mut restore = |restoring: &lvm::thin::Restoring<'_>| {
                restoring.reads.iter().try_for_each(|file| tree.admit(file, false))?;
                tree.admit(restoring.writes, true)?;
                tree.program(&restoring.program).map(drop).map_err(io::Error::other)
            };
            let write = &mut |medium: &dyn Medium| {
                lvm::thin::write_metadata(&map, medium, folder, &mut restore)
                    .map_err(io::Error::other)
            };
            stack.logical(&group.node, metadata, write).map_err(writing(pool))?;
        }
    }
    Ok(())
}
