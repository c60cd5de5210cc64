//! `scripts/show-image`: what it prints works, and leaves the image as it is.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{repository, tool, work_folder};

#[test]
fn the_disk_that_is_printed_is_larger_than_the_image() -> Result<()> {
    let folder = work_folder()?;
    let image = folder.path().join("small.qcow2");
    let name = image.to_str().context("a path in UTF-8")?;
    tool::run("qemu-img", &["create", "-q", "-f", "qcow2", name, "64M"])?;
    let before = std::fs::read(&image)?;
    let script = repository().join("scripts/show-image");
    let shown = Command::new(script).arg(name).output()?;
    ensure!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    let shown = String::from_utf8(shown.stdout)?;
    let commands: Vec<&str> =
        shown.lines().map(str::trim).filter(|line| line.starts_with("qemu-img ")).collect();
    ensure!(commands.len() == 2, "{shown}");
    let done = Command::new("sh")
        .args(["-ec", &commands.join("\n")])
        .current_dir(folder.path())
        .output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let tried = folder.path().join("try.qcow2");
    let about = tool::run("qemu-img", &["info", tried.to_str().context("a path in UTF-8")?])?;
    let bytes = (64 << 20) + (10_u64 << 30);
    ensure!(about.contains(&format!("({bytes} bytes)")), "{about}");
    ensure!(std::fs::read(&image)? == before, "the image was written to");
    ensure!(shown.contains("-drive file=try.qcow2,"), "{shown}");
    Ok(())
}
