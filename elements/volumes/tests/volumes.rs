//! The element on a host in memory.

use dibhost_element_sdk::slots::{
    Distribution, InitramfsModule, Layout, LayoutMount, LayoutVolume,
};
use dibhost_element_sdk::{Phase, TestHost};
use volumes::Volumes;

const UUID: &str = "b4e9a2d8-6f5d-5c58-9d8a-2f6f6c5a1b11";

fn volume(name: &str, kind: &str, on: &[&str]) -> LayoutVolume {
    LayoutVolume {
        name: name.to_owned(),
        kind: kind.to_owned(),
        uuid: Some(UUID.to_owned()),
        on: on.iter().map(|n| (*n).to_owned()).collect(),
        level: (kind == "raid").then_some(1),
    }
}

fn mount(at: &str, on: &str, filesystem: &str) -> LayoutMount {
    LayoutMount {
        at: at.to_owned(),
        on: on.to_owned(),
        filesystem: filesystem.to_owned(),
        label: Some("x".to_owned()),
        uuid: None,
        options: Vec::new(),
        source: None,
    }
}

fn host(volumes: Vec<LayoutVolume>, mounts: Vec<LayoutMount>, family: &str) -> TestHost {
    let layout = Layout {
        mounts,
        partitions: Vec::new(),
        table: Some("gpt".to_owned()),
        grub_bios: Vec::new(),
        volumes,
    };
    let distribution = Distribution {
        id: family.to_owned(),
        version_id: "12".to_owned(),
        codename: "bookworm".to_owned(),
        family: family.to_owned(),
        package_manager: "apt".to_owned(),
        init: "systemd".to_owned(),
        default_user: "debian".to_owned(),
    };
    TestHost::new().fact("host", "", &layout).fact("debian-minimal", "", &distribution)
}

/// Root on LVM on LUKS on a RAID, and a second encrypted volume for data.
fn nested() -> TestHost {
    let volumes = vec![
        volume("mirror", "raid", &["a", "b"]),
        volume("root-crypt", "luks", &["mirror"]),
        volume("pv", "physical-volume", &["root-crypt"]),
        volume("vg", "volume-group", &["pv"]),
        volume("lv", "logical-volume", &["vg"]),
        volume("data-crypt", "luks", &["c"]),
    ];
    let mounts = vec![mount("/", "lv", "xfs"), mount("/srv", "data-crypt", "btrfs")];
    host(volumes, mounts, "debian")
}

#[test]
fn what_lies_below_the_root_filesystem_is_in_the_initramfs() {
    let planned = nested().plan::<Volumes>(Phase::Install).unwrap();
    let modules: Vec<String> =
        planned.provided::<InitramfsModule>().into_iter().map(|m| m.name).collect();
    for module in ["dm-crypt", "dm-mod", "raid1", "xfs"] {
        assert!(modules.iter().any(|m| m == module), "{module} is not in {modules:?}");
    }
    for module in ["btrfs", "raid0", "dm-thin-pool"] {
        assert!(!modules.iter().any(|m| m == module), "{module} is in {modules:?}");
    }
    let packages = planned.package_names();
    for package in
        ["cryptsetup", "cryptsetup-initramfs", "lvm2", "mdadm", "btrfs-progs", "xfsprogs"]
    {
        assert!(packages.contains(&package), "{package} is not in {packages:?}");
    }
}

#[test]
fn crypttab_and_mdadm_conf_name_volumes_by_uuid() {
    let mut host = nested().directory("/etc");
    host.run::<Volumes>(Phase::Install).unwrap();
    let crypttab = host.text("/etc/crypttab");
    assert!(crypttab.contains(&format!("root-crypt UUID={UUID} none luks,initramfs\n")));
    assert!(crypttab.contains(&format!("data-crypt UUID={UUID} none luks\n")));
    assert!(
        host.text("/etc/mdadm/mdadm.conf").contains(&format!("ARRAY /dev/md/mirror UUID={UUID}\n"))
    );
}

#[test]
fn where_there_are_only_partitions_nothing_is_done() {
    let plain = || host(Vec::new(), vec![mount("/", "root", "ext4")], "alpine");
    let planned = plain().plan::<Volumes>(Phase::Install).unwrap();
    assert!(planned.packages.is_empty() && planned.facts.is_empty());
    assert!(planned.findings.is_empty());
}

#[test]
fn packages_of_other_families_are_not_guessed() {
    let mut host = host(vec![volume("c", "luks", &["a"])], vec![mount("/", "c", "ext4")], "alpine");
    let planned = host.plan::<Volumes>(Phase::Install).unwrap();
    assert!(planned.findings[0].fatal && planned.packages.is_empty());
}
