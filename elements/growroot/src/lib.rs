//! Grows the root filesystem and all that it is on to the disks at every boot.

mod early;

use dibhost_element_sdk::slots::Layout;
use dibhost_element_sdk::{
    Description, Element, File, Finding, Parameters, Phase, Plan, Result, Step, UnitState,
    description, export_element,
};

/// The element.
#[derive(Parameters)]
pub struct Growroot;

const UNIT: &str = "dibhost-growroot.service";
const SCRIPT: &str = "/usr/local/sbin/dibhost-growroot";
const HOOK: &str = "/etc/initramfs-tools/hooks/dibhost-growroot";
const EARLY: &str = "/etc/initramfs-tools/scripts/init-premount/dibhost-growroot";

/// What both scripts are made of.
const FUNCTIONS: &str = include_str!("growroot.sh");

/// How scripts of an initramfs begin, which are asked whom they come after.
const PREREQS: &str = "#!/bin/sh\ncase ${1-} in\nprereqs) exit 0 ;;\nesac\n";

impl Element for Growroot {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install).consumes::<Layout>())
            .request("packages", "fdisk", "`sfdisk` grows partitions")
            .request("packages", "e2fsprogs", "`resize2fs` grows the filesystem")
            .request("services", UNIT, "it runs at boot")
            .request("services-define", UNIT, "it runs at boot")
            .request("rootfs", format!("write {SCRIPT}"), "the script that it runs")
            .request("rootfs", format!("write {HOOK}"), "what is below an encryption grows first")
            .request("rootfs", format!("write {EARLY}"), "what is below an encryption grows first")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let layout: Layout = plan.consume_one()?;
        if let Some(problem) = cannot_grow(&layout) {
            plan.find(Finding::refusal(problem).help(
                "Leave `growroot` out, and give the disk the size that it is to have; or let `/` be \
                 on partitions, LVM, RAID 1 or LUKS, with ext4, xfs or btrfs.",
            ));
            return Ok(());
        }
        plan.package("fdisk", "`sfdisk` grows partitions")?;
        plan.package("e2fsprogs", "`resize2fs` grows the filesystem")?;
        let running = format!("{FUNCTIONS}\n{}", include_str!("running.sh"));
        let mut files = vec![File::new(SCRIPT, running).mode(0o755)];
        if let Some(steps) = layout.mount("/").and_then(|root| early::steps(&layout, root)) {
            let functions = FUNCTIONS.strip_prefix("#!/bin/sh\n").unwrap_or(FUNCTIONS);
            // What fails here is said, and no reason not to boot.
            let early =
                format!("{PREREQS}{functions}\n{}{steps}exit 0\n", include_str!("early.sh"));
            files.push(File::new(EARLY, early).mode(0o755));
            files.push(File::new(HOOK, include_str!("hook.sh")).mode(0o755));
        }
        plan.files(files)?;
        plan.define_unit(UNIT, include_str!("growroot.service"))?;
        plan.service(UNIT, UnitState::Enabled)
    }
}

/// Why what `/` is on would stay as it is.
fn cannot_grow(layout: &Layout) -> Option<String> {
    let root = layout.mount("/")?;
    let grows = ["ext2", "ext3", "ext4", "xfs", "btrfs"];
    if !grows.contains(&&*root.filesystem) {
        return Some(format!("`/` is of the kind `{}`, which does not grow.", root.filesystem));
    }
    let below = layout.below(root);
    let fixed = below.iter().find_map(|volume| match (&*volume.kind, volume.level) {
        ("verity", _) => Some(format!("the verity device `{}`", volume.name)),
        ("raid", Some(0)) => Some(format!("the RAID 0 `{}`", volume.name)),
        _ => None,
    })?;
    Some(format!("`/` is on {fixed}, which does not grow with its disks."))
}

export_element!(Growroot);
