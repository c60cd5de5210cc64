//! What tells one filesystem from all others.

use serde::Serialize;
use uuid::Uuid;

use crate::filesystem::FilesystemUuid;

/// The identity of a filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FilesystemIdentity {
    /// As the node says it, or derived.
    pub uuid: FilesystemUuid,
    /// The seed of ext4's hashed folders; other filesystems make no use of it.
    pub hash_seed: Uuid,
}
