//! From the finished tree to image files: times, layout, disk, outputs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dibhost_block_device::{DiskLayout, Graph, Realise, layout_for};
use dibhost_element::SecretStore;
use dibhost_image::Output as ImageFile;
use dibhost_packages::InstalledPackage;
use dibhost_plan::Plan;
use dibhost_sys::{Cancel, Program, SecretBytes};
use dibhost_text::readable_size;
use dibhost_tree::{Attributes, Change, Scope, Target, TargetPath, Tree as _, Workshop};

use crate::disk::TreeInParts;
use crate::failure::BuildFailure;
use crate::furnished::Furnished;
use crate::journal::Journal;
use crate::links::link_on_the_way;
use crate::output::{Disks, Files, Finished, Needs, Output, Source};
use crate::teller::Teller;

/// What becomes of a finished tree.
pub(crate) struct Finish<'a> {
    pub(crate) plan: &'a Plan,
    /// What opens encrypted volumes.
    pub(crate) secrets: Arc<dyn SecretStore>,
    /// See [`BuildOptions`](crate::BuildOptions).
    pub(crate) filler: Program,
    pub(crate) output: &'a mut dyn Output,
    pub(crate) cancel: &'a Cancel,
    /// What is installed, once no action changes the tree any more.
    pub(crate) packages: Option<Vec<InstalledPackage>>,
    /// When they were made.
    pub(crate) disks: Option<Disks>,
    /// Image files that were made.
    pub(crate) made: Vec<ImageFile>,
}

impl Finish<'_> {
    /// No action changes the tree any more, and that is installed in it: nothing in it is to be
    /// younger than the image says.
    pub(crate) fn tree(
        &mut self,
        packages: Vec<InstalledPackage>,
        tree: &mut Furnished<'_>,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let running = teller.begin("clamp times");
        let clamped = tree.clamp_times(epoch(self.plan));
        clamped.map_err(|e| BuildFailure::new(e).doing("clamping times"))?;
        teller.end(running);
        self.packages = Some(packages);
        Ok(())
    }

    /// Makes the disks, where the output needs them.
    pub(crate) fn disk(
        &mut self,
        tree: &mut Furnished<'_>,
        journal: &Journal,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        self.disks = match self.output.needs() {
            Needs::Tree => None,
            Needs::Disk { folder, place } => {
                Some(disks(self, (tree, journal), (&folder, &place), teller)?)
            }
        };
        Ok(())
    }

    /// Makes all image files.
    pub(crate) fn images(
        &mut self,
        tree: &mut Furnished<'_>,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let formats = &self.plan.image.formats;
        let names: Vec<String> = formats.iter().map(ToString::to_string).collect();
        let running = teller.begin(format!("make the {} image", names.join(" and the ")));
        let (plan, disks, cancel) = (self.plan, self.disks.as_ref(), self.cancel);
        self.made = self.output.make(Source { plan, tree, disks, cancel }, formats)?;
        teller.end(running);
        Ok(())
    }

    /// Puts them in place, with what is beside them.
    pub(crate) fn publish(
        self,
        beside: Vec<(String, Arc<[u8]>)>,
        teller: &mut Teller<'_>,
    ) -> Result<Files, BuildFailure> {
        let running = teller.begin("publish");
        let root_hashes = self.disks.map(|disks| disks.root_hashes).unwrap_or_default();
        let packages = self.packages.unwrap_or_default();
        let (plan, cancel) = (self.plan, self.cancel);
        let finished = Finished { plan, packages, root_hashes, beside, cancel };
        let files = self.output.publish(finished)?;
        teller.end(running);
        Ok(files)
    }
}

/// No file in the image is younger, in seconds since 1970.
pub(crate) fn epoch(plan: &Plan) -> i64 {
    i64::try_from(plan.image.source_date_epoch).unwrap_or(i64::MAX)
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
        no_link(tree, &mount.at)?;
        let path = TargetPath::new(&mount.at).map_err(BuildFailure::new)?;
        if path != TargetPath::root() {
            changes.push(Change::MakeDirectory { path, attributes: Attributes::default() });
        }
    }
    tree.apply(&Scope::own(), &changes)
        .map_err(|e| BuildFailure::new(e).doing("writing /etc/fstab"))
}

/// Refuses a mount point that packages or elements made a link of: nothing is mounted on one.
fn no_link(tree: &mut dyn Target, at: &str) -> Result<(), BuildFailure> {
    if at == "/" {
        return Ok(());
    }
    match link_on_the_way(tree, at).map_err(BuildFailure::new)? {
        None => Ok(()),
        Some((link, to)) => {
            let problem =
                format!("`{at}` is a mount point, and `{link}` is a link to `{to}` in the image");
            Err(BuildFailure::new(problem)
                .with_help("mount it where the link leads to, or have a folder there instead")
                .doing("making the mount points"))
        }
    }
}

/// Refuses a folder whose filesystem has no room for what is in the image, before it is half full
/// of it. Image files may take more.
pub(crate) fn room(content: u64, (folder, place): (&Path, &Path)) -> Result<(), BuildFailure> {
    let free =
        rustix::fs::statvfs(folder).map_err(|e| BuildFailure::new(std::io::Error::from(e)))?;
    let free = free.f_bavail.saturating_mul(free.f_frsize);
    if free >= content {
        return Ok(());
    }
    // Scratch folders lie in the folder of the output.
    let place = place.parent().unwrap_or(place).display();
    let (content, free) = (readable_size(content), readable_size(free));
    let why = format!(
        "`{place}` has no room for the image: its content is {content}, and {free} are free there"
    );
    Err(BuildFailure::new(why)
        .with_help("free some, or have the image written elsewhere: `-o FOLDER/NAME`"))
}

/// Makes the disks of the plan's block device in a folder, which has a name for people.
fn disks(
    finish: &Finish<'_>,
    (workshop, journal): (&mut dyn Workshop, &Journal),
    (folder, place): (&Path, &Path),
    teller: &mut Teller<'_>,
) -> Result<Disks, BuildFailure> {
    let plan = finish.plan;
    let running = teller.begin("lay out the disk");
    let graph = graph(plan)?;
    let identities = graph.identities(&plan.block_device.seed_bytes());
    let mount_points = graph
        .mounts()
        .iter()
        .map(|mount| TargetPath::new(&mount.at))
        .collect::<Result<Vec<_>, _>>()
        .map_err(BuildFailure::new)?;
    let mut tree = TreeInParts::split(workshop, &mount_points, finish.filler.clone())
        .map_err(|e| BuildFailure::new(e).doing("splitting the tree at its mount points"))?
        .made_as_in(journal, plan);
    let options = plan.block_device.layout_options();
    let layout = layout_for(&graph, &identities, &mut tree, options)
        .map_err(|e| BuildFailure::of_layout(e).doing("laying out the disk"))?;
    let content = tree.content().map_err(BuildFailure::new)?;
    room(content, (folder, place)).map_err(|e| e.doing("laying out the disk"))?;
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
        secrets: &Keys(finish.secrets.as_ref()),
        time: epoch(plan),
        cancel: finish.cancel,
    };
    let backend = plan.block_device.backend;
    let realised = backend.realise(&layout, &mut tree, &to).map_err(BuildFailure::new)?;
    teller.end(running);
    Ok(Disks { files, root_hashes: realised.root_hashes })
}

pub(crate) fn graph(plan: &Plan) -> Result<Graph, BuildFailure> {
    Graph::of_image(plan.block_device.nodes.clone())
        .map_err(|e| BuildFailure::new(e).doing("reading the block device of the plan"))
}
