//! Presets of the block device and layouts of a definition's own, each booted to its login prompt by
//! a Debian of its own.
//!
//! They take minutes each and run under `make test-all`; what Debian's kernel finds on such disks is
//! looked at in every run (`vm` of the block device), and `vm`, `contents` and `elements` boot.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dibhost_machine::{BOOT, Firmware, Machine};
use dibhost_tests::{Dibhost, dibhost, disk, machine, tool};

const PASSPHRASE: &str = "correct horse battery staple";

/// A small Debian on a preset.
fn on_preset(preset: &str) -> String {
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
    text
}

/// Builds a definition; the paths of its disks.
fn build(dibhost: &Dibhost, name: &str, text: &str, disks: &[&str]) -> Result<Vec<PathBuf>> {
    let definition = dibhost.write(&format!("{name}.toml"), text)?;
    let definition = definition.to_str().context("a path in UTF-8")?;
    let output = format!("{name}.qcow2");
    dibhost.run(&["build", definition, "-o", &output, "-t", "qcow2"])?.expect_code(0)?;
    let path = |disk: &&str| {
        let dot = if disk.is_empty() { "" } else { "." };
        dibhost.folder().join(format!("{name}{dot}{disk}.qcow2"))
    };
    let paths: Vec<PathBuf> = disks.iter().map(path).collect();
    for path in &paths {
        ensure!(path.exists(), "there is no {}", path.display());
    }
    Ok(paths)
}

fn boots(preset: &str, firmware: Firmware, sector_size: u32, disks: &[&str]) -> Result<()> {
    let dibhost = dibhost()?.env("DISK", PASSPHRASE);
    let disks = build(&dibhost, preset, &on_preset(preset), disks)?;
    let (first, others) = disks.split_first().context("an image has a disk")?;
    let machine = machine(first).firmware(firmware).sector_size(sector_size);
    others.iter().fold(machine, |machine, disk| machine.disk(disk)).see(|machine| {
        if preset.contains("luks") {
            machine.wait_for("Please unlock disk", BOOT)?;
            machine.type_line(PASSPHRASE)?;
        }
        machine.wait_for(&format!("{preset} login:"), BOOT)?;
        Ok(())
    })
}

/// Boots what a definition's own nodes make, without a preset and without `vm`. `says` is what the
/// console has said on the way.
fn own_layout_boots(name: &str, nodes: &str, says: &[&str]) -> Result<()> {
    let dibhost = dibhost()?;
    let text = format!(
        "block-device = [\n{nodes}]\n[image]\nname = \"{name}\"\narch = \"amd64\"\n\
         elements = [\"debian-minimal\", \"bootloader\", \"serial-console\"]\n\
         [parameters.kernel]\narguments = [\"no_timer_check\"]\n"
    );
    let disks = build(&dibhost, name, &text, &[""])?;
    machine(&disks[0]).see(|machine| {
        machine.wait_for(&format!("{name} login:"), BOOT)?;
        for line in says {
            machine.wait_for(line, Duration::ZERO)?;
        }
        Ok(())
    })
}

#[test]
#[ignore = "long: under `make test-all`"]
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
fn folders_that_are_written_to_on_volumes_of_their_own() -> Result<()> {
    boots("efi-lvm-cis", Firmware::Ovmf, 512, &[""])
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

/// GRUB finds its menu below the subvolume, the kernel is told of it, and `/home` is another: where
/// one of them is not found, nobody is asked to log in.
#[test]
#[ignore = "long: under `make test-all`"]
fn root_on_a_subvolume_of_btrfs() -> Result<()> {
    let dibhost = dibhost()?;
    let text = "[image]\nname = \"subvolumes\"\narch = \"amd64\"\nelements = [\"debian-minimal\", \
                \"vm\", \"serial-console\", \"block-device-btrfs\"]\n\
                [parameters.block-device-btrfs]\nsubvolumes = true\n";
    let definition = dibhost.write("subvolumes.toml", text)?;
    let definition = definition.to_str().context("a path in UTF-8")?;
    let plan = dibhost.run(&["plan", definition])?.expect_code(0)?.stdout;
    ensure!(plan.contains("loop"), "the back-end is not chosen: {plan}");
    let refused = dibhost.run(&["build", "--backend", "file", definition])?.expect_code(2)?;
    ensure!(refused.stderr.contains("`loop`"), "{}", refused.stderr);
    dibhost.run(&["build", definition])?.expect_code(0)?;
    let image = dibhost.folder().join("subvolumes.qcow2");
    let raw = disk::raw_of(&image, dibhost.folder())?;
    let partitions = disk::partitions(&raw)?;
    let root = partitions.last().context("a disk has a partition")?;
    let root = disk::extract(&raw, root, dibhost.folder())?.display().to_string();
    tool::run("btrfs", &["check", "--readonly", &root])?;
    let tree = tool::run("btrfs", &["inspect-internal", "dump-tree", "-t", "root", &root])?;
    for name in [" name @\n", " name @home\n"] {
        ensure!(tree.contains(name), "no {name} in {tree}");
    }
    let to_login = |machine: &mut Machine| -> Result<()> {
        machine.wait_for("subvolumes login:", BOOT)?;
        Ok(())
    };
    machine(&image).firmware(Firmware::SeaBios).see(to_login)
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

#[test]
#[ignore = "long: under `make test-all`"]
fn root_on_an_mbr_with_grub_behind_it() -> Result<()> {
    boots("mbr", Firmware::SeaBios, 512, &[""])
}

#[test]
#[ignore = "long: under `make test-all`"]
fn root_beside_var_home_and_swap_of_a_layout_of_its_own() -> Result<()> {
    let nodes = r#"
  { name = "disk", type = "disk", size = "3 GiB" },
  { name = "table", type = "gpt", on = "disk" },
  { name = "bios", type = "partition", on = "table", partition-type = "bios-boot", size = "content" },
  { name = "swap", type = "partition", on = "table", partition-type = "swap", size = "64 MiB" },
  { name = "var", type = "partition", on = "table", size = "30%", label = "var-data" },
  { name = "home", type = "partition", on = "table", partition-type = "home", size = "400 MiB" },
  { name = "root", type = "partition", on = "table", partition-type = "root-x86-64", size = "rest" },
  { name = "swap-fs", type = "swap", on = "swap", label = "swapspace" },
  { name = "var-fs", type = "filesystem", on = "var", format = "ext4", label = "VAR", mount = { at = "/var", by = "partuuid" } },
  { name = "home-fs", type = "filesystem", on = "home", format = "xfs", mount = { at = "/home", options = ["nodev"] } },
  { name = "root-fs", type = "filesystem", on = "root", format = "ext4", label = "system", mount = "/" },
"#;
    let says = ["Mounted var.mount", "Mounted home.mount", "Activated swap"];
    own_layout_boots("own", nodes, &says)
}

#[test]
#[ignore = "long: under `make test-all`"]
fn root_on_a_thin_volume() -> Result<()> {
    let nodes = r#"
  { name = "disk", type = "disk" },
  { name = "table", type = "gpt", on = "disk" },
  { name = "bios", type = "partition", on = "table", partition-type = "bios-boot", size = "1 MiB" },
  { name = "boot", type = "partition", on = "table", partition-type = "xbootldr", size = "content + 64 MiB" },
  { name = "lvm", type = "partition", on = "table", partition-type = "linux-lvm", size = "rest" },
  { name = "pv", type = "physical-volume", on = "lvm" },
  { name = "vg", type = "volume-group", on = "pv" },
  { name = "pool", type = "thin-pool", on = "vg", size = "content + 256 MiB" },
  { name = "system", type = "thin-volume", on = "vg", pool = "pool", size = "20 GiB" },
  { name = "data", type = "thin-volume", on = "vg", pool = "pool", size = "100 GiB" },
  { name = "boot-fs", type = "filesystem", on = "boot", format = "ext4", label = "boot", mount = "/boot" },
  { name = "root-fs", type = "filesystem", on = "system", format = "ext4", label = "system", mount = "/" },
  { name = "srv-fs", type = "filesystem", on = "data", format = "ext4", label = "srv", mount = "/srv" },
"#;
    own_layout_boots("thin", nodes, &["Mounted boot.mount", "Mounted srv.mount"])
}

#[test]
#[ignore = "long: under `make test-all`"]
fn root_on_a_logical_partition_of_an_mbr() -> Result<()> {
    let nodes = r#"
  { name = "disk", type = "disk" },
  { name = "table", type = "mbr", on = "disk", alignment = "4 KiB" },
  { name = "home", type = "partition", on = "table", size = "32 MiB" },
  { name = "swap", type = "partition", on = "table", partition-type = "82", size = "32 MiB", attributes = ["logical"] },
  { name = "root", type = "partition", on = "table", size = "rest", attributes = ["logical"] },
  { name = "swap-fs", type = "swap", on = "swap", label = "swap" },
  { name = "home-fs", type = "filesystem", on = "home", format = "ext4", label = "home", mount = "/home" },
  { name = "root-fs", type = "filesystem", on = "root", format = "ext4", label = "system", mount = "/" },
"#;
    own_layout_boots("logical", nodes, &["Mounted home.mount", "Activated swap"])
}
