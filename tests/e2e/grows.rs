//! `growroot` on disks that became larger: each layer up to the root filesystem is seen to grow at the
//! first boot, by a Debian of its own. They take minutes each and run under `make test-all`.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use dibhost_machine::{BOOT, Firmware, Key, Machine, SSH};
use dibhost_tests::{dibhost, machine, tool};

const PASSPHRASE: &str = "correct horse battery staple";
/// Larger than any of the images by more than the images are.
const GIB: u32 = 8;

/// Builds a definition's Debian, boots it on larger disks, and looks at what `/` has then.
fn grows(name: &str, text: &str, disks: &[&str], see: fn(&Machine) -> Result<()>) -> Result<()> {
    let dibhost = dibhost()?.env("DISK", PASSPHRASE);
    let definition = dibhost.write(&format!("{name}.toml"), text)?;
    let definition = definition.to_str().context("a path in UTF-8")?;
    dibhost.run(&["build", definition, "-o", name, "-t", "qcow2"])?.expect_code(0)?;
    let path = |disk: &&str| {
        let dot = if disk.is_empty() { "" } else { "." };
        dibhost.folder().join(format!("{name}{dot}{disk}.qcow2"))
    };
    let paths: Vec<_> = disks.iter().map(path).collect();
    let (first, others) = paths.split_first().context("an image has a disk")?;
    for other in others {
        larger(other)?;
    }
    let key = Key::generate(dibhost.folder())?;
    let machine = machine(first).firmware(Firmware::SeaBios).disk_gib(GIB).login("ada", &key);
    others.iter().fold(machine, |machine, disk| machine.disk(disk)).see(|machine| {
        if text.contains("[secrets]") {
            machine.wait_for("Please unlock disk", BOOT)?;
            machine.type_line(PASSPHRASE)?;
        }
        machine.wait_for("login:", BOOT)?;
        machine.wait_for_ssh(SSH)?;
        see(machine)?;
        let size: u64 = machine.ssh_text("df --output=size -B1 / | tail -n 1")?.trim().parse()?;
        let log = machine.ssh_text("sudo journalctl -b -u dibhost-growroot | cat")?;
        let disk = u64::from(GIB) << 30;
        ensure!(size > disk / 10 * 7, "the root has {size} bytes on a disk of {disk}:\n{log}");
        let failed = machine.ssh_text("systemctl --failed --no-legend --plain | cat")?;
        ensure!(failed.trim().is_empty(), "units that failed:\n{failed}{log}");
        Ok(())
    })
}

fn larger(image: &Path) -> Result<()> {
    let image = image.to_string_lossy();
    tool::run("qemu-img", &["resize", "-q", &image, &format!("{GIB}G")]).map(drop)
}

fn on_preset(name: &str, preset: &str, filesystem: &str) -> String {
    let parameters = format!("[parameters.{preset}]\nroot-filesystem = \"{filesystem}\"\n");
    let secret = match preset.contains("luks") {
        true => "passphrase = \"disk\"\n[secrets]\ndisk = { environment = \"DISK\" }\n",
        false => "",
    };
    format!(
        "[image]\nname = \"{name}\"\narch = \"amd64\"\n\
         elements = [\"debian\", \"vm\", \"serial-console\", \"growroot\", \"{preset}\"]\n\
         {parameters}{secret}"
    )
}

/// The partition, the physical volume, the logical volume, and before it is opened the encryption.
#[test]
#[ignore = "long: under `make test-all`"]
fn an_xfs_on_an_encrypted_logical_volume_grows() -> Result<()> {
    let text = on_preset("lvm-luks", "block-device-efi-lvm-luks", "xfs");
    grows("lvm-luks", &text, &[""], |machine| {
        let kinds =
            machine.ssh_text("lsblk -nlso FSTYPE $(findmnt -no SOURCE /) | tr '\\n' ' '")?;
        let wanted = "xfs crypto_LUKS LVM2_member";
        ensure!(
            kinds.split_whitespace().collect::<Vec<_>>().join(" ").starts_with(wanted),
            "{kinds}"
        );
        Ok(())
    })
}

#[test]
#[ignore = "long: under `make test-all`"]
fn an_ext4_on_a_logical_volume_of_an_encryption_grows() -> Result<()> {
    let text = on_preset("luks-lvm", "block-device-efi-luks-lvm", "ext4");
    grows("luks-lvm", &text, &[""], |_| Ok(()))
}

#[test]
#[ignore = "long: under `make test-all`"]
fn an_ext4_on_a_logical_volume_grows() -> Result<()> {
    grows("lvm", &on_preset("lvm", "block-device-efi-lvm", "ext4"), &[""], |_| Ok(()))
}

#[test]
#[ignore = "long: under `make test-all`"]
fn a_btrfs_on_two_mirrored_disks_grows() -> Result<()> {
    let text = on_preset("mirror", "block-device-raid1", "btrfs");
    grows("mirror", &text, &["disk0", "disk1"], |machine| {
        let detail = machine.ssh_text("sudo mdadm --detail $(findmnt -vno SOURCE /)")?;
        ensure!(detail.contains("Active Devices : 2"), "{detail}");
        Ok(())
    })
}

/// The extended partition of an MBR, and the logical one in it.
#[test]
#[ignore = "long: under `make test-all`"]
fn an_ext4_on_a_logical_partition_grows() -> Result<()> {
    let text = r#"
block-device = [
  { name = "disk", type = "disk" },
  { name = "table", type = "mbr", on = "disk" },
  { name = "swap", type = "partition", on = "table", partition-type = "82", size = "32 MiB" },
  { name = "root", type = "partition", on = "table", size = "content + 64 MiB", attributes = ["logical"] },
  { name = "swap-fs", type = "swap", on = "swap", label = "swap" },
  { name = "root-fs", type = "filesystem", on = "root", format = "ext4", label = "system", mount = "/" },
]
[image]
name = "logical"
arch = "amd64"
elements = ["debian", "bootloader", "serial-console", "growroot"]
[parameters.kernel]
arguments = ["no_timer_check"]
"#;
    grows("logical", text, &[""], |_| Ok(()))
}

/// Not the root alone: each volume by its share of what the disk has more.
#[test]
#[ignore = "long: under `make test-all`"]
fn volumes_grow_by_their_shares() -> Result<()> {
    let text = "[image]\nname = \"shares\"\narch = \"amd64\"\n\
         elements = [\"debian\", \"vm\", \"serial-console\", \"growvols\", \"block-device-efi-lvm\"]\n\
         [parameters.growvols]\nvolumes = { \"/home\" = \"1GiB\", \"/var\" = \"30%\", \"/\" = \"70%\" }\n";
    let dibhost = dibhost()?;
    dibhost.write("shares.toml", text)?;
    dibhost.run(&["build", "shares.toml", "-o", "shares", "-t", "qcow2"])?.expect_code(0)?;
    let key = Key::generate(dibhost.folder())?;
    let image = machine(dibhost.folder().join("shares.qcow2")).firmware(Firmware::SeaBios);
    image.disk_gib(GIB).login("ada", &key).see(|machine| {
        machine.wait_for("login:", BOOT)?;
        machine.wait_for_ssh(SSH)?;
        let log =
            machine.ssh_text("sudo journalctl -b -u dibhost-growvols | cat; sudo lvs; sudo vgs")?;
        let size = |at: &str| -> Result<u64> {
            let said = machine.ssh_text(&format!("df --output=size -BM {at} | tail -n 1"))?;
            Ok(said.trim().trim_end_matches('M').parse()?)
        };
        let (root, var, home) = (size("/")?, size("/var")?, size("/home")?);
        ensure!(home > 900 && home < 1600, "/home has {home} MiB:\n{log}");
        ensure!(var > 1500 && var < 3500, "/var has {var} MiB:\n{log}");
        ensure!(root > 3500, "/ has {root} MiB:\n{log}");
        let failed = machine.ssh_text("systemctl --failed --no-legend --plain | cat")?;
        ensure!(failed.trim().is_empty(), "units that failed:\n{failed}{log}");
        // What is there is not shared out once more.
        machine.ssh_text("sudo systemctl restart dibhost-growvols")?;
        ensure!((root, var, home) == (size("/")?, size("/var")?, size("/home")?), "{log}");
        Ok(())
    })
}
