//! Disks that a BIOS can start GRUB from.

use dibhost_element_sdk::block_device::{Node, NodeKind, TableKind};

use crate::images;

/// What GRUB stands on, once for each disk: a disk and its BIOS boot partition, or a disk with an MBR
/// that has the menu and the kernels on it.
pub(crate) fn with_room<'a>(nodes: &'a [Node], arch: &str) -> Vec<Vec<&'a str>> {
    if !images::has_bios(arch) {
        return Vec::new();
    }
    let partitions = nodes.iter().filter_map(|node| match &node.kind {
        NodeKind::Partition(partition) if images::is_bios_boot(&partition.type_id) => {
            let table = find(nodes, node.on.first()?)?;
            Some(vec![table.on.first()?.as_str(), node.name.as_str()])
        }
        _ => None,
    });
    let gaps = below_boot(nodes).into_iter().map(|disk| vec![disk]);
    let mut one_each: Vec<Vec<&str>> = Vec::new();
    for on in partitions.chain(gaps) {
        if !one_each.iter().any(|known| known[0] == on[0]) {
            one_each.push(on);
        }
    }
    one_each
}

fn find<'a>(nodes: &'a [Node], name: &str) -> Option<&'a Node> {
    nodes.iter().find(|node| node.name == name)
}

/// Disks with an MBR which the filesystem with `/boot` is on, in the order of their nodes.
fn below_boot(nodes: &[Node]) -> Vec<&str> {
    let mounted = |wanted: &str| {
        nodes.iter().find(|n| matches!(&n.kind, NodeKind::Mount(mount) if mount.at == wanted))
    };
    let Some(boot) = mounted("/boot").or_else(|| mounted("/")) else { return Vec::new() };
    let mut seen = vec![boot.name.as_str()];
    let mut next = 0;
    while let Some(node) = seen.get(next).and_then(|name| find(nodes, name)) {
        for on in &node.on {
            if !seen.contains(&on.as_str()) {
                seen.push(on);
            }
        }
        next += 1;
    }
    let has_mbr = |disk: &&Node| {
        nodes.iter().any(|n| {
            matches!(n.kind, NodeKind::Table { kind: TableKind::Mbr, .. })
                && n.on.first() == Some(&disk.name)
                && seen.contains(&n.name.as_str())
        })
    };
    // GRUB's boot sector knows sectors of 512 bytes.
    let disks = nodes.iter().filter(|n| matches!(n.kind, NodeKind::Disk { sector_size: 512, .. }));
    disks.filter(has_mbr).map(|disk| disk.name.as_str()).collect()
}
