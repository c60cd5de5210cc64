//! The commands that try an image in QEMU, as a person pastes them: on a disk of its own that the
//! image is only read for, larger than the image, as a machine's disk is.

use dibhost_definition::Format;
use dibhost_engine::Outcome;
use dibhost_plan::Plan;
use dibhost_text::shell_word;

/// What there is to boot.
struct Bootable<'a> {
    /// The file of the only disk.
    image: String,
    format: Format,
    /// As Debian names it.
    arch: &'a str,
    /// BIOS starts it.
    bios: bool,
    /// It talks on the serial port.
    serial: bool,
}

/// The commands; none where the image has no boot loader, several disks, or is for a machine that
/// has no command here.
pub(crate) fn commands(plan: &Plan, outcome: &Outcome) -> Option<Vec<String>> {
    let loader = plan.facts_of("dib:boot/loader@1").next()?;
    let firmware = loader.value["firmware"].as_array()?;
    let read = [Format::Raw, Format::Qcow2];
    let mut outputs: Vec<_> =
        outcome.outputs.iter().filter(|output| read.contains(&output.format)).collect();
    // The one that is quicker to read first.
    outputs.sort_by_key(|output| output.format == Format::Raw);
    let first = outputs.first()?;
    if outputs.iter().filter(|output| output.format == first.format).count() > 1 {
        return None;
    }
    let mut arguments = plan.facts_of("dib:boot/kernel-argument@1");
    let serial = arguments.any(|fact| {
        let word = fact.value["argument"].as_str().unwrap_or_default();
        word.starts_with("console=ttyS") || word.starts_with("console=ttyAMA")
    });
    let bootable = Bootable {
        image: first.path.display().to_string(),
        format: first.format,
        arch: &plan.image.arch,
        bios: firmware.iter().any(|word| word == "bios"),
        serial,
    };
    bootable.commands()
}

/// The command that logs in, as the first user who has keys.
pub(crate) fn login(plan: &Plan) -> Option<String> {
    let mut users = plan.users.iter().map(|planned| &planned.user);
    let user = users.find(|user| !user.authorized_keys.is_empty())?;
    Some(format!("ssh -p 2222 {}@127.0.0.1", user.name))
}

impl Bootable<'_> {
    fn commands(&self) -> Option<Vec<String>> {
        let machine = match self.arch {
            "amd64" if self.bios => "qemu-system-x86_64 -machine q35,accel=kvm:tcg -cpu max",
            "amd64" => {
                "qemu-system-x86_64 -machine q35,accel=kvm:tcg -cpu max -bios /usr/share/ovmf/OVMF.fd"
            }
            "arm64" => {
                "qemu-system-aarch64 -machine virt,accel=kvm:tcg -cpu max -bios /usr/share/qemu-efi-aarch64/QEMU_EFI.fd"
            }
            _ => return None,
        };
        let image = shell_word(&self.image);
        let format = self.format.name();
        let screen = if self.serial { " -nographic" } else { "" };
        Some(vec![
            format!("qemu-img create -q -f qcow2 -F {format} -b \"$(realpath {image})\" try.qcow2"),
            "qemu-img resize -q try.qcow2 +10G".to_owned(),
            format!("{machine} -m 1536{screen} \\"),
            "    -drive file=try.qcow2,if=virtio -nic user,hostfwd=tcp:127.0.0.1:2222-:22"
                .to_owned(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn bootable(image: &str) -> Bootable<'_> {
        let image = image.to_owned();
        Bootable { image, format: Format::Raw, arch: "amd64", bios: true, serial: true }
    }

    #[test]
    fn the_disk_that_is_tried_is_larger_and_the_image_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("it's an image.raw");
        std::fs::write(&image, vec![7; 1 << 20]).unwrap();
        let commands = bootable("it's an image.raw").commands().unwrap();
        // All but QEMU itself.
        let shell = Command::new("sh")
            .args(["-ec", &format!("{}\necho x | dd of=try.qcow2 conv=notrunc bs=1 seek=900000 status=none\nqemu-img info try.qcow2", commands[..2].join("\n"))])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&shell.stdout).into_owned();
        assert!(shell.status.success(), "{}", String::from_utf8_lossy(&shell.stderr));
        assert!(said.contains(&format!("({} bytes)", (10_u64 << 30) + (1 << 20))), "{said}");
        assert_eq!(std::fs::read(&image).unwrap(), vec![7; 1 << 20]);
    }

    #[test]
    fn the_machine_is_the_images() {
        let said = |arch, bios, serial| {
            let commands = Bootable { arch, bios, serial, ..bootable("x.raw") }.commands();
            commands.map(|lines| lines[2].clone())
        };
        let amd64 = said("amd64", true, true).unwrap();
        assert!(amd64.starts_with("qemu-system-x86_64") && amd64.contains("-nographic"), "{amd64}");
        assert!(!amd64.contains("-bios"), "{amd64}");
        assert!(said("amd64", false, true).unwrap().contains("OVMF"));
        assert!(!said("amd64", true, false).unwrap().contains("-nographic"));
        assert!(said("arm64", false, true).unwrap().starts_with("qemu-system-aarch64"));
        assert_eq!(said("s390x", false, true), None);
    }
}
