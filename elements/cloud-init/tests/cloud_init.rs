//! The element on a host in memory.

use cloud_init::CloudInit;
use dibhost_element_sdk::slots::{Datasource, Distribution};
use dibhost_element_sdk::{Phase, TestHost, UnitState};

fn distribution(codename: &str) -> Distribution {
    Distribution {
        id: "debian".to_owned(),
        version_id: "12".to_owned(),
        codename: codename.to_owned(),
        family: "debian".to_owned(),
        package_manager: "apt".to_owned(),
        init: "systemd".to_owned(),
        default_user: "someone".to_owned(),
    }
}

fn host(codename: &str) -> TestHost {
    let distribution = distribution(codename);
    TestHost::new().fact("debian-minimal", "", &distribution).directory("/etc/cloud/cloud.cfg.d")
}

fn datasources(host: TestHost) -> String {
    let mut host = host;
    host.plan::<CloudInit>(Phase::Install).unwrap();
    let text = host.text("/etc/cloud/cloud.cfg.d/91-dibhost-datasources.cfg");
    text.lines().nth(1).unwrap().to_owned()
}

#[test]
fn datasources_are_those_of_all_who_know_one() {
    assert_eq!(
        datasources(host("bookworm")),
        "datasource_list: [ NoCloud, ConfigDrive, OpenStack, Ec2, None ]"
    );
    let name = |name: &str| Datasource { name: name.to_owned() };
    let more = host("bookworm").fact("a", "", &name("Azure")).fact("b", "", &name("NoCloud"));
    assert_eq!(
        datasources(more.parameter("datasources", vec!["NoCloud", "None"])),
        "datasource_list: [ NoCloud, Azure, None ]"
    );
}

#[test]
fn the_default_user_is_the_distributions() {
    let mut host = host("bookworm");
    host.plan::<CloudInit>(Phase::Install).unwrap();
    let text = host.text("/etc/cloud/cloud.cfg.d/91-dibhost-system.cfg");
    assert!(text.contains("  default_user:\n    name: \"someone\"\n"), "{text}");
    assert!(text.contains("    renderers: [ networkd ]\n"), "{text}");
}

#[test]
fn the_network_comes_up() {
    for (codename, is_package) in [("bookworm", true), ("bullseye", false)] {
        let planned = host(codename).plan::<CloudInit>(Phase::Install).unwrap();
        assert_eq!(planned.package_names().contains(&"systemd-resolved"), is_package);
        let networkd = ("systemd-networkd.service".to_owned(), UnitState::Enabled);
        assert!(planned.services.contains(&networkd));
    }
}

#[test]
fn what_is_no_datasource_is_refused() {
    let mut host = host("bookworm").parameter("datasources", vec!["NoCloud ]\nx: ["]);
    let planned = host.plan::<CloudInit>(Phase::Install).unwrap();
    assert!(planned.findings[0].fatal);
}

#[test]
fn what_others_say_is_one_word_of_the_file_that_it_goes_into() {
    let datasource = Datasource { name: "NoCloud ]\nruncmd: [".to_owned() };
    let mut with_datasource = host("bookworm").fact("a", "", &datasource);
    let user =
        Distribution { default_user: "x\"\nruncmd: [".to_owned(), ..distribution("bookworm") };
    let mut with_user = TestHost::new().fact("a", "", &user).directory("/etc/cloud/cloud.cfg.d");
    for host in [&mut with_datasource, &mut with_user] {
        let planned = host.plan::<CloudInit>(Phase::Install).unwrap();
        assert!(planned.findings[0].fatal && planned.files.is_empty());
    }
}

#[test]
fn the_network_is_set_up_by_what_the_system_has() {
    for (family, grows) in [("fedora", "cloud-utils-growpart"), ("suse", "growpart")] {
        let of_it = Distribution { family: family.to_owned(), ..distribution("") };
        let mut host = TestHost::new().fact("os", "", &of_it).directory("/etc/cloud/cloud.cfg.d");
        let planned = host.plan::<CloudInit>(Phase::Install).unwrap();
        assert_eq!(planned.package_names(), ["cloud-init", grows]);
        assert_eq!(planned.services, [("NetworkManager.service".to_owned(), UnitState::Enabled)]);
        let text = host.text("/etc/cloud/cloud.cfg.d/91-dibhost-system.cfg");
        assert!(text.contains("renderers: [ network-manager ]"), "{text}");
    }
}
