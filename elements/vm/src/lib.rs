//! A disk with a partition table that virtual machines boot from.

use block_device::Settings;
use dibhost_element_sdk::slots::KernelArgument;
use dibhost_element_sdk::{
    Description, Element, Parameters, Phase, Plan, Result, Step, description, export_element,
};

/// The element.
#[derive(Parameters)]
pub struct Vm {
    /// The label of the root filesystem; none: `cloudimg-rootfs`, and of an xfs, which takes 12 bytes,
    /// `img-rootfs`.
    #[parameter(alias = "DIB_ROOT_LABEL")]
    root_label: Option<String>,
    /// The kind of the root filesystem: `ext4`, or another one that the host can make.
    #[parameter(default = "ext4", alias = "FS_TYPE")]
    root_filesystem: String,
    /// Space in the root filesystem beyond its content, in MiB: for logs, keys and lists of packages
    /// where nothing makes it larger at boot, as `growroot` and cloud-init do.
    #[parameter(default = 384)]
    free_space: u32,
    /// The size of the EFI system partition in MiB.
    #[parameter(default = 64)]
    esp_size: u32,
}

impl Element for Vm {
    fn describe() -> Description {
        description!()
            .requires("bootloader")
            // It is a layout too, the one that is taken where there is no other: whoever's goes
            // first, and then there is nothing to add.
            .stands_in_for("layout")
            .step(Step::planning(Phase::BlockDevice).after("layout"))
            .step(Step::planning(Phase::Install).provides::<KernelArgument>())
            .request("block-device", "", "the disk and its partitions")
    }

    fn plan_block_device(&self, plan: &Plan<'_>) -> Result<()> {
        if !plan.nodes()?.is_empty() {
            return Ok(());
        }
        let settings = Settings {
            arch: plan.machine().arch,
            root_label: self.root_label.clone(),
            root_filesystem: self.root_filesystem.clone(),
            free_space: self.free_space,
            esp_size: self.esp_size,
            subvolumes: false,
        };
        block_device::add(plan, &settings, block_device::efi)
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        if block_device::has_bios(&plan.machine().arch) {
            let argument = KernelArgument::new(
                "no_timer_check",
                "a virtual machine's timer may seem broken when its host is busy",
            );
            plan.provide("no-timer-check", &argument)?;
        }
        Ok(())
    }
}

export_element!(Vm);
