//! The image of the README: built, looked at by the field's own tools, booted.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use dibhost_machine::{BOOT, Firmware, Key, SSH};
use dibhost_tests::disk;
use dibhost_tests::leftovers::Snapshot;
use dibhost_tests::{dibhost, machine, repository, tool};

#[test]
fn a_debian_image_boots_and_lets_its_user_in() -> Result<()> {
    lets_its_user_in(Firmware::Ovmf)
}

#[test]
#[ignore = "long: under `make test-all`; `contents` and `elements` boot under this firmware"]
fn a_debian_image_boots_under_the_other_firmware_too() -> Result<()> {
    lets_its_user_in(Firmware::SeaBios)
}

fn lets_its_user_in(firmware: Firmware) -> Result<()> {
    let dibhost = dibhost()?;
    let out = dibhost.folder().join("out");
    std::fs::create_dir(&out)?;
    let before = Snapshot::take(&[&out])?;
    let definition = repository().join("examples/debian-vm.toml");
    let definition = definition.to_str().context("the repository's path is text")?;
    dibhost
        .run(&["build", definition, "-o", "out/debian-vm.qcow2", "-t", "qcow2,raw"])?
        .expect_code(0)?;

    let beside = ["qcow2", "qcow2.sha256", "raw", "raw.sha256", "manifest.json"];
    let left = before.left_but(&beside.map(|ending| out.join(format!("debian-vm.{ending}"))))?;
    ensure!(left.is_empty(), "left behind: {left:?}");
    let image = out.join("debian-vm.qcow2");
    tool::run("sh", &["-c", &format!("cd {} && sha256sum -c *.sha256", out.display())])?;
    disk::check_qcow2(&image)?;
    check_disk(&out.join("debian-vm.raw"), dibhost.folder())?;
    let compression = &disk::information(&image)?["format-specific"]["data"]["compression-type"];
    ensure!(compression == "zstd", "compressed by {compression}");

    let key = Key::generate(dibhost.folder())?;
    boots(&image, firmware, &key).with_context(|| format!("booted under {firmware:?}"))
}

/// What `sgdisk`, `e2fsck`, `dumpe2fs` and `resize2fs` say of the disk, and what is in it.
fn check_disk(raw: &Path, work: &Path) -> Result<()> {
    disk::verify_gpt(raw)?;
    let partitions = disk::partitions(raw)?;
    ensure!(partitions.len() == 3, "{} partitions", partitions.len());
    let root = disk::extract(raw, &partitions[2], work)?;
    disk::check_ext4(&root)?;
    let superblock = disk::superblock(&root)?;
    let label = superblock.get("Filesystem volume name").map(String::as_str);
    ensure!(label == Some("cloudimg-rootfs"), "labelled {label:?}");
    let features = superblock.get("Filesystem features").cloned().unwrap_or_default();
    ensure!(features.split_whitespace().any(|f| f == "64bit"), "features {features}");
    let slack = disk::slack(&root, work)?;
    ensure!(slack <= 1.15, "the root is {slack:.3} times what `resize2fs -M` leaves of it");

    facts_met_in_one_phase(&root)?;

    let ssh = disk::list(&root, "/etc/ssh")?;
    ensure!(
        !ssh.iter().any(|name| name.starts_with("ssh_host_")),
        "host keys in the image: {ssh:?}"
    );
    let machine_id = disk::read_file(&root, "/etc/machine-id")?.context("no /etc/machine-id")?;
    ensure!(machine_id == b"uninitialized\n" || machine_id.is_empty(), "{machine_id:?}");
    let sources = disk::read_file(&root, "/etc/apt/sources.list.d/debian.sources")?;
    let sources = String::from_utf8(sources.context("the image has no package source")?)?;
    for suite in ["bookworm", "bookworm-updates", "bookworm-security"] {
        ensure!(sources.contains(&format!("Suites: {suite}\n")), "no {suite} in:\n{sources}");
    }
    let initramfs = disk::list(&root, "/boot")?;
    let initramfs: Vec<_> =
        initramfs.iter().filter(|name| name.starts_with("initrd.img-")).collect();
    ensure!(initramfs.len() == 1, "{initramfs:?}");
    Ok(())
}

/// Kernel arguments come from several elements, the operating system's description from another;
/// `bootloader` read them in the phase in which they were provided, and wrote them.
fn facts_met_in_one_phase(root: &Path) -> Result<()> {
    let read = |path: &str| -> Result<String> {
        let bytes = disk::read_file(root, path)?.with_context(|| format!("no {path}"))?;
        Ok(String::from_utf8(bytes)?)
    };
    for file in ["/etc/default/grub", "/boot/grub/grub.cfg"] {
        let text = read(file)?;
        ensure!(text.contains("console=tty0 console=ttyS0,115200"), "{file}:\n{text}");
    }
    let menu = read("/boot/grub/grub.cfg")?;
    ensure!(menu.contains("Debian"), "no name of the operating system in the menu:\n{menu}");
    ensure!(menu.contains("root=LABEL=cloudimg-rootfs"), "no root of the layout:\n{menu}");
    Ok(())
}

fn boots(image: &Path, firmware: Firmware, key: &Key) -> Result<()> {
    const GIB: u32 = 6;
    machine(image).firmware(firmware).disk_gib(GIB).login("ada", key).see(|machine| {
        machine.wait_for("login:", BOOT)?;
        machine.wait_for_ssh(SSH)?;
        let done = machine.ssh("true")?;
        ensure!(done.status.success(), "`ssh … true`: {}", done.status);

        let size: u64 = machine.ssh_text("df --output=size -B1 / | tail -n 1")?.trim().parse()?;
        let grown = u64::from(GIB) << 30;
        ensure!(size > grown / 10 * 9, "the root has {size} bytes on a disk of {grown}");
        let keys = machine.ssh_text("ls /etc/ssh/ssh_host_*_key.pub | wc -l")?;
        ensure!(keys.trim().parse::<u32>()? >= 1, "no host keys were made");
        let failed = machine.ssh_text("systemctl --failed --no-legend --plain | cat")?;
        ensure!(failed.trim().is_empty(), "units that failed:\n{failed}");
        Ok(machine.power_off()?)
    })?;
    Ok(())
}
