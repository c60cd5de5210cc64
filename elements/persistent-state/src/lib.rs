//! What a machine keeps through redeploys: a partition or device of its own, made at the first boot, and
//! bound to where its content belongs. Whoever writes the image anew leaves it alone.
//!
//! The partition lies at the end of the disk and is not in the image. A redeploy writes the image, and the
//! table with it, over the front of the disk; the next first boot looks in the same place, finds the
//! filesystem that is there, and enters it in the table again.

use dibhost_element_sdk::slots::Layout;
use dibhost_element_sdk::{
    Description, Element, File, Finding, Outcome, Parameters, Phase, Plan, Result, Run, Step,
    UnitState, description, export_element, names,
};

/// The element.
#[derive(Parameters)]
pub struct PersistentState {
    /// How large the partition is, in MiB, which is made at the end of the disk that `/` is on. Another
    /// size is another place: what was kept is not found there.
    #[parameter(default = 1024)]
    size: u32,
    /// A device of its own instead, which is taken whole: `/dev/disk/by-id/virtio-state`. It is formatted
    /// where nothing is on it.
    device: Option<String>,
    /// Folders that are kept, as the image has them the first time.
    #[parameter(default = [])]
    folders: Vec<String>,
    /// The machine's SSH host keys are kept.
    #[parameter(default = true)]
    ssh_host_keys: bool,
}

const SETTINGS: &str = "/etc/dibhost/persistent-state";
const FOLDER: &str = "/etc/dibhost";
const SCRIPT: &str = "/usr/local/sbin/dibhost-persistent-state";
const START: &str = "dibhost-persistent-state.service";
const SAVE: &str = "dibhost-persistent-host-keys.service";
/// cloud-init takes host keys away at the first boot of what is a new machine to it.
const CLOUD: &str = "/etc/cloud/cloud.cfg.d";
const CLOUD_FILE: &str = "/etc/cloud/cloud.cfg.d/92-dibhost-persistent-state.cfg";
const KEPT: &str = "# Written by the dibhost element `persistent-state`.\nssh_deletekeys: false\n";

/// Smaller is no ext4 with a journal.
const LEAST: u32 = 16;

/// What a system is made of, or made anew at every boot: bound over, it would not be the image's.
const NOT_KEPT: [&str; 13] = [
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys",
    "/tmp", "/usr",
];
const NOT_WHOLE: [&str; 4] = ["/home", "/opt", "/var", "/var/lib"];

impl Element for PersistentState {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install).consumes::<Layout>())
            .step(Step::new(Phase::PostInstall))
            .request("packages", "fdisk", "`sfdisk` makes the partition")
            .request("packages", "e2fsprogs", "`mkfs.ext4` makes the filesystem")
            .request("services", START, "it runs at boot")
            .request("services-define", START, "it runs at boot")
            .request("services", SAVE, "host keys are kept once they are made")
            .request("services-define", SAVE, "host keys are kept once they are made")
            .request("rootfs", format!("write {SCRIPT}"), "the script that they run")
            .request("rootfs", format!("write {FOLDER}"), "what it keeps, and where")
            .request("rootfs", format!("write {CLOUD}"), "cloud-init leaves host keys alone")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let layout: Layout = plan.consume_one()?;
        let problems = self.problems(&layout);
        if !problems.is_empty() {
            problems.into_iter().for_each(|problem| plan.find(problem));
            return Ok(());
        }
        if !self.ssh_host_keys && self.folders.is_empty() {
            plan.find(
                Finding::warning("`persistent-state` keeps nothing.")
                    .about("folders")
                    .help("Name `folders`, or leave it out."),
            );
        }
        plan.package("fdisk", "`sfdisk` makes the partition")?;
        plan.package("e2fsprogs", "`mkfs.ext4` makes the filesystem")?;
        let script = File::new(SCRIPT, include_str!("persistent-state.sh")).mode(0o755);
        plan.files([script, File::new(SETTINGS, self.settings())])?;
        plan.define_unit(START, include_str!("persistent-state.service"))?;
        plan.service(START, UnitState::Enabled)?;
        if !self.ssh_host_keys {
            return Ok(());
        }
        plan.define_unit(SAVE, include_str!("save.service"))?;
        plan.service(SAVE, UnitState::Enabled)
    }

    fn run_post_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let tree = run.rootfs()?;
        if !self.ssh_host_keys || !tree.exists(CLOUD)? {
            return Ok(Outcome::skipped("no host keys are kept, or cloud-init is not there"));
        }
        tree.write(CLOUD_FILE, KEPT)?;
        Ok(Outcome::Done)
    }
}

impl PersistentState {
    /// What the script reads as a shell: nothing in it needs quotes.
    fn settings(&self) -> String {
        let device = self.device.as_deref().unwrap_or_default();
        let keys = if self.ssh_host_keys { "yes" } else { "no" };
        format!(
            "# Written by the dibhost element `persistent-state`.\nsize={}\ndevice='{device}'\n\
             folders='{}'\nhost_keys={keys}\n",
            self.size,
            self.folders.join(" ")
        )
    }

    fn problems(&self, layout: &Layout) -> Vec<Finding> {
        let mut problems = Vec::new();
        let mut refuse = |message: String, parameter: &str, help: &str| {
            problems.push(Finding::refusal(message).about(parameter).help(help));
        };
        match &self.device {
            Some(device) if !device.starts_with("/dev/") || !names::is_plain_path(device) => {
                refuse(
                    format!("`{}` is no device.", device.escape_debug()),
                    "device",
                    "Name it by what stays the same: `/dev/disk/by-id/virtio-state`.",
                );
            }
            Some(_) => {}
            None => {
                let elsewhere = "Set `device` to a disk of its own.";
                let root = layout.mount("/").map(|mount| mount.on.as_str());
                let partition = root.and_then(|on| layout.partition(on));
                match partition {
                    None => refuse(
                        "`/` is on no partition, so there is no disk to make one on.".to_owned(),
                        "device",
                        elsewhere,
                    ),
                    Some(of) if of.table.as_deref().or(layout.table.as_deref()) != Some("gpt") => {
                        refuse(
                            "The disk that `/` is on has no GPT.".to_owned(),
                            "device",
                            elsewhere,
                        );
                    }
                    Some(_) => {}
                }
                if self.size < LEAST {
                    let message = format!("{} MiB are too few.", self.size);
                    refuse(message, "size", "Give it as much as is kept, in MiB.");
                }
            }
        }
        for (place, folder) in self.folders.iter().enumerate() {
            let top = folder.split('/').nth(1).map_or_else(String::new, |top| format!("/{top}"));
            if !names::is_plain_path(folder) || NOT_KEPT.contains(&&*top) {
                let message = format!("`{}` is no folder to keep.", folder.escape_debug());
                refuse(message, "folders", "Name what programs write: `/var/lib/postgresql`.");
            } else if NOT_WHOLE.contains(&&**folder) {
                let message = format!("All of `{folder}` would be the first image's for ever.");
                refuse(message, "folders", "Name the folders in it that are to be kept.");
            }
            let within =
                |other: &String| folder.starts_with(&format!("{other}/")) || folder == other;
            let others = self.folders.iter().enumerate().filter(|(other, _)| *other != place);
            if let Some((_, other)) = others.into_iter().find(|(_, other)| within(other)) {
                let message = format!("`{folder}` is kept with `{other}`.");
                refuse(message, "folders", "Name one of them.");
            }
        }
        problems
    }
}

export_element!(PersistentState);
