//! The element on a host in memory.

use bootloader::Bootloader;
use dibhost_element_sdk::block_device::{
    Filesystem, Mount, Node, NodeKind, Partition, Size, TableKind,
};
use dibhost_element_sdk::slots::{
    Distribution, Kernel, KernelArgument, Layout, LayoutMount, LayoutPartition, Loader,
};
use dibhost_element_sdk::{Outcome, Output, Phase, TestHost};

const BIOS_BOOT: &str = "21686148-6449-6e6f-744e-656564454649";
const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

fn distribution() -> Distribution {
    Distribution {
        id: "debian".to_owned(),
        version_id: "12".to_owned(),
        codename: "bookworm".to_owned(),
        family: "debian".to_owned(),
        package_manager: "apt".to_owned(),
        init: "systemd".to_owned(),
        default_user: "debian".to_owned(),
    }
}

fn mount(at: &str, filesystem: &str, label: &str) -> LayoutMount {
    LayoutMount {
        at: at.to_owned(),
        on: at.to_owned(),
        filesystem: filesystem.to_owned(),
        label: Some(label.to_owned()),
        uuid: None,
        options: Vec::new(),
        source: None,
    }
}

fn layout(types: &[&str]) -> Layout {
    let partition = |(at, kind): (usize, &&str)| LayoutPartition {
        name: format!("p{at}"),
        number: at as u32 + 1,
        table: Some("gpt".to_owned()),
        label: None,
        type_id: (*kind).to_owned(),
        partuuid: None,
    };
    let mut mounts = vec![mount("/", "ext4", "cloudimg-rootfs")];
    if types.contains(&ESP) {
        mounts.push(mount("/boot/efi", "vfat", "ESP"));
    }
    Layout {
        mounts,
        partitions: types.iter().enumerate().map(partition).collect(),
        table: (!types.is_empty()).then(|| "gpt".to_owned()),
        grub_bios: types.contains(&BIOS_BOOT).then(|| "disk0".to_owned()).into_iter().collect(),
        volumes: Vec::new(),
    }
}

fn kernel(version: &str) -> Kernel {
    Kernel {
        version: version.to_owned(),
        image: format!("/boot/vmlinuz-{version}"),
        initramfs: Some(format!("/boot/initrd.img-{version}")),
    }
}

fn argument(text: &str) -> KernelArgument {
    KernelArgument { argument: text.to_owned(), reason: None }
}

fn host(layout: &Layout) -> TestHost {
    TestHost::new()
        .fact("debian-minimal", "", &distribution())
        .fact("host", "", layout)
        .fact("kernel", "6.1.0-9-amd64", &kernel("6.1.0-9-amd64"))
        .fact("kernel", "6.1.0-40-amd64", &kernel("6.1.0-40-amd64"))
        .fact("serial-console", "console-1-screen", &argument("console=tty0"))
        .fact("serial-console", "console-2-serial", &argument("console=ttyS0,115200"))
        .fact("vm", "no-timer-check", &argument("no_timer_check"))
        .file("/usr/lib/grub/i386-pc/boot.img", "the boot sector")
        .answer("grub-mkimage", |command, tree| {
            let at = command.args.iter().position(|a| a == "-o").unwrap();
            tree.put_file(&command.args[at + 1], "an image");
            Output::default()
        })
}

#[test]
fn the_boot_sector_stands_on_the_disk_and_its_partition() {
    let partition = |name: &str, kind: &str| {
        Node::partition(name, "table0", Partition::new(kind, Size::Bytes(1 << 20)))
    };
    let disk = || [Node::disk("disk0"), Node::table("table0", "disk0", TableKind::Gpt)];
    for kind in ["bios-boot", "21686148-6449-6E6F-744E-656564454649"] {
        let mut host = TestHost::new().nodes(disk()).nodes([partition("bios", kind)]);
        let nodes = host.plan::<Bootloader>(Phase::BlockDevice).unwrap().nodes;
        assert_eq!(nodes[0].on, ["disk0", "bios"]);
        let NodeKind::GrubBios { boot_image, core_image } = &nodes[0].kind else { panic!() };
        assert_eq!(boot_image, "/boot/grub/i386-pc/boot.img");
        assert_eq!(core_image, "/boot/grub/i386-pc/core.img");
    }
    let mut uefi = TestHost::new().nodes(disk()).nodes([partition("esp", "esp")]);
    assert!(uefi.plan::<Bootloader>(Phase::BlockDevice).unwrap().nodes.is_empty());
    assert!(TestHost::new().plan::<Bootloader>(Phase::BlockDevice).unwrap().nodes.is_empty());
}

#[test]
fn on_an_mbr_it_stands_on_each_disk_that_has_the_kernels() {
    let disks = |sector_size| {
        let disk = NodeKind::Disk { size: None, sector_size };
        [
            Node::new("disk0", [], disk),
            Node::table("table0", "disk0", TableKind::Mbr),
            Node::disk("disk1"),
            Node::table("table1", "disk1", TableKind::Mbr),
            Node::partition("a", "table0", Partition::new("83", Size::Rest)),
            Node::partition("b", "table1", Partition::new("83", Size::Rest)),
            Node::filesystem("root", "a", Filesystem::new("ext4")),
            Node::mount("root-mount", "root", Mount::new("/")),
        ]
    };
    let grub = |mut host: TestHost| {
        let nodes = host.plan::<Bootloader>(Phase::BlockDevice).unwrap().nodes;
        nodes.into_iter().map(|node| node.on.join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(grub(TestHost::new().nodes(disks(512))), ["disk0"]);
    // No BIOS starts it.
    assert!(grub(TestHost::new().nodes(disks(4096))).is_empty());
    assert!(grub(TestHost::new().nodes(disks(512)).arch("arm64")).is_empty());
    let mut mirrored = disks(512);
    let raid = |on: &[&str]| {
        let (name, settings) = ("raid".to_owned(), r#"{"level": 1}"#.to_owned());
        Node::new("mirror", on.iter().copied(), NodeKind::Driver { name, settings })
    };
    mirrored[6].on = vec!["mirror".to_owned()];
    let host = TestHost::new().nodes(mirrored).nodes([raid(&["a", "b"])]);
    assert_eq!(grub(host), ["disk0", "disk1"]);
    // `/boot` apart from the root.
    let boot = [
        Node::filesystem("boot", "b", Filesystem::new("ext4")),
        Node::mount("boot-mount", "boot", Mount::new("/boot")),
    ];
    assert_eq!(grub(TestHost::new().nodes(disks(512)).nodes(boot)), ["disk1"]);
}

#[test]
fn on_an_mbr_the_image_reads_its_partitions() {
    let mut layout = layout(&["83"]);
    layout.table = Some("mbr".to_owned());
    layout.partitions[0].table = Some("mbr".to_owned());
    layout.grub_bios = vec!["disk0".to_owned()];
    layout.mounts[0].on = "p0".to_owned();
    let planned = host(&layout).plan::<Bootloader>(Phase::Install).unwrap();
    assert_eq!(planned.provided::<Loader>()[0].firmware, ["bios"]);
    let mut host = host(&layout);
    let ran = host.run::<Bootloader>(Phase::Finalise).unwrap();
    let arguments = ran.commands[0].args.join(" ");
    assert!(arguments.contains(" part_msdos") && !arguments.contains("part_gpt"), "{arguments}");
    let early = host.text("/boot/grub/i386-pc/load.cfg");
    assert!(early.starts_with("search --no-floppy --hint=hd0,msdos1 --label"), "{early}");
}

#[test]
fn packages_are_those_of_the_firmware_that_has_a_place() {
    for (types, arch, firmware, packages) in [
        (
            &[BIOS_BOOT, ESP][..],
            "amd64",
            &["bios", "uefi"][..],
            &["grub-pc-bin", "grub-efi-amd64-bin"][..],
        ),
        (&[BIOS_BOOT], "amd64", &["bios"], &["grub-pc-bin"]),
        (&[ESP], "arm64", &["uefi"], &["grub-efi-arm64-bin"]),
    ] {
        let mut host = host(&layout(types)).arch(arch);
        let planned = host.plan::<Bootloader>(Phase::Install).unwrap();
        assert_eq!(planned.package_names()[2..], *packages);
        assert_eq!(planned.provided::<Loader>()[0].firmware, *firmware);
    }
}

#[test]
fn a_disk_without_a_place_gets_no_grub() {
    let mut host = host(&layout(&[]));
    let planned = host.plan::<Bootloader>(Phase::Install).unwrap();
    assert!(planned.packages.is_empty() && !planned.findings[0].fatal);
    for phase in [Phase::Install, Phase::Finalise] {
        let ran = host.run::<Bootloader>(phase).unwrap();
        assert!(matches!(ran.outcome, Outcome::Skipped(_)), "{phase}");
    }
}

#[test]
fn what_cannot_boot_is_refused_before_anything_is_built() {
    let mut odd = host(&layout(&[ESP])).fact("x", "", &argument("a={\"b c\""));
    let planned = odd.plan::<Bootloader>(Phase::Install).unwrap();
    assert!(planned.findings.iter().any(|f| f.fatal && f.message.contains("`x`")));

    let mut unread = layout(&[ESP]);
    unread.mounts[0].filesystem = "erofs".to_owned();
    assert!(host(&unread).plan::<Bootloader>(Phase::Install).unwrap().findings[0].fatal);

    let foreign = Distribution { family: "redhat".to_owned(), ..distribution() };
    let mut host = host(&layout(&[ESP])).fact("debian-minimal", "", &foreign);
    assert!(host.plan::<Bootloader>(Phase::Install).unwrap().findings[0].fatal);
}

#[test]
fn a_fedora_has_grub_under_its_own_names() {
    let fedora = Distribution { family: "fedora".to_owned(), ..distribution() };
    let mut host = host(&layout(&[BIOS_BOOT, ESP])).fact("debian-minimal", "", &fedora).answer(
        "grub2-mkimage",
        |command, tree| {
            let at = command.args.iter().position(|a| a == "-o").unwrap();
            tree.put_file(&command.args[at + 1], "another image");
            Output::default()
        },
    );
    let planned = host.plan::<Bootloader>(Phase::Install).unwrap();
    let packages = ["grub2-tools", "grub2-pc-modules", "grub2-efi-x64-modules"];
    assert_eq!(planned.package_names(), packages);
    host.run::<Bootloader>(Phase::Finalise).unwrap();
    assert_eq!(host.text("/boot/grub/i386-pc/core.img"), "another image");
    assert_eq!(host.text("/boot/efi/EFI/BOOT/BOOTX64.EFI"), "another image");
}

#[test]
fn settings_are_made_of_what_others_know() {
    let mut host = host(&layout(&[BIOS_BOOT, ESP])).parameter("timeout", 5);
    host.run::<Bootloader>(Phase::Install).unwrap();
    let text = host.text("/etc/default/grub");
    for line in [
        "GRUB_TIMEOUT=5",
        "GRUB_DISTRIBUTOR='Debian'",
        "GRUB_DEVICE=LABEL=cloudimg-rootfs",
        "GRUB_CMDLINE_LINUX_DEFAULT='console=tty0 console=ttyS0,115200 no_timer_check'",
        "GRUB_TERMINAL='console serial'",
        "GRUB_SERIAL_COMMAND='serial --unit=0 --speed=115200'",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in:\n{text}");
    }
}

#[test]
fn images_are_made_in_the_target() {
    let mut host = host(&layout(&[BIOS_BOOT, ESP]));
    let ran = host.run::<Bootloader>(Phase::Finalise).unwrap();
    let arguments: Vec<String> = ran.commands.iter().map(|c| c.args.join(" ")).collect();
    assert!(arguments[0].starts_with(
        "-O i386-pc -o /boot/grub/i386-pc/core.img -c /boot/grub/i386-pc/load.cfg -p /boot/grub "
    ));
    assert!(arguments[1].starts_with("-O x86_64-efi -o /boot/efi/EFI/BOOT/BOOTX64.EFI "));
    for module in [" biosdisk", " ext2", " part_gpt", " linux", " normal", " search_label"] {
        assert!(arguments[0].contains(module), "{module}: {}", arguments[0]);
    }
    assert!(arguments[1].contains(" fat ") && !arguments[1].contains("biosdisk"));
    assert_eq!(host.text("/boot/grub/i386-pc/boot.img"), "the boot sector");
    assert_eq!(
        host.text("/boot/grub/x86_64-efi/load.cfg"),
        "search --no-floppy --label cloudimg-rootfs --set=root\nset prefix=($root)/boot/grub\n"
    );
}

#[test]
fn the_menu_starts_the_newest_kernel() {
    let mut host = host(&layout(&[BIOS_BOOT, ESP]));
    host.run::<Bootloader>(Phase::Finalise).unwrap();
    let expected = "\
set default=0
set timeout_style=menu
set timeout=1
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
search --no-floppy --label cloudimg-rootfs --set=root

menuentry 'Debian GNU/Linux' --class debian --class gnu-linux --class os {
\tlinux /boot/vmlinuz-6.1.0-40-amd64 root=LABEL=cloudimg-rootfs ro console=tty0 console=ttyS0,115200 no_timer_check
\tinitrd /boot/initrd.img-6.1.0-40-amd64
}

menuentry 'Debian GNU/Linux, with Linux 6.1.0-9-amd64' --class debian --class gnu-linux --class os {
\tlinux /boot/vmlinuz-6.1.0-9-amd64 root=LABEL=cloudimg-rootfs ro console=tty0 console=ttyS0,115200 no_timer_check
\tinitrd /boot/initrd.img-6.1.0-9-amd64
}
";
    let text = host.text("/boot/grub/grub.cfg");
    let (_, menu) = text.split_once("\n\n").unwrap();
    assert_eq!(menu, expected);
}

/// Elements that never heard of one another hand the kernel's arguments on, in one phase.
#[test]
fn arguments_come_from_real_providers_in_the_same_phase() {
    let mut host = TestHost::new()
        .fact("debian-minimal", "", &distribution())
        .fact("host", "", &layout(&[BIOS_BOOT, ESP]))
        .directory("/etc/default");
    host.plan::<vm::Vm>(Phase::Install).unwrap();
    host.plan::<serial_console::SerialConsole>(Phase::Install).unwrap();
    host.plan::<Bootloader>(Phase::Install).unwrap();
    host.run::<Bootloader>(Phase::Install).unwrap();
    let line = "GRUB_CMDLINE_LINUX_DEFAULT='console=tty0 console=ttyS0,115200 no_timer_check'";
    assert!(host.text("/etc/default/grub").contains(line));
}
