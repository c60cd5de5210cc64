//! The whole system as an initramfs beside the image, with the kernel that starts it: a machine that runs
//! it has it in memory, and needs no disk. Deploy ramdisks, such as that of Ironic's agent, are made so.
//!
//! It starts with systemd, so what runs at its boot is said as for any image: by units.

use dibhost_element_sdk::slots::Kernel;
use dibhost_element_sdk::{
    Description, Element, Finding, Outcome, Package, Parameters, Phase, Plan, Result, Run, Step,
    Want, description, export_element, names,
};

/// The element.
#[derive(Parameters)]
pub struct Ramdisk {
    /// Files and folders that are not in it, beside `/boot` and lists of packages.
    #[parameter(default = ["/usr/share/doc", "/usr/share/info", "/usr/share/locale", "/usr/share/man"])]
    without: Vec<String>,
    /// How hard it is compressed by zstd, from 1 to 19.
    #[parameter(default = 6)]
    compression_level: u8,
}

const KERNEL: &str = ".kernel";
const INITRAMFS: &str = ".initramfs";

/// Where the archive is made; it is gone when it is beside the image.
const MADE: &str = "/var/tmp/dibhost-ramdisk";

/// What a machine that has it in memory has no use for.
const NEVER: [&str; 4] = ["/boot/*", "/var/cache/apt/*", "/var/lib/apt/lists/*", "/var/tmp/*"];

impl Element for Ramdisk {
    fn describe() -> Description {
        description!()
            .requires("kernel")
            .step(Step::planning(Phase::Install))
            // The tree as it is when nothing of one machine is in it any more.
            .step(Step::new(Phase::Cleanup).consumes::<Kernel>().after("sysprep"))
            .request("packages", "cpio", "it is an archive of its making")
            .request("packages", "zstd", "it is compressed by it")
            .request("exec", "sh", "to pack the tree")
            .request("rootfs", "read /boot", "the kernel")
            .request("rootfs", "write /var/tmp", "it is made there")
            .request("outputs", KERNEL, "the kernel beside the image")
            .request("outputs", INITRAMFS, "the system beside the image")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        if !(1..=19).contains(&self.compression_level) {
            let message = format!("zstd has no level {}.", self.compression_level);
            let help = "Take one from 1 to 19.";
            plan.find(Finding::refusal(message).about("compression-level").help(help));
        }
        for odd in self.without.iter().filter(|path| !names::is_plain_path(path)) {
            let message = format!("`{}` is no path to leave out.", odd.escape_debug());
            let help = "Write it from the top: `/usr/share/doc`.";
            plan.find(Finding::refusal(message).about("without").help(help));
        }
        let only = |package: &str, why: &str| Package::new(package, why).want(Want::BuildOnly);
        plan.packages([
            only("cpio", "the ramdisk is an archive of its making"),
            only("zstd", "the ramdisk is compressed by it"),
        ])
    }

    fn run_cleanup(&self, run: &Run<'_>) -> Result<Outcome> {
        let kernels = run.consume::<Kernel>()?.into_iter().map(|fact| fact.value);
        let Some(kernel) = Kernel::newest_first(kernels).into_iter().next() else {
            return Err("there is no kernel in the image".into());
        };
        let tree = run.rootfs()?;
        let level = self.compression_level.to_string();
        let fixed = ["-c", include_str!("pack.sh"), "sh", MADE, &level];
        let without = NEVER.into_iter().chain(self.without.iter().map(String::as_str));
        let packed = run.exec("sh").args(fixed.into_iter().chain(without)).run();
        let emitted = packed.and_then(|_| {
            run.emit_blob(KERNEL, &tree.capture(&kernel.image)?)?;
            run.emit_blob(INITRAMFS, &tree.capture(MADE)?)
        });
        tree.remove(MADE)?;
        emitted?;
        Ok(Outcome::Done)
    }
}

export_element!(Ramdisk);
