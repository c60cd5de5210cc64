//! The checks behind [`Graph::new`](crate::Graph::new).

use std::collections::{BTreeMap, BTreeSet};

use crate::driver::Driver;
use crate::graph::{Filesystem, Graph, GraphError, LogicalVolume, TypeId};
use crate::node::{Node, NodeKind, Size, TableKind};
use crate::noun::noun;
use crate::partition_type::{PARTITION_ATTRIBUTES, PARTITION_TYPES, mbr_type, partition_type};
use crate::percent::percent;
use dibhost_check::Check;
use dibhost_filesystems::{FilesystemKind, check_label, parse_tuning, parse_uuid};
use dibhost_text::did_you_mean;

/// GPT keeps a name in 36 UTF-16 units.
const GPT_NAME_UNITS: usize = 36;
/// A GPT of 128 entries, which is what every reader expects.
const MOST_PARTITIONS: usize = 128;

type ByName = BTreeMap<String, usize>;

mod meant;
mod names;

pub(crate) use meant::Use;

/// What to do about a word that is none of these.
fn near_or(word: &str, known: &[&str], else_said: &str) -> String {
    match did_you_mean(word, known.iter().copied()) {
        Some(near) => format!("{near} {else_said}"),
        None => else_said.to_owned(),
    }
}

fn is_driver(kind: &NodeKind, wanted: &str) -> bool {
    matches!(kind, NodeKind::Driver { name, .. } if name == wanted)
}

fn one_on_one(upper: &NodeKind, lower: &NodeKind) -> bool {
    use NodeKind as N;
    let raid = is_driver(lower, "raid");
    let volume = raid
        || matches!(lower, N::Disk { .. } | N::Partition { .. } | N::Encryption { .. })
        || matches!(lower, N::LogicalVolume { is_thin_pool: false, .. });
    match upper {
        N::Disk { .. } => false,
        N::Table { .. } => raid || matches!(lower, N::Disk { .. }),
        N::Partition { .. } => matches!(lower, N::Table { .. }),
        N::Encryption { .. } | N::PhysicalVolume => volume,
        N::Filesystem { .. } => volume || is_driver(lower, "verity"),
        N::VolumeGroup { .. } => matches!(lower, N::PhysicalVolume),
        N::LogicalVolume { .. } => matches!(lower, N::VolumeGroup { .. }),
        N::Mount { .. } => matches!(lower, N::Filesystem { .. }) || is_driver(lower, "subvolume"),
        N::GrubBios { .. } => matches!(lower, N::Disk { .. } | N::Partition { .. }),
        N::Driver { name, .. } => match name.as_str() {
            "raid" | "verity" => volume,
            "subvolume" => matches!(lower, N::Filesystem { .. }),
            _ => false,
        },
    }
}

fn stands_on(kind: &NodeKind) -> &'static str {
    const VOLUME: &str = "one disk, partition, logical volume, RAID or encryption";
    match kind {
        NodeKind::Disk { .. } => "nothing: leave `on` empty",
        NodeKind::Table { .. } => "one disk or RAID",
        NodeKind::Partition { .. } => "one partition table",
        NodeKind::Encryption { .. } | NodeKind::PhysicalVolume => VOLUME,
        NodeKind::VolumeGroup { .. } => "one physical volume or several",
        NodeKind::LogicalVolume { .. } => "one volume group",
        NodeKind::Filesystem { .. } => {
            "one disk, partition, logical volume, RAID, encryption or verity"
        }
        NodeKind::Mount { .. } => "one filesystem or subvolume",
        NodeKind::GrubBios { .. } => {
            "a disk with an MBR, or a disk and the BIOS boot partition of its GPT"
        }
        NodeKind::Driver { name, .. } => match name.as_str() {
            "raid" => "two volumes or more",
            "verity" => "the volume with the data and the volume for the hashes",
            "subvolume" => "one btrfs filesystem",
            _ => "nothing that is known",
        },
    }
}

/// Names, edges, what stands on what.
pub(crate) fn stacking(nodes: &[Node]) -> Result<ByName, GraphError> {
    let mut by_name = ByName::new();
    for (i, node) in nodes.iter().enumerate() {
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if node.name.is_empty() || node.name.len() > 64 || !node.name.chars().all(fine) {
            let help = "name it with at most 64 letters, digits, `-`, `_` and `.`";
            return Err(GraphError::at(&node.name, "that is not a name", help).of("name"));
        }
        if by_name.insert(node.name.clone(), i).is_some() {
            let help = "give each node a name of its own";
            return Err(GraphError::at(&node.name, "two nodes have this name", help).of("name"));
        }
    }
    let mut occupied: BTreeMap<&str, &str> = BTreeMap::new();
    for node in nodes {
        Driver::of(node)?;
        let kind = noun(&node.kind);
        let mut seen = BTreeSet::new();
        for lower in &node.on {
            let Some(&below) = by_name.get(lower) else {
                // Itself is no node to stand on.
                let others = nodes.iter().filter(|other| other.name != node.name);
                let names: Vec<&str> = others.map(|n| n.name.as_str()).collect();
                let problem = format!("it stands on `{}`, which is no node", lower.escape_debug());
                let known = match names.is_empty() {
                    true => "there is no other node".to_owned(),
                    false => format!("the nodes are `{}`", names.join("`, `")),
                };
                let help = near_or(lower, &names, &known);
                return Err(GraphError::at(&node.name, problem, help).of("on"));
            };
            if *lower == node.name {
                let help = format!("a {kind} stands on {}", stands_on(&node.kind));
                return Err(GraphError::at(&node.name, "it stands on itself", help).of("on"));
            }
            if !seen.insert(lower) {
                let help = format!("name it once; a {kind} stands on {}", stands_on(&node.kind));
                let problem = format!("it names `{lower}` twice");
                return Err(GraphError::at(&node.name, problem, help).of("on"));
            }
            let below = &nodes[below];
            if !one_on_one(&node.kind, &below.kind) {
                let problem = format!("a {kind} cannot stand on {} `{lower}`", noun(&below.kind));
                let help = format!("a {kind} stands on {}", stands_on(&node.kind));
                return Err(GraphError::at(&node.name, problem, help).of("on"));
            }
            let shared = matches!(
                node.kind,
                NodeKind::GrubBios { .. }
                    | NodeKind::Partition { .. }
                    | NodeKind::LogicalVolume { .. }
            ) || is_driver(&node.kind, "subvolume");
            if !shared && let Some(other) = occupied.insert(lower, &node.name) {
                let problem = format!("`{lower}` already carries `{other}`");
                let help = "let only one of them stand on it";
                return Err(GraphError::at(&node.name, problem, help).of("on"));
            }
        }
        let count = node.on.len();
        let fine = match node.kind {
            NodeKind::Disk { .. } => count == 0,
            NodeKind::GrubBios { .. } => count == 1 || count == 2,
            NodeKind::VolumeGroup { .. } => count > 0,
            NodeKind::Driver { .. } if is_driver(&node.kind, "raid") => count >= 2,
            NodeKind::Driver { .. } if is_driver(&node.kind, "verity") => count == 2,
            _ => count == 1,
        };
        if !fine {
            let problem = format!("it stands on {count} nodes");
            let help = format!("a {kind} stands on {}", stands_on(&node.kind));
            return Err(GraphError::at(&node.name, problem, help).of("on"));
        }
    }
    cycles(nodes, &by_name)?;
    Ok(by_name)
}

/// Encryptions, RAIDs and volumes may stand on one another, so they can make a cycle.
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
            let problem = "it stands on itself, by way of others";
            Err(GraphError::at(&nodes[i].name, problem, help).of("on"))
        }
    }
}

pub(crate) fn disk(node: &str, size: Option<u64>, sector_size: u32) -> Result<(), GraphError> {
    if sector_size != 512 && sector_size != 4096 {
        let problem = format!("a sector of {sector_size} bytes");
        return Err(GraphError::at(node, problem, "write 512 or 4096").of("sector-size"));
    }
    match size {
        Some(size) if size % u64::from(sector_size) != 0 => {
            let problem = format!("{size} bytes are not whole sectors of {sector_size} bytes");
            let whole = size.next_multiple_of(u64::from(sector_size));
            Err(GraphError::at(node, problem, format!("write {whole}")).of("size"))
        }
        Some(size) if !(1 << 20..=1 << 60).contains(&size) => {
            let problem = format!("a disk of {size} bytes");
            let help = "write at least 1 MiB and at most 1 EiB";
            Err(GraphError::at(node, problem, help).of("size"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn alignment(node: &str, alignment: Option<u64>) -> Result<(), GraphError> {
    let fine = |bytes: u64| bytes.is_power_of_two() && (4096..=1 << 30).contains(&bytes);
    match alignment.filter(|bytes| !fine(*bytes)) {
        None => Ok(()),
        Some(bytes) => {
            let problem = format!("an alignment of {bytes} bytes");
            let help = "write a power of two from 4096 to 1 GiB";
            Err(GraphError::at(node, problem, help).of("alignment"))
        }
    }
}

/// What the attributes of a partition come to.
#[derive(Default)]
pub(crate) struct Marks {
    /// GPT attribute bits.
    pub(crate) bits: u64,
    pub(crate) active: bool,
    pub(crate) logical: bool,
    pub(crate) hybrid: bool,
}

fn sized(node: &str, size: Size) -> Result<(), GraphError> {
    match size {
        Size::Bytes(0) => {
            Err(GraphError::at(node, "its size is 0", "write a size in bytes").of("size"))
        }
        Size::Share(share) | Size::ShareOfRest(share) if share == 0 || share > 1_000_000 => {
            let problem = format!("its size is {}", percent(share));
            Err(GraphError::at(node, problem, "write from 0.0001% to 100%").of("size"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn partition(
    node: &str,
    table: TableKind,
    label: &str,
    type_id: &str,
    size: Size,
    attributes: &[String],
) -> Result<(TypeId, Marks), GraphError> {
    let units = label.encode_utf16().count();
    if units > GPT_NAME_UNITS {
        let problem = format!("the label `{}` has {units} UTF-16 units", label.escape_debug());
        let help = format!("a GPT takes {GPT_NAME_UNITS}");
        return Err(GraphError::at(node, problem, help).of("label"));
    }
    if label.chars().any(char::is_control) {
        let problem = format!("the label `{}` has a control character", label.escape_debug());
        return Err(GraphError::at(node, problem, "use printable characters").of("label"));
    }
    let id = match table {
        TableKind::Gpt => partition_type(type_id).map(TypeId::Gpt),
        TableKind::Mbr => mbr_type(type_id).map(TypeId::Mbr),
    };
    let Some(id) = id else {
        let names: Vec<&str> = PARTITION_TYPES.iter().map(|(name, _)| *name).collect();
        let problem = format!("`{}` is no partition type", type_id.escape_debug());
        let what = match table {
            TableKind::Gpt => "a UUID",
            TableKind::Mbr => "two hexadecimal digits but `00`",
        };
        let help = format!("write {what}, or one of `{}`", names.join("`, `"));
        let help = near_or(type_id, &names, &help);
        return Err(GraphError::at(node, problem, help).of("partition-type"));
    };
    sized(node, size)?;
    let mut marks = Marks::default();
    for attribute in attributes {
        let known = PARTITION_ATTRIBUTES.iter().find(|(name, _)| name == attribute);
        match (attribute.as_str(), table, known) {
            ("active", TableKind::Mbr, _) => marks.active = true,
            ("logical", TableKind::Mbr, _) => marks.logical = true,
            ("hybrid", TableKind::Gpt, _) => marks.hybrid = true,
            (_, TableKind::Gpt, Some((_, bit))) => marks.bits |= 1 << bit,
            (_, TableKind::Mbr, _) => {
                let problem = format!("an MBR has no attribute `{}`", attribute.escape_debug());
                let help =
                    near_or(attribute, &["active", "logical"], "it has `active` and `logical`");
                return Err(GraphError::at(node, problem, help).of("attributes"));
            }
            _ => {
                let names = PARTITION_ATTRIBUTES.iter().map(|(name, _)| *name);
                let names: Vec<&str> = ["hybrid"].into_iter().chain(names).collect();
                let problem = format!("`{}` is no attribute", attribute.escape_debug());
                let help = format!("the attributes are `{}`", names.join("`, `"));
                let help = near_or(attribute, &names, &help);
                return Err(GraphError::at(node, problem, help).of("attributes"));
            }
        }
    }
    Ok((id, marks))
}

/// LUKS2 keeps a label in 48 bytes, one of which is NUL.
const LUKS_LABEL: usize = 47;
/// As many key slots as `cryptsetup` makes room for in a header of 16 MiB.
const KEY_SLOTS: usize = 32;

pub(crate) fn encryption(
    node: &str,
    secrets: &[String],
    label: Option<&str>,
) -> Result<(), GraphError> {
    if secrets.is_empty() || secrets.len() > KEY_SLOTS {
        let problem = format!("{} secrets open it", secrets.len());
        let help = format!("name one secret at least and {KEY_SLOTS} at most");
        return Err(GraphError::at(node, problem, help).of("secrets"));
    }
    for (i, secret) in secrets.iter().enumerate() {
        if secrets[..i].contains(secret) {
            let problem = format!("the secret `{}` is there twice", secret.escape_debug());
            return Err(GraphError::at(node, problem, "name it once").of("secrets"));
        }
    }
    let Some(label) = label else { return Ok(()) };
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.+:@".contains(c);
    if label.is_empty() || label.len() > LUKS_LABEL || !label.chars().all(fine) {
        let problem = format!("`{}` is no label of LUKS", label.escape_debug());
        let help = format!("write at most {LUKS_LABEL} letters, digits and `-_.+:@`");
        return Err(GraphError::at(node, problem, help).of("label"));
    }
    Ok(())
}

/// As many key slots as are made in all: each takes a second of a processor and 256 MiB.
const ALL_KEY_SLOTS: usize = 64;

/// Refuses more than those, `before` being the secrets of other encryptions.
pub(crate) fn all_key_slots(node: &str, before: usize, own: usize) -> Result<(), GraphError> {
    let all = before + own;
    if all <= ALL_KEY_SLOTS || !Check::KeySlots.holds() {
        return Ok(());
    }
    let problem = format!("with it, {all} secrets open encryptions of this block device");
    let help = format!("name {ALL_KEY_SLOTS} in all at most, for each takes a second to be made");
    Err(GraphError::at(node, problem, help).of("secrets"))
}

pub(crate) fn volume_group(node: &str, extent_size: u64) -> Result<(), GraphError> {
    if extent_size.is_power_of_two() && (128 << 10..=1 << 34).contains(&extent_size) {
        return Ok(());
    }
    let problem = format!("extents of {extent_size} bytes");
    let help = "write a power of two from 128 KiB to 16 GiB";
    Err(GraphError::at(node, problem, help).of("extent-size"))
}

pub(crate) fn logical_volume(
    volume: &LogicalVolume,
    nodes: &[Node],
    by_name: &ByName,
) -> Result<(), GraphError> {
    let node = volume.node.as_str();
    sized(node, volume.size)?;
    let members = nodes[by_name[&volume.group]].on.len();
    if volume.stripes as usize > members {
        let problem = format!("{} stripes over {members} physical volumes", volume.stripes);
        let help = "add physical volumes to its group, or make it less striped";
        return Err(GraphError::at(node, problem, help).of("stripes"));
    }
    let Some(pool) = &volume.thin_pool else { return Ok(()) };
    let is_pool = |pool: &Node| {
        matches!(pool.kind, NodeKind::LogicalVolume { is_thin_pool: true, .. })
            && pool.on.first() == Some(&volume.group)
    };
    if volume.is_thin_pool || volume.stripes > 1 {
        let help = "leave `thin-pool` out, or let it be a plain thin volume";
        return Err(GraphError::at(node, "a thin volume that is a pool or striped", help));
    }
    if !by_name.get(pool).is_some_and(|i| is_pool(&nodes[*i])) {
        let problem = format!("`{}` is no thin pool of its group", pool.escape_debug());
        let pools: Vec<&str> =
            nodes.iter().filter(|other| is_pool(other)).map(|other| other.name.as_str()).collect();
        let help = near_or(pool, &pools, "name a pool of the same volume group");
        return Err(GraphError::at(node, problem, help).of("pool"));
    }
    if matches!(volume.size, Size::Rest | Size::Share(_) | Size::ShareOfRest(_)) {
        let help = "say how large it claims to be, in bytes or by its content";
        let problem = "a thin volume takes no share of its group";
        return Err(GraphError::at(node, problem, help).of("size"));
    }
    Ok(())
}

pub(crate) fn filesystem(
    node: &str,
    on: String,
    kind: &str,
    label: &Option<String>,
    uuid: Option<&str>,
    tuning: &[(String, String)],
) -> Result<Filesystem, GraphError> {
    let at = |key: &str| {
        let key = key.to_owned();
        move |(problem, help): (String, String)| GraphError::at(node, problem, help).of(key)
    };
    let Some(kind) = FilesystemKind::by_name(kind) else {
        let names = FilesystemKind::ALL.map(FilesystemKind::name);
        let problem = format!("`{}` is no kind of filesystem", kind.escape_debug());
        let help = near_or(kind, &names, &format!("the kinds are `{}`", names.join("`, `")));
        return Err(GraphError::at(node, problem, help).of("format"));
    };
    if let Some(label) = label {
        check_label(kind, label).map_err(at("label"))?;
    }
    let uuid = uuid.map(|text| parse_uuid(kind, text)).transpose().map_err(at("uuid"))?;
    // The one that is wrong by itself; none where two of them are one.
    let wrong = tuning.iter().find(|one| parse_tuning(kind, std::slice::from_ref(one)).is_err());
    let key = wrong.map_or("tuning".to_owned(), |(key, _)| format!("tuning.{key}"));
    let tuning = parse_tuning(kind, tuning).map_err(at(&key))?;
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
    let help = "write the absolute path of a file in the image";
    Err(GraphError::at(node, problem, help).of(what))
}

pub(crate) fn mount(node: &str, at: &str, options: &[String]) -> Result<(), GraphError> {
    // fstab separates by blanks, starts comments with `#` and escapes with `\`.
    let bad = |c: char| c.is_whitespace() || c.is_control() || "#\\\"'".contains(c);
    if !is_plain(at) || at.len() >= 4096 || at.contains(bad) {
        let problem = format!("`{}` is no mount point", at.escape_debug());
        let help = "write an absolute path without blanks, `.`, `..` and `/` at its end";
        return Err(GraphError::at(node, problem, help).of("at"));
    }
    for (i, option) in options.iter().enumerate() {
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_.:=+@%/".contains(c);
        let word = option.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !word || !option.chars().all(fine) || option.len() > 255 {
            let problem = format!("`{}` is no mount option", option.escape_debug());
            let help = "write one option each, of letters, digits and `-_.:=+@%/`";
            return Err(GraphError::at(node, problem, help).of("options"));
        }
        if options[..i].contains(option) {
            let problem = format!("the option `{option}` is there twice");
            return Err(GraphError::at(node, problem, "write it once").of("options"));
        }
    }
    for (a, b) in
        [("ro", "rw"), ("auto", "noauto"), ("exec", "noexec"), ("suid", "nosuid"), ("dev", "nodev")]
    {
        let has = |want: &str| options.iter().any(|o| o == want);
        if has(a) && has(b) {
            let problem = format!("the options `{a}` and `{b}` contradict each other");
            return Err(GraphError::at(node, problem, "keep one of them").of("options"));
        }
    }
    Ok(())
}

/// The disk that a `grub-bios` node stands on, and its BIOS boot partition; none: an MBR's gap.
pub(crate) fn grub_bios(
    node: &Node,
    nodes: &[Node],
    by_name: &ByName,
) -> Result<(String, Option<String>), GraphError> {
    let at = |problem: String, help: &str| GraphError::at(&node.name, problem, help);
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
    let Some((disk, sector_size)) = disk else {
        let help = "let it stand on the disk too, whose first sector starts it";
        return Err(at("it stands on no disk".to_owned(), help));
    };
    if partition.is_none() && node.on.len() > 1 {
        let help = "let each disk have one of its own";
        return Err(at("it stands on two disks".to_owned(), help));
    }
    if sector_size != 512 {
        let problem = format!("the disk `{disk}` has sectors of {sector_size} bytes");
        let help = "a BIOS boots from sectors of 512 bytes: use those, or UEFI alone";
        return Err(at(problem, help));
    }
    let table = nodes.iter().find_map(|table| match &table.kind {
        NodeKind::Table { kind, .. } if table.on[0] == *disk => Some((&table.name, *kind)),
        _ => None,
    });
    let Some((table, kind)) = table else {
        let problem = format!("the disk `{disk}` has no partition table, and so no room for GRUB");
        let help = "put an MBR on the disk, or a GPT with a partition of type `bios-boot`";
        return Err(at(problem, help));
    };
    match (kind, partition) {
        (TableKind::Mbr, None) => Ok((disk.clone(), None)),
        (TableKind::Mbr, Some((partition, _))) => {
            let problem = format!("the partition `{partition}` is one of an MBR");
            let help = format!(
                "let it stand on `{disk}` alone: GRUB lies between an MBR and the first partition"
            );
            Err(at(problem, &help))
        }
        (TableKind::Gpt, None) => {
            let problem = format!("the disk `{disk}` has a GPT, which leaves no gap for GRUB");
            let help = format!(
                "add a partition of type `bios-boot` to `{table}`, and let it stand on that too"
            );
            Err(at(problem, &help))
        }
        (TableKind::Gpt, Some((partition, type_id))) => {
            if get(partition).on[0] != *table {
                let problem = format!("the partition `{partition}` is not on the disk `{disk}`");
                return Err(at(problem, "name a partition of that disk"));
            }
            if partition_type(type_id) != partition_type("bios-boot") {
                let type_id = type_id.escape_debug();
                let problem = format!("the partition `{partition}` is of type `{type_id}`");
                return Err(at(problem, "let it stand on a partition of type `bios-boot`"));
            }
            Ok((disk.clone(), Some(partition.clone())))
        }
    }
}

/// What only shows when all nodes are seen.
pub(crate) fn together(graph: &Graph) -> Result<(), GraphError> {
    crate::fstab::check(graph)?;
    names::check(graph)?;
    meant::check(graph)?;
    volumes(graph)?;
    for (i, mount) in graph.mounts.iter().enumerate() {
        if let Some(other) = graph.mounts[..i].iter().find(|m| m.at == mount.at) {
            let problem = format!("`{}` is where `{}` is mounted", mount.at, other.node);
            return Err(GraphError::at(&mount.node, problem, "mount it elsewhere").of("at"));
        }
        let swap = graph.filesystem(&mount.filesystem).filter(|f| f.kind == FilesystemKind::Swap);
        if swap.is_some() {
            let help = "leave the mount out: swap space is used by its type";
            return Err(GraphError::at(&mount.node, "swap space is not mounted", help));
        }
    }
    for (i, filesystem) in graph.filesystems.iter().enumerate() {
        let before = &graph.filesystems[..i];
        let same = |f: &&Filesystem| f.label.is_some() && f.label == filesystem.label;
        if let Some(other) = before.iter().find(same) {
            let label = filesystem.label.as_deref().unwrap_or_default();
            let problem = format!("its label `{label}` is also that of `{}`", other.node);
            let help = "give it another one: filesystems are found by label";
            return Err(GraphError::at(&filesystem.node, problem, help).of("label"));
        }
        let uuid = |f: &&Filesystem| f.uuid.is_some() && f.uuid == filesystem.uuid;
        if let Some(other) = before.iter().find(uuid) {
            let problem = format!("its UUID is also that of `{}`", other.node);
            let help = "give it another one, or leave `uuid` out: filesystems are found by UUID";
            return Err(GraphError::at(&filesystem.node, problem, help).of("uuid"));
        }
    }
    for (i, grub) in graph.grub.iter().enumerate() {
        if let Some(other) = graph.grub[..i].iter().find(|other| other.disk == grub.disk) {
            let problem = format!("the first sector of `{}` starts `{}`", grub.disk, other.node);
            return Err(GraphError::at(&grub.node, problem, "let a disk have one of them"));
        }
    }
    for table in &graph.tables {
        let of_it = || graph.partitions.iter().filter(|p| p.table == table.node);
        if of_it().count() > MOST_PARTITIONS {
            let problem = format!("it has more than {MOST_PARTITIONS} partitions");
            return Err(GraphError::at(&table.node, problem, "use fewer, or logical volumes"));
        }
        if let Some(fourth) = of_it().filter(|p| p.hybrid).nth(3) {
            let help = "a hybrid MBR has room for three, beside the entry that covers the GPT";
            let problem = "a fourth partition is `hybrid`";
            return Err(GraphError::at(&fourth.node, problem, help).of("attributes"));
        }
        if let Some(second) = of_it().filter(|p| p.active).nth(1) {
            let help = "let one partition be `active`";
            let problem = "a second partition is `active`";
            return Err(GraphError::at(&second.node, problem, help).of("attributes"));
        }
        if let Some(second) = of_it().filter(|p| p.size == Size::Rest).nth(1) {
            let help = "let one partition take the rest, and say how large the others are";
            let problem = "a second partition takes the rest";
            return Err(GraphError::at(&second.node, problem, help).of("size"));
        }
    }
    Ok(())
}

/// Volumes of LVM and subvolumes, among one another.
fn volumes(graph: &Graph) -> Result<(), GraphError> {
    for group in &graph.volume_groups {
        let rest = |v: &&LogicalVolume| v.group == group.node && v.size == Size::Rest;
        if let Some(second) = graph.logical_volumes.iter().filter(rest).nth(1) {
            let help = "let one volume take the rest, and say how large the others are";
            let problem = "a second volume takes the rest";
            return Err(GraphError::at(&second.node, problem, help).of("size"));
        }
    }
    for (i, subvolume) in graph.subvolumes.iter().enumerate() {
        let filesystem = graph.filesystem(&subvolume.filesystem);
        if filesystem.is_none_or(|f| f.kind != FilesystemKind::Btrfs) {
            let help = "let it stand on a btrfs filesystem";
            return Err(GraphError::at(&subvolume.node, "only btrfs has subvolumes", help));
        }
        let mut before = graph.subvolumes[..i].iter();
        let other = before.find(|other| {
            other.filesystem == subvolume.filesystem
                && (other.path == subvolume.path || (other.default && subvolume.default))
        });
        if let Some(other) = other {
            let problem = format!("it has the path of `{}`, or is a second default", other.node);
            let help = "give it a path of its own";
            return Err(GraphError::at(&subvolume.node, problem, help).of("path"));
        }
        // Without `subvol=`, the default is what the kernel mounts.
        let mut own = graph.mounts_of(&subvolume.filesystem).filter(|m| m.subvolume.is_none());
        if let Some(mount) = own.next().filter(|_| subvolume.default) {
            let problem = format!("`{}` would mount it, for it is the default", mount.node);
            let help = "leave `default` out, or let that mount stand on the subvolume";
            return Err(GraphError::at(&subvolume.node, problem, help));
        }
    }
    Ok(())
}

/// An image has a root.
pub(crate) fn bootable(graph: &Graph) -> Result<(), GraphError> {
    if graph.mounts.iter().any(|m| m.at == "/") {
        return Ok(());
    }
    let help = "add a mount node with `at` = `/` on the filesystem that holds the system";
    Err(GraphError::whole("nothing is mounted at `/`", help))
}
