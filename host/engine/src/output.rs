//! What comes out of a build: files made from the finished tree, or from a disk of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use dibhost_image::{Format, Output as ImageFile};
use dibhost_packages::InstalledPackage;
use dibhost_plan::Plan;
use dibhost_sys::Cancel;
use dibhost_tree::Workshop;

use crate::failure::BuildFailure;

/// What an output needs to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// The finished tree.
    Tree,
    /// The disks of the plan's block device.
    Disk {
        /// Where they are made: files that the output may take.
        folder: PathBuf,
        /// The same as a person knows it.
        place: PathBuf,
    },
}

/// Disks that were made of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disks {
    /// The file of each, by its name.
    pub files: Vec<(String, PathBuf)>,
    /// Root hashes of what verity seals, by node.
    pub root_hashes: BTreeMap<String, String>,
}

/// What an output is made from.
pub struct Source<'a> {
    /// What is built.
    pub plan: &'a Plan,
    /// Its times are clamped, and nothing changes it any more.
    pub tree: &'a mut dyn Workshop,
    /// When the output [needs](Output::needs) them; it may take their files.
    pub disks: Option<&'a Disks>,
    /// Thrown, it stops the output.
    pub cancel: &'a Cancel,
}

/// What is known of a build when all of it was made.
pub struct Finished<'a> {
    /// What was built.
    pub plan: &'a Plan,
    /// What is installed, by name.
    pub packages: Vec<InstalledPackage>,
    /// Root hashes of what verity seals, by node.
    pub root_hashes: BTreeMap<String, String>,
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

    /// Makes the image files of those formats, where nobody finds them yet; says what they are.
    ///
    /// # Errors
    /// One cannot be made, or the build is cancelled.
    fn make(
        &mut self,
        source: Source<'_>,
        formats: &[Format],
    ) -> Result<Vec<ImageFile>, BuildFailure>;

    /// Puts what was made, and what is beside it, in place: all of it, or nothing.
    ///
    /// # Errors
    /// A file cannot be put there, or the build is cancelled; then everything is as it was before.
    fn publish(&mut self, finished: Finished<'_>) -> Result<Files, BuildFailure>;
}
