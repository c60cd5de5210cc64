//! Writes all of a layout: what volumes are made of, what is in them, what starts them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use dibhost_filesystems::Tree;
use dibhost_volumes::grub;

use super::error::RealiseError;
use super::means::{Means, Realise, Realised};
use super::{filesystems, volumes};
use crate::layout::{GrubLayout, Layout};
use crate::stack::Stack;

/// Writes all of a layout to the files of its disks.
pub(crate) fn write(
    layout: &Layout,
    tree: &mut dyn Tree,
    to: &Realise<'_>,
    files: &BTreeMap<String, File>,
    paths: &BTreeMap<&str, &Path>,
    means: &Means<'_>,
) -> Result<Realised, RealiseError> {
    let pools = |source| RealiseError::Write { node: "thin pools".to_owned(), source };
    let mut stack = Stack::new(layout, files).map_err(pools)?;
    volumes::make(&mut stack, to, means)?;
    filesystems::make(&stack, tree, to, paths, means)?;
    let realised = volumes::seal(&stack, to)?;
    volumes::seal_pools(&stack, tree, to, means.scratch)?;
    for grub in &layout.grub {
        boot(grub, files, tree)?;
    }
    to.cancel.check()?;
    Ok(realised)
}

fn boot(
    grub: &GrubLayout,
    files: &BTreeMap<String, File>,
    tree: &mut dyn Tree,
) -> Result<(), RealiseError> {
    let context = |source| RealiseError::Write { node: grub.node.clone(), source };
    let mut read = |(mount, below): &(String, String)| tree.read(mount, below, grub::MOST);
    let boot = read(&grub.boot_image).map_err(context)?;
    let core = read(&grub.core_image).map_err(context)?;
    grub::check(&boot, &core).map_err(|why| context(io::Error::other(why)))?;
    let missing = || context(io::Error::other("its disk has no file"));
    let file = files.get(&grub.disk).ok_or_else(missing)?;
    grub::write(file, grub.extent, &boot, &core).map_err(context)
}
