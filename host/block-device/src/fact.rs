//! What others learn of the block device before it is made: the fact
//! `dib:block-device/layout@1`, and the lines of fstab.

use serde_json::{Value, json};

use crate::filesystem::FilesystemKind;
use crate::graph::{Graph, Mount};
use crate::identity::Identities;
use crate::node::TableKind;
use crate::partition_type::partition_type_name;

impl Graph {
    /// The value of the planned fact `dib:block-device/layout@1`. A partition's `type` is its name
    /// where it has one (`esp`), else its UUID.
    #[must_use]
    pub fn layout_fact(&self, identities: &Identities) -> Value {
        let uuid = |node: &str| identities.filesystems.get(node).map(|f| f.uuid.to_string());
        let mount = |mount: &Mount| {
            let filesystem = self.filesystem(&mount.filesystem)?;
            Some(json!({
                "at": mount.at,
                "filesystem": filesystem.kind.name(),
                "label": filesystem.label,
                "uuid": uuid(&filesystem.node),
                "options": mount.options,
            }))
        };
        let partition = |partition: &crate::graph::Partition| {
            let type_id = partition.type_id;
            let partuuid = identities.partitions.get(&partition.node).map(ToString::to_string);
            json!({
                "number": partition.number,
                "label": partition.label,
                "type": partition_type_name(type_id).map_or(type_id.to_string(), str::to_owned),
                "partuuid": partuuid,
            })
        };
        let table = self.tables.first().map(|table| match table.kind {
            TableKind::Gpt => "gpt",
            TableKind::Mbr => "mbr",
        });
        json!({
            "mounts": self.mounts.iter().filter_map(mount).collect::<Vec<_>>(),
            "partitions": self.partitions.iter().map(partition).collect::<Vec<_>>(),
            "table": table,
        })
    }

    /// The image's `/etc/fstab`: by label where there is one, else by UUID; `/` first, parents
    /// before what is mounted below them, swap last.
    #[must_use]
    pub fn fstab(&self, identities: &Identities) -> String {
        let source = |node: &str| {
            let filesystem = self.filesystem(node)?;
            match &filesystem.label {
                Some(label) => Some(format!("LABEL={label}")),
                None => Some(format!("UUID={}", identities.filesystems.get(node)?.uuid)),
            }
        };
        let mut lines = String::new();
        for mount in self.mounts.iter().filter(|m| m.in_fstab) {
            let Some(filesystem) = self.filesystem(&mount.filesystem) else { continue };
            let Some(source) = source(&filesystem.node) else { continue };
            let options = match mount.options.as_slice() {
                [] => "defaults".to_owned(),
                options => options.join(","),
            };
            let pass = filesystem.kind.fsck_pass(&mount.at);
            let kind = filesystem.kind.name();
            lines.push_str(&format!("{source} {} {kind} {options} 0 {pass}\n", mount.at));
        }
        for swap in self.filesystems.iter().filter(|f| f.kind == FilesystemKind::Swap) {
            if let Some(source) = source(&swap.node) {
                lines.push_str(&format!("{source} none swap sw 0 0\n"));
            }
        }
        lines
    }
}
