//! From the finished tree to image files: layout, disk, formats, all or nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dibhost_block_device::{DiskLayout, Graph, Realise, layout_for};
use dibhost_element::SecretStore;
use dibhost_image::{
    Manifest, ManifestElement, ManifestPackage, ManifestVersion, Publication, Scratch,
};
use dibhost_packages::InstalledPackage;
use dibhost_plan::Plan;
use dibhost_plan::grant::Right;
use dibhost_sys::{Cancel, Program, SecretBytes};
use dibhost_text::check_suffix;
use dibhost_tree::{Attributes, Change, Scope, Target, TargetPath, Tree as _, Workshop};

use crate::disk::TreeInParts;
use crate::failure::BuildFailure;
use crate::furnished::Furnished;
use crate::output::{Disks, Files, Finished, Needs, Output};
use crate::teller::Teller;

/// What is to become of a finished tree.
pub(crate) struct Finishing<'a> {
    pub(crate) plan: &'a Plan,
    /// What the image has installed.
    pub(crate) packages: Vec<InstalledPackage>,
    /// Files beside the image: suffix, bytes.
    pub(crate) beside: Vec<(String, Arc<[u8]>)>,
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
pub(crate) fn write_fstab(plan: &Plan, tree: &mut dyn Target) -> Result<(), BuildFailure> {
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
    tree.apply(&Scope::all(), &changes)
        .map_err(|e| BuildFailure::new(e).doing("writing /etc/fstab"))
}

/// Makes the disks, where the output needs them, and the output.
pub(crate) fn finish(
    finishing: Finishing<'_>,
    tree: &mut Furnished<'_>,
    output: &mut dyn Output,
    cancel: &Cancel,
    teller: &mut Teller<'_>,
) -> Result<Files, BuildFailure> {
    let plan = finishing.plan;
    let running = teller.begin("clamp times");
    let epoch = i64::try_from(plan.image.source_date_epoch).unwrap_or(i64::MAX);
    tree.clamp_times(epoch).map_err(|e| BuildFailure::new(e).doing("clamping times"))?;
    teller.end(running);

    let disks = match output.needs() {
        Needs::Tree => None,
        Needs::Disk { folder } => Some(disks(&finishing, tree, &folder, epoch, cancel, teller)?),
    };
    let running = teller.begin("convert and publish");
    let Finishing { packages, beside, .. } = finishing;
    let files = output.write(Finished { plan, tree, disks, packages, beside, cancel })?;
    teller.end(running);
    Ok(files)
}

/// Makes the disks of the plan's block device in a folder.
fn disks(
    finishing: &Finishing<'_>,
    workshop: &mut dyn Workshop,
    folder: &Path,
    epoch: i64,
    cancel: &Cancel,
    teller: &mut Teller<'_>,
) -> Result<Disks, BuildFailure> {
    let plan = finishing.plan;
    let running = teller.begin("lay out the disk");
    let graph = graph(plan)?;
    let identities = graph.identities(&plan.block_device.seed_bytes());
    let mount_points = graph
        .mounts()
        .iter()
        .map(|mount| TargetPath::new(&mount.at))
        .collect::<Result<Vec<_>, _>>()
        .map_err(BuildFailure::new)?;
    let mut tree = TreeInParts::split(workshop, &mount_points, finishing.filler.clone())
        .map_err(|e| BuildFailure::new(e).doing("splitting the tree at its mount points"))?;
    let options = plan.block_device.layout_options();
    let layout = layout_for(&graph, &identities, &mut tree, options).map_err(BuildFailure::new)?;
    teller.end(running);

    let running = teller.begin("write the disk");
    let place = |disk: &DiskLayout| {
        let node = disk.node.clone();
        let path = folder.join(format!("disk-{node}.raw"));
        (node, path)
    };
    let files: Vec<(String, PathBuf)> = layout.disks.iter().map(place).collect();
    let to = Realise {
        disks: &files.iter().cloned().collect(),
        secrets: &Keys(finishing.secrets),
        time: epoch,
        cancel,
    };
    let backend = plan.block_device.backend;
    let realised = backend.realise(&layout, &mut tree, &to).map_err(BuildFailure::new)?;
    teller.end(running);
    Ok(Disks { files, root_hashes: realised.root_hashes })
}

/// Image files of the disks: formats, checksums, a manifest, all or nothing.
#[derive(Debug)]
pub(crate) struct ImageFiles<'a> {
    /// Folder and name of the outputs, without extension.
    pub(crate) stem: &'a Path,
    /// Where they are made.
    pub(crate) scratch: &'a Scratch,
}

impl Output for ImageFiles<'_> {
    fn needs(&self) -> Needs {
        Needs::Disk { folder: self.scratch.path().to_owned() }
    }

    fn write(&mut self, finished: Finished<'_>) -> Result<Files, BuildFailure> {
        let Finished { plan, packages, beside, cancel, .. } = finished;
        let disks = finished.disks.unwrap_or_default();
        let (images, beside) = Publication {
            disks: &disks.files,
            stem: self.stem,
            formats: plan.image.formats.clone(),
            compression: plan.image.qcow2_compression,
            manifest: manifest(plan, packages, disks.root_hashes),
            beside,
        }
        .publish(self.scratch, cancel)
        .map_err(BuildFailure::new)?;
        Ok(Files { images, beside })
    }
}

/// The suffixes of files beside the image that elements were granted by name: a pattern names none.
pub(crate) fn planned_suffixes(plan: &Plan) -> Vec<&str> {
    let grants = plan.elements.iter().flat_map(|element| &element.grants);
    let suffixes = grants.filter_map(|grant| match &grant.right {
        Right::Outputs(suffix) => Some(suffix.as_str()),
        _ => None,
    });
    suffixes.filter(|suffix| check_suffix(suffix).is_ok()).collect()
}

pub(crate) fn graph(plan: &Plan) -> Result<Graph, BuildFailure> {
    Graph::of_image(plan.block_device.nodes.clone())
        .map_err(|e| BuildFailure::new(e).doing("reading the block device of the plan"))
}

fn manifest(
    plan: &Plan,
    packages: Vec<InstalledPackage>,
    root_hashes: BTreeMap<String, String>,
) -> Manifest {
    let package = |package: InstalledPackage| ManifestPackage {
        name: package.name,
        version: package.version,
        arch: package.arch,
    };
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
        packages: packages.into_iter().map(package).collect(),
        root_hashes,
        outputs: Vec::new(),
        beside: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use dibhost_definition::Definition;
    use dibhost_plan::PlanInputs;
    use dibhost_plan::planner::{Described, ElementFailure, Planner, StepAnswer, StepCall};
    use dibhost_tree::SimulatedTarget;

    use super::*;
    use crate::simulated::SimulatedOutput;

    struct Nobody;

    impl Planner for Nobody {
        fn describe(&self, _reference: &str, _base: &Path) -> Result<Described, ElementFailure> {
            Err(ElementFailure::new("there are no elements"))
        }

        fn known_names(&self) -> Vec<String> {
            Vec::new()
        }

        fn plan_step(&self, _call: &StepCall<'_>) -> Result<StepAnswer, ElementFailure> {
            Err(ElementFailure::new("there are no elements"))
        }
    }

    type Beside = Vec<(String, Arc<[u8]>)>;

    fn beside(suffixes: &[&str]) -> Beside {
        let file = |suffix: &&str| ((*suffix).to_owned(), Arc::from(&b"beside"[..]));
        suffixes.iter().map(file).collect()
    }

    /// Has an output write its files: what it answers, and what is in its folder then.
    fn written(
        real: bool,
        files: Beside,
        cancel: &Cancel,
    ) -> (Result<Files, BuildFailure>, BTreeSet<String>) {
        let text = "[image]\nname = \"test\"\nelements = [\"nothing\"]\nformats = [\"raw\"]\n";
        let mut definition = Definition::parse(text, "image.toml", Path::new("/")).unwrap();
        // A definition on paper names one at least.
        definition.image.elements.clear();
        let plan = dibhost_plan::plan(&definition, &Nobody, &PlanInputs::for_arch("amd64"));
        let plan = plan.unwrap();
        let out = tempfile::tempdir().unwrap();
        let stem = out.path().join("image");
        std::fs::write(out.path().join("image.raw"), "of before").unwrap();
        let programs = Box::new(|_: &_, _: &mut dyn FnMut(_)| Ok(dibhost_tree::Output::default()));
        let mut tree = SimulatedTarget::new(0, programs).unwrap();
        let scratch = Scratch::create(out.path()).unwrap();
        let (mut image_files, mut simulated) =
            (ImageFiles { stem: &stem, scratch: &scratch }, SimulatedOutput { stem: stem.clone() });
        let output: &mut dyn Output = if real { &mut image_files } else { &mut simulated };
        let disks = match output.needs() {
            Needs::Tree => None,
            Needs::Disk { folder } => {
                let disk = folder.join("disk-root.raw");
                std::fs::write(&disk, vec![7; 4096]).unwrap();
                let files = vec![("root".to_owned(), disk)];
                Some(Disks { files, ..Disks::default() })
            }
        };
        let packages = Vec::new();
        let finished =
            Finished { plan: &plan, tree: &mut tree, disks, packages, beside: files, cancel };
        let result = output.write(finished);
        drop(scratch);
        let names = std::fs::read_dir(out.path()).unwrap();
        (result, names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect())
    }

    #[test]
    fn an_output_is_whole() {
        for real in [true, false] {
            let (result, names) = written(real, beside(&[".note"]), &Cancel::new());
            let files = result.unwrap();
            let all = files.images.iter().map(|i| &i.path).chain(&files.beside);
            for path in all {
                let name = path.file_name().unwrap().to_str().unwrap();
                assert!(names.contains(name), "{real} {name}: {names:?}");
            }
            assert!(names.contains("image.note"), "{names:?}");
        }
    }

    #[test]
    fn an_output_that_cannot_be_whole_is_absent() {
        let cancelled = Cancel::new();
        cancelled.cancel();
        for real in [true, false] {
            for (files, cancel) in [
                (beside(&[".note"]), &cancelled),
                (beside(&[".note", ".note"]), &Cancel::new()),
                (beside(&["/../note"]), &Cancel::new()),
                (beside(&["note"]), &Cancel::new()),
            ] {
                let (result, names) = written(real, files, cancel);
                let failure = result.unwrap_err();
                assert!(!failure.message.is_empty());
                // What was there before is left alone.
                assert_eq!(names.into_iter().collect::<Vec<_>>(), ["image.raw"], "{failure}");
            }
        }
    }
}
