//! An image without `vm`: one filesystem, as DIB makes it.

use anyhow::{Result, ensure};
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
        std::fs::create_dir(dibhost.folder().join(name))?;
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
