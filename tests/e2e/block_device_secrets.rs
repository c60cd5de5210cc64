//! Encryptions of `dibhost block-device build` and `install`, with secrets from the command line.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::program::Dibhost;
use dibhost_tests::{dibhost, disk, tool};

use crate::block_device::{LoopDisk, names};

/// Nothing else on this machine has these.
const PASSPHRASE: &str = "Pass-wK7tQz3nYe5bRd";
const KEY: &str = "Key-hJ4xVm8sLc2fGp";

const LUKS: &str = r#"
[[block-device]]
name = "disk"
type = "disk"

[[block-device]]
name = "table"
type = "gpt"
on = "disk"

[[block-device]]
name = "root"
type = "partition"
on = "table"
size = "content"

[[block-device]]
name = "opened"
type = "luks"
on = "root"
secrets = ["passphrase", "key"]

[[block-device]]
name = "filesystem"
type = "filesystem"
on = "opened"
format = "ext4"
mount = "/"
"#;

/// A tree, the layout, a file for each secret, and one that is no secret's.
fn prepare(dibhost: &Dibhost) -> Result<()> {
    let root = dibhost.folder().join("root");
    fs::create_dir_all(&root)?;
    fs::write(root.join("hello"), "world\n")?;
    dibhost.write("layout.toml", LUKS)?;
    dibhost.write("passphrase", PASSPHRASE)?;
    dibhost.write("key", KEY)?;
    dibhost.write("wrong", "correct horse")?;
    // Its home and folder for temporary files are there.
    dibhost.command::<&str>(&[])?;
    Ok(())
}

/// Whether a process was started by this one, or by one that was. Other tests type secrets.
fn is_ours(process: &Path) -> bool {
    let mut process = process.to_owned();
    loop {
        let Ok(status) = fs::read_to_string(process.join("status")) else { return false };
        let above = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        match above.map(str::trim).and_then(|above| above.parse::<u32>().ok()) {
            Some(above) if above == std::process::id() => return true,
            Some(above) if above > 1 => process = Path::new("/proc").join(above.to_string()),
            _ => return false,
        }
    }
}

/// Every command line and environment of what this test started with a secret in it, seen until told to
/// stop; and how often `cryptsetup` was seen.
fn watch(stop: &AtomicBool, seen: &AtomicUsize) -> Vec<String> {
    let mut found = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            if !is_ours(&entry.path()) {
                continue;
            }
            for file in ["cmdline", "environ"] {
                let Ok(text) = fs::read(entry.path().join(file)) else { continue };
                let text = String::from_utf8_lossy(&text).replace('\0', " ");
                seen.fetch_add(usize::from(text.starts_with("cryptsetup ")), Ordering::Relaxed);
                if [PASSPHRASE, KEY].iter().any(|secret| text.contains(secret)) {
                    found.push(format!("{file}: {text}"));
                }
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    found
}

/// Runs it while command lines are watched; it ends well and says no secret.
fn run_watched(dibhost: &Dibhost, args: &[&str]) -> Result<()> {
    let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let watching = std::thread::spawn({
        let (stop, seen) = (Arc::clone(&stop), Arc::clone(&seen));
        move || watch(&stop, &seen)
    });
    let said = dibhost.run(args);
    stop.store(true, Ordering::Relaxed);
    let found = watching.join().ok().context("the watching thread")?;
    let said = said?.expect_code(0)?;
    ensure!(seen.load(Ordering::Relaxed) > 0, "`cryptsetup` was not seen, so nothing was watched");
    ensure!(found.is_empty(), "{found:?}");
    for secret in [PASSPHRASE, KEY] {
        ensure!(!said.stdout.contains(secret) && !said.stderr.contains(secret));
    }
    Ok(())
}

fn opens(volume: &Path, key: &Path) -> Result<bool> {
    let (volume, key) = (volume.display().to_string(), key.display().to_string());
    let args = ["open", "--test-passphrase", "--disable-locks", "--key-file", &key, &volume];
    Ok(tool::output("cryptsetup", &args)?.status.success())
}

/// The partition of a disk is LUKS2 that both secrets open, and nothing else does.
fn check(dibhost: &Dibhost, raw: &Path) -> Result<()> {
    disk::verify_gpt(raw)?;
    let volume = disk::extract(raw, &disk::partitions(raw)?[0], dibhost.folder())?;
    let file = |name: &str| dibhost.folder().join(name);
    ensure!(opens(&volume, &file("passphrase"))? && opens(&volume, &file("key"))?);
    ensure!(!opens(&volume, &file("wrong"))?);
    let disk = raw.display().to_string();
    for secret in [PASSPHRASE, KEY] {
        let found = tool::output("grep", &["-qaF", secret, &disk])?;
        ensure!(found.status.code() == Some(1), "{secret} is on the disk");
    }
    // What is in it, by the secret.
    let secret = format!("passphrase={}", file("passphrase").display());
    let args = ["block-device", "inspect", &disk, "--secret", &secret];
    let said = dibhost.run(&args)?.expect_code(0)?;
    ensure!(said.stdout.contains("ext4"), "{}", said.stdout);
    Ok(())
}

#[test]
fn both_back_ends_encrypt_with_the_secrets_of_the_command_line() -> Result<()> {
    for backend in ["file", "loop"] {
        let dibhost = dibhost()?;
        prepare(&dibhost)?;
        let args = ["block-device", "build", "layout.toml", "--tree", "root", "-o", "disk.raw"];
        let secrets = ["--secret", "passphrase=passphrase", "--secret", "key=key"];
        run_watched(&dibhost, &[&args[..], &secrets, &["--backend", backend]].concat())?;
        check(&dibhost, &dibhost.folder().join("disk.raw"))?;
    }
    Ok(())
}

#[test]
fn a_device_is_encrypted_with_the_secrets_of_the_command_line() -> Result<()> {
    let dibhost = dibhost()?;
    prepare(&dibhost)?;
    let image = dibhost.folder().join("device");
    fs::File::create(&image)?.set_len(128 << 20)?;
    let device = LoopDisk::of(&image)?;
    let args = ["block-device", "install", "layout.toml", "--tree", "root", "--device", &device.0];
    let secrets = ["--secret", "passphrase=passphrase", "--secret", "key=key"];
    run_watched(&dibhost, &[&args[..], &secrets].concat())?;
    tool::run("blockdev", &["--flushbufs", &device.0])?;
    check(&dibhost, &image)
}

#[test]
fn a_wrong_secret_stops_before_anything_is_written() -> Result<()> {
    let dibhost = dibhost()?;
    prepare(&dibhost)?;
    dibhost.write("empty", "")?;
    let image = dibhost.folder().join("device");
    fs::write(&image, vec![0xa5; 32 << 20])?;
    let device = LoopDisk::of(&image)?;
    let out = dibhost.folder().join("out");
    fs::create_dir(&out)?;
    let build = ["block-device", "build", "layout.toml", "--tree", "root", "-o", "out/disk.raw"];
    let install = ["block-device", "install", "layout.toml", "--tree", "root", "--device"];
    let install = [&install[..], &[&device.0]].concat();
    let dry = [&install[..], &["--dry-run"]].concat();
    for (secrets, told) in [
        (&[][..], "node `opened`: nobody said what its secret `passphrase` is"),
        (&["passphrase=passphrase"], "add `--secret key=FILE`"),
        (
            &["passphrase=passphrase", "key=there-is-none"],
            "the secret `key`: reading there-is-none",
        ),
        (&["passphrase=passphrase", "key=empty"], "reading empty: it is empty"),
        (&["passphrase=passphrase", "kye=key"], "its encryptions have `key`, `passphrase`"),
        (&["key=key", "key=key"], "`--secret key=` is there twice"),
        (&[PASSPHRASE], "`--secret` needs a name and a file"),
    ] {
        for args in [&build[..], &install, &dry] {
            let secrets = secrets.iter().flat_map(|secret| ["--secret", secret]);
            let args: Vec<&str> = args.iter().copied().chain(secrets).collect();
            let said = dibhost.run(&args)?.expect_code(2)?;
            ensure!(said.stderr.contains(told), "{told} is not in {}", said.stderr);
            ensure!(!said.stderr.contains(PASSPHRASE), "it shows the secret");
        }
    }
    ensure!(names(&out)?.is_empty(), "{:?}", names(&out)?);
    tool::run("blockdev", &["--flushbufs", &device.0])?;
    ensure!(fs::read(&image)?.iter().all(|byte| *byte == 0xa5), "it was written to");
    Ok(())
}
