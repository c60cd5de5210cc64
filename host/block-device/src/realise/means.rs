//! Where, how and by what disks are made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dibhost_sys::Cancel;
use serde::Serialize;

use crate::secret::Secrets;

/// By what, and on what, disks are written.
pub(crate) struct Means<'a> {
    /// The kernel fills filesystems.
    pub(crate) kernel: bool,
    /// The disks read as zeros.
    pub(crate) zeroed: bool,
    /// A folder with room for the largest filesystem.
    pub(crate) scratch: &'a Path,
    /// The node of a table that the caller writes, when all else is there.
    pub(crate) table_later: Option<&'a str>,
}

/// Where and how disks are made.
pub struct Realise<'a> {
    /// The file of each disk, by its node: none is there yet, and all lie in folders that programs
    /// which the tree runs find by the same paths.
    pub disks: &'a BTreeMap<String, PathBuf>,
    /// Secrets of encryptions.
    pub secrets: &'a dyn Secrets,
    /// Seconds since 1970: nothing in the disks is younger.
    pub time: i64,
    /// Ends it.
    pub cancel: &'a Cancel,
}

/// What is known only once the disks are made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Realised {
    /// Root hashes of verity devices in hexadecimal digits, by their nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub root_hashes: BTreeMap<String, String>,
}
