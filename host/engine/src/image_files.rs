//! The output of a build on this machine: image files of its disks, all of them or none.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use dibhost_image::qcow2::{ClusterCache, Clusters};
use dibhost_image::{
    Format, Images, Made, Manifest, ManifestElement, ManifestPackage, ManifestVersion,
    Output as ImageFile, Packing, Qcow2Compression, Scratch,
};
use dibhost_packages::InstalledPackage;
use dibhost_plan::Plan;
use dibhost_plan::grant::Right;
use dibhost_text::check_suffix;

use crate::failure::BuildFailure;
use crate::output::{Disks, Files, Finished, Needs, Output, Source};
use crate::tree_files;

/// The most bytes of compressed clusters that are kept between builds: of some sixteen systems, each of
/// which has 250 MiB of them.
const MOST_CLUSTERS: u64 = 4 << 30;

/// Image files of the disks: formats, checksums, a manifest.
#[derive(Debug)]
pub(crate) struct ImageFiles<'a> {
    stem: &'a Path,
    scratch: &'a Scratch,
    clusters: Option<PathBuf>,
    made: Option<Made>,
}

impl<'a> ImageFiles<'a> {
    /// Files of that folder and name, without their endings, which are made in the scratch folder.
    /// Compressed clusters are kept in the folder `clusters`; none: nobody keeps any.
    pub(crate) fn new(stem: &'a Path, scratch: &'a Scratch, clusters: Option<PathBuf>) -> Self {
        Self { stem, scratch, clusters, made: None }
    }

    /// Clusters that were compressed before. Without, it only takes longer: another build has them, or
    /// they cannot be kept.
    fn known(&self, compression: Qcow2Compression) -> Option<ClusterCache> {
        let folder = self.clusters.as_ref()?;
        // One that is there is looked at as it is opened.
        let _ = DirBuilder::new().mode(0o700).create(folder);
        ClusterCache::open(folder, compression, MOST_CLUSTERS).ok().flatten()
    }
}

impl Output for ImageFiles<'_> {
    fn needs(&self) -> Needs {
        let (folder, place) = (self.scratch.path(), self.scratch.place());
        Needs::Disk { folder: folder.to_owned(), place: place.to_owned() }
    }

    fn make(
        &mut self,
        source: Source<'_>,
        formats: &[Format],
    ) -> Result<Vec<ImageFile>, BuildFailure> {
        let Source { plan, tree, disks, cancel } = source;
        let none = Disks::default();
        let disks = match disks {
            Some(disks) => disks,
            None if formats.iter().any(|format| format.is_of_disk()) => {
                return Err(BuildFailure::new("there is no disk to make them of"));
            }
            None => &none,
        };
        let tree = tree_files::make(tree, plan, formats, self.scratch)?;
        let images =
            Images { disks: &disks.files, tree, stem: self.stem, formats: formats.to_vec() };
        let compression = plan.image.qcow2_compression;
        let mut known = formats.contains(&Format::Qcow2).then(|| self.known(compression)).flatten();
        let packing = Packing {
            compression,
            known: known.as_mut().map(|known| known as &mut dyn Clusters),
            threads: available_parallelism().map_or(1, usize::from),
        };
        let made = images.make(packing, self.scratch, cancel).map_err(BuildFailure::new)?;
        Ok(self.made.insert(made).outputs())
    }

    fn publish(&mut self, finished: Finished<'_>) -> Result<Files, BuildFailure> {
        let Finished { plan, packages, root_hashes, beside, cancel } = finished;
        let made = self.made.take();
        let made = made.ok_or_else(|| BuildFailure::new("no image file was made"))?;
        let manifest = manifest(plan, packages, root_hashes);
        let published = made.publish(manifest, &beside, self.scratch, cancel);
        let (images, beside) = published.map_err(BuildFailure::new)?;
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
    use std::sync::Arc;

    use dibhost_definition::Definition;
    use dibhost_plan::PlanInputs;
    use dibhost_plan::planner::{Described, ElementFailure, Planner, StepAnswer, StepCall};
    use dibhost_sys::Cancel;
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
            (ImageFiles::new(&stem, &scratch, None), SimulatedOutput::new(stem.clone()));
        let output: &mut dyn Output = if real { &mut image_files } else { &mut simulated };
        let disks = match output.needs() {
            Needs::Tree => None,
            Needs::Disk { folder, .. } => {
                let disk = folder.join("disk-root.raw");
                std::fs::write(&disk, vec![7; 4096]).unwrap();
                let files = vec![("root".to_owned(), disk)];
                Some(Disks { files, ..Disks::default() })
            }
        };
        let source = Source { plan: &plan, tree: &mut tree, disks: disks.as_ref(), cancel };
        let result = output.make(source, &[Format::Raw]).and_then(|_| {
            let (packages, root_hashes) = (Vec::new(), BTreeMap::new());
            output.publish(Finished { plan: &plan, packages, root_hashes, beside: files, cancel })
        });
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
