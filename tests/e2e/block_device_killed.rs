//! `dibhost block-device build` and `install`, killed by SIGKILL on the way.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use dibhost_tests::leftovers::Snapshot;
use dibhost_tests::program::{Dibhost, Running};
use dibhost_tests::{dibhost, disk, tool};
use rustix::process::Signal;

use crate::block_device::{LoopDisk, layout, names};

/// Nothing here takes as long.
const LONG: Duration = Duration::from_secs(240);
const MIB: usize = 1 << 20;

/// A tree that takes a while to write: 256 MiB that no two pieces of are alike.
fn tree(dibhost: &Dibhost) -> Result<String> {
    let root = dibhost.folder().join("root");
    fs::create_dir_all(root.join("boot"))?;
    fs::write(root.join("boot/vmlinuz"), "kernel\n")?;
    let mut random = File::open("/dev/urandom")?;
    for number in 0..16 {
        let mut file = File::create(root.join(format!("large-{number}")))?;
        std::io::copy(&mut std::io::Read::take(&mut random, 16 * MIB as u64), &mut file)?;
        file.flush()?;
    }
    Ok(root.display().to_string())
}

/// Waits until something is so while a program runs.
fn wait_until(running: &Running, what: &str, so: impl Fn() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !so()? {
        let stat = fs::read_to_string(format!("/proc/{}/stat", running.id()))?;
        let ended = stat.contains(") Z ");
        ensure!(!ended, "dibhost ended before {what}:\n{}", running.said());
        if begun.elapsed() > LONG {
            bail!("{what} did not come:\n{}", running.said());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn scratch(folder: &Path) -> Result<Option<PathBuf>> {
    let names = names(folder)?;
    let name = names.iter().find(|name| name.starts_with(".dibhost-scratch-"));
    Ok(name.map(|name| folder.join(name)))
}

/// Bytes that the file of the first disk takes in the scratch folder.
fn written(folder: &Path) -> Result<Option<u64>> {
    let Some(scratch) = scratch(folder)? else { return Ok(None) };
    // It may come and go between two looks.
    Ok(fs::metadata(scratch.join("made/disk")).ok().map(|file| file.blocks() * 512))
}

/// Whether there is a new loop device on something.
fn loop_device_on(before: &Snapshot, below: &str) -> Result<bool> {
    let left = before.left()?;
    Ok(left.iter().any(|line| line.starts_with("loop device: ") && line.contains(below)))
}

#[test]
fn sigkill_leaves_nothing_in_the_kernel_and_files_until_the_next_build() -> Result<()> {
    for (backend, moment) in [
        ("file", "the scratch folder"),
        ("file", "the file of the disk"),
        ("file", "64 MiB of it"),
        ("loop", "a loop device"),
        ("loop", "64 MiB of it"),
    ] {
        let dibhost = dibhost()?;
        let tree = tree(&dibhost)?;
        let file = dibhost.write("layout.toml", &layout("ext4"))?.display().to_string();
        let out = dibhost.folder().join("out");
        fs::create_dir(&out)?;
        // Somebody else's, whatever it is called.
        let other = out.join(".dibhost-settings");
        fs::create_dir(&other)?;
        fs::write(other.join("precious"), "")?;
        let output = |name: &str| out.join(name).display().to_string();
        let args = |output: &str| {
            let args = ["block-device", "build", &file, "--tree", &tree, "-o", output];
            [&args[..], &["--backend", backend]].concat().iter().map(|a| (*a).to_owned()).collect()
        };
        let (one, two): (Vec<String>, Vec<String>) =
            (args(&output("one.raw")), args(&output("two.raw")));

        let before = Snapshot::take(&[])?;
        let running = dibhost.spawn(&one)?;
        wait_until(&running, moment, || {
            Ok(match moment {
                "the scratch folder" => scratch(&out)?.is_some(),
                "the file of the disk" => written(&out)?.is_some(),
                "a loop device" => loop_device_on(&before, &out.display().to_string())?,
                _ => written(&out)?.is_some_and(|bytes| bytes > 64 * MIB as u64),
            })
        })?;
        running.signal(Signal::KILL)?;
        running.wait(LONG)?;
        let context = || format!("`{backend}`, killed at {moment}");
        before.assert_none_left().with_context(context)?;
        let left = names(&out)?;
        ensure!(left.len() == 2 && scratch(&out)?.is_some(), "{}: {left:?}", context());

        // Two at a time: each removes what is left, and neither the other's.
        let (first, second) = (dibhost.spawn(&one)?, dibhost.spawn(&two)?);
        first.wait(LONG)?.expect_code(0).with_context(context)?;
        second.wait(LONG)?.expect_code(0).with_context(context)?;
        let left = names(&out)?;
        ensure!(left == [".dibhost-settings", "one.raw", "two.raw"], "{}: {left:?}", context());
        ensure!(other.join("precious").exists());
        for name in ["one.raw", "two.raw"] {
            disk::verify_gpt(&out.join(name))?;
        }
        before.assert_none_left().with_context(context)?;
    }
    Ok(())
}

#[test]
fn a_device_whose_installation_is_killed_is_not_taken_for_a_whole_one() -> Result<()> {
    let dibhost = dibhost()?;
    let tree = tree(&dibhost)?;
    let text = layout("ext4").replace("size = \"content\"", "size = \"rest\"");
    let file = dibhost.write("layout.toml", &text)?.display().to_string();
    let image = dibhost.folder().join("device");
    File::create(&image)?.set_len(512 << 20)?;
    let device = LoopDisk::of(&image)?;
    let args = ["block-device", "install", &file, "--tree", &tree, "--device", &device.0];
    dibhost.run(&args)?.expect_code(0)?;
    disk::verify_gpt(&image)?;

    // Again, over what is there now, which is the same to the byte in its first partition.
    let args = [&args[..], &["--overwrite", &device.0]].concat();
    let temporary = dibhost.folder().join("tmp");
    let before = Snapshot::take(&[])?;
    let running = dibhost.spawn(&args)?;
    wait_until(&running, "a loop device", || loop_device_on(&before, &device.0))?;
    running.signal(Signal::KILL)?;
    running.wait(LONG)?;
    before.assert_none_left()?;
    ensure!(scratch(&temporary)?.is_some(), "{:?}", names(&temporary)?);
    tool::run("blockdev", &["--flushbufs", &device.0])?;
    let said = tool::output("blkid", &["-p", &device.0])?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    ensure!(said.is_empty(), "something is found on it: {said}");

    // The next one neither needs `--overwrite` nor leaves anything.
    let args = ["block-device", "install", &file, "--tree", &tree, "--device", &device.0];
    dibhost.run(&args)?.expect_code(0)?;
    tool::run("blockdev", &["--flushbufs", &device.0])?;
    disk::verify_gpt(&image)?;
    ensure!(scratch(&temporary)?.is_none(), "{:?}", names(&temporary)?);
    Ok(())
}
