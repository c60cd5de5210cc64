//! What others learn of the block device before it is made: the fact
//! `dib:block-device/layout@1`.

use serde_json::{Value, json};

use crate::graph::{Graph, Mount, Partition, TypeId};
use crate::identity::Identities;
use crate::node::TableKind;
use crate::partition_type::partition_type_name;

impl Graph {
    /// The value of the planned fact `dib:block-device/layout@1`. A partition's `type` is its name
    /// where it has one (`esp`), else a UUID or the two digits of an MBR.
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
                "options": self.fstab_options(mount),
            }))
        };
        let partition = |partition: &Partition| {
            let name = match partition.type_id {
                TypeId::Gpt(id) => partition_type_name(id),
                TypeId::Mbr(_) => None,
            };
            json!({
                "number": partition.number,
                "label": partition.label,
                "type": name.map_or(partition.type_id.to_string(), str::to_owned),
                "partuuid": self.partuuid(identities, partition),
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
}
