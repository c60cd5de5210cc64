//! What of a disk a node stands on.

use std::collections::BTreeSet;

use crate::layout::{Layout, VolumeMap};

/// The partitions of the disk, or the disk itself, that a node stands on in the end.
pub(super) fn grounds(layout: &Layout, node: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut left = vec![node.to_owned()];
    while let Some(node) = left.pop() {
        if !seen.insert(node.clone()) {
            continue;
        }
        let filesystem = layout.filesystems.iter().find(|f| f.node == node);
        let group = layout.groups.iter().find(|g| g.node == node);
        let table = layout.tables.iter().find(|t| t.node == node);
        if let Some(filesystem) = filesystem {
            left.push(filesystem.on.clone());
        } else if let Some(group) = group {
            left.extend(group.physical_volumes.iter().map(|pv| pv.on.clone()));
        } else if let Some(table) = table {
            left.push(table.on.clone());
        } else if let Some((_, table)) = layout.partition(&node) {
            if layout.disks.iter().any(|disk| disk.node == table.on) {
                found.insert(node);
            } else {
                left.push(table.on.clone());
            }
        } else if let Some(volume) = layout.volume(&node) {
            match &volume.map {
                VolumeMap::Luks { on, .. } => left.push(on.clone()),
                VolumeMap::Raid { on, .. } => left.extend(on.iter().cloned()),
                VolumeMap::Verity { data, hash } => left.extend([data.clone(), hash.clone()]),
                VolumeMap::Logical { group } | VolumeMap::Thin { group, .. } => {
                    left.push(group.clone());
                }
            }
        } else {
            found.insert(node);
        }
    }
    found
}
