//! Volume groups: how many extents each logical volume gets, and which.

use std::collections::BTreeMap;

use crate::graph::{LogicalVolume, VolumeGroup};
use crate::identity::Identities;
use crate::layout::need::Needs;
use crate::layout::types::{GroupLayout, LayoutError, PhysicalVolumeLayout, refused};
use crate::lvm::{
    DATA_START, LogicalVolumeRequest, LvmError, LvmId, PhysicalVolumeRequest, RequestKind,
    STRIPE_SIZE, VolumeGroupRequest, round,
};
use crate::node::Size;

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
    let extents = |size: u64| size.saturating_sub(DATA_START) / group.extent_size;
    let whole = requests.iter().map(|pv| extents(pv.size)).sum::<u64>() * group.extent_size;
    let volumes: Vec<&LogicalVolume> =
        needs.graph.logical_volumes.iter().filter(|v| v.group == group.node).collect();
    let logical_volumes = bytes_of(needs, group, &volumes, whole)?
        .into_iter()
        .zip(&volumes)
        .map(|(size, volume)| {
            let kind = match usize::try_from(volume.stripes) {
                Ok(stripes) if stripes > 1 => {
                    RequestKind::Striped { size, stripes, stripe_size: STRIPE_SIZE }
                }
                _ => RequestKind::Linear { size },
            };
            Ok(LogicalVolumeRequest { name: volume.node.clone(), id: id(&volume.node)?, kind })
        })
        .collect::<Result<Vec<_>, LayoutError>>()?;
    let request = VolumeGroupRequest {
        name: group.node.clone(),
        id: id(&group.node)?,
        extent_size: group.extent_size,
        time: 0,
        physical_volumes: requests,
        logical_volumes,
    };
    let (node, extent_size) = (group.node.clone(), group.extent_size);
    let group = request.allocate().map_err(|error| wrong(&node, &error))?;
    Ok(GroupLayout { node, physical_volumes, extent_size, group })
}

fn wrong(group: &str, error: &LvmError) -> LayoutError {
    let node = match error {
        LvmError::LogicalVolume { volume, .. } | LvmError::Space { volume, .. } => volume,
        LvmError::Name { name, .. } => name,
        _ => group,
    };
    refused(node, error.to_string(), "make its physical volumes larger, or the volume smaller")
}

/// Bytes of each volume, of a group that has `whole` of them. Shares are rounded down to extents, as
/// `lvcreate` does, everything else up.
fn bytes_of(
    needs: &Needs<'_>,
    group: &VolumeGroup,
    volumes: &[&LogicalVolume],
    whole: u64,
) -> Result<Vec<u64>, LayoutError> {
    let mut sizes: Vec<Option<u64>> = Vec::new();
    let mut taken = 0u64;
    for volume in volumes {
        if volume.is_thin_pool || volume.thin_pool.is_some() {
            let help = "use plain logical volumes";
            return Err(refused(&volume.node, "thin volumes cannot be made yet", help));
        }
        let step = step(volume, group);
        let share = |of: u64, share: u32| {
            let bytes = u128::from(of) * u128::from(share) / 1_000_000;
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            bytes - bytes % step
        };
        let size = match volume.size {
            Size::Rest => None,
            Size::Share(part) => Some(share(whole, part)),
            Size::ShareOfRest(part) => Some(share(whole.saturating_sub(taken), part)),
            Size::Bytes(_) | Size::Content(_) => {
                let help = "put a filesystem on it, or write its size in bytes";
                let problem = "its size comes from its content, and there is none to know";
                let bytes = needs.logical_volume(volume);
                let bytes = bytes.ok_or_else(|| refused(&volume.node, problem, help))?;
                Some(round(bytes, step))
            }
        };
        taken = taken.saturating_add(size.unwrap_or_default());
        sizes.push(size);
    }
    let rest = whole.saturating_sub(taken);
    let size = |(size, volume): (Option<u64>, &&LogicalVolume)| {
        let size = size.unwrap_or(rest - rest % step(volume, group));
        if size == 0 {
            let problem = "there is nothing left for it in its group";
            return Err(refused(&volume.node, problem, "make the physical volumes larger"));
        }
        Ok(size)
    };
    sizes.into_iter().zip(volumes).map(size).collect()
}

/// Bytes that a volume's size is a multiple of: an extent of each physical volume it is striped
/// over.
fn step(volume: &LogicalVolume, group: &VolumeGroup) -> u64 {
    u64::from(volume.stripes) * group.extent_size
}
