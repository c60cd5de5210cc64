//! What each element of a distribution of RPM packages does on a host in memory. Whoever takes this in
//! names its `Element` and its `SYSTEM`.

use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{Bootstrap, BootstrapDistribution, Phase, TestHost};

use crate::{Element, SYSTEM};

const MIRROR: &str = "https://mirror.example/os";

fn bootstrapped(host: TestHost) -> BootstrapDistribution {
    let mut host = host.parameter("mirror", MIRROR);
    let planned = host.plan::<Element>(Phase::Root).unwrap();
    let Some(Bootstrap::Distribution(distribution)) = planned.bootstrap else { panic!() };
    distribution
}

#[test]
fn each_release_is_made_of_signed_packages_of_its_own_repositories() {
    for file in SYSTEM.releases {
        let release = file.read();
        let first = bootstrapped(TestHost::new().parameter("release", release.release.as_str()));
        assert_eq!(
            (&*first.package_manager, &*first.release),
            (SYSTEM.package_manager, &*release.release)
        );
        let rpm = first.rpm.unwrap();
        assert!(rpm.base.iter().any(|name| name == "rpm"));
        assert_eq!(rpm.origins.len(), release.origins.len());
        for origin in &rpm.origins {
            assert!(origin.url.starts_with(MIRROR) && !origin.url.contains('{'), "{}", origin.url);
            assert_eq!(origin.keys.len(), release.keys.len());
            assert!(origin.keys.iter().all(|key| key.starts_with("-----BEGIN PGP PUBLIC KEY")));
        }
    }
}

#[test]
fn a_release_whose_keys_nobody_knows_is_refused_unless_they_are_given() {
    let of = |keys: &[&str]| {
        let mut host = TestHost::new()
            .parameter("mirror", MIRROR)
            .parameter("release", "1")
            .parameter("keys", keys);
        host.plan::<Element>(Phase::Root).unwrap()
    };
    let refused = of(&[]);
    assert!(refused.bootstrap.is_none() && refused.findings[0].fatal);
    let Some(Bootstrap::Distribution(first)) = of(&["KEY"]).bootstrap else { panic!() };
    let rpm = first.rpm.unwrap();
    assert!(rpm.origins.iter().all(|origin| origin.keys == ["KEY"]));
    assert_eq!(first.release, "1");
}

#[test]
fn others_are_told_what_it_is() {
    let mut host = TestHost::new().parameter("mirror", MIRROR);
    let planned = host.plan::<Element>(Phase::Root).unwrap();
    let system = &planned.provided::<Distribution>()[0];
    assert_eq!(
        (&*system.family, &*system.package_manager),
        (SYSTEM.family, SYSTEM.package_manager)
    );
    let planned = host.plan::<Element>(Phase::Install).unwrap();
    assert!(planned.package_names().contains(&"NetworkManager"));
}

#[test]
fn the_machine_has_a_name_and_a_language() {
    let mut host =
        TestHost::new().image_name("A VM_1").parameter("mirror", MIRROR).directory("/etc");
    host.run::<Element>(Phase::Install).unwrap();
    assert_eq!(host.text("/etc/hostname"), "a-vm-1\n");
    assert_eq!(host.text("/etc/locale.conf"), "LANG=C.UTF-8\n");
}

#[test]
fn what_would_say_more_than_it_is_to_is_refused() {
    for (parameter, value) in [
        ("mirror", "https://m.example/$x"),
        ("mirror", "file:///srv"),
        ("release", "../9"),
        ("hostname", "a\nb"),
        ("locale", "de_DE.UTF-8\nX=y"),
    ] {
        let mut host = TestHost::new().parameter("mirror", MIRROR).parameter(parameter, value);
        let planned = host.plan::<Element>(Phase::Root).unwrap();
        assert!(planned.bootstrap.is_none(), "{parameter}");
        assert_eq!(planned.findings[0].parameter.as_deref(), Some(parameter));
    }
}
