//! What others learn of the block device before it is made: the fact
//! `dib:block-device/layout@1`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::driver::RaidLevel;
use crate::graph::{Graph, Mount, Partition, Table, TypeId};
use crate::identity::Identities;
use crate::node::{Node, NodeKind, TableKind};
use crate::partition_type::partition_type_name;
use dibhost_volumes::lvm::LvmId;

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
                "on": filesystem.on,
                "filesystem": filesystem.kind.name(),
                "label": filesystem.label,
                "uuid": uuid(&filesystem.node),
                "options": self.fstab_options(mount),
                "source": self.source(identities, mount),
            }))
        };
        let kind = |table: &Table| match table.kind {
            TableKind::Gpt => "gpt",
            TableKind::Mbr => "mbr",
        };
        let partition = |partition: &Partition| {
            let name = match partition.type_id {
                TypeId::Gpt(id) => partition_type_name(id),
                TypeId::Mbr(_) => None,
            };
            json!({
                "name": partition.node,
                "number": partition.number,
                "table": self.tables.iter().find(|t| t.node == partition.table).map(kind),
                "label": partition.label,
                "type": name.map_or(partition.type_id.to_string(), str::to_owned),
                "partuuid": self.partuuid(identities, partition),
            })
        };
        json!({
            "mounts": self.mounts.iter().filter_map(mount).collect::<Vec<_>>(),
            "partitions": self.partitions.iter().map(partition).collect::<Vec<_>>(),
            "table": self.tables.first().map(kind),
            "grub-bios": self.grub.iter().map(|grub| &grub.disk).collect::<Vec<_>>(),
            "volumes": self.volumes(identities),
        })
    }

    /// What lies between partitions and filesystems, in an order in which each comes after what it
    /// stands on.
    fn volumes(&self, identities: &Identities) -> Vec<Value> {
        let id = |node: &str| identities.volumes.get(node);
        let lvm = |node: &str| id(node).map(|uuid| LvmId::derived(uuid.as_bytes()).to_string());
        let plain = |node: &str| id(node).map(Uuid::to_string);
        let volume = |name: &str, kind: &str, uuid: Option<String>, on: &[String]| {
            Some(json!({ "name": name, "kind": kind, "uuid": uuid, "on": on }))
        };
        let of = |node: &Node| match &node.kind {
            NodeKind::Encryption { .. } => volume(&node.name, "luks", plain(&node.name), &node.on),
            NodeKind::PhysicalVolume => {
                volume(&node.name, "physical-volume", lvm(&node.name), &node.on)
            }
            NodeKind::VolumeGroup { .. } => {
                volume(&node.name, "volume-group", lvm(&node.name), &node.on)
            }
            NodeKind::LogicalVolume { thin_pool: Some(pool), .. } => {
                volume(&node.name, "thin-volume", lvm(&node.name), std::slice::from_ref(pool))
            }
            NodeKind::LogicalVolume { is_thin_pool, .. } => {
                let kind = if *is_thin_pool { "thin-pool" } else { "logical-volume" };
                volume(&node.name, kind, lvm(&node.name), &node.on)
            }
            _ => {
                let raid = self.raids.iter().find(|raid| raid.node == node.name);
                let verity = self.verities.iter().any(|verity| verity.node == node.name);
                match raid {
                    Some(raid) => {
                        let uuid = id(&node.name).map(as_mdadm);
                        let mut value = volume(&node.name, "raid", uuid, &node.on)?;
                        value["level"] = match raid.level {
                            RaidLevel::Stripe => 0.into(),
                            RaidLevel::Mirror => 1.into(),
                        };
                        Some(value)
                    }
                    None if verity => volume(&node.name, "verity", plain(&node.name), &node.on),
                    None => None,
                }
            }
        };
        self.upwards().into_iter().filter_map(of).collect()
    }

    /// Nodes, each after those it stands on; otherwise in their order.
    fn upwards(&self) -> Vec<&Node> {
        let mut done: BTreeSet<&str> = BTreeSet::new();
        let mut sorted = Vec::new();
        // The graph has no cycle: each round places one at least.
        while sorted.len() < self.nodes.len() {
            let before = sorted.len();
            for node in &self.nodes {
                let below = |name: &String| done.contains(name.as_str());
                let pool = match &node.kind {
                    NodeKind::LogicalVolume { thin_pool, .. } => thin_pool.as_ref(),
                    _ => None,
                };
                let ready = node.on.iter().chain(pool).all(below);
                if ready && done.insert(&node.name) {
                    sorted.push(node);
                }
            }
            if sorted.len() == before {
                break;
            }
        }
        sorted
    }
}

/// As mdadm writes a UUID: four groups of eight digits.
fn as_mdadm(uuid: &Uuid) -> String {
    let digits = uuid.simple().to_string();
    let groups: Vec<&str> = (0..4).map(|i| &digits[i * 8..i * 8 + 8]).collect();
    groups.join(":")
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::graph::Graph;

    #[test]
    fn volumes_are_told_from_the_disk_upwards_as_their_tools_name_them() {
        let text = r#"
block-device = [
  { name = "thin", type = "thin-volume", on = "vg", pool = "pool", size = "1 GiB" },
  { name = "pool", type = "thin-pool", on = "vg", size = "rest" },
  { name = "vg", type = "volume-group", on = "pv" },
  { name = "pv", type = "physical-volume", on = "crypt" },
  { name = "crypt", type = "luks", on = "md", secrets = "key" },
  { name = "md", type = "raid", on = ["a", "b"], level = 1, array = "md" },
  { name = "a", type = "disk", size = "4 GiB" },
  { name = "b", type = "disk", size = "4 GiB" },
  { name = "root", type = "filesystem", on = "thin", format = "ext4", mount = "/" },
]
"#;
        let graph = Graph::of_image(Config::parse(text).unwrap().nodes).unwrap();
        let fact = graph.layout_fact(&graph.identities(&[1; 32]));
        let volumes = fact["volumes"].as_array().unwrap();
        let names: Vec<&str> = volumes.iter().map(|v| v["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["md", "crypt", "pv", "vg", "pool", "thin"]);
        let uuid = |i: usize| volumes[i]["uuid"].as_str().unwrap();
        assert_eq!(uuid(0).split(':').map(str::len).collect::<Vec<_>>(), [8; 4]);
        assert_eq!(uuid(1).len(), 36);
        assert_eq!(uuid(3).split('-').map(str::len).collect::<Vec<_>>(), [6, 4, 4, 4, 4, 4, 6]);
        assert_eq!(volumes[0]["level"], 1);
        assert_eq!(volumes[5]["on"][0], "pool");
        assert_eq!(fact["mounts"][0]["on"], "thin");
        assert_eq!(fact["grub-bios"].as_array().map(Vec::len), Some(0));
    }

    #[test]
    fn whoever_makes_grubs_images_learns_of_the_tables_and_disks() {
        let text = r#"
block-device = [
  { name = "a", type = "disk", size = "1 GiB" },
  { name = "b", type = "disk", size = "1 GiB" },
  { name = "gpt", type = "gpt", on = "a" },
  { name = "mbr", type = "mbr", on = "b" },
  { name = "data", type = "partition", on = "gpt", size = "rest" },
  { name = "root", type = "partition", on = "mbr", size = "rest" },
  { name = "root-fs", type = "filesystem", on = "root", format = "ext4", mount = "/" },
  { name = "grub", type = "grub-bios", on = "b" },
]
"#;
        let graph = Graph::of_image(Config::parse(text).unwrap().nodes).unwrap();
        let fact = graph.layout_fact(&graph.identities(&[1; 32]));
        assert_eq!((&fact["table"], &fact["grub-bios"][0]), (&"gpt".into(), &"b".into()));
        assert_eq!(fact["partitions"][0]["table"], "gpt");
        assert_eq!(fact["partitions"][1]["table"], "mbr");
    }
}
