//! What a place is there for, held against what is put there: partitions that firmware or a boot
//! loader reads, mount points that are the system's own, volumes that nothing writes.

use dibhost_filesystems::FilesystemKind;
use dibhost_volumes::md::MdMetadata;

use crate::driver::RaidLevel;
use crate::graph::{Filesystem, Graph, GraphError, Mount, Partition, TypeId};
use crate::node::{Node, NodeKind};
use crate::noun::noun;
use crate::partition_type::partition_type_name;

/// Who else than Linux reads a partition of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// GRUB's core image lies in it, from its first byte on.
    BiosBoot,
    /// Open Firmware starts what lies in it, from its first byte on.
    Prep,
    /// UEFI reads a FAT from it.
    Esp,
    /// Swap space, which systemd uses by the type alone.
    Swap,
}

impl Use {
    /// By a partition's type.
    pub(crate) fn of(partition: &Partition) -> Option<Self> {
        let name = match partition.type_id {
            TypeId::Gpt(id) => partition_type_name(id)?,
            TypeId::Mbr(0x41) => "prep",
            TypeId::Mbr(0x82) => "swap",
            TypeId::Mbr(0xef) => "esp",
            TypeId::Mbr(_) => return None,
        };
        match name {
            "bios-boot" => Some(Self::BiosBoot),
            "prep" => Some(Self::Prep),
            "esp" => Some(Self::Esp),
            "swap" => Some(Self::Swap),
            _ => None,
        }
    }
}

/// Where the system mounts filesystems of its own while it boots.
const SYSTEMS_OWN: [&str; 4] = ["/dev", "/proc", "/run", "/sys"];

/// Refuses what would be lost, not found or not read.
pub(super) fn check(graph: &Graph) -> Result<(), GraphError> {
    for partition in &graph.partitions {
        let above = graph.above(&partition.node);
        for node in above.filter(|node| !matches!(node.kind, NodeKind::GrubBios { .. })) {
            match Use::of(partition) {
                Some(Use::BiosBoot) => bios_boot(graph, partition, node)?,
                Some(Use::Prep) => prep(partition, node)?,
                Some(Use::Esp) => esp(graph, partition, node)?,
                Some(Use::Swap) => swap(graph, partition, node)?,
                None => {}
            }
        }
    }
    graph.mounts.iter().try_for_each(|mount| self::mount(graph, mount))
}

const ELSEWHERE: &str = "give it a partition of its own, of another type";

fn bios_boot(graph: &Graph, partition: &Partition, node: &Node) -> Result<(), GraphError> {
    let (name, kind) = (&partition.node, noun(&node.kind));
    let of_it = |grub: &&crate::graph::GrubBios| grub.partition.as_ref() == Some(name);
    // Without GRUB it is a doubt, and no loss.
    let Some(grub) = graph.grub.iter().find(of_it) else { return Ok(()) };
    let problem = format!(
        "`{name}` is the BIOS boot partition that the core image of `{}` is written into, over this {kind}",
        grub.node
    );
    Err(GraphError::at(&node.name, problem, ELSEWHERE))
}

fn prep(partition: &Partition, node: &Node) -> Result<(), GraphError> {
    let (name, kind) = (&partition.node, noun(&node.kind));
    let problem = format!(
        "`{name}` is of the type `prep`, which holds a boot loader from its first byte on, and no {kind}"
    );
    Err(GraphError::at(&node.name, problem, ELSEWHERE))
}

fn esp(graph: &Graph, partition: &Partition, node: &Node) -> Result<(), GraphError> {
    let name = &partition.node;
    let refused =
        |node: &str, problem: String, help: &str| Err(GraphError::at(node, problem, help));
    if let Some(filesystem) = graph.filesystem(&node.name) {
        return fat(name, filesystem);
    }
    let Some(raid) = graph.raids.iter().find(|raid| raid.node == node.name) else {
        let problem = format!(
            "firmware reads a FAT from the EFI system partition `{name}`, and nothing through this {}",
            noun(&node.kind)
        );
        return refused(&node.name, problem, "let a filesystem of the format `vfat` stand on it");
    };
    if raid.level != RaidLevel::Mirror {
        let problem = format!(
            "firmware reads the EFI system partition `{name}` by itself, and this spreads over several"
        );
        return refused(&raid.node, problem, "let it be of level 1, with metadata 1.0");
    }
    if raid.metadata != MdMetadata::End {
        let problem = format!(
            "metadata {} lies at the start of the EFI system partition `{name}`, where firmware looks \
             for a FAT",
            raid.metadata.name()
        );
        let help = "write metadata 1.0 (`metadata = \"1.0\"`), which lies at the end";
        return refused(&raid.node, problem, help);
    }
    for above in graph.above(&raid.node) {
        match graph.filesystem(&above.name) {
            Some(filesystem) => fat(name, filesystem)?,
            None => {
                let problem = format!(
                    "firmware reads a FAT from the EFI system partition `{name}`, and nothing through \
                     this {}",
                    noun(&above.kind)
                );
                let help = "let a filesystem of the format `vfat` stand on the RAID";
                return refused(&above.name, problem, help);
            }
        }
    }
    Ok(())
}

fn fat(partition: &str, filesystem: &Filesystem) -> Result<(), GraphError> {
    if filesystem.kind == FilesystemKind::Vfat {
        return Ok(());
    }
    let problem = format!(
        "firmware reads a FAT from the EFI system partition `{partition}`, and no {}",
        filesystem.kind.name()
    );
    let help = "write the format `vfat`, or give the partition another type";
    Err(GraphError::at(&filesystem.node, problem, help).of("format"))
}

fn swap(graph: &Graph, partition: &Partition, node: &Node) -> Result<(), GraphError> {
    let kind = match graph.filesystem(&node.name) {
        Some(filesystem) if filesystem.kind == FilesystemKind::Swap => return Ok(()),
        Some(filesystem) => filesystem.kind.name(),
        None if node.kind == NodeKind::PhysicalVolume => noun(&node.kind),
        // Swap space may be encrypted, or mirrored.
        None => return Ok(()),
    };
    let problem = format!(
        "the type of `{}` says that swap space is in it, which systemd uses by the type alone, and \
         this is {kind}",
        partition.node
    );
    Err(GraphError::at(
        &node.name,
        problem,
        "give the partition another type, or make it swap space",
    ))
}

fn mount(graph: &Graph, mount: &Mount) -> Result<(), GraphError> {
    let below = |own: &&&str| crate::graph::relative_to(own, &mount.at).is_some();
    if let Some(own) = SYSTEMS_OWN.iter().find(below) {
        let problem = format!(
            "`{}` is within `{own}`, where the system mounts a filesystem of its own while it boots",
            mount.at
        );
        return Err(GraphError::at(&mount.node, problem, "mount it elsewhere").of("at"));
    }
    if !mount.options.iter().any(|option| option == "rw") {
        return Ok(());
    }
    let Some(filesystem) = graph.filesystem(&mount.filesystem) else { return Ok(()) };
    let why = if graph.verities.iter().any(|verity| verity.node == filesystem.on) {
        "stands on verity, which takes no writes"
    } else if filesystem.kind.is_read_only() {
        "is of a format that is only read"
    } else {
        return Ok(());
    };
    let problem = format!("the option `rw`, and `{}` {why}", filesystem.node);
    Err(GraphError::at(&mount.node, problem, "write `ro`, or leave it out").of("options"))
}
