//! Volume groups: how many extents each logical volume gets, and which.

use std::collections::BTreeMap;

use crate::graph::{LogicalVolume, VolumeGroup};
use crate::identity::Identities;
use crate::layout::need::{Needs, Taken};
use crate::layout::types::{GroupLayout, LayoutError, PhysicalVolumeLayout, PoolLayout, refused};
use crate::node::Size;
use crate::percent::percent;
use dibhost_text::rounded_size;
use dibhost_volumes::lvm::{
    self, LogicalVolumeKind, LogicalVolumeRequest, LvmError, LvmId, PhysicalVolumeRequest,
    RequestKind, STRIPE_SIZE, VolumeGroupRequest, round,
};

/// Lays a group out on its physical volumes: by their nodes, what each stands on and its bytes.
pub(crate) fn lay_out(
    needs: &Needs<'_>,
    group: &VolumeGroup,
    sizes: &BTreeMap<String, (String, u64)>,
    identities: &Identities,
) -> Result<GroupLayout, LayoutError> {
    let id = |node: &str| -> Result<LvmId, LayoutError> {
        let help = "derive the identities from the same graph";
        let uuid = identities.volumes.get(node);
        let uuid = uuid.ok_or_else(|| refused(node, "it has no identity", help))?;
        Ok(LvmId::derived(uuid.as_bytes()))
    };
    let mut physical_volumes = Vec::new();
    let mut requests = Vec::new();
    for node in &group.on {
        let (on, size) = sizes.get(node).cloned().unwrap_or_default();
        physical_volumes.push(PhysicalVolumeLayout { node: node.clone(), on });
        requests.push(PhysicalVolumeRequest { id: id(node)?, size });
    }
    let data_start = needs.options.extents_start();
    let extents = |size: u64| size.saturating_sub(data_start) / group.extent_size;
    let whole = requests.iter().map(|pv| extents(pv.size)).sum::<u64>() * group.extent_size;
    let volumes: Vec<&LogicalVolume> =
        needs.graph.logical_volumes.iter().filter(|v| v.group == group.node).collect();
    let sizes = bytes_of(needs, group, &volumes, whole)?;
    let mut logical_volumes = Vec::new();
    // lvm numbers thin volumes as they are made, and a pool is there before them.
    let plain = sizes.iter().zip(&volumes).filter(|(_, volume)| volume.thin_pool.is_none());
    let thin = sizes.iter().zip(&volumes).filter(|(_, volume)| volume.thin_pool.is_some());
    for (size, volume) in plain.chain(thin) {
        let size = *size;
        let stripes = usize::try_from(volume.stripes).unwrap_or(usize::MAX);
        let kind = match &volume.thin_pool {
            Some(pool) => RequestKind::Thin { pool: pool.clone(), size },
            None if volume.is_thin_pool => {
                let (metadata_size, chunk_size) = (None, None);
                RequestKind::ThinPool { size, metadata_size, chunk_size, stripes }
            }
            None if stripes > 1 => RequestKind::Striped { size, stripes, stripe_size: STRIPE_SIZE },
            None => RequestKind::Linear { size },
        };
        let (name, id) = (volume.node.clone(), id(&volume.node)?);
        logical_volumes.push(LogicalVolumeRequest { name, id, kind });
    }
    let request = VolumeGroupRequest {
        name: group.node.clone(),
        id: id(&group.node)?,
        extent_size: group.extent_size,
        time: 0,
        data_start,
        physical_volumes: requests,
        logical_volumes,
    };
    let (node, extent_size) = (group.node.clone(), group.extent_size);
    let allocated = request.allocate().map_err(|error| wrong(&node, &volumes, &error))?;
    let pools = pools(needs, &volumes, &allocated)?;
    Ok(GroupLayout { node, physical_volumes, extent_size, pools, group: allocated })
}

fn wrong(group: &str, volumes: &[&LogicalVolume], error: &LvmError) -> LayoutError {
    let named = match error {
        LvmError::LogicalVolume { volume, .. } | LvmError::Space { volume, .. } => volume,
        LvmError::Name { name, .. } => name,
        _ => group,
    };
    // The spare of pools is lvm's, and no node.
    let node = if volumes.iter().any(|v| v.node == named) { named } else { group };
    let help = match error {
        LvmError::Name { .. } => "give the node another name",
        LvmError::PhysicalVolume { .. } => "make what the physical volume stands on larger",
        _ => "make its physical volumes larger, or the volume smaller",
    };
    refused(node, error.to_string(), help)
}

/// Bytes of each volume, of a group that has `whole` of them. Shares are rounded down to extents, as
/// `lvcreate` does, everything else up. A pool's share leaves room for its metadata and the spare.
fn bytes_of(
    needs: &Needs<'_>,
    group: &VolumeGroup,
    volumes: &[&LogicalVolume],
    whole: u64,
) -> Result<Vec<u64>, LayoutError> {
    let mut sizes: Vec<Option<u64>> = Vec::new();
    let mut taken = Taken::of(group);
    for volume in volumes {
        let step = taken.step(volume);
        let left = whole.saturating_sub(taken.bytes);
        let share = |of: u64, share: u32| {
            let bytes = u128::from(of) * u128::from(share) / 1_000_000;
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            let bytes = match taken.beside(volume, bytes) {
                0 => bytes,
                beside => bytes.min(left.saturating_sub(beside)),
            };
            bytes - bytes % step
        };
        let size = match volume.size {
            Size::Rest => None,
            Size::Share(part) => Some(share(whole, part)),
            Size::ShareOfRest(part) => Some(share(left, part)),
            Size::Bytes(_) | Size::Content(_) => {
                let help = match volume.is_thin_pool {
                    true => "put filesystems on its volumes, or write its size in bytes",
                    false => "put a filesystem on it, or write its size in bytes",
                };
                let problem = "its size comes from its content, and there is none to know";
                let bytes = needs.logical_volume(volume);
                let bytes = bytes.ok_or_else(|| refused(&volume.node, problem, help))?;
                Some(round(bytes, step))
            }
        };
        if volume.thin_pool.is_none()
            && let Some(size) = size
        {
            taken.add(volume, size);
        }
        sizes.push(size);
    }
    let rest = |volume: &LogicalVolume| {
        let rest = whole.saturating_sub(taken.bytes);
        let rest = rest.saturating_sub(taken.beside(volume, rest));
        rest - rest % taken.step(volume)
    };
    let size = |(size, volume): (Option<u64>, &&LogicalVolume)| {
        let size = size.unwrap_or_else(|| rest(volume));
        if size == 0 {
            let problem = match volume.size {
                Size::Share(share) | Size::ShareOfRest(share) => {
                    format!("{} of its group come to less than one extent", percent(share))
                }
                _ => "there is nothing left for it in its group".to_owned(),
            };
            return Err(refused(&volume.node, problem, "make the physical volumes larger"));
        }
        Ok(size)
    };
    sizes.into_iter().zip(volumes).map(size).collect()
}

/// The pools of a group, each large enough for what will be written to its volumes.
fn pools(
    needs: &Needs<'_>,
    volumes: &[&LogicalVolume],
    group: &lvm::VolumeGroup,
) -> Result<Vec<PoolLayout>, LayoutError> {
    let mut pools = Vec::new();
    for node in volumes.iter().filter(|volume| volume.is_thin_pool).map(|volume| &volume.node) {
        let Some(pool) = group.logical_volume(node) else { continue };
        let LogicalVolumeKind::ThinPool { metadata, chunk_size, .. } = &pool.kind else { continue };
        let of_it = |volume: &&lvm::LogicalVolume| matches!(&volume.kind, LogicalVolumeKind::Thin { pool, .. } if pool == node);
        let thin = group.logical_volumes.iter().filter(of_it);
        let virtual_size = thin.map(|v| group.size_of(v)).fold(0, u64::saturating_add);
        let size = group.size_of(pool);
        let needed = needs.chunks(node, *chunk_size).unwrap_or_default();
        if needed > size {
            let (needed, size) = (rounded_size(needed), rounded_size(size));
            let problem = format!("what is on its volumes takes up to {needed}, and it has {size}");
            let help = "make the pool larger, or what is on its volumes smaller";
            return Err(refused(node, problem, help));
        }
        pools.push(PoolLayout {
            node: node.clone(),
            size,
            metadata_size: group.logical_volume(metadata).map_or(0, |v| group.size_of(v)),
            chunk_size: *chunk_size,
            virtual_size,
        });
    }
    Ok(pools)
}
