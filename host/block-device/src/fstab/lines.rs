//! The lines of fstab, and whether there can be one for each mount.

use dibhost_filesystems::FilesystemKind;

use super::settings::FstabBy;
use crate::graph::{Filesystem, Graph, GraphError, Mount};
use crate::identity::Identities;

/// The name of an fstab's first field; none: it has none of that kind.
fn source(
    graph: &Graph,
    identities: &Identities,
    filesystem: &Filesystem,
    by: FstabBy,
) -> Option<String> {
    let label = || filesystem.label.as_ref().map(|label| format!("LABEL={label}"));
    let uuid = || {
        let identity = identities.filesystems.get(&filesystem.node)?;
        Some(format!("UUID={}", identity.uuid))
    };
    match by {
        // These have no UUID that `mount` could look for, and no label: the device has a name.
        _ if filesystem.kind == FilesystemKind::Squashfs => {
            partuuid(graph, identities, &filesystem.on).or_else(|| device(graph, &filesystem.on))
        }
        FstabBy::Any => label().or_else(uuid),
        FstabBy::Label => label(),
        FstabBy::Uuid => uuid(),
        FstabBy::Partuuid => partuuid(graph, identities, &filesystem.on),
        FstabBy::Path => device(graph, &filesystem.on),
    }
}

fn partuuid(graph: &Graph, identities: &Identities, node: &str) -> Option<String> {
    let partition = graph.partitions.iter().find(|p| p.node == node)?;
    graph.partuuid(identities, partition).map(|id| format!("PARTUUID={id}"))
}

/// The path of what device-mapper or md make of it; none: a disk or a partition, which another
/// machine calls by another.
fn device(graph: &Graph, node: &str) -> Option<String> {
    let mapper = |name: &str| name.replace('-', "--");
    if let Some(volume) = graph.logical_volumes.iter().find(|v| v.node == node) {
        return Some(format!("/dev/mapper/{}-{}", mapper(&volume.group), mapper(&volume.node)));
    }
    if graph.raids.iter().any(|raid| raid.node == node) {
        return Some(format!("/dev/md/{node}"));
    }
    let named = graph.encryptions.iter().any(|e| e.node == node)
        || graph.verities.iter().any(|v| v.node == node);
    named.then(|| format!("/dev/mapper/{node}"))
}

/// Checks that each filesystem has what fstab is to name it by.
pub(crate) fn check(graph: &Graph) -> Result<(), GraphError> {
    for mount in graph.mounts.iter().filter(|m| m.in_fstab) {
        let Some(filesystem) = graph.filesystem(&mount.filesystem) else { continue };
        let missing = match mount.fstab.by {
            FstabBy::Label if filesystem.label.is_none() => "a label",
            FstabBy::Partuuid if !graph.partitions.iter().any(|p| p.node == filesystem.on) => {
                "a partition of its own"
            }
            FstabBy::Path if device(graph, &filesystem.on).is_none() => {
                "a path that is the same on every machine, as logical volumes, encryptions and RAIDs \
                 have one"
            }
            _ => continue,
        };
        let problem = format!("fstab is to name `{}` by what it has not: {missing}", mount.at);
        return Err(GraphError::at(&mount.node, problem, "write `by = \"uuid\"`").of("by"));
    }
    Ok(())
}

impl Graph {
    /// What names the filesystem of a mount, in fstab and wherever else it is named; none: nothing
    /// does.
    #[must_use]
    pub(crate) fn source(&self, identities: &Identities, mount: &Mount) -> Option<String> {
        let filesystem = self.filesystem(&mount.filesystem)?;
        source(self, identities, filesystem, mount.fstab.by)
    }

    /// The image's `/etc/fstab`: by label where there is one, else by UUID, unless a mount says
    /// otherwise; `/` first, parents before what is mounted below them, swap last.
    #[must_use]
    pub fn fstab(&self, identities: &Identities) -> String {
        let mut lines = String::new();
        for mount in self.mounts.iter().filter(|m| m.in_fstab) {
            let Some(filesystem) = self.filesystem(&mount.filesystem) else { continue };
            let Some(source) = self.source(identities, mount) else { continue };
            let options = match self.fstab_options(mount) {
                options if options.is_empty() => "defaults".to_owned(),
                options => options.join(","),
            };
            let pass = mount.fstab.pass.unwrap_or_else(|| filesystem.kind.fsck_pass(&mount.at));
            let kind = filesystem.kind.name();
            let (at, dump) = (&mount.at, mount.fstab.dump);
            lines.push_str(&format!("{source} {at} {kind} {options} {dump} {pass}\n"));
        }
        for swap in self.filesystems.iter().filter(|f| f.kind == FilesystemKind::Swap) {
            if let Some(source) = source(self, identities, swap, FstabBy::Any) {
                lines.push_str(&format!("{source} none swap sw 0 0\n"));
            }
        }
        lines
    }

    /// The options of a mount, with the subvolume it is of.
    pub(crate) fn fstab_options(&self, mount: &Mount) -> Vec<String> {
        let subvolume = mount.subvolume.as_ref();
        let path = subvolume.and_then(|name| self.subvolumes.iter().find(|s| s.node == *name));
        let own = path.map(|subvolume| format!("subvol={}", subvolume.path));
        mount.options.iter().cloned().chain(own).collect()
    }
}
