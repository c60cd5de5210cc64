//! From the finished tree to image files: layout, disk, formats, all or nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dibhost_block_device::{DiskLayout, Graph, Realise, Realised, layout_for};
use dibhost_element::SecretStore;
use dibhost_image::{
    Manifest, ManifestElement, ManifestPackage, ManifestVersion, Output, Publication, Scratch,
};
use dibhost_plan::Plan;
use dibhost_sys::{Cancel, Program, SecretBytes};
use dibhost_text::check_suffix;
use dibhost_tree::{Attributes, Change, Command, Scope, Target as _, TargetPath, Worker};

use crate::disk::WorkerTree;
use crate::failure::BuildFailure;
use crate::teller::Teller;

/// What is to become of a finished tree.
pub(crate) struct Finished<'a> {
    pub(crate) plan: &'a Plan,
    /// Files beside the image: suffix, bytes.
    pub(crate) emitted: Vec<(String, Arc<[u8]>)>,
    /// Folder and name of the outputs, without extension.
    pub(crate) stem: &'a Path,
    /// What opens encrypted volumes.
    pub(crate) secrets: &'a dyn SecretStore,
    /// See [`BuildOptions`](crate::BuildOptions).
    pub(crate) filler: Program,
}

/// The build's secrets, as the block device asks for them.
struct Keys<'a>(&'a dyn SecretStore);

impl dibhost_block_device::Secrets for Keys<'_> {
    fn secret(&self, name: &str) -> std::io::Result<Arc<SecretBytes>> {
        self.0.read(name).map_err(std::io::Error::other)
    }
}

/// Writes `/etc/fstab` of the disk that was planned.
pub(crate) fn write_fstab(plan: &Plan, worker: &mut Worker) -> Result<(), BuildFailure> {
    let graph = graph(plan)?;
    let content = graph.fstab(&graph.identities(&plan.block_device.seed_bytes()));
    let etc = TargetPath::new("/etc").map_err(BuildFailure::new)?;
    let path = etc.join("fstab").map_err(BuildFailure::new)?;
    let mut changes = vec![
        Change::MakeDirectory { path: etc, attributes: Attributes::default() },
        Change::Write { path, content: content.into_bytes(), attributes: Attributes::default() },
    ];
    for mount in graph.mounts() {
        let path = TargetPath::new(&mount.at).map_err(BuildFailure::new)?;
        if path != TargetPath::root() {
            changes.push(Change::MakeDirectory { path, attributes: Attributes::default() });
        }
    }
    worker
        .apply(&Scope::all(), &changes)
        .map_err(|e| BuildFailure::new(e).doing("writing /etc/fstab"))
}

/// Writes the disk and its image files.
pub(crate) fn finish(
    finished: Finished<'_>,
    worker: &mut Worker,
    scratch: &Scratch,
    cancel: &Cancel,
    teller: &mut Teller<'_>,
) -> Result<(Vec<Output>, Vec<PathBuf>), BuildFailure> {
    let plan = finished.plan;
    let packages = packages(worker)?;

    let running = teller.begin("clamp times");
    let epoch = i64::try_from(plan.image.source_date_epoch).unwrap_or(i64::MAX);
    worker.clamp_times(epoch).map_err(|e| BuildFailure::new(e).doing("clamping times"))?;
    teller.end(running);

    let running = teller.begin("lay out the disk");
    let graph = graph(plan)?;
    let identities = graph.identities(&plan.block_device.seed_bytes());
    let mount_points = graph
        .mounts()
        .iter()
        .map(|mount| TargetPath::new(&mount.at))
        .collect::<Result<Vec<_>, _>>()
        .map_err(BuildFailure::new)?;
    let mut tree = WorkerTree::split(worker, &mount_points, finished.filler)
        .map_err(|e| BuildFailure::new(e).doing("splitting the tree at its mount points"))?;
    let options = plan.block_device.layout_options();
    let layout = layout_for(&graph, &identities, &mut tree, options).map_err(BuildFailure::new)?;
    teller.end(running);

    let running = teller.begin("write the disk");
    let place = |disk: &DiskLayout| {
        let node = disk.node.clone();
        let path = scratch.path().join(format!("disk-{node}.raw"));
        (node, path)
    };
    let disks: Vec<(String, PathBuf)> = layout.disks.iter().map(place).collect();
    let to = Realise {
        disks: &disks.iter().cloned().collect(),
        secrets: &Keys(finished.secrets),
        time: epoch,
        cancel,
    };
    let backend = plan.block_device.backend;
    let realised = backend.realise(&layout, &mut tree, &to).map_err(BuildFailure::new)?;
    teller.end(running);

    let running = teller.begin("convert and publish");
    let manifest = manifest(plan, packages, realised);
    let published = Publication {
        disks: &disks,
        stem: finished.stem,
        formats: plan.image.formats.clone(),
        compression: plan.image.qcow2_compression,
        manifest,
        beside: finished.emitted,
    }
    .publish(scratch, cancel)
    .map_err(BuildFailure::new)?;
    teller.end(running);
    Ok(published)
}

/// The suffixes of files beside the image that elements were granted by name: a pattern names none.
pub(crate) fn planned_suffixes(plan: &Plan) -> Vec<&str> {
    let grants = plan.elements.iter().flat_map(|element| &element.grants);
    let outputs = grants.filter(|grant| grant.capability == "outputs");
    outputs.map(|grant| grant.scope.as_str()).filter(|scope| check_suffix(scope).is_ok()).collect()
}

pub(crate) fn graph(plan: &Plan) -> Result<Graph, BuildFailure> {
    Graph::of_image(plan.block_device.nodes.clone()).map_err(BuildFailure::new)
}

/// What dpkg has installed; nothing when the tree has no dpkg.
fn packages(worker: &mut Worker) -> Result<Vec<ManifestPackage>, BuildFailure> {
    let dpkg = TargetPath::new("/usr/bin/dpkg-query").map_err(BuildFailure::new)?;
    let found = worker.stat(&Scope::all(), &dpkg).map_err(BuildFailure::new)?;
    if found.is_none() {
        return Ok(Vec::new());
    }
    let args = ["--show", "--showformat=${binary:Package}\\t${Version}\\t${Architecture}\\n"];
    let command = Command {
        program: dpkg.as_str().to_owned(),
        args: args.map(str::to_owned).to_vec(),
        capture: true,
        ..Command::default()
    };
    let output = worker
        .exec(&command, &mut |_| {})
        .map_err(|e| BuildFailure::new(e).doing("listing the packages of the image"))?;
    Ok(parse_packages(&String::from_utf8_lossy(&output.stdout)))
}

fn parse_packages(text: &str) -> Vec<ManifestPackage> {
    let package = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        Some(ManifestPackage {
            name: fields.next()?,
            version: fields.next()?,
            arch: fields.next()?,
        })
    };
    text.lines().filter_map(package).collect()
}

fn manifest(plan: &Plan, packages: Vec<ManifestPackage>, realised: Realised) -> Manifest {
    let element = |element: &dibhost_plan::PlannedElement| ManifestElement {
        name: element.name.clone(),
        version: element.version.clone(),
        digest: element.digest.clone(),
    };
    Manifest {
        version: ManifestVersion::default(),
        name: plan.image.name.clone(),
        arch: plan.image.arch.clone(),
        plan: plan.digest.clone(),
        elements: plan.elements.iter().map(element).collect(),
        packages,
        root_hashes: realised.root_hashes,
        outputs: Vec::new(),
        beside: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_as_dpkg_query_shows_them() {
        let packages = parse_packages("libc6:amd64\t2.36-9\tamd64\nadduser\t3.134\tall\nbroken\n");
        let names: Vec<_> = packages.iter().map(|p| (p.name.as_str(), p.arch.as_str())).collect();
        assert_eq!(names, [("libc6:amd64", "amd64"), ("adduser", "all")]);
    }
}
