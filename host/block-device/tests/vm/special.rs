//! What some layouts are asked besides.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use anyhow::{Context as _, Result};

use crate::appliance::Case;
use crate::host;

/// The layouts that are asked something besides.
pub(crate) const NAMES: [&str; 5] = ["gpt-swap", "luks-slots", "lvm", "raid1", "verity-flipped"];

pub(crate) fn of(name: &str) -> fn(Case) -> Result<Case> {
    match name {
        "gpt-swap" => swapped,
        "luks-slots" => slots,
        "lvm" => grouped,
        "raid1" => degraded,
        "verity-flipped" => flipped,
        _ => on_the_host,
    }
}

fn on_the_host(case: Case) -> Result<Case> {
    host::tables(&case)?;
    host::filesystems(&case)?;
    host::boot_loaders(&case)?;
    Ok(case)
}

/// The back-end `device` does not touch a disk with swap space in use or a mount.
fn swapped(case: Case) -> Result<Case> {
    let lines = "open-device @0\n\
        swapon @0-1\n\
        held @0 'in use as swap space'\n\
        swapoff @0-1\n\
        mount -t ext4 @0-2 /mnt\n\
        held @0 'mounted at /mnt'\n\
        umount /mnt\n\
        open-device @0\n";
    Ok(on_the_host(case)?.also(lines))
}

/// Nor one with a group that is active.
fn grouped(case: Case) -> Result<Case> {
    let lines = "held @0 'held by the LVM volume vg-root'\n\
        dmsetup remove_all\n\
        open-device @0\n";
    Ok(on_the_host(case)?.also(lines))
}

/// Each secret opens it, and no other does.
fn slots(case: Case) -> Result<Case> {
    let lines = "cryptsetup close opened\n\
        cryptsetup open --key-slot 0 --key-file /job/keys/passphrase @0-1 opened\n\
        check ext4 /dev/mapper/opened\n\
        cryptsetup open --test-passphrase --key-slot 1 --key-file /job/keys/keyfile @0-1\n\
        cryptsetup open --test-passphrase --key-slot 2 --key-file /job/keys/spare @0-1\n\
        refused cryptsetup open --test-passphrase --key-slot 0 --key-file /job/keys/spare @0-1\n\
        held @0 'held by the encrypted volume opened'\n\
        cryptsetup close opened\n\
        open-device @0\n";
    Ok(on_the_host(case)?.also(lines))
}

/// Each member of a mirror alone holds everything, what the kernel wrote too.
fn degraded(case: Case) -> Result<Case> {
    let lines = "for disk in @0 @1; do\n\
        mdadm --stop /dev/md10\n\
        mdadm --assemble --run /dev/md10 $disk-1\n\
        mdadm --detail /dev/md10 | grep 'State : .*degraded'\n\
        check ext4 /dev/md10\n\
        mount -t ext4 -o ro /dev/md10 /mnt\n\
        cmp /bin/busybox /mnt/written/file\n\
        umount /mnt\n\
        held $disk 'held by the RAID md10'\n\
        done\n\
        mdadm --stop /dev/md10\n\
        open-device @0\n\
        open-device @1\n";
    Ok(on_the_host(case)?.also(lines))
}

/// The kernel reads none of the data in whose block one bit was turned.
fn flipped(case: Case) -> Result<Case> {
    let case = on_the_host(case)?;
    let (partition, _) = case.layout.partition("data").context("no data")?;
    let at = partition.extent.offset + partition.extent.size / 2;
    let disk = File::options().read(true).write(true).open(&case.disks[0].path)?;
    let mut byte = [0];
    disk.read_exact_at(&mut byte, at)?;
    disk.write_all_at(&[byte[0] ^ 4], at)?;
    let root = case.realised.root_hashes["verity"].clone();
    let lines = format!(
        "refused veritysetup verify @0-1 @0-2 {root}\n\
         veritysetup open @0-1 flipped @0-2 {root}\n\
         refused dd if=/dev/mapper/flipped of=/dev/null bs=4096\n\
         held @0 'held by the verified volume flipped'\n"
    );
    Ok(case.alone(&lines))
}
