//! The finished tree in files: an archive, a squashfs. Programs of the builder make them where the tree is
//! read, in their box.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use dibhost_filesystems::{Compressor, Tree as _, squashfs_of};
use dibhost_image::{Container, Format, Scratch, TreeFiles};
use dibhost_plan::Plan;
use dibhost_sys::Program;
use dibhost_tree::Workshop;

use crate::disk::TreeInParts;
use crate::failure::BuildFailure;
use crate::finish::{epoch, room};

/// Makes what these formats are made of, in the scratch folder.
pub(crate) fn make(
    tree: &mut dyn Workshop,
    plan: &Plan,
    formats: &[Format],
    scratch: &Scratch,
) -> Result<TreeFiles, BuildFailure> {
    let container = Container {
        name: plan.image.name.clone(),
        arch: plan.image.arch.clone(),
        created: plan.image.source_date_epoch,
    };
    let mut files = TreeFiles { container, ..TreeFiles::default() };
    let wanted = || formats.iter().filter(|format| !format.is_of_disk());
    if wanted().next().is_none() {
        return Ok(files);
    }
    let nobody_mounts = Program::new("false");
    let mut tree = TreeInParts::split(tree, &[], nobody_mounts)
        .map_err(|e| BuildFailure::new(e).doing("showing the tree"))?;
    let content = tree.content().map_err(BuildFailure::new)?;
    room(content, (scratch.path(), scratch.place()))?;
    if wanted().any(|format| *format != Format::Squashfs) {
        let made = in_file(&mut tree, scratch, "tree.tar", tar);
        files.tar = Some(made.map_err(|e| e.doing("making an archive of the tree"))?);
    }
    if wanted().any(|format| *format == Format::Squashfs) {
        let squashfs =
            |part: &Path, to: &Path| squashfs_of(part, to, Compressor::Zstd, epoch(plan));
        let made = in_file(&mut tree, scratch, "tree.squashfs", squashfs);
        files.squashfs = Some(made.map_err(|e| e.doing("making a squashfs of the tree"))?);
    }
    Ok(files)
}

/// Has a program write a new file of the scratch folder.
fn in_file(
    tree: &mut TreeInParts<'_>,
    scratch: &Scratch,
    name: &str,
    program: impl FnOnce(&Path, &Path) -> Program,
) -> Result<PathBuf, BuildFailure> {
    let path = scratch.path().join(name);
    let file = OpenOptions::new().write(true).create_new(true).open(&path);
    let file = file.map_err(BuildFailure::new)?;
    let own = file.metadata().map_err(BuildFailure::new)?.permissions();
    // The program is nobody here: until it has ended, nobody may write the file.
    tree.admit(&file, true).map_err(BuildFailure::new)?;
    let program = program(tree.part("/"), &path);
    tree.program(&program).map_err(BuildFailure::new)?;
    file.set_permissions(own).map_err(BuildFailure::new)?;
    Ok(path)
}

/// Sorted, with all that a file of the tree has but the times of its last reading and change.
fn tar(part: &Path, to: &Path) -> Program {
    Program::new("tar")
        .args(["--create", "--sort=name", "--format=posix", "--numeric-owner"])
        .arg("--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime")
        .args(["--xattrs", "--xattrs-include=*", "--acls", "--selinux"])
        .arg("--file")
        .arg(to)
        .arg("--directory")
        .arg(part)
        .arg(".")
}
