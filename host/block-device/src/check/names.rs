//! Names that become devices: those of LVM, and those that device-mapper knows its devices by.

use std::collections::BTreeMap;

use dibhost_volumes::lvm::{LvmError, check_logical_volume_name, check_volume_group_name};

use crate::graph::{Graph, GraphError};

/// Checks that a machine can make a device of each name, and of no two the same.
pub(super) fn check(graph: &Graph) -> Result<(), GraphError> {
    for group in &graph.volume_groups {
        check_volume_group_name(&group.node).map_err(|error| wrong(&group.node, error))?;
    }
    for volume in &graph.logical_volumes {
        check_logical_volume_name(&volume.group, &volume.node)
            .map_err(|error| wrong(&volume.node, error))?;
    }
    mapped(graph)
}

fn wrong(node: &str, error: LvmError) -> GraphError {
    let problem = match error {
        LvmError::Name { what, why, .. } => format!("its name can be no {what}'s: {why}"),
        other => other.to_string(),
    };
    GraphError::at(node, problem, "give the node another name, such as `vg` or `lv_root`")
}

/// What lies in `/dev/mapper`: encryptions and verity devices by their names, logical volumes by
/// those of their group and their own, with every hyphen doubled.
fn mapped(graph: &Graph) -> Result<(), GraphError> {
    let doubled = |name: &str| name.replace('-', "--");
    let volumes = graph.logical_volumes.iter().map(|volume| {
        (format!("{}-{}", doubled(&volume.group), doubled(&volume.node)), &volume.node)
    });
    let opened = graph.encryptions.iter().map(|encryption| &encryption.node);
    let opened = opened.chain(graph.verities.iter().map(|verity| &verity.node));
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for (name, node) in volumes.chain(opened.map(|node| (node.clone(), node))) {
        let help = "give the node another name";
        if name == "control" {
            let problem = "`/dev/mapper/control` is device-mapper's own";
            return Err(GraphError::at(node, problem, help));
        }
        if let Some(other) = taken.insert(name.clone(), node) {
            let problem = format!("`/dev/mapper/{name}` would be `{other}` too");
            return Err(GraphError::at(node, problem, help));
        }
    }
    Ok(())
}
