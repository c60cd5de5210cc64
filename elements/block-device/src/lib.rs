//! The layouts of the elements `block-device-…`, which differ in little else: each is one
//! [`preset!`].
//!
//! ```text
//! disk0 ─ table0 ┬ esp ─ esp-filesystem ─ /boot/efi
//!                ├ bios                                     (a PC's, sectors of 512 bytes)
//!                ├ boot ─ boot-filesystem ─ /boot           (where GRUB cannot read the root)
//!                └ root ─ … ─ root-filesystem ─ /
//! ```

mod layouts;
mod nodes;

use dibhost_element_sdk::block_device::Node;
use dibhost_element_sdk::{Finding, Plan, Result};

pub use layouts::{
    btrfs, efi, efi_4k, efi_luks, efi_luks_lvm, efi_lvm, efi_lvm_cis, efi_lvm_luks, gpt, mbr,
    raid1, verity,
};

pub use nodes::has_bios;

/// What a person can say of a preset.
pub struct Settings {
    /// As Debian names it.
    pub arch: String,
    /// The label of the root filesystem; none: by its kind.
    pub root_label: Option<String>,
    /// Its kind.
    pub root_filesystem: String,
    /// Space beyond the content of each filesystem that grows, in MiB.
    pub free_space: u32,
    /// The size of the EFI system partition in MiB.
    pub esp_size: u32,
    /// `/` and `/home` in subvolumes.
    pub subvolumes: bool,
}

/// The smallest FAT that firmware is sure to read is a FAT16 of a few MiB.
const ESP_MINIMUM: u32 = 8;

/// Adds a preset's nodes to the plan.
///
/// # Errors
/// The host refuses them.
pub fn add(
    plan: &Plan<'_>,
    settings: &Settings,
    layout: fn(&Settings) -> Result<Vec<Node>>,
) -> Result<()> {
    if settings.esp_size < ESP_MINIMUM {
        let message = format!("An EFI system partition of {} MiB is too small.", settings.esp_size);
        let help = format!("Give it {ESP_MINIMUM} MiB or more.");
        plan.find(Finding::refusal(message).about("esp-size").help(help));
        return Ok(());
    }
    match layout(settings) {
        Ok(nodes) => plan.add_nodes(nodes),
        Err(error) => {
            plan.find(Finding::refusal(error.message).help("State the block device yourself."));
            Ok(())
        }
    }
}

/// An element that brings a layout. `luks`: with the parameter `passphrase`, a secret.
/// `subvolumes`: with a parameter of that name.
#[macro_export]
macro_rules! preset {
    (@element $name:ident, $layout:expr, [$($request:expr),*], [$($subvolumes:ident)?], $($field:tt)*) => {
        /// The element.
        #[derive(dibhost_element_sdk::Parameters)]
        pub struct $name {
            /// The label of the root filesystem; none: `cloudimg-rootfs`, and of an xfs, which takes 12
            /// bytes, `img-rootfs`.
            #[parameter(alias = "DIB_ROOT_LABEL")]
            root_label: Option<String>,
            /// The kind of the root filesystem.
            #[parameter(default = "ext4", alias = "FS_TYPE")]
            root_filesystem: String,
            /// Space beyond its content in each filesystem that fills, in MiB: for logs, keys and lists
            /// of packages where nothing makes it larger at boot.
            #[parameter(default = 384)]
            free_space: u32,
            /// The size of the EFI system partition in MiB, where there is one.
            #[parameter(default = 64)]
            esp_size: u32,
            $($field)*
        }

        impl dibhost_element_sdk::Element for $name {
            fn describe() -> dibhost_element_sdk::Description {
                dibhost_element_sdk::description!()
                    .stands_in_for("layout")
                    .step(dibhost_element_sdk::Step::planning(
                        dibhost_element_sdk::Phase::BlockDevice,
                    ))
                    .request("block-device", "", "the disk and its partitions")
                    $(.request("secret", $request, "it opens the disk"))*
            }

            fn plan_block_device(
                &self,
                plan: &dibhost_element_sdk::Plan<'_>,
            ) -> dibhost_element_sdk::Result<()> {
                let settings = $crate::Settings {
                    arch: plan.machine().arch,
                    root_label: self.root_label.clone(),
                    root_filesystem: self.root_filesystem.clone(),
                    free_space: self.free_space,
                    esp_size: self.esp_size,
                    subvolumes: false $(|| self.$subvolumes)?,
                };
                $crate::add(plan, &settings, $layout)
            }
        }

        dibhost_element_sdk::export_element!($name);
    };
    ($name:ident, $layout:expr) => {
        $crate::preset!(@element $name, $layout, [], [],);
    };
    ($name:ident, $layout:expr, luks) => {
        $crate::preset!(@element $name, $layout, ["place passphrase"], [],
            /// The passphrase that opens the disk.
            #[expect(dead_code, reason = "only the host reads what it names")]
            passphrase: dibhost_element_sdk::SecretParameter,
        );
    };
    ($name:ident, $layout:expr, subvolumes) => {
        $crate::preset!(@element $name, $layout, [], [subvolumes],
            /// Put `/` into the subvolume `@` and `/home` into `@home`, which takes the back-end
            /// `loop`.
            #[parameter(default = false)]
            subvolumes: bool,
        );
    };
}
