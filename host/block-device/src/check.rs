//! The checks behind [`Graph::new`](crate::Graph::new).

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::filesystem::{FilesystemKind, check_label, parse_tuning, parse_uuid};
use crate::graph::{Filesystem, Graph, GraphError};
use crate::node::{Node, NodeKind, Size};
use crate::partition_type::{PARTITION_ATTRIBUTES, PARTITION_TYPES, partition_type};

/// GPT keeps a name in 36 UTF-16 units.
const GPT_NAME_UNITS: usize = 36;
/// Where tables put the first partition unless told otherwise, as every tool does today.
const ALIGNMENT: u64 = 1 << 20;
/// A GPT of 128 entries, which is what every reader expects.
const MOST_PARTITIONS: usize = 128;

type ByName = BTreeMap<String, usize>;

pub(crate) fn noun(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Disk { .. } => "disk",
        NodeKind::Table { .. } => "partition table",
        NodeKind::Partition { .. } => "partition",
        NodeKind::Encryption { .. } => "encryption",
        NodeKind::PhysicalVolume => "physical volume",
        NodeKind::VolumeGroup { .. } => "volume group",
        NodeKind::LogicalVolume { .. } => "logical volume",
        NodeKind::Filesystem { .. } => "filesystem",
        NodeKind::Mount { .. } => "mount",
        NodeKind::GrubBios { .. } => "grub-bios",
        NodeKind::Driver { .. } => "driver",
    }
}

fn one_on_one(upper: &NodeKind, lower: &NodeKind) -> bool {
    use NodeKind as N;
    let volume = matches!(
        lower,
        N::Disk { .. } | N::Partition { .. } | N::LogicalVolume { .. } | N::Driver { .. }
    );
    match upper {
        N::Disk { .. } => false,
        N::Table { .. } => matches!(lower, N::Disk { .. }),
        N::Partition { .. } => matches!(lower, N::Table { .. }),
        N::Encryption { .. } => volume,
        N::PhysicalVolume | N::Filesystem { .. } => volume || matches!(lower, N::Encryption { .. }),
        N::VolumeGroup { .. } => matches!(lower, N::PhysicalVolume),
        N::LogicalVolume { .. } => matches!(lower, N::VolumeGroup { .. }),
        N::Mount { .. } => matches!(lower, N::Filesystem { .. } | N::Driver { .. }),
        N::GrubBios { .. } => matches!(lower, N::Disk { .. } | N::Partition { .. }),
        N::Driver { .. } => !matches!(lower, N::Mount { .. } | N::GrubBios { .. }),
    }
}

fn stands_on(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Disk { .. } => "nothing: leave `on` empty",
        NodeKind::Table { .. } => "one disk",
        NodeKind::Partition { .. } => "one partition table",
        NodeKind::Encryption { .. } => "one disk, partition or logical volume",
        NodeKind::PhysicalVolume => "one disk, partition or encryption",
        NodeKind::VolumeGroup { .. } => "one physical volume or several",
        NodeKind::LogicalVolume { .. } => "one volume group",
        NodeKind::Filesystem { .. } => "one disk, partition, logical volume or encryption",
        NodeKind::Mount { .. } => "one filesystem",
        NodeKind::GrubBios { .. } => "a disk and its BIOS boot partition",
        NodeKind::Driver { .. } => "disks, partitions, volumes and filesystems",
    }
}

/// Names, edges, what stands on what.
pub(crate) fn stacking(nodes: &[Node]) -> Result<ByName, GraphError> {
    let mut by_name = ByName::new();
    for (i, node) in nodes.iter().enumerate() {
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if node.name.is_empty() || node.name.len() > 64 || !node.name.chars().all(fine) {
            let help = "name it with at most 64 letters, digits, `-`, `_` and `.`";
            return Err(GraphError::at(&node.name, "that is not a name", help));
        }
        if by_name.insert(node.name.clone(), i).is_some() {
            let help = "give each node a name of its own";
            return Err(GraphError::at(&node.name, "two nodes have this name", help));
        }
    }
    let mut occupied: BTreeMap<&str, &str> = BTreeMap::new();
    for node in nodes {
        let kind = noun(&node.kind);
        let mut seen = BTreeSet::new();
        for lower in &node.on {
            let Some(&below) = by_name.get(lower) else {
                let names: Vec<&str> = nodes.iter().map(|n| n.name.as_str()).collect();
                let problem = format!("it stands on `{}`, which is no node", lower.escape_debug());
                let help = format!("the nodes are `{}`", names.join("`, `"));
                return Err(GraphError::at(&node.name, problem, help));
            };
            let below = &nodes[below];
            if !seen.insert(lower) || !one_on_one(&node.kind, &below.kind) {
                let problem = format!("a {kind} cannot stand on {} `{lower}`", noun(&below.kind));
                let help = format!("a {kind} stands on {}", stands_on(&node.kind));
                return Err(GraphError::at(&node.name, problem, help));
            }
            let shared = matches!(
                node.kind,
                NodeKind::GrubBios { .. }
                    | NodeKind::Partition { .. }
                    | NodeKind::LogicalVolume { .. }
            );
            if !shared && let Some(other) = occupied.insert(lower, &node.name) {
                let problem = format!("`{lower}` already carries `{other}`");
                let help = "let only one of them stand on it";
                return Err(GraphError::at(&node.name, problem, help));
            }
        }
        let count = node.on.len();
        let fine = match node.kind {
            NodeKind::Disk { .. } => count == 0,
            NodeKind::GrubBios { .. } => count == 2,
            NodeKind::VolumeGroup { .. } => count > 0,
            NodeKind::Driver { .. } => true,
            _ => count == 1,
        };
        if !fine {
            let problem = format!("it stands on {count} nodes");
            let help = format!("a {kind} stands on {}", stands_on(&node.kind));
            return Err(GraphError::at(&node.name, problem, help));
        }
    }
    cycles(nodes, &by_name)?;
    Ok(by_name)
}

/// Only drivers can make a cycle, as they alone may stand on what may stand on them.
fn cycles(nodes: &[Node], by_name: &ByName) -> Result<(), GraphError> {
    let mut grounded = vec![false; nodes.len()];
    loop {
        let mut more = false;
        for (i, node) in nodes.iter().enumerate() {
            if !grounded[i] && node.on.iter().all(|lower| grounded[by_name[lower]]) {
                grounded[i] = true;
                more = true;
            }
        }
        if !more {
            break;
        }
    }
    match grounded.iter().position(|g| !g) {
        None => Ok(()),
        Some(i) => {
            let help = "let one of the nodes below it stand on a disk";
            Err(GraphError::at(&nodes[i].name, "it stands on itself, by way of others", help))
        }
    }
}

pub(crate) fn disk(node: &str, size: Option<u64>, sector_size: u32) -> Result<(), GraphError> {
    if sector_size != 512 && sector_size != 4096 {
        let problem = format!("a sector of {sector_size} bytes");
        return Err(GraphError::at(node, problem, "write 512 or 4096"));
    }
    match size {
        Some(size) if size % u64::from(sector_size) != 0 => {
            let problem = format!("{size} bytes are not whole sectors of {sector_size} bytes");
            let whole = size.next_multiple_of(u64::from(sector_size));
            Err(GraphError::at(node, problem, format!("write {whole}")))
        }
        Some(size) if !(1 << 20..=1 << 60).contains(&size) => {
            let problem = format!("a disk of {size} bytes");
            Err(GraphError::at(node, problem, "write at least 1 MiB and at most 1 EiB"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn alignment(node: &str, alignment: Option<u64>) -> Result<u64, GraphError> {
    let alignment = alignment.unwrap_or(ALIGNMENT);
    if alignment.is_power_of_two() && (4096..=1 << 30).contains(&alignment) {
        return Ok(alignment);
    }
    let problem = format!("an alignment of {alignment} bytes");
    Err(GraphError::at(node, problem, "write a power of two from 4096 to 1 GiB"))
}

pub(crate) fn partition(
    node: &str,
    label: &str,
    type_id: &str,
    size: Size,
    attributes: &[String],
) -> Result<(Uuid, u64), GraphError> {
    let units = label.encode_utf16().count();
    if units > GPT_NAME_UNITS {
        let problem = format!("the label `{}` has {units} UTF-16 units", label.escape_debug());
        return Err(GraphError::at(node, problem, format!("a GPT takes {GPT_NAME_UNITS}")));
    }
    if label.chars().any(char::is_control) {
        let problem = format!("the label `{}` has a control character", label.escape_debug());
        return Err(GraphError::at(node, problem, "use printable characters"));
    }
    let Some(id) = partition_type(type_id) else {
        let names: Vec<&str> = PARTITION_TYPES.iter().map(|(name, _)| *name).collect();
        let problem = format!("`{}` is no partition type", type_id.escape_debug());
        let help = format!("write a UUID, or one of `{}`", names.join("`, `"));
        return Err(GraphError::at(node, problem, help));
    };
    match size {
        Size::Bytes(0) => {
            return Err(GraphError::at(node, "its size is 0", "write a size in bytes"));
        }
        Size::Share(share) | Size::ShareOfRest(share) if share == 0 || share > 1_000_000 => {
            let problem = format!("its size is {share} millionths");
            return Err(GraphError::at(node, problem, "write from 1 to 1000000"));
        }
        _ => {}
    }
    let mut bits = 0u64;
    for attribute in attributes {
        let known = PARTITION_ATTRIBUTES.iter().find(|(name, _)| name == attribute);
        let Some((_, bit)) = known else {
            let names: Vec<&str> = PARTITION_ATTRIBUTES.iter().map(|(name, _)| *name).collect();
            let problem = format!("`{}` is no attribute", attribute.escape_debug());
            let help = format!("the attributes are `{}`", names.join("`, `"));
            return Err(GraphError::at(node, problem, help));
        };
        bits |= 1 << bit;
    }
    Ok((id, bits))
}

pub(crate) fn filesystem(
    node: &str,
    on: String,
    kind: &str,
    label: &Option<String>,
    uuid: Option<&str>,
    tuning: &[(String, String)],
) -> Result<Filesystem, GraphError> {
    let at = |(problem, help): (String, String)| GraphError::at(node, problem, help);
    let Some(kind) = FilesystemKind::by_name(kind) else {
        let names = FilesystemKind::ALL.map(FilesystemKind::name);
        let problem = format!("`{}` is no kind of filesystem", kind.escape_debug());
        let help = format!("the kinds are `{}`", names.join("`, `"));
        return Err(GraphError::at(node, problem, help));
    };
    if let Some(label) = label {
        check_label(kind, label).map_err(at)?;
    }
    let uuid = uuid.map(|text| parse_uuid(kind, text)).transpose().map_err(at)?;
    let tuning = parse_tuning(kind, tuning).map_err(at)?;
    Ok(Filesystem { node: node.to_owned(), on, kind, label: label.clone(), uuid, tuning })
}

/// An absolute path in one way only: no `.`, no `..`, no `//`, no `/` at the end.
fn is_plain(path: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    path == "/" || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain))
}

pub(crate) fn image_file(node: &str, what: &str, path: &str) -> Result<(), GraphError> {
    if is_plain(path) && path != "/" && !path.chars().any(char::is_control) && path.len() < 4096 {
        return Ok(());
    }
    let problem = format!("`{what}` is `{}`", path.escape_debug());
    Err(GraphError::at(node, problem, "write the absolute path of a file in the image"))
}

pub(crate) fn mount(node: &str, at: &str, options: &[String]) -> Result<(), GraphError> {
    // fstab separates by blanks, starts comments with `#` and escapes with `\`.
    let bad = |c: char| c.is_whitespace() || c.is_control() || "#\\\"'".contains(c);
    if !is_plain(at) || at.len() >= 4096 || at.contains(bad) {
        let problem = format!("`{}` is no mount point", at.escape_debug());
        let help = "write an absolute path without blanks, `.`, `..` and `/` at its end";
        return Err(GraphError::at(node, problem, help));
    }
    for (i, option) in options.iter().enumerate() {
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_.:=+@%/".contains(c);
        let word = option.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !word || !option.chars().all(fine) || option.len() > 255 {
            let problem = format!("`{}` is no mount option", option.escape_debug());
            let help = "write one option each, of letters, digits and `-_.:=+@%/`";
            return Err(GraphError::at(node, problem, help));
        }
        if options[..i].contains(option) {
            let problem = format!("the option `{option}` is there twice");
            return Err(GraphError::at(node, problem, "write it once"));
        }
    }
    for (a, b) in
        [("ro", "rw"), ("auto", "noauto"), ("exec", "noexec"), ("suid", "nosuid"), ("dev", "nodev")]
    {
        let has = |want: &str| options.iter().any(|o| o == want);
        if has(a) && has(b) {
            let problem = format!("the options `{a}` and `{b}` contradict each other");
            return Err(GraphError::at(node, problem, "keep one of them"));
        }
    }
    Ok(())
}

/// The disk and the BIOS boot partition that a `grub-bios` node stands on.
pub(crate) fn grub_bios(
    node: &Node,
    nodes: &[Node],
    by_name: &ByName,
) -> Result<(String, String), GraphError> {
    let get = |name: &String| &nodes[by_name[name]];
    let mut disk = None;
    let mut partition = None;
    for lower in &node.on {
        match &get(lower).kind {
            NodeKind::Disk { sector_size, .. } => disk = Some((lower, *sector_size)),
            NodeKind::Partition { type_id, .. } => partition = Some((lower, type_id)),
            _ => {}
        }
    }
    let (Some((disk, sector_size)), Some((partition, type_id))) = (disk, partition) else {
        let help = "let it stand on a disk and on its BIOS boot partition";
        return Err(GraphError::at(&node.name, "it stands on two of a kind", help));
    };
    if partition_type(type_id) != partition_type("bios-boot") {
        let problem =
            format!("the partition `{partition}` is of type `{}`", type_id.escape_debug());
        let help = "let it stand on a partition of type `bios-boot`";
        return Err(GraphError::at(&node.name, problem, help));
    }
    let table = get(&get(partition).on[0]);
    if table.on[0] != *disk {
        let problem = format!("the partition `{partition}` is not on the disk `{disk}`");
        return Err(GraphError::at(&node.name, problem, "name a partition of that disk"));
    }
    if sector_size != 512 {
        let problem = format!("the disk `{disk}` has sectors of {sector_size} bytes");
        let help = "a BIOS boots from sectors of 512 bytes: use those, or UEFI alone";
        return Err(GraphError::at(&node.name, problem, help));
    }
    Ok((disk.clone(), partition.clone()))
}

/// What only shows when all nodes are seen.
pub(crate) fn together(graph: &Graph) -> Result<(), GraphError> {
    for (i, mount) in graph.mounts.iter().enumerate() {
        if let Some(other) = graph.mounts[..i].iter().find(|m| m.at == mount.at) {
            let problem = format!("`{}` is where `{}` is mounted", mount.at, other.node);
            return Err(GraphError::at(&mount.node, problem, "mount it elsewhere"));
        }
        let swap = graph.filesystem(&mount.filesystem).filter(|f| f.kind == FilesystemKind::Swap);
        if swap.is_some() {
            let help = "leave the mount out: swap space is used by its type";
            return Err(GraphError::at(&mount.node, "swap space is not mounted", help));
        }
    }
    if !graph.mounts.iter().any(|m| m.at == "/") {
        let help = "add a mount node with `at` = `/` on the filesystem that holds the system";
        return Err(GraphError::whole("nothing is mounted at `/`", help));
    }
    for (i, filesystem) in graph.filesystems.iter().enumerate() {
        let Some(label) = &filesystem.label else { continue };
        let same = |f: &&Filesystem| f.label.as_deref() == Some(label);
        if let Some(other) = graph.filesystems[..i].iter().find(same) {
            let problem = format!("its label `{label}` is also that of `{}`", other.node);
            let help = "give it another one: filesystems are found by label";
            return Err(GraphError::at(&filesystem.node, problem, help));
        }
        let uuid = |f: &&Filesystem| f.uuid.is_some() && f.uuid == filesystem.uuid;
        if let Some(other) = graph.filesystems[..i].iter().find(uuid) {
            let problem = format!("its UUID is also that of `{}`", other.node);
            return Err(GraphError::at(&filesystem.node, problem, "give it another one"));
        }
    }
    for table in &graph.tables {
        let of_it = || graph.partitions.iter().filter(|p| p.table == table.node);
        if of_it().count() > MOST_PARTITIONS {
            let problem = format!("it has more than {MOST_PARTITIONS} partitions");
            return Err(GraphError::at(&table.node, problem, "use fewer, or logical volumes"));
        }
        if let Some(second) = of_it().filter(|p| p.size == Size::Rest).nth(1) {
            let help = "let one partition take the rest, and say how large the others are";
            return Err(GraphError::at(&second.node, "a second partition takes the rest", help));
        }
        if table.alignment % 4096 != 0 {
            return Err(GraphError::at(&table.node, "not aligned to 4096 bytes", "align it"));
        }
    }
    Ok(())
}
