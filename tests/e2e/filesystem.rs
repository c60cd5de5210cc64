//! An image without `vm`: one filesystem, as DIB makes it, by both back-ends.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{dibhost, disk, tool};

use crate::languages;

#[test]
fn without_vm_the_image_is_one_labelled_ext4() -> Result<()> {
    let dibhost = dibhost()?;
    dibhost.run(&["build", "-o", "x", "-t", "raw", "debian-minimal"])?.expect_code(0)?;
    let raw = dibhost.folder().join("x.raw");
    disk::check_ext4(&raw)?;
    let superblock = disk::superblock(&raw)?;
    let label = superblock.get("Filesystem volume name").map(String::as_str);
    ensure!(label == Some("cloudimg-rootfs"), "labelled {label:?}");
    let slack = disk::slack(&raw, dibhost.folder())?;
    ensure!(slack <= 1.15, "{slack:.3} times what `resize2fs -M` leaves of it");
    let fstab = disk::read_file(&raw, "/etc/fstab")?.unwrap_or_default();
    ensure!(String::from_utf8_lossy(&fstab).contains("LABEL=cloudimg-rootfs"));
    ensure!(disk::list(&raw, "/tmp")?.iter().all(|name| name == "." || name == ".."));
    Ok(())
}

/// With elements in four languages, and whatever runs side by side.
#[test]
fn two_builds_of_one_plan_are_equal_bit_by_bit() -> Result<()> {
    let dibhost = dibhost()?;
    languages::definition(&dibhost, "debian-minimal", "")?;
    for (name, jobs) in [("a", "1"), ("b", "4")] {
        fs::create_dir(dibhost.folder().join(name))?;
        let output = format!("{name}/menu");
        let build = ["build", "-o", &output, "--jobs", jobs, "menu.toml"];
        dibhost.run(&build)?.expect_code(0)?;
    }
    let images = ["a", "b"].map(|name| dibhost.folder().join(name).join("menu.raw"));
    languages::check_menus(&images[0])?;
    let compared = tool::output("cmp", &images)?;
    ensure!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stdout));
    Ok(())
}

/// A mounted image, unmounted when it goes.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn of(raw: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (raw, at) = (raw.display().to_string(), folder.path().display().to_string());
        tool::run("mount", &["-o", "ro,loop,noload", &raw, &at])?;
        Ok(Self(folder))
    }

    /// Of each path what it is, whose, since when, and how many names it has.
    fn listing(&self) -> Result<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                let stat = fs::symlink_metadata(&path)?;
                let size = if stat.is_dir() { 0 } else { stat.size() };
                let (mode, owner) = (stat.mode(), (stat.uid(), stat.gid()));
                let told = format!(
                    "{mode:o} {owner:?} {} {size} {} {}",
                    stat.mtime(),
                    stat.nlink(),
                    stat.rdev()
                );
                let name = path.strip_prefix(self.0.path())?.display().to_string();
                found.insert(name, told);
                if stat.is_dir() {
                    folders.push(path);
                }
            }
        }
        Ok(found)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = tool::run("umount", &[self.0.path()]);
    }
}

#[test]
fn both_back_ends_make_the_same_image() -> Result<()> {
    let dibhost = dibhost()?;
    let mut images = Vec::new();
    for backend in ["file", "loop"] {
        // The name is the image's, from which UUIDs are derived.
        fs::create_dir(dibhost.folder().join(backend))?;
        let output = format!("{backend}/image.raw");
        let build = ["build", "--backend", backend, "-o", &output, "debian-minimal"];
        dibhost.run(&build)?.expect_code(0)?;
        let raw = dibhost.folder().join(output);
        disk::check_ext4(&raw)?;
        let superblock = disk::superblock(&raw)?;
        let named: Vec<_> = ["Filesystem UUID", "Filesystem volume name", "Block count"]
            .iter()
            .map(|field| superblock.get(*field).cloned())
            .collect();
        images.push((named, Mounted::of(&raw)?));
    }
    let [(named, by_file), (also_named, by_loop)] = &images[..] else { unreachable!() };
    ensure!(named == also_named, "{named:?} and {also_named:?}");
    let (files, also_files) = (by_file.listing()?, by_loop.listing()?);
    ensure!(files.len() > 5000, "{} files", files.len());
    for (path, told) in &files {
        let also = also_files.get(path).with_context(|| format!("`loop` made no {path}"))?;
        ensure!(told == also, "{path}: {told} by `file`, {also} by `loop`");
    }
    ensure!(files.len() == also_files.len(), "`loop` made more");
    let both = [by_file.0.path(), by_loop.0.path()].map(|path| path.display().to_string());
    let differs = tool::output("diff", &["-r", "--no-dereference", &both[0], &both[1]])?;
    let said = String::from_utf8_lossy(&differs.stdout).into_owned();
    ensure!(differs.status.success(), "{said}");
    let attributes = |path: &str| -> Result<String> {
        let output = std::process::Command::new("getfattr")
            .args(["-R", "-h", "-d", "-m", "-", "."])
            .current_dir(path)
            .output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    ensure!(attributes(&both[0])? == attributes(&both[1])?, "their extended attributes differ");
    Ok(())
}
