//! Each preset of the block device, booted to its login prompt by a Debian of its own.
//!
//! One of them in every run: what is below its root is the deepest. The others take minutes each
//! and run under `make test-all`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::qemu::{BOOT, Firmware, Machine};
use dibhost_tests::{Dibhost, dibhost};

const PASSPHRASE: &str = "correct horse battery staple";

/// Builds a small Debian on a preset; the paths of its disks.
fn build(dibhost: &Dibhost, preset: &str, disks: &[&str]) -> Result<Vec<PathBuf>> {
    let mut text = format!(
        "[image]\nname = \"{preset}\"\narch = \"amd64\"\n\
         elements = [\"debian-minimal\", \"vm\", \"serial-console\", \"block-device-{preset}\"]\n"
    );
    if preset.contains("luks") {
        text.push_str(&format!(
            "[secrets]\ndisk = {{ environment = \"DISK\" }}\n\
             [parameters.block-device-{preset}]\npassphrase = \"disk\"\n"
        ));
    }
    let definition = dibhost.write(&format!("{preset}.toml"), &text)?;
    let definition = definition.to_str().context("a path in UTF-8")?;
    let output = format!("{preset}.qcow2");
    dibhost.run(&["build", definition, "-o", &output, "-t", "qcow2"])?.expect_code(0)?;
    let path = |disk: &&str| {
        let dot = if disk.is_empty() { "" } else { "." };
        dibhost.folder().join(format!("{preset}{dot}{disk}.qcow2"))
    };
    let paths: Vec<PathBuf> = disks.iter().map(path).collect();
    for path in &paths {
        ensure!(path.exists(), "there is no {}", path.display());
    }
    Ok(paths)
}

fn boots(preset: &str, firmware: Firmware, sector_size: u32, disks: &[&str]) -> Result<()> {
    let dibhost = dibhost()?.env("DISK", PASSPHRASE);
    let disks = build(&dibhost, preset, disks)?;
    let (first, others) = disks.split_first().context("an image has a disk")?;
    let machine = Machine::of(first).firmware(firmware).sector_size(sector_size);
    let mut machine = others.iter().fold(machine, |machine, disk| machine.disk(disk)).boot()?;
    if preset.contains("luks") {
        machine.wait_for("Please unlock disk", BOOT)?;
        machine.type_line(PASSPHRASE)?;
    }
    machine.wait_for(&format!("{preset} login:"), BOOT)?;
    Ok(())
}

#[test]
fn root_on_a_logical_volume_on_an_encrypted_partition() -> Result<()> {
    boots("efi-luks-lvm", Firmware::SeaBios, 512, &[""])
}

#[test]
#[ignore = "long: under `make test-all`"]
fn root_on_an_encrypted_logical_volume() -> Result<()> {
    boots("efi-lvm-luks", Firmware::SeaBios, 512, &[""])
}

#[test]
#[ignore = "long: under `make test-all`"]
fn root_on_an_encrypted_partition() -> Result<()> {
    boots("efi-luks", Firmware::Ovmf, 512, &[""])
}

#[test]
#[ignore = "long: under `make test-all`"]
fn root_on_a_logical_volume() -> Result<()> {
    boots("efi-lvm", Firmware::SeaBios, 512, &[""])
}

#[test]
#[ignore = "long: under `make test-all`"]
fn root_on_two_mirrored_disks() -> Result<()> {
    boots("raid1", Firmware::SeaBios, 512, &["disk0", "disk1"])
}

#[test]
#[ignore = "long: under `make test-all`"]
fn root_on_btrfs() -> Result<()> {
    boots("btrfs", Firmware::SeaBios, 512, &[""])
}

#[test]
#[ignore = "long: under `make test-all`"]
fn root_beside_usr_with_its_hashes() -> Result<()> {
    boots("verity", Firmware::SeaBios, 512, &[""])
}

#[test]
#[ignore = "long: under `make test-all`"]
fn root_on_a_disk_of_large_sectors() -> Result<()> {
    boots("efi-4k", Firmware::Ovmf, 4096, &[""])
}

#[test]
#[ignore = "long: under `make test-all`"]
fn root_on_a_gpt_that_a_bios_starts() -> Result<()> {
    boots("gpt", Firmware::SeaBios, 512, &[""])
}

#[test]
#[ignore = "long: under `make test-all`"]
fn root_on_a_gpt_that_both_start() -> Result<()> {
    boots("efi", Firmware::Ovmf, 512, &[""])
}
