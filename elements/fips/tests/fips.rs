//! The element on a host in memory.

use dibhost_element_sdk::slots::{Distribution, KernelArgument, Layout, LayoutMount};
use dibhost_element_sdk::{Phase, Planned, TestHost};
use fips::Fips;

fn layout(boot: Option<&str>) -> Layout {
    let mount = |source: &str| LayoutMount {
        at: "/boot".to_owned(),
        on: "boot".to_owned(),
        filesystem: "ext4".to_owned(),
        label: None,
        uuid: None,
        options: Vec::new(),
        source: Some(source.to_owned()),
    };
    Layout {
        table: None,
        mounts: boot.map(mount).into_iter().collect(),
        partitions: Vec::new(),
        grub_bios: Vec::new(),
        volumes: Vec::new(),
    }
}

fn planned(host: TestHost, boot: Option<&str>) -> (Planned, TestHost) {
    let mut host = host.fact("host", "", &layout(boot));
    let planned = host.plan::<Fips>(Phase::Install).unwrap();
    (planned, host)
}

fn arguments(planned: &Planned) -> Vec<String> {
    planned.provided::<KernelArgument>().into_iter().map(|fact| fact.argument).collect()
}

#[test]
fn kernel_libraries_and_initramfs_are_told() {
    for family in ["fedora", "rhel"] {
        let (planned, host) = planned(TestHost::new().system(family, "9"), None);
        assert_eq!(arguments(&planned), ["fips=1"]);
        assert_eq!(host.text("/etc/crypto-policies/config"), "FIPS\n");
        assert!(host.text("/etc/dracut.conf.d/60-dibhost-fips.conf").contains("\" fips \""));
        assert_eq!(planned.package_names(), ["crypto-policies-scripts"]);
    }
}

#[test]
fn a_boot_filesystem_of_its_own_is_named() {
    let rhel = || TestHost::new().system("rhel", "9");
    let mut said = arguments(&planned(rhel(), Some("LABEL=boot")).0);
    said.sort();
    assert_eq!(said, ["boot=LABEL=boot", "fips=1"]);
    let (planned, _) = planned(rhel(), Some("LABEL=a b"));
    assert!(planned.findings[0].fatal && planned.packages.is_empty());
}

#[test]
fn a_system_without_such_a_mode_is_refused_and_says_why() {
    let ubuntu = Distribution {
        id: "ubuntu".to_owned(),
        version_id: "24.04".to_owned(),
        codename: "noble".to_owned(),
        family: "debian".to_owned(),
        package_manager: "apt".to_owned(),
        init: "systemd".to_owned(),
        default_user: "ubuntu".to_owned(),
    };
    for (host, says) in [
        (TestHost::new().debian("bookworm"), "Debian has no FIPS mode"),
        (TestHost::new().fact("ubuntu-minimal", "", &ubuntu), "Ubuntu Pro"),
        (TestHost::new().system("suse", "15"), "`suse` is not known"),
    ] {
        let (planned, _) = planned(host, None);
        assert!(planned.findings[0].fatal && planned.files.is_empty(), "{says}");
        assert!(planned.findings[0].message.contains(says), "{}", planned.findings[0].message);
        assert!(arguments(&planned).is_empty());
    }
}
