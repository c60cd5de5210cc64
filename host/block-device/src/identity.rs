//! Every UUID of a disk, derived from the plan's seed and the names of the nodes: two builds of
//! one plan are equal, two plans are not.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::{Uuid, uuid};

use crate::graph::{Graph, Partition};
use crate::node::{NodeKind, TableKind};
use dibhost_filesystems::{FatSerial, FilesystemIdentity, FilesystemKind, FilesystemUuid};

/// The UUIDv5 name space of this project. Changing it changes every UUID of every image.
const NAMESPACE: Uuid = uuid!("3f1d7b6c-52c9-4c0e-9a5e-6e0c8a4d9b21");

/// UUIDs by node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Identities {
    /// Disk GUIDs of GPTs, by the node of the table.
    pub tables: BTreeMap<String, Uuid>,
    /// PARTUUIDs, by the node of the partition.
    pub partitions: BTreeMap<String, Uuid>,
    /// By the node of the filesystem.
    pub filesystems: BTreeMap<String, FilesystemIdentity>,
    /// UUIDs of encryptions, physical volumes, volume groups, logical volumes, RAIDs and verity
    /// devices, by their node.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Uuid>,
}

impl Identities {
    /// The signature of an MBR: the first four bytes of its table's UUID, never 0, which means
    /// that there is none.
    #[must_use]
    pub fn signature(&self, table: &str) -> Option<u32> {
        self.tables.get(table).map(|id| signature(*id))
    }
}

/// A seed for whoever has a file that says the block device, and no plan: of that file's text.
#[must_use]
pub fn seed_of(text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    // No plan's digest is one of a text.
    hash.update(b"dibhost block-device\0");
    hash.update(text.as_bytes());
    hash.finalize().into()
}

/// The signature of the MBR that has this UUID.
pub(crate) fn signature(table: Uuid) -> u32 {
    let [a, b, c, d, ..] = table.into_bytes();
    u32::from_be_bytes([a, b, c, d]).max(1)
}

fn derive(seed: &[u8; 32], role: &str, node: &str) -> Uuid {
    let mut name = seed.to_vec();
    name.extend_from_slice(role.as_bytes());
    // Neither a role nor a node's name has a NUL: no two pairs run together.
    name.push(0);
    name.extend_from_slice(node.as_bytes());
    Uuid::new_v5(&NAMESPACE, &name)
}

impl Graph {
    /// Derives every UUID from `seed` (the plan's digest) and the names of the nodes.
    #[must_use]
    pub fn identities(&self, seed: &[u8; 32]) -> Identities {
        let filesystem = |f: &crate::graph::Filesystem| {
            let derived = derive(seed, "filesystem", &f.node);
            let uuid = f.uuid.unwrap_or(match f.kind {
                FilesystemKind::Vfat => {
                    let [a, b, c, d, ..] = derived.into_bytes();
                    FilesystemUuid::Serial(FatSerial(u32::from_be_bytes([a, b, c, d])))
                }
                _ => FilesystemUuid::Uuid(derived),
            });
            let hash_seed = derive(seed, "hash-seed", &f.node);
            (f.node.clone(), FilesystemIdentity { uuid, hash_seed })
        };
        Identities {
            tables: self
                .tables
                .iter()
                .map(|t| (t.node.clone(), derive(seed, "table", &t.node)))
                .collect(),
            partitions: self
                .partitions
                .iter()
                .map(|p| (p.node.clone(), derive(seed, "partition", &p.node)))
                .collect(),
            filesystems: self.filesystems.iter().map(filesystem).collect(),
            volumes: self
                .nodes
                .iter()
                .filter(|node| match &node.kind {
                    NodeKind::Encryption { .. }
                    | NodeKind::PhysicalVolume
                    | NodeKind::VolumeGroup { .. }
                    | NodeKind::LogicalVolume { .. } => true,
                    NodeKind::Driver { name, .. } => name != "subvolume",
                    _ => false,
                })
                .map(|node| (node.name.clone(), derive(seed, "volume", &node.name)))
                .collect(),
        }
    }

    /// As `PARTUUID=` names a partition.
    #[must_use]
    pub fn partuuid(&self, identities: &Identities, partition: &Partition) -> Option<String> {
        let table = self.tables.iter().find(|table| table.node == partition.table)?;
        match table.kind {
            TableKind::Gpt => identities.partitions.get(&partition.node).map(Uuid::to_string),
            TableKind::Mbr => {
                let signature = identities.signature(&table.node)?;
                Some(format!("{signature:08x}-{:02x}", partition.number))
            }
        }
    }
}
