//! The distribution's kernel and its initramfs.

use dibhost_element_sdk::slots::{Distribution, InitramfsModule, Kernel, KernelArgument};
use dibhost_element_sdk::{
    Change, Condition, Description, Element, Finding, Outcome, Parameters, Phase, Plan, Result,
    Run, Step, description, export_element, names,
};

/// The element.
#[derive(Parameters)]
pub struct KernelElement {
    /// The kernel's package; none: the distribution's own for the architecture, of Ubuntu
    /// `linux-image-generic`. On a cloud, `linux-image-cloud-amd64` is smaller, and of Ubuntu
    /// `linux-image-virtual`; a newer one is `linux-image-generic-hwe-24.04`.
    #[parameter(alias = "DIB_UBUNTU_KERNEL")]
    package: Option<String>,
    /// Arguments of the kernel's command line.
    #[parameter(default = [], alias = "DIB_BOOTLOADER_DEFAULT_CMDLINE")]
    arguments: Vec<String>,
    /// How hard the initramfs is compressed; none: as the distribution does. With zstd, 3 saves
    /// four seconds of the build and makes the initramfs an eighth larger than 9, Debian's.
    compression_level: Option<u8>,
}

impl Element for KernelElement {
    fn describe() -> Description {
        description!()
            .step(
                Step::planning(Phase::Install)
                    .consumes::<Distribution>()
                    .provides::<KernelArgument>(),
            )
            .step(
                Step::new(Phase::PostInstall)
                    .consumes::<Distribution>()
                    .consumes::<InitramfsModule>(),
            )
            .step(Step::new(Phase::Finalise).provides::<Kernel>())
            .request_when([debian()], "packages", "linux-image-*", "the kernel")
            .request_when([debian()], "packages", "initramfs-tools", "the initramfs")
            .request_when([debian()], "packages", "zstd", "the initramfs is compressed with it")
            .request_when([debian()], "rootfs", "write /etc/initramfs-tools", SETTINGS)
            .request_when([dracut()], "packages", "kernel*", "the kernel")
            .request_when([dracut()], "packages", "dracut", "the initramfs")
            .request_when([dracut()], "rootfs", "write /etc/dracut.conf.d", SETTINGS)
            .request("rootfs", "read /boot", "to tell which kernels there are")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let distribution: Distribution = plan.consume_one()?;
        let arch = plan.machine().arch;
        let family = distribution.family.as_str();
        let own = match family {
            "debian" if distribution.id == "debian" => format!("linux-image-{}", flavour(&arch)),
            "debian" if distribution.id == "ubuntu" => "linux-image-generic".to_owned(),
            "fedora" => "kernel-core".to_owned(),
            "suse" => "kernel-default".to_owned(),
            _ => String::new(),
        };
        let package = match &self.package {
            Some(package) => package.clone(),
            None if own.is_empty() => {
                plan.find(
                    Finding::refusal(format!(
                        "The name of the kernel's package of `{}` is not known.",
                        distribution.id
                    ))
                    .about("package")
                    .help("Set the parameter `package`."),
                );
                return Ok(());
            }
            None => own,
        };
        let begins = if DRACUT.contains(&family) { "kernel" } else { "linux-image-" };
        if !package.starts_with(begins) {
            plan.find(
                Finding::refusal(format!("`{package}` is no package of a kernel."))
                    .about("package")
                    .help(format!("Name one that begins with `{begins}`.")),
            );
            return Ok(());
        }
        plan.package(package, "the kernel")?;
        if DRACUT.contains(&family) {
            plan.package("dracut", "the initramfs, which finds the root filesystem")?;
        } else {
            plan.package("initramfs-tools", "the initramfs, which finds the root filesystem")?;
            plan.package("zstd", "the initramfs is made and unpacked faster with it")?;
        }
        for (place, argument) in self.arguments.iter().enumerate() {
            // The key keeps the order of the definition.
            let fact =
                KernelArgument::new(argument, "the parameter `arguments` of `kernel` says so");
            plan.provide(&format!("{place:03}"), &fact)?;
        }
        Ok(())
    }

    fn run_post_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let modules = run.consume::<InitramfsModule>()?;
        if let Some(odd) = modules.iter().find(|module| !names::is_module(&module.value.name)) {
            let name = odd.value.name.escape_debug();
            return Err(format!("`{name}` is no kernel module").into());
        }
        let tree = run.rootfs()?;
        let distribution: Distribution = run.consume_one()?;
        if DRACUT.contains(&&*distribution.family) {
            let names: Vec<&str> = modules.iter().map(|module| &*module.value.name).collect();
            tree.apply(self.dracut(&names))?;
            return Ok(Outcome::Done);
        }
        let mut changes = vec![
            Change::directory("/etc/initramfs-tools/conf.d"),
            // Machines made from an image do not resume from another one's swap.
            Change::write("/etc/initramfs-tools/conf.d/resume", "RESUME=none\n"),
        ];
        if let Some(level) = self.compression_level {
            let path = "/etc/initramfs-tools/conf.d/compression";
            changes.push(Change::write(path, format!("COMPRESSLEVEL={level}\n")));
        }
        if !modules.is_empty() {
            let mut text = "# Modules that the initramfs loads, one a line.\n".to_owned();
            for module in &modules {
                text.push_str(&format!("# for `{}`\n{}\n", module.provider, module.value.name));
            }
            changes.push(Change::write("/etc/initramfs-tools/modules", text));
        }
        tree.apply(changes)?;
        Ok(Outcome::Done)
    }

    fn run_finalise(&self, run: &Run<'_>) -> Result<Outcome> {
        let tree = run.rootfs()?;
        let entries = tree.list("/boot")?;
        let names: Vec<&str> = entries.iter().map(|e| e.name()).collect();
        let mut found = 0;
        for version in names.iter().filter_map(|name| name.strip_prefix("vmlinuz-")) {
            // What initramfs-tools, dracut and openSUSE call it.
            let called = [
                format!("initrd.img-{version}"),
                format!("initramfs-{version}.img"),
                format!("initrd-{version}"),
            ];
            let initramfs = called.into_iter().find(|name| names.contains(&&**name));
            if initramfs.is_none() {
                run.warn(format!("the kernel {version} has no initramfs"));
            }
            let kernel = Kernel {
                version: version.to_owned(),
                image: format!("/boot/vmlinuz-{version}"),
                initramfs: initramfs.map(|name| format!("/boot/{name}")),
            };
            run.provide(version, &kernel)?;
            found += 1;
        }
        if found == 0 {
            return Err("there is no kernel in `/boot` of the image (`vmlinuz-…`)".into());
        }
        Ok(Outcome::Done)
    }
}

/// Families whose initramfs dracut makes.
const DRACUT: &[&str] = &["fedora", "suse"];

const SETTINGS: &str = "modules and settings of the initramfs";

fn debian() -> Condition {
    Condition::family(["debian"])
}

fn dracut() -> Condition {
    Condition::family(DRACUT.iter().copied())
}

impl KernelElement {
    /// What dracut is told: the initramfs is for any machine, not for the builder's.
    fn dracut(&self, modules: &[&str]) -> [Change; 2] {
        let mut text = "# Written by the dibhost element `kernel`.\nhostonly=\"no\"\n".to_owned();
        if !modules.is_empty() {
            text.push_str(&format!("add_drivers+=\" {} \"\n", modules.join(" ")));
        }
        if let Some(level) = self.compression_level {
            text.push_str(&format!("compress=\"zstd -{level}\"\n"));
        }
        let folder = "/etc/dracut.conf.d";
        [Change::directory(folder), Change::write(format!("{folder}/90-dibhost.conf"), text)]
    }
}

/// What Debian calls the kernel of an architecture, where that is not the architecture itself.
fn flavour(arch: &str) -> &str {
    match arch {
        "i386" => "686-pae",
        "armhf" => "armmp-lpae",
        "ppc64el" => "powerpc64le",
        arch => arch,
    }
}

export_element!(KernelElement);
