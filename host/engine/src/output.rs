//! What comes out of a build: files made from the finished tree, or from a disk of it.

use std::path::PathBuf;
use std::sync::Arc;

use dibhost_image::Output as ImageFile;
use dibhost_packages::InstalledPackage;
use dibhost_plan::Plan;
use dibhost_sys::Cancel;
use dibhost_tree::Workshop;

use crate::failure::BuildFailure;

/// What an output is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// The finished tree.
    Tree,
    /// The disks of the plan's block device.
    Disk {
        /// Where they are made: files that the output may take.
        folder: PathBuf,
    },
}

/// Disks that were made of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disks {
    /// The file of each, by its name.
    pub files: Vec<(String, PathBuf)>,
    /// Root hashes of what verity seals, by node.
    pub root_hashes: std::collections::BTreeMap<String, String>,
}

/// A build whose tree is finished.
pub struct Finished<'a> {
    /// What was built.
    pub plan: &'a Plan,
    /// Its times are clamped, and nothing changes it any more.
    pub tree: &'a mut dyn Workshop,
    /// When the output [needs](Output::needs) them.
    pub disks: Option<Disks>,
    /// What is installed, by name.
    pub packages: Vec<InstalledPackage>,
    /// Files beside the output, of elements: what is added to its name, and bytes.
    pub beside: Vec<(String, Arc<[u8]>)>,
    /// Thrown, it stops the output.
    pub cancel: &'a Cancel,
}

/// The files of an output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Image files.
    pub images: Vec<ImageFile>,
    /// All others.
    pub beside: Vec<PathBuf>,
}

/// Makes files of a finished build.
pub trait Output {
    /// What it is made from.
    fn needs(&self) -> Needs;

    /// Writes its files: all of them, or none.
    ///
    /// # Errors
    /// One cannot be written, or the build is cancelled; then everything is as it was before.
    fn write(&mut self, finished: Finished<'_>) -> Result<Files, BuildFailure>;
}
