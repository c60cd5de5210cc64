//! The finished tree in files: an archive, a squashfs. Programs of the builder make them where the tree is
//! read, in their box.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use dibhost_filesystems::Tree as _;
use dibhost_image::{Container, Format, Scratch, TreeFiles};
use dibhost_plan::Plan;
use dibhost_sys::Program;
use dibhost_tree::Workshop;

use crate::disk::TreeInParts;
use crate::failure::BuildFailure;
use crate::finish::{epoch, room};

/// Makes what the plan's formats are made of, in the scratch folder.
pub(crate) fn make(
    tree: &mut dyn Workshop,
    plan: &Plan,
    scratch: &Scratch,
) -> Result<TreeFiles, BuildFailure> {
    let wanted = || plan.image.formats.iter().filter(|format| !format.is_of_disk());
    let container = Container {
        name: plan.image.name.clone(),
        arch: plan.image.arch.clone(),
        created: plan.image.source_date_epoch,
    };
    let mut files = TreeFiles { container, ..TreeFiles::default() };
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
        let time = epoch(plan).max(0).to_string();
        let squashfs = |part: &Path, to: &Path| squashfs(part, to).env("SOURCE_DATE_EPOCH", &time);
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
    let run = |tree: &mut TreeInParts<'_>, file: &File| {
        let own = file.metadata().map_err(BuildFailure::new)?.permissions();
        // The program is nobody here, and it is its file until it has ended.
        tree.admit(file, true).map_err(BuildFailure::new)?;
        let program = program(tree.part("/"), &path);
        tree.program(&program).map_err(BuildFailure::new)?;
        let own = Permissions::from_mode(own.mode());
        file.set_permissions(own).map_err(|error: io::Error| BuildFailure::new(error))
    };
    run(tree, &file)?;
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

fn squashfs(part: &Path, to: &Path) -> Program {
    Program::new("mksquashfs")
        .arg(part)
        .arg(to)
        .args(["-noappend", "-no-progress", "-no-recovery", "-quiet", "-xattrs"])
        .args(["-reproducible", "-comp", "zstd"])
        // Of its queues; else a quarter of the machine's.
        .args(["-mem", "512M"])
}
