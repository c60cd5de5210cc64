//! What holds of every layout.

use dibhost_block_device::{Graph, Layout, Node, NodeKind, Size, TableKind, VolumeMap};
use dibhost_volumes::lvm::LogicalVolumeKind;
use dibhost_volumes::{Extent, verity};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

type Checked = Result<(), TestCaseError>;

/// Extents rise, and none reaches into the next.
fn apart(mut extents: Vec<(Extent, String)>) -> Checked {
    extents.sort_unstable_by_key(|(extent, _)| extent.offset);
    for pair in extents.windows(2) {
        prop_assert!(pair[0].0.end() <= pair[1].0.offset, "{:?} and {:?}", pair[0], pair[1]);
    }
    Ok(())
}

fn tables(layout: &Layout) -> Checked {
    for table in &layout.tables {
        let whole = layout.size_of(&table.on).unwrap();
        let sector = u64::from(table.sector_size);
        let entries = (128 * 128_u64).next_multiple_of(sector);
        let (first, end) = match table.kind {
            TableKind::Gpt => (2 * sector + entries, whole - entries - sector),
            TableKind::Mbr => (sector, whole),
        };
        let of_it = layout.partitions.iter().filter(|p| p.table == table.node);
        let mut taken = Vec::new();
        for partition in of_it {
            let extent = partition.extent;
            prop_assert!(extent.size > 0 && extent.size % sector == 0, "{:?}", partition);
            prop_assert!(
                extent.offset >= first && extent.end() <= end,
                "{:?} {}",
                partition,
                whole
            );
            prop_assert!(extent.offset % table.alignment == 0, "{:?} {:?}", partition, table);
            taken.push((extent, partition.node.clone()));
            prop_assert_eq!(partition.logical, partition.ebr.is_some());
            if let Some(ebr) = partition.ebr {
                taken.push((
                    Extent { offset: ebr, size: sector },
                    format!("{} ebr", partition.node),
                ));
                let outer = table.extended.unwrap().extent;
                prop_assert!(ebr >= outer.offset && extent.end() <= outer.end(), "{:?}", partition);
            } else if let Some(outer) = table.extended {
                let (outer, inner) = (outer.extent, extent);
                prop_assert!(inner.end() <= outer.offset || outer.end() <= inner.offset);
            }
        }
        apart(taken)?;
    }
    Ok(())
}

fn volumes(layout: &Layout) -> Checked {
    let size_of = |node: &str| layout.size_of(node).unwrap();
    for volume in &layout.volumes {
        prop_assert!(volume.size > 0 && volume.size % 512 == 0, "{:?}", volume);
        match &volume.map {
            VolumeMap::Luks { on, data_offset, sector_size, .. } => {
                prop_assert!(data_offset + volume.size <= size_of(on), "{:?}", volume);
                prop_assert!(volume.size % u64::from(*sector_size) == 0, "{:?}", volume);
            }
            VolumeMap::Raid { on, data_offset, member_size, .. } => {
                for on in on {
                    prop_assert!(data_offset + member_size <= size_of(on), "{:?}", volume);
                }
                prop_assert!(volume.size <= member_size * on.len() as u64, "{:?}", volume);
            }
            VolumeMap::Verity { data, hash } => {
                prop_assert!(volume.size <= size_of(data), "{:?}", volume);
                let needed = verity::hash_size(volume.size / verity::BLOCK).unwrap();
                prop_assert!(needed <= size_of(hash), "{:?}", volume);
            }
            VolumeMap::Logical { .. } | VolumeMap::Thin { .. } => {}
        }
    }
    for group in &layout.groups {
        group.group.validate().map_err(|e| TestCaseError::fail(e.to_string()))?;
        for (pv, volume) in group.physical_volumes.iter().zip(&group.group.physical_volumes) {
            prop_assert!(volume.size <= size_of(&pv.on), "{:?}", pv);
        }
        for pool in &group.pools {
            prop_assert!(pool.size >= pool.chunk_size && pool.metadata_size >= 2 << 20);
        }
        for volume in &group.group.logical_volumes {
            if volume.visible && !matches!(volume.kind, LogicalVolumeKind::ThinPool { .. }) {
                prop_assert_eq!(group.group.size_of(volume), size_of(&volume.name));
            }
        }
    }
    Ok(())
}

fn filesystems(layout: &Layout) -> Checked {
    let mut places: Vec<(&str, Extent, String)> = Vec::new();
    for filesystem in &layout.filesystems {
        prop_assert!(
            filesystem.size > 0 && filesystem.size <= layout.size_of(&filesystem.on).unwrap()
        );
        if let Some(place) = &filesystem.place {
            prop_assert_eq!(place.extent.size, filesystem.size);
            prop_assert!(place.extent.end() <= layout.size_of(&place.disk).unwrap());
            places.push((&place.disk, place.extent, filesystem.node.clone()));
        }
    }
    for disk in &layout.disks {
        let on_it = places.iter().filter(|(on, ..)| *on == disk.node);
        apart(on_it.map(|(_, extent, node)| (*extent, node.clone())).collect())?;
    }
    Ok(())
}

/// Everything that was asked for is there, and as large.
fn wishes(graph: &Graph, nodes: &[Node], layout: &Layout) -> Checked {
    for node in nodes {
        let name = &node.name;
        match &node.kind {
            NodeKind::Disk { size: Some(size), .. } => {
                prop_assert_eq!(layout.size_of(name), Some(*size));
            }
            NodeKind::Partition { size: Size::Bytes(bytes), .. } => {
                let size = layout.size_of(name).unwrap();
                prop_assert!(size >= *bytes && size - bytes < 4096, "{} {} {}", name, size, bytes);
            }
            NodeKind::LogicalVolume {
                size: Size::Bytes(bytes),
                is_thin_pool: false,
                stripes,
                ..
            } => {
                let group = layout.groups.iter().find(|g| g.node == node.on[0]).unwrap();
                let step = group.extent_size * u64::from(*stripes);
                prop_assert_eq!(layout.size_of(name), Some(bytes.next_multiple_of(step)));
            }
            NodeKind::LogicalVolume { is_thin_pool: true, .. } => {
                let mut pools = layout.groups.iter().flat_map(|group| &group.pools);
                prop_assert!(pools.any(|pool| pool.node == *name));
            }
            NodeKind::Filesystem { .. } => {
                prop_assert!(layout.filesystems.iter().any(|f| f.node == *name));
            }
            NodeKind::Encryption { .. } | NodeKind::LogicalVolume { .. } => {
                prop_assert!(layout.volume(name).is_some(), "{}", name);
            }
            _ => {}
        }
    }
    prop_assert_eq!(layout.partitions.len(), graph.partitions().len());
    Ok(())
}

pub(crate) fn holds(graph: &Graph, nodes: &[Node], layout: &Layout) -> Checked {
    for disk in &layout.disks {
        prop_assert!(disk.size > 0 && disk.size % u64::from(disk.sector_size) == 0, "{:?}", disk);
    }
    tables(layout)?;
    volumes(layout)?;
    filesystems(layout)?;
    wishes(graph, nodes, layout)?;
    crate::picture::sound(&layout.to_svg());
    prop_assert!(!layout.to_text().is_empty());
    Ok(())
}
