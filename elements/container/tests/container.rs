//! The element on a host in memory.

use container::Container;
use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{Bootstrap, Phase, Planned, TestHost};

fn image() -> String {
    format!("registry.example/library/debian:12@sha256:{}", "0".repeat(64))
}

fn debian() -> TestHost {
    TestHost::new()
        .parameter("image", image())
        .parameter("system", "debian")
        .parameter("version", "12")
        .parameter("codename", "bookworm")
}

fn planned(host: TestHost, phase: Phase) -> Planned {
    let mut host = host;
    host.plan::<Container>(phase).unwrap()
}

#[test]
fn the_image_is_the_first_tree_and_what_it_is_is_told() {
    let told = planned(debian(), Phase::Root);
    let Some(Bootstrap::Container(reference)) = &told.bootstrap else { panic!() };
    assert_eq!(*reference, image());
    let distribution = &told.provided::<Distribution>()[0];
    assert_eq!((&*distribution.id, &*distribution.package_manager), ("debian", "apt"));
    assert_eq!((&*distribution.version_id, &*distribution.codename), ("12", "bookworm"));
}

#[test]
fn it_becomes_a_machine_unless_that_is_not_wished() {
    let told = planned(debian(), Phase::Install);
    assert!(told.packages.iter().any(|p| p.name == "systemd-sysv"));
    assert!(told.packages.iter().any(|p| p.name == "systemd-resolved"));
    let none = planned(debian().parameter("machine", false), Phase::Install);
    assert!(none.packages.is_empty() && none.services.is_empty());

    let fedora = || {
        TestHost::new()
            .parameter("image", image())
            .parameter("system", "fedora")
            .parameter("version", "42")
    };
    let told = planned(fedora(), Phase::Install);
    assert!(told.packages.iter().any(|p| p.name == "NetworkManager"));
    let mut host = fedora();
    host.run::<Container>(Phase::Install).unwrap();
    assert_eq!(host.text("/etc/locale.conf"), "LANG=C.UTF-8\n");
}

#[test]
fn what_is_for_containers_alone_goes() {
    let mut host = debian().file("/.dockerenv", "").file("/usr/sbin/policy-rc.d", "exit 101");
    host.run::<Container>(Phase::Install).unwrap();
    assert!(!host.exists("/.dockerenv") && !host.exists("/usr/sbin/policy-rc.d"));
    assert!(host.exists("/etc/systemd/network/90-dhcp.network"));
}

#[test]
fn what_says_too_little_is_refused_by_its_parameter() {
    for (parameter, value) in [
        ("image", "registry.example/library/debian:12"),
        ("image", "registry.example/debian@sha256:0"),
        ("system", "windows"),
        ("version", "1 2"),
        ("codename", "../x"),
        ("hostname", "a b"),
    ] {
        let told = planned(debian().parameter(parameter, value), Phase::Root);
        assert!(told.bootstrap.is_none(), "{parameter}");
        assert_eq!(told.findings[0].parameter.as_deref(), Some(parameter));
    }
    let unnamed = TestHost::new().parameter("image", image()).parameter("system", "debian");
    let told = planned(unnamed, Phase::Root);
    assert_eq!(told.findings[0].parameter.as_deref(), Some("codename"));
}
