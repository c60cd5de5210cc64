//! What a machine needs to find its filesystems: the tools of what lies below them, `/etc/crypttab`,
//! `/etc/mdadm/mdadm.conf`, and the kernel modules that its initramfs loads.
//!
//! All of it follows from the planned fact of the block device. Where there are only partitions with
//! ext4 and vfat, nothing is done.

mod files;

use std::collections::BTreeMap;

use dibhost_element_sdk::slots::{Distribution, InitramfsModule, Layout, LayoutVolume};
use dibhost_element_sdk::{
    Change, Description, Element, Finding, Outcome, Parameters, Phase, Plan, Result, Run, Step,
    description, export_element,
};

/// The element.
#[derive(Parameters)]
pub struct Volumes;

const CRYPTTAB: &str = "/etc/crypttab";
const MDADM: &str = "/etc/mdadm/mdadm.conf";

/// What is on the way to a filesystem, Debian's package for it, why, and the kernel's modules.
const NEEDS: [(&str, &str, &str, &[&str]); 9] = [
    ("luks", "cryptsetup", "opens encrypted volumes", &["dm-crypt", "xts", "aes"]),
    ("volume-group", "lvm2", "finds logical volumes", &["dm-mod"]),
    ("thin-pool", "thin-provisioning-tools", "checks thin pools", &["dm-thin-pool"]),
    ("raid", "mdadm", "assembles RAIDs", &[]),
    ("raid 0", "mdadm", "assembles RAIDs", &["raid0"]),
    ("raid 1", "mdadm", "assembles RAIDs", &["raid1"]),
    ("btrfs", "btrfs-progs", "looks after btrfs", &["btrfs"]),
    ("erofs", "erofs-utils", "looks after erofs", &["erofs"]),
    ("xfs", "xfsprogs", "looks after xfs", &["xfs"]),
];

impl Element for Volumes {
    fn describe() -> Description {
        let mut description = description!().step(
            Step::new(Phase::Install)
                .consumes::<Distribution>()
                .consumes::<Layout>()
                .provides::<InitramfsModule>(),
        );
        let packages: BTreeMap<&str, &str> =
            NEEDS.iter().map(|(_, package, why, _)| (*package, *why)).collect();
        for (package, why) in packages {
            description = description.request("packages", package, why);
        }
        description
            .request("packages", "cryptsetup-initramfs", "opens what the root filesystem is on")
            .request("rootfs", format!("write {CRYPTTAB}"), "the encrypted volumes")
            .request("rootfs", "write /etc/mdadm", "the RAIDs")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let layout: Layout = plan.consume_one()?;
        let wanted = wanted(&layout);
        if wanted.is_empty() {
            return Ok(());
        }
        let distribution: Distribution = plan.consume_one()?;
        if distribution.family != "debian" {
            let message = format!(
                "What `{}` calls the packages for {} is not known.",
                distribution.id,
                wanted.keys().copied().collect::<Vec<_>>().join(", ")
            );
            let help = "Use partitions with ext4, or add the packages by an element of your own.";
            plan.find(Finding::refusal(message).help(help));
            return Ok(());
        }
        for (kind, package, why, _) in NEEDS {
            if wanted.contains_key(kind) {
                plan.package(package, why)?;
            }
        }
        let early = files::early(&layout);
        if early.iter().any(|volume| volume.kind == "luks") {
            plan.package("cryptsetup-initramfs", "opens what the root filesystem is on")?;
        }
        let mut modules: Vec<&str> = Vec::new();
        for (kind, _, _, of_kind) in NEEDS {
            if wanted.get(kind).is_some_and(|needed_early| *needed_early) {
                modules.extend(of_kind);
            }
        }
        for module in modules {
            plan.provide(module, &InitramfsModule { name: module.to_owned() })?;
        }
        Ok(())
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let layout: Layout = run.consume_one()?;
        let mut changes = Vec::new();
        if let Some(text) = files::crypttab(&layout) {
            // Not for everybody to read, as Debian has it.
            changes.push(Change::write(CRYPTTAB, text).mode(0o600));
        }
        if let Some(text) = files::mdadm(&layout) {
            changes.push(Change::directory("/etc/mdadm"));
            changes.push(Change::write(MDADM, text));
        }
        if changes.is_empty() {
            return Ok(Outcome::skipped("nothing is encrypted and there is no RAID"));
        }
        run.rootfs()?.apply(changes)?;
        Ok(Outcome::Done)
    }
}

/// The kinds of [`NEEDS`] that there are, and whether the initramfs needs them already.
fn wanted(layout: &Layout) -> BTreeMap<&'static str, bool> {
    let early = files::early(layout);
    let mut wanted = BTreeMap::new();
    let mut want = |kind: &str, early: bool| {
        if let Some((known, ..)) = NEEDS.iter().find(|(known, ..)| *known == kind) {
            *wanted.entry(*known).or_insert(false) |= early;
        }
    };
    for volume in &layout.volumes {
        let is_early = early.iter().any(|e| e.name == volume.name);
        want(&volume.kind, is_early);
        if let Some(level) = volume.level {
            want(&format!("{} {level}", volume.kind), is_early);
        }
    }
    for mount in &layout.mounts {
        want(&mount.filesystem, files::is_early(&mount.at));
    }
    wanted
}

/// Whether a volume has a UUID, and it is one.
fn uuid(volume: &LayoutVolume) -> Option<&str> {
    let plain = |c: char| c.is_ascii_hexdigit() || c == '-' || c == ':';
    volume.uuid.as_deref().filter(|uuid| !uuid.is_empty() && uuid.chars().all(plain))
}

export_element!(Volumes);
