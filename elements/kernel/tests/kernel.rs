//! The element on a host in memory.

use dibhost_element_sdk::slots::{Distribution, InitramfsModule, Kernel, KernelArgument};
use dibhost_element_sdk::{Phase, TestHost};
use kernel::KernelElement;

fn distribution(id: &str) -> Distribution {
    Distribution {
        id: id.to_owned(),
        version_id: "12".to_owned(),
        codename: "bookworm".to_owned(),
        family: "debian".to_owned(),
        package_manager: "apt".to_owned(),
        init: "systemd".to_owned(),
        default_user: "debian".to_owned(),
    }
}

fn host() -> TestHost {
    TestHost::new().fact("debian-minimal", "", &distribution("debian"))
}

#[test]
fn the_package_is_the_architectures() {
    for (arch, package) in [
        ("amd64", "linux-image-amd64"),
        ("arm64", "linux-image-arm64"),
        ("armhf", "linux-image-armmp-lpae"),
    ] {
        let planned = host().arch(arch).plan::<KernelElement>(Phase::Install).unwrap();
        assert_eq!(planned.package_names()[0], package);
    }
    let mut ubuntu = TestHost::new().fact("ubuntu-minimal", "", &distribution("ubuntu"));
    let planned = ubuntu.plan::<KernelElement>(Phase::Install).unwrap();
    assert_eq!(planned.package_names()[0], "linux-image-generic");
    let mut cloud = host().parameter("package", "linux-image-cloud-amd64");
    let planned = cloud.plan::<KernelElement>(Phase::Install).unwrap();
    assert_eq!(planned.package_names()[0], "linux-image-cloud-amd64");
}

#[test]
fn what_is_no_kernel_is_refused() {
    let mut other = host().parameter("package", "bash");
    assert!(other.plan::<KernelElement>(Phase::Install).unwrap().findings[0].fatal);
    let mut unknown = TestHost::new().fact("other", "", &distribution("other"));
    let planned = unknown.plan::<KernelElement>(Phase::Install).unwrap();
    assert!(planned.findings[0].fatal && planned.packages.is_empty());
}

#[test]
fn arguments_keep_their_order() {
    let mut host = host().parameter("arguments", vec!["quiet", "a=1"]);
    let planned = host.plan::<KernelElement>(Phase::Install).unwrap();
    let keys: Vec<&str> = planned.facts.iter().map(|(_, fact)| &*fact.key).collect();
    assert_eq!(keys, ["000", "001"]);
    assert_eq!(planned.provided::<KernelArgument>()[1].argument, "a=1");
}

#[test]
fn modules_of_others_reach_the_initramfs() {
    let module = InitramfsModule { name: "virtio_blk".to_owned() };
    let mut host = host().directory("/etc/initramfs-tools").fact("vm", "", &module);
    host.run::<KernelElement>(Phase::PostInstall).unwrap();
    assert!(host.text("/etc/initramfs-tools/modules").contains("# for `vm`\nvirtio_blk\n"));
    assert_eq!(host.text("/etc/initramfs-tools/conf.d/resume"), "RESUME=none\n");
}

#[test]
fn what_is_no_module_reaches_no_initramfs() {
    let module = InitramfsModule { name: "virtio_blk\nevil".to_owned() };
    let mut host = host().directory("/etc/initramfs-tools").fact("vm", "", &module);
    let error = host.run::<KernelElement>(Phase::PostInstall).unwrap_err();
    assert!(error.message.contains("is no kernel module"), "{error}");
    assert!(!host.exists("/etc/initramfs-tools/modules"));
}

#[test]
fn the_initramfs_is_compressed_as_wished() {
    let path = "/etc/initramfs-tools/conf.d/compression";
    let mut plain = host().directory("/etc/initramfs-tools");
    plain.run::<KernelElement>(Phase::PostInstall).unwrap();
    assert!(!plain.exists(path));
    let mut host = host().directory("/etc/initramfs-tools").parameter("compression-level", 3);
    host.run::<KernelElement>(Phase::PostInstall).unwrap();
    assert_eq!(host.text(path), "COMPRESSLEVEL=3\n");
}

#[test]
fn every_kernel_is_told() {
    let mut host = host()
        .file("/boot/vmlinuz-6.1.0-40-amd64", "")
        .file("/boot/initrd.img-6.1.0-40-amd64", "")
        .file("/boot/vmlinuz-6.1.0-9-amd64", "")
        .file("/boot/config-6.1.0-40-amd64", "");
    let ran = host.run::<KernelElement>(Phase::Finalise).unwrap();
    let kernels = ran.provided::<Kernel>();
    assert_eq!(kernels.len(), 2);
    assert_eq!(kernels[0].initramfs.as_deref(), Some("/boot/initrd.img-6.1.0-40-amd64"));
    assert_eq!(kernels[1].initramfs, None);
    assert!(ran.log[0].1.contains("6.1.0-9-amd64 has no initramfs"));
}

#[test]
fn no_kernel_at_all_stops_the_build() {
    let error = host().run::<KernelElement>(Phase::Finalise).unwrap_err();
    assert!(error.message.contains("no kernel in `/boot`"), "{error}");
}

fn fedora() -> TestHost {
    let family = |family: &str| Distribution {
        family: family.to_owned(),
        package_manager: "dnf".to_owned(),
        ..distribution("rocky")
    };
    TestHost::new().fact("rocky", "", &family("fedora"))
}

#[test]
fn a_system_of_rpm_packages_has_its_kernel_and_dracut() {
    let planned = fedora().plan::<KernelElement>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["kernel-core", "dracut"]);
    let mut other = fedora().parameter("package", "linux-image-amd64");
    assert!(other.plan::<KernelElement>(Phase::Install).unwrap().findings[0].fatal);

    let module = InitramfsModule { name: "virtio_blk".to_owned() };
    let mut host =
        fedora().directory("/etc").fact("vm", "", &module).parameter("compression-level", 3);
    host.run::<KernelElement>(Phase::PostInstall).unwrap();
    let text = host.text("/etc/dracut.conf.d/90-dibhost.conf");
    assert!(text.contains("hostonly=\"no\"\nadd_drivers+=\" virtio_blk \"\n"), "{text}");
    assert!(text.contains("compress=\"zstd -3\"\n"), "{text}");
    assert!(!host.exists("/etc/initramfs-tools"));

    let mut host = fedora().file("/boot/vmlinuz-6.1", "").file("/boot/initramfs-6.1.img", "");
    let ran = host.run::<KernelElement>(Phase::Finalise).unwrap();
    assert_eq!(ran.provided::<Kernel>()[0].initramfs.as_deref(), Some("/boot/initramfs-6.1.img"));
}
