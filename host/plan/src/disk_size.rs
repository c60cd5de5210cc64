//! `[disk]`: how large the definition wants the disk, and the volumes of whatever layout there is.

use std::collections::BTreeSet;

use dibhost_block_device::{Node, NodeKind, Size};
use dibhost_definition::{Diagnostic, DiskSection, Location, VolumeSize};
use dibhost_text::{did_you_mean, format_size, quoted_list};

/// Sets the sizes. What is below `/` and as large as its content takes all that a larger disk has.
pub(crate) fn apply(disk: &DiskSection, nodes: &mut [Node]) -> Result<(), Diagnostic> {
    let mut said = BTreeSet::new();
    for volume in &disk.volumes {
        for at in meant(volume, nodes)? {
            if !said.insert(at) {
                let name = &volume.name.value;
                return Err(refused(
                    format!("`{name}` of `[disk.volumes]` names what another entry names too"),
                    volume.name.location.as_ref(),
                    "leave one of them out",
                ));
            }
            if let Some(size) = size_of(&mut nodes[at]) {
                *size = volume.size.value;
            }
        }
    }
    let Some(wanted) = &disk.size else { return Ok(()) };
    for node in nodes.iter_mut() {
        let NodeKind::Disk { size, .. } = &mut node.kind else { continue };
        if let Some(stated) = size.filter(|stated| *stated != wanted.value) {
            let (stated, wanted_size) = (format_size(stated), format_size(wanted.value));
            return Err(refused(
                format!(
                    "`[disk]` wants a disk of {wanted_size}, and the block-device node `{}` states {stated}",
                    node.name
                ),
                wanted.location.as_ref(),
                "leave one of the two out",
            ));
        }
        *size = Some(wanted.value);
    }
    for at in below_root(nodes) {
        if said.contains(&at) || another_takes_the_rest(nodes, at) {
            continue;
        }
        if let Some(size @ Size::Content(_)) = size_of(&mut nodes[at]) {
            *size = Size::Rest;
        }
    }
    Ok(())
}

fn refused(message: String, at: Option<&Location>, help: &str) -> Diagnostic {
    Diagnostic::new(message).at(at).with_help(help)
}

/// The size of a node that has one of its own, within its parent.
fn size_of(node: &mut Node) -> Option<&mut Size> {
    match &mut node.kind {
        NodeKind::Partition { size, .. } | NodeKind::LogicalVolume { size, .. } => Some(size),
        _ => None,
    }
}

fn is_sized(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Partition { .. } | NodeKind::LogicalVolume { .. })
}

/// The node of that name.
fn named(nodes: &[Node], name: &str) -> Option<usize> {
    nodes.iter().position(|node| node.name == name)
}

/// The node that is mounted there.
fn mounted(nodes: &[Node], point: &str) -> Option<usize> {
    nodes.iter().position(|node| matches!(&node.kind, NodeKind::Mount { at, .. } if at == point))
}

/// The first nodes with a size below this one, itself among them.
fn sized_below(nodes: &[Node], at: usize) -> Vec<usize> {
    if is_sized(&nodes[at]) {
        return vec![at];
    }
    let below = nodes[at].on.iter().filter_map(|name| named(nodes, name));
    let mut sized: Vec<usize> = below.flat_map(|below| sized_below(nodes, below)).collect();
    sized.dedup();
    sized
}

/// What an entry of `[disk.volumes]` means: a mount point, with its `/` or without, else a node.
fn meant(volume: &VolumeSize, nodes: &[Node]) -> Result<Vec<usize>, Diagnostic> {
    let name = volume.name.value.as_str();
    let place = volume.name.location.as_ref();
    let point = match name {
        "root" => "/".to_owned(),
        name if name.starts_with('/') => name.to_owned(),
        name => format!("/{name}"),
    };
    let node = named(nodes, name).filter(|at| is_sized(&nodes[*at]));
    let Some(at) = mounted(nodes, &point).or(node) else {
        let points = nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Mount { at, .. } => Some(at.as_str()),
            _ => None,
        });
        let sized = nodes.iter().filter(|node| is_sized(node)).map(|node| node.name.as_str());
        let known: Vec<&str> = points.chain(sized).collect();
        let message = format!(
            "`[disk.volumes]` names `{}`, and the disk has no such volume",
            name.escape_debug()
        );
        let help =
            did_you_mean(name, known.iter().copied()).unwrap_or_else(|| match known.is_empty() {
                true => {
                    "the disk has no volumes: `[disk] size` is the size of all of it".to_owned()
                }
                false => format!("it has {}", quoted_list(known)),
            });
        return Err(refused(message, place, &help));
    };
    let sized = sized_below(nodes, at);
    if sized.is_empty() {
        let message = format!("`{name}` of `[disk.volumes]` is the whole disk");
        return Err(refused(message, place, "write `size` below `[disk]`"));
    }
    Ok(sized)
}

/// All nodes with a size that `/` stands on, down to the disks.
fn below_root(nodes: &[Node]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut next: Vec<usize> = mounted(nodes, "/").into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(at) = next.pop() {
        if !seen.insert(at) {
            continue;
        }
        let node = &nodes[at];
        let pool = match &node.kind {
            NodeKind::LogicalVolume { thin_pool, .. } => thin_pool.as_deref(),
            _ => None,
        };
        // A thin volume's size is what it claims to have, and no part of anything.
        if is_sized(node) && pool.is_none() {
            found.push(at);
        }
        let below = node.on.iter().map(String::as_str).chain(pool);
        next.extend(below.filter_map(|name| named(nodes, name)));
    }
    found
}

fn another_takes_the_rest(nodes: &[Node], at: usize) -> bool {
    let rest = |node: &Node| match &node.kind {
        NodeKind::Partition { size, .. } | NodeKind::LogicalVolume { size, .. } => {
            *size == Size::Rest
        }
        _ => false,
    };
    nodes.iter().any(|node| node.on == nodes[at].on && node.name != nodes[at].name && rest(node))
}

#[cfg(test)]
mod tests {
    use dibhost_block_device::config::{Config, to_toml};
    use dibhost_definition::Definition;

    use super::*;

    const LVM: &str = r#"block-device = [
        { name = "disk", type = "disk" },
        { name = "table", type = "gpt", on = "disk" },
        { name = "esp", type = "partition", on = "table", size = "64 MiB" },
        { name = "esp-filesystem", type = "filesystem", on = "esp", format = "vfat", mount = "/boot/efi" },
        { name = "root", type = "partition", on = "table", size = "content + 32 MiB" },
        { name = "pv", type = "physical-volume", on = "root" },
        { name = "vg", type = "volume-group", on = "pv" },
        { name = "lv_root", type = "logical-volume", on = "vg", size = "content" },
        { name = "lv_var", type = "logical-volume", on = "vg", size = "content + 32 MiB" },
        { name = "crypt", type = "luks", on = "lv_root", secrets = ["s"] },
        { name = "a", type = "filesystem", on = "crypt", format = "ext4", mount = "/" },
        { name = "b", type = "filesystem", on = "lv_var", format = "ext4", mount = "/var" },
    ]"#;

    fn disk(text: &str) -> DiskSection {
        let text = format!("[image]\nname = \"x\"\nelements = [\"a\"]\n{text}");
        Definition::parse(&text, "image.toml", ".".as_ref()).unwrap().disk
    }

    fn sizes(layout: &str, text: &str) -> Result<Vec<String>, String> {
        let mut nodes = Config::parse(layout).unwrap().nodes;
        apply(&disk(text), &mut nodes).map_err(|wrong| wrong.to_string())?;
        let written = to_toml(&nodes);
        let line = |line: &&str| line.starts_with("size") || line.starts_with("name");
        let lines: Vec<&str> = written.lines().filter(line).collect();
        let sized = lines.windows(2).filter(|pair| pair[1].starts_with("size"));
        let of = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
        Ok(sized.map(|pair| format!("{} {}", of(pair[0]), of(pair[1]))).collect())
    }

    #[test]
    fn a_disk_of_a_size_is_filled_down_to_the_root() {
        assert_eq!(
            sizes(LVM, "[disk]\nsize = \"20GB\"").unwrap(),
            ["disk 20 GB", "esp 64 MiB", "root rest", "lv_root rest", "lv_var content + 32 MiB"]
        );
        // What takes the rest already keeps it.
        let taken = LVM.replace(
            "size = \"content + 32 MiB\" },\n        { name = \"crypt\"",
            "size = \"rest\" },\n        { name = \"crypt\"",
        );
        assert_eq!(
            sizes(&taken, "[disk]\nsize = \"8GiB\"").unwrap(),
            ["disk 8 GiB", "esp 64 MiB", "root rest", "lv_root content", "lv_var rest"]
        );
    }

    #[test]
    fn volumes_are_named_by_mount_point_or_node() {
        let text = "[disk]\nsize = \"20GiB\"\n[disk.volumes]\nvar = \"4GiB\"\nroot = \"40%\"\nesp = \"512MiB\"";
        assert_eq!(
            sizes(LVM, text).unwrap(),
            ["disk 20 GiB", "esp 512 MiB", "root rest", "lv_root 40%", "lv_var 4 GiB"]
        );
        assert_eq!(
            sizes(LVM, "[disk.volumes]\nlv_var = \"content + 1GiB\"").unwrap()[3],
            "lv_var content + 1 GiB"
        );
    }

    #[test]
    fn what_is_not_there_or_is_said_twice_is_refused_at_its_place() {
        let whole = r#"block-device = [
            { name = "disk", type = "disk", size = "1 GiB" },
            { name = "a", type = "filesystem", on = "disk", format = "ext4", mount = "/" },
        ]"#;
        for (layout, text, words) in [
            (
                LVM,
                "[disk.volumes]\nhmoe = \"1GiB\"",
                "image.toml:5:1: `[disk.volumes]` names `hmoe`",
            ),
            (LVM, "[disk.volumes]\nvra = \"1GiB\"", "help: it has `/boot/efi`, `/`, `/var`"),
            (LVM, "[disk.volumes]\nvar = \"1GiB\"\nlv_var = \"1GiB\"", "another entry"),
            (whole, "[disk.volumes]\nroot = \"1GiB\"", "is the whole disk"),
            (whole, "[disk]\nsize = \"2GiB\"", "image.toml:5:8: `[disk]` wants a disk of 2 GiB"),
        ] {
            let wrong = sizes(layout, text).unwrap_err();
            assert!(wrong.contains(words), "{text}: {wrong}");
        }
        assert!(sizes(whole, "[disk]\nsize = \"1GiB\"").is_ok(), "it says the same");
    }
}
