//! Twins of what a build is carried out with, without privileges: what can be tested of the engine
//! without root, a mirror and QEMU is tested with them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use dibhost_image::{Format, Output as ImageFile};
use dibhost_layers::store::Digest;
use dibhost_packages::PackageSource;
use dibhost_packages::simulated::{Offer, SimulatedArchive, SimulatedPackages};
use dibhost_plan::wish::Bootstrap;
use dibhost_sys::{Cancel, Program};
use dibhost_tree::{Scope, TargetPath, Walk, Workshop};

use crate::base::{Base, FirstTree};
use crate::failure::BuildFailure;
use crate::output::{Files, Finished, Needs, Output, Source};
use crate::system::System;

/// First trees made of a simulated archive.
#[derive(Debug, Clone, Default)]
pub struct SimulatedBase {
    /// What the archive offers.
    pub offers: Vec<Offer>,
    /// What says the layers of an image of a container.
    pub layers: Vec<Program>,
}

impl Base for SimulatedBase {
    fn begin(
        &mut self,
        source: &Bootstrap,
        _system: Option<&System>,
        sources: Vec<PackageSource>,
    ) -> Result<FirstTree, BuildFailure> {
        let bootstrap = match source {
            Bootstrap::Distribution(distribution) => Some(distribution.packages.clone()),
            Bootstrap::Container(_) => None,
            Bootstrap::Archive(..) | Bootstrap::DiskImage(..) => {
                let said = "a simulated first tree is made of packages or of layers";
                return Err(BuildFailure::new(said));
            }
        };
        let archive = SimulatedArchive::new(self.offers.clone());
        let manager = Box::new(SimulatedPackages::new(archive, sources));
        Ok(FirstTree { manager: Some(manager), bootstrap })
    }

    fn archives(
        &mut self,
        _source: &Bootstrap,
        _cancel: &Cancel,
        _progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Vec<Program>, BuildFailure> {
        Ok(self.layers.clone())
    }
}

/// An output that is a list of what is in the tree, and the files beside it.
#[derive(Debug, Clone)]
pub struct SimulatedOutput {
    stem: PathBuf,
    /// What is in the tree, once it was looked at.
    listing: Option<(ImageFile, String)>,
}

impl SimulatedOutput {
    /// Files of that folder and name, without their endings.
    #[must_use]
    pub fn new(stem: PathBuf) -> Self {
        Self { stem, listing: None }
    }

    fn at(&self, suffix: &str) -> PathBuf {
        let mut path = self.stem.clone().into_os_string();
        path.push(suffix);
        path.into()
    }
}

/// The most that one look at the tree answers.
const SLICE: usize = 1000;

fn listing(tree: &mut dyn Workshop) -> Result<String, BuildFailure> {
    let (mut text, mut after) = (String::new(), None);
    loop {
        let (root, walk) = (TargetPath::root(), Walk { recursive: true });
        let slice = tree
            .walk(&Scope::all(), &root, walk, after.as_ref(), SLICE)
            .map_err(|e| BuildFailure::new(e).doing("listing the finished tree"))?;
        let Some(last) = slice.last() else { return Ok(text) };
        after = Some(last.path.clone());
        for entry in &slice {
            let _ = writeln!(text, "{:o} {} {}", entry.stat.mode, entry.stat.size, entry.path);
        }
    }
}

impl Output for SimulatedOutput {
    fn needs(&self) -> Needs {
        Needs::Tree
    }

    fn make(
        &mut self,
        source: Source<'_>,
        _formats: &[Format],
    ) -> Result<Vec<ImageFile>, BuildFailure> {
        let listing = listing(source.tree)?;
        let (path, bytes) = (self.at(".tree"), listing.len() as u64);
        let sha256 = Digest::of(listing.as_bytes()).to_string();
        let image = ImageFile { path, format: Format::Raw, bytes, virtual_size: bytes, sha256 };
        let (image, _) = self.listing.insert((image, listing));
        Ok(vec![image.clone()])
    }

    fn publish(&mut self, finished: Finished<'_>) -> Result<Files, BuildFailure> {
        let failed = |path: &Path, e: std::io::Error| {
            BuildFailure::new(e).doing(format!("writing `{}`", path.display()))
        };
        let listing = self.listing.take();
        let (image, listing) =
            listing.ok_or_else(|| BuildFailure::new("the tree was not looked at"))?;
        let sum = image.sha256.clone().into_bytes();
        let mut files =
            vec![(image.path.clone(), listing.into_bytes()), (self.at(".tree.sha256"), sum)];
        for (suffix, bytes) in &finished.beside {
            if suffix.contains('/') || !suffix.starts_with(['.', '-']) {
                return Err(BuildFailure::new(format!("`{suffix}` cannot be added to a name")));
            }
            files.push((self.at(suffix), bytes.to_vec()));
        }
        let mut seen = BTreeSet::new();
        if let Some((twice, _)) = files.iter().find(|(path, _)| !seen.insert(path.clone())) {
            return Err(BuildFailure::new(format!("`{}` would be written twice", twice.display())));
        }
        // Under other names first: a file that cannot be written is found before one is there.
        let new = |path: &Path| path.with_added_extension("new");
        let write = || -> Result<(), BuildFailure> {
            for (path, bytes) in &files {
                finished.cancel.check().map_err(BuildFailure::new)?;
                std::fs::write(new(path), bytes).map_err(|e| failed(path, e))?;
            }
            files.iter().try_for_each(|(path, _)| {
                std::fs::rename(new(path), path).map_err(|e| failed(path, e))
            })
        };
        if let Err(failure) = write() {
            for (path, _) in &files {
                let _ = std::fs::remove_file(new(path));
            }
            return Err(failure);
        }
        let beside = files.into_iter().skip(2).map(|(path, _)| path).collect();
        Ok(Files { images: vec![image], beside })
    }
}
