//! What is looked into, and what is found.

use std::sync::Arc;

use dibhost_sys::SecretBytes;
use dibhost_volumes::Medium;
use serde::Serialize;

use crate::graph::{Graph, GraphError};
use crate::layout::DiskExtent;
use crate::node::Node;

/// A disk to look into.
pub struct InspectedDisk<'a> {
    /// What to call it: a node's name.
    pub name: String,
    /// Its bytes.
    pub medium: &'a dyn Medium,
    /// Bytes of a sector; none: unknown, as of a file. A GPT says it, an MBR does not.
    pub sector_size: Option<u32>,
}

/// A secret that may open an encryption.
pub struct InspectSecret {
    /// Its name in the graph.
    pub name: String,
    /// The passphrase or keyfile, byte for byte.
    pub bytes: Arc<SecretBytes>,
}

/// What a disk says of a node, besides what the node says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// Bytes that a volume offers, or a filesystem takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Where it lies, if that is one stretch of one disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<DiskExtent>,
    /// Of a partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// As its tools write it: of a table the disk's GUID or signature, of a logical volume LVM's 32
    /// letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Of a partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partuuid: Option<String>,
    /// As it is on the disk, whether a graph can have it or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Which version or variant: `FAT32`, `1.2` of md.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Bytes of a block, or of a sector that is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_size: Option<u32>,
}

/// A node that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inspected {
    /// As a graph has it.
    #[serde(flatten)]
    pub node: Node,
    /// What else the disk says of it.
    pub facts: Facts,
    /// What the node has to say and the disk does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// What was found and a graph has no words for, and where looking ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What is damaged, or cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// What disks hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inspection {
    /// Each after all that it stands on; partitions in the order of their numbers.
    pub nodes: Vec<Inspected>,
}

impl Inspection {
    /// The graph that was found.
    ///
    /// # Errors
    /// When a disk holds what a graph cannot have, such as a disk of less than 1 MiB.
    pub fn graph(&self) -> Result<Graph, GraphError> {
        Graph::new(self.nodes.iter().map(|found| found.node.clone()).collect())
    }

    /// The node of that name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Inspected> {
        self.nodes.iter().find(|found| found.node.name == name)
    }

    /// Whether something is damaged, or could not be read.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        self.nodes.iter().any(|found| !found.problems.is_empty())
    }
}
