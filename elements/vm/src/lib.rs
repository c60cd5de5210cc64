//! A disk with a partition table that virtual machines boot from.

use dibhost_element_sdk::block_device::{Filesystem, Mount, Node, Partition, Size, TableKind};
use dibhost_element_sdk::slots::KernelArgument;
use dibhost_element_sdk::{
    Description, Element, Finding, Parameters, Phase, Plan, Result, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct Vm {
    /// The label of the root filesystem.
    #[parameter(default = "cloudimg-rootfs", alias = "DIB_ROOT_LABEL")]
    root_label: String,
    /// The kind of the root filesystem: `ext4`, or another one that the host can make.
    #[parameter(default = "ext4", alias = "FS_TYPE")]
    root_filesystem: String,
    /// Space in the root filesystem beyond its content, in MiB. It grows at boot with `growroot`
    /// or cloud-init; this is for what runs before.
    #[parameter(default = 32)]
    free_space: u32,
    /// The size of the EFI system partition in MiB.
    #[parameter(default = 64)]
    esp_size: u32,
}

/// The smallest FAT that firmware is sure to read is a FAT16 of a few MiB.
const ESP_MINIMUM: u32 = 8;

const MIB: u64 = 1 << 20;

impl Element for Vm {
    fn describe() -> Description {
        description!()
            .requires("bootloader")
            // An element with a layout of its own goes first, and then there is nothing to add.
            .step(
                block_device::PRESETS
                    .iter()
                    .fold(Step::planning(Phase::BlockDevice), |step, preset| step.after(*preset)),
            )
            .step(Step::planning(Phase::Install).provides::<KernelArgument>())
            .request("block-device", "", "the disk and its partitions")
    }

    fn plan_block_device(&self, plan: &Plan<'_>) -> Result<()> {
        if !plan.nodes()?.is_empty() {
            return Ok(());
        }
        let machine = plan.machine();
        let Some(root_type) = root_type(&machine.arch) else {
            let message = format!("No disk for a virtual machine of `{}` is known.", machine.arch);
            plan.find(Finding::refusal(message).help("State the block device in the definition."));
            return Ok(());
        };
        if self.esp_size < ESP_MINIMUM {
            let message = format!("An EFI system partition of {} MiB is too small.", self.esp_size);
            plan.find(
                Finding::refusal(message)
                    .about("esp-size")
                    .help(format!("Give it {ESP_MINIMUM} MiB or more.")),
            );
            return Ok(());
        }
        let esp_size = Size::Bytes(u64::from(self.esp_size) * MIB);
        let root_size = Size::Content(u64::from(self.free_space) * MIB);
        plan.add_nodes([Node::disk("disk0"), Node::table("table0", "disk0", TableKind::Gpt)])?;
        if has_bios(&machine.arch) {
            let bios = Partition::new("bios-boot", Size::Bytes(MIB));
            plan.add_nodes([Node::partition("bios", "table0", bios)])?;
        }
        let root = Filesystem::new(&self.root_filesystem).label(&self.root_label);
        plan.add_nodes([
            Node::partition("esp", "table0", Partition::new("esp", esp_size).label("ESP")),
            Node::filesystem("esp-filesystem", "esp", Filesystem::new("vfat").label("ESP")),
            // Not for everybody to read: firmware settings may be there.
            Node::mount(
                "esp-mount",
                "esp-filesystem",
                Mount::new("/boot/efi").option("umask=0077"),
            ),
            // The last one, so that it can grow.
            Node::partition("root", "table0", Partition::new(root_type, root_size)),
            Node::filesystem("root-filesystem", "root", root),
            Node::mount("root-mount", "root-filesystem", Mount::new("/")),
        ])
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        if has_bios(&plan.machine().arch) {
            let argument = KernelArgument::new(
                "no_timer_check",
                "a virtual machine's timer may seem broken when its host is busy",
            );
            plan.provide("no-timer-check", &argument)?;
        }
        Ok(())
    }
}

/// The root partition's type, by which systemd finds it without being told.
fn root_type(arch: &str) -> Option<&'static str> {
    Some(match arch {
        "amd64" => "root-x86-64",
        "i386" => "root-x86",
        "arm64" => "root-arm64",
        "armhf" => "root-arm",
        "riscv64" => "root-riscv64",
        "loong64" => "root-loongarch64",
        _ => return None,
    })
}

fn has_bios(arch: &str) -> bool {
    matches!(arch, "amd64" | "i386")
}

export_element!(Vm);
