//! Decides every offset, size and UUID; writes nothing.

use std::io;

use serde::Serialize;
use uuid::Uuid;

use crate::check::noun;
use crate::filesystem::FilesystemKind;
use crate::format::{Counted, FormatLayout};
use crate::graph::{Filesystem, Graph, GrubBios, relative_to};
use crate::grub;
use crate::identity::Identities;
use crate::node::{NodeKind, Size, TableKind};
use crate::place::{Extent, Ground, Request, place};
use crate::tree::Tree;

/// A disk that cannot be laid out.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A node cannot be made, or its content does not fit.
    #[error("block device: node `{node}`: {problem}: {help}")]
    Refused {
        /// The node.
        node: String,
        /// Why.
        problem: String,
        /// What to do.
        help: String,
    },
    /// The tree could not be read.
    #[error("block device: reading the tree below `{mount}`: {source}")]
    Tree {
        /// The mount point.
        mount: String,
        /// Why.
        source: io::Error,
    },
}

fn refused(node: &str, problem: impl Into<String>, help: impl Into<String>) -> LayoutError {
    let node = node.to_owned();
    LayoutError::Refused { node, problem: problem.into(), help: help.into() }
}

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TableLayout {
    /// Its node.
    pub node: String,
    /// The disk GUID.
    pub id: Uuid,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartitionLayout {
    /// Its node.
    pub node: String,
    /// From 1.
    pub number: u32,
    /// Its name in the table.
    pub label: String,
    /// Its type.
    pub type_id: Uuid,
    /// Its PARTUUID.
    pub id: Uuid,
    /// GPT attribute bits.
    pub attributes: u64,
    /// Where it lies.
    pub extent: Extent,
}

/// A filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FilesystemLayout {
    /// Its node.
    pub node: String,
    /// Where it is mounted, and so which part of the tree fills it; none: it stays empty.
    pub mount: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Where it lies: what of its partition it uses.
    pub extent: Extent,
    /// The rest, by its kind.
    pub format: FormatLayout,
}

/// GRUB for BIOS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GrubLayout {
    /// Its node.
    pub node: String,
    /// The BIOS boot partition.
    pub extent: Extent,
    /// `boot.img`: mount point, and path below it.
    pub boot_image: (String, String),
    /// `core.img`: mount point, and path below it.
    pub core_image: (String, String),
}

/// A disk, decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Layout {
    /// Bytes.
    pub size: u64,
    /// Bytes of a sector.
    pub sector_size: u32,
    /// None: one filesystem fills the disk.
    pub table: Option<TableLayout>,
    /// In the order of their numbers, which is also that on the disk.
    pub partitions: Vec<PartitionLayout>,
    /// In the order of their nodes.
    pub filesystems: Vec<FilesystemLayout>,
    /// GRUB for BIOS.
    pub grub: Option<GrubLayout>,
}

/// A filesystem whose content is known and whose place is not.
struct Sized<'a> {
    filesystem: &'a Filesystem,
    mount: Option<&'a str>,
    counted: Counted,
}

/// Reads the tree's sizes and lays out the disk.
///
/// # Errors
/// What the back-end `file` cannot make, what does not fit, or a tree that cannot be read.
pub fn layout(
    graph: &Graph,
    identities: &Identities,
    tree: &mut dyn Tree,
) -> Result<Layout, LayoutError> {
    supported(graph)?;
    let disk = &graph.disks[0];
    let sector = u64::from(disk.sector_size);
    let sized = graph
        .filesystems
        .iter()
        .map(|filesystem| count(graph, filesystem, tree))
        .collect::<Result<Vec<_>, _>>()?;
    let grub = graph.grub.first();
    let core = grub.map(|grub| grub_images(graph, grub, tree)).transpose()?;
    let on = |node: &str| sized.iter().find(|s| s.filesystem.on == node);

    let Some(table) = graph.tables.first() else {
        let Some(sized) = on(&disk.node) else {
            return Err(refused(
                &disk.node,
                "nothing stands on it",
                "put a table or a filesystem on it",
            ));
        };
        let size = disk.size.unwrap_or_else(|| sized.counted.bytes_for(0, sector));
        let extent = Extent { offset: 0, size };
        return Ok(Layout {
            size,
            sector_size: disk.sector_size,
            table: None,
            partitions: Vec::new(),
            filesystems: vec![fitted(sized, extent, sector, identities)?],
            grub: None,
        });
    };

    let request = |partition: &crate::graph::Partition| {
        let extra = if let Size::Content(extra) = partition.size { extra } else { 0 };
        let of_grub = grub.filter(|g| g.partition == partition.node).and(core.as_ref());
        let content = match (on(&partition.node), of_grub) {
            (Some(sized), _) => Some(sized.counted.bytes_for(extra, sector)),
            (None, Some((_, core))) => Some(core + extra),
            (None, None) => Some(extra).filter(|extra| *extra > 0),
        };
        Request { size: partition.size, content }
    };
    let requests: Vec<_> = graph.partitions.iter().map(request).collect();
    let ground = Ground { disk: disk.size, sector, alignment: table.alignment };
    let (extents, size) = place(&ground, &requests)
        .map_err(|no| refused(&graph.partitions[no.index].node, no.problem, no.help))?;

    let mut partitions = Vec::new();
    for (partition, extent) in graph.partitions.iter().zip(extents) {
        partitions.push(PartitionLayout {
            node: partition.node.clone(),
            number: partition.number,
            label: partition.label.clone(),
            type_id: partition.type_id,
            id: known(identities.partitions.get(&partition.node), &partition.node)?,
            attributes: partition.attributes,
            extent,
        });
    }
    let extent_of = |node: &str| partitions.iter().find(|p| p.node == node).map(|p| p.extent);
    let mut filesystems = Vec::new();
    for sized in &sized {
        let Some(extent) = extent_of(&sized.filesystem.on) else { continue };
        filesystems.push(fitted(sized, extent, sector, identities)?);
    }
    let grub = match (grub, core) {
        (Some(grub), Some((mut laid_out, core))) => {
            laid_out.extent = extent_of(&grub.partition).unwrap_or(laid_out.extent);
            if core > laid_out.extent.size {
                let problem = format!(
                    "the core image has {core} bytes and the partition `{}` {}",
                    grub.partition, laid_out.extent.size
                );
                return Err(refused(&grub.node, problem, "make the partition larger"));
            }
            Some(laid_out)
        }
        _ => None,
    };
    let id = known(identities.tables.get(&table.node), &table.node)?;
    Ok(Layout {
        size,
        sector_size: disk.sector_size,
        table: Some(TableLayout { node: table.node.clone(), id }),
        partitions,
        filesystems,
        grub,
    })
}

fn known<T: Copy>(identity: Option<&T>, node: &str) -> Result<T, LayoutError> {
    let help = "derive the identities from the same graph";
    identity.copied().ok_or_else(|| refused(node, "it has no identity", help))
}

/// What this back-end makes: the rest is known to the graph and comes with later ones.
fn supported(graph: &Graph) -> Result<(), LayoutError> {
    const HELP: &str = "use a disk, a GPT, partitions, filesystems, mounts and grub-bios";
    for node in &graph.nodes {
        let problem = match &node.kind {
            NodeKind::Encryption { .. }
            | NodeKind::PhysicalVolume
            | NodeKind::VolumeGroup { .. }
            | NodeKind::LogicalVolume { .. }
            | NodeKind::Driver { .. } => {
                format!("the back-end `file` cannot make {} yet", article(noun(&node.kind)))
            }
            NodeKind::Table { kind: TableKind::Mbr, .. } => {
                "the back-end `file` cannot make an MBR partition table yet".to_owned()
            }
            NodeKind::Partition { preserve: true, .. } => {
                "it is to be preserved, and a new image file has nothing to preserve".to_owned()
            }
            NodeKind::Filesystem { kind, .. }
                if matches!(
                    FilesystemKind::by_name(kind),
                    None | Some(FilesystemKind::Xfs | FilesystemKind::Btrfs)
                ) =>
            {
                format!("the back-end `file` cannot make the filesystem `{kind}` yet")
            }
            _ => continue,
        };
        return Err(refused(&node.name, problem, HELP));
    }
    for (nodes, what) in [
        (graph.disks.iter().map(|d| &d.node).collect::<Vec<_>>(), "disk"),
        (graph.tables.iter().map(|t| &t.node).collect(), "partition table"),
        (graph.grub.iter().map(|g| &g.node).collect(), "GRUB for BIOS"),
    ] {
        if let Some(second) = nodes.get(1) {
            let problem = format!("it is the second {what}, and an image has one");
            return Err(refused(second, problem, "remove it"));
        }
    }
    Ok(())
}

fn article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

fn count<'a>(
    graph: &'a Graph,
    filesystem: &'a Filesystem,
    tree: &mut dyn Tree,
) -> Result<Sized<'a>, LayoutError> {
    let mount = graph.mount_of(&filesystem.node).map(|mount| mount.at.as_str());
    let counted = Counted::of(filesystem.kind, filesystem.tuning, mount, tree)
        .map_err(|source| LayoutError::Tree { mount: mount.unwrap_or("").to_owned(), source })?
        .map_err(|(problem, help)| refused(&filesystem.node, problem, help))?;
    Ok(Sized { filesystem, mount, counted })
}

/// Gives a filesystem its place, if it fits.
fn fitted(
    sized: &Sized<'_>,
    extent: Extent,
    sector: u64,
    identities: &Identities,
) -> Result<FilesystemLayout, LayoutError> {
    let Filesystem { node, label, .. } = sized.filesystem;
    let Some(identity) = identities.filesystems.get(node) else {
        return Err(refused(
            node,
            "it has no identity",
            "derive the identities from the same graph",
        ));
    };
    let format = sized
        .counted
        .fit(extent.size, sector, identity)
        .map_err(|(problem, help)| refused(node, problem, help))?;
    Ok(FilesystemLayout {
        node: node.clone(),
        mount: sized.mount.map(str::to_owned),
        label: label.clone(),
        extent: Extent { offset: extent.offset, size: format.size() },
        format,
    })
}

/// Finds GRUB's images in the tree and checks them; also the bytes of the core image.
fn grub_images(
    graph: &Graph,
    grub: &GrubBios,
    tree: &mut dyn Tree,
) -> Result<(GrubLayout, u64), LayoutError> {
    let help = "let the element that wishes for it make both with grub-mkimage";
    let find = |path: &str, tree: &mut dyn Tree| {
        let mount = graph.mount_holding(path).map_or("/", |mount| mount.at.as_str());
        let below = relative_to(mount, path).unwrap_or(path);
        let content = tree.read(mount, below).map_err(|error| {
            refused(&grub.node, format!("`{path}` cannot be read ({error})"), help)
        })?;
        Ok(((mount.to_owned(), below.to_owned()), content))
    };
    let (boot_image, boot) = find(&grub.boot_image, tree)?;
    let (core_image, core) = find(&grub.core_image, tree)?;
    grub::check(&boot, &core).map_err(|problem| refused(&grub.node, problem, help))?;
    let extent = Extent { offset: 0, size: 0 };
    let laid_out = GrubLayout { node: grub.node.clone(), extent, boot_image, core_image };
    Ok((laid_out, core.len() as u64))
}
