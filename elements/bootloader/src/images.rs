//! GRUB's images: which there are for a disk, and what is in them.

use dibhost_element_sdk::slots::Layout;

use crate::GRUB;
use crate::place::Place;

/// The GPT type of a BIOS boot partition, by name and as a UUID.
const BIOS_BOOT: [&str; 2] = ["bios-boot", "21686148-6449-6e6f-744e-656564454649"];

/// What GRUB is made for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    /// As `grub-mkimage -O` takes it.
    pub(crate) name: &'static str,
    /// As the fact says it.
    pub(crate) firmware: &'static str,
    /// Where its modules come from, in Debian.
    package: &'static str,
    /// The same in Fedora; none: it has none.
    fedora: Option<&'static str>,
    /// Why.
    pub(crate) reason: &'static str,
    /// The file's name below `EFI/BOOT`; UEFI starts it when nothing else was set.
    removable: Option<&'static str>,
}

const BIOS: Platform = Platform {
    name: "i386-pc",
    firmware: "bios",
    package: "grub-pc-bin",
    fedora: Some("grub2-pc-modules"),
    reason: "GRUB for BIOS",
    removable: None,
};

/// Debian's architecture and GRUB for its UEFI.
const UEFI: &[(&str, Platform)] = &[
    (
        "amd64",
        uefi("x86_64-efi", "grub-efi-amd64-bin", Some("grub2-efi-x64-modules"), "BOOTX64.EFI"),
    ),
    ("i386", uefi("i386-efi", "grub-efi-ia32-bin", None, "BOOTIA32.EFI")),
    (
        "arm64",
        uefi("arm64-efi", "grub-efi-arm64-bin", Some("grub2-efi-aa64-modules"), "BOOTAA64.EFI"),
    ),
    ("armhf", uefi("arm-efi", "grub-efi-arm-bin", None, "BOOTARM.EFI")),
    ("riscv64", uefi("riscv64-efi", "grub-efi-riscv64-bin", None, "BOOTRISCV64.EFI")),
];

const fn uefi(
    name: &'static str,
    package: &'static str,
    fedora: Option<&'static str>,
    file: &'static str,
) -> Platform {
    let (firmware, reason) = ("uefi", "GRUB for UEFI");
    Platform { name, firmware, package, fedora, reason, removable: Some(file) }
}

/// Needed to find and read the menu, and to start a kernel from it. All that a menu made by
/// `update-grub` loads is here too, so that it finds nothing missing: no module lies beside the
/// images.
const MODULES: &[&str] = &[
    "all_video",
    "boot",
    "cat",
    "configfile",
    "echo",
    "font",
    "gfxterm",
    "gzio",
    "halt",
    "help",
    "linux",
    "loadenv",
    "ls",
    "minicmd",
    "normal",
    "reboot",
    "regexp",
    "search",
    "search_fs_uuid",
    "search_label",
    "serial",
    "sleep",
    "terminal",
    "test",
    "true",
];

impl Platform {
    /// The package that its modules come from; none: a system of this family has none.
    pub(crate) fn package(&self, family: &str) -> Option<&'static str> {
        if family == "fedora" { self.fedora } else { Some(self.package) }
    }

    pub(crate) fn image_folder(&self) -> String {
        match self.removable {
            None => format!("{GRUB}/{}", self.name),
            Some(_) => "/boot/efi/EFI/BOOT".to_owned(),
        }
    }

    pub(crate) fn image(&self) -> String {
        let file = self.removable.unwrap_or("core.img");
        format!("{}/{file}", self.image_folder())
    }

    pub(crate) fn modules(&self, place: &Place, layout: &Layout) -> Vec<&'static str> {
        let mut modules = MODULES.to_vec();
        let tables = layout.partitions.iter().filter_map(|p| p.table.as_ref());
        modules.extend(tables.chain(&layout.table).map(|table| match &**table {
            "mbr" => "part_msdos",
            _ => "part_gpt",
        }));
        modules.extend(&place.modules);
        if self.firmware == "bios" {
            modules.push("biosdisk");
        } else {
            modules.extend(["fat", "efi_gop"]);
        }
        modules.sort_unstable();
        modules.dedup();
        modules
    }
}

/// A file of GRUB for BIOS.
pub(crate) fn bios_file(name: &str) -> String {
    format!("{GRUB}/{}/{name}", BIOS.name)
}

pub(crate) fn is_bios_boot(type_id: &str) -> bool {
    BIOS_BOOT.iter().any(|known| known.eq_ignore_ascii_case(type_id))
}

/// Whether machines of this architecture have a BIOS.
pub(crate) fn has_bios(arch: &str) -> bool {
    matches!(arch, "amd64" | "i386")
}

/// Those that the disk has a place for.
pub(crate) fn platforms(arch: &str, layout: &Layout) -> Vec<&'static Platform> {
    let mut platforms = Vec::new();
    if layout.table.is_none() {
        return platforms;
    }
    if has_bios(arch) && !layout.grub_bios.is_empty() {
        platforms.push(&BIOS);
    }
    if layout.mount("/boot/efi").is_some() {
        platforms.extend(UEFI.iter().filter(|(known, _)| *known == arch).map(|(_, p)| p));
    }
    platforms
}
