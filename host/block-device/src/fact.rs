//! What others learn of the block device before it is made: the fact
//! `dib:block-device/layout@1`.

use serde_json::{Value, json};

use crate::driver::RaidLevel;
use crate::graph::{Graph, Mount, Partition, TypeId};
use crate::identity::Identities;
use crate::node::TableKind;
use crate::partition_type::partition_type_name;

impl Graph {
    /// The value of the planned fact `dib:block-device/layout@1`. A partition's `type` is its name
    /// where it has one (`esp`), else a UUID or the two digits of an MBR. `volumes` is there where
    /// something is encrypted, mirrored, or a volume of LVM: what an initramfs has to know of.
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
        let mut fact = json!({
            "mounts": self.mounts.iter().filter_map(mount).collect::<Vec<_>>(),
            "partitions": self.partitions.iter().map(partition).collect::<Vec<_>>(),
            "table": table,
        });
        let volumes = self.volume_facts(identities);
        if !volumes.is_empty() {
            fact["volumes"] = Value::Array(volumes);
        }
        fact
    }

    /// From the disk upwards within a kind: name, kind, UUID, what it stands on.
    fn volume_facts(&self, identities: &Identities) -> Vec<Value> {
        let volume = |name: &str, kind: &str, on: &[&str]| {
            let uuid = identities.volumes.get(name).map(ToString::to_string);
            json!({"name": name, "kind": kind, "uuid": uuid, "on": on})
        };
        let raids = self.raids.iter().map(|raid| {
            let kind = match raid.level {
                RaidLevel::Stripe => "raid0",
                RaidLevel::Mirror => "raid1",
            };
            volume(&raid.node, kind, &raid.on.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let encryptions = self.encryptions.iter().map(|e| volume(&e.node, "luks", &[&e.on]));
        let logical = self.logical_volumes.iter().map(|v| {
            let kind = match (&v.thin_pool, v.is_thin_pool) {
                (Some(_), _) => "thin-volume",
                (None, true) => "thin-pool",
                (None, false) => "logical-volume",
            };
            volume(&v.node, kind, &[v.thin_pool.as_deref().unwrap_or(&v.group)])
        });
        let verities = self.verities.iter().map(|v| volume(&v.node, "verity", &[&v.data, &v.hash]));
        raids.chain(encryptions).chain(logical).chain(verities).collect()
    }
}
