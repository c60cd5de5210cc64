//! The element on a host in memory.

use debian_minimal::{Choice, DebianMinimal};
use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{Bootstrap, BootstrapDistribution, Phase, TestHost, UnitState};

fn bootstrapped(host: TestHost) -> BootstrapDistribution {
    let mut host = host;
    let planned = host.plan::<DebianMinimal>(Phase::Root).unwrap();
    let Some(Bootstrap::Distribution(distribution)) = planned.bootstrap else { panic!() };
    distribution
}

#[test]
fn the_tree_is_made_by_apt() {
    let plain = bootstrapped(TestHost::new());
    assert_eq!((&*plain.package_manager, &*plain.release), ("apt", "bookworm"));
    assert_eq!((plain.mirror, plain.components), (None, vec!["main".to_owned()]));

    let choice =
        Choice { release: Some("trixie".into()), mirror: Some("http://b.example/".into()) };
    let host = || TestHost::new().fact("debian", "", &choice);
    assert_eq!(bootstrapped(host()).release, "trixie");
    // What is set here counts more than what `debian` says.
    let own = bootstrapped(host().parameter("release", "sid"));
    assert_eq!((&*own.release, own.mirror.as_deref()), ("sid", Some("http://b.example/")));
}

#[test]
fn a_release_that_moves_is_refused() {
    for release in ["stable", "testing", "", "Bookworm!"] {
        let mut host = TestHost::new().parameter("release", release);
        let planned = host.plan::<DebianMinimal>(Phase::Root).unwrap();
        assert!(planned.bootstrap.is_none(), "{release}");
        assert!(planned.findings[0].fatal, "{release}");
        assert_eq!(planned.findings[0].parameter.as_deref(), Some("release"));
    }
}

#[test]
fn others_are_told_what_it_is() {
    for (release, version, codename) in
        [("bookworm", "12", "bookworm"), ("unstable", "", "sid"), ("bullseye", "11", "bullseye")]
    {
        let mut host = TestHost::new().parameter("release", release);
        let planned = host.plan::<DebianMinimal>(Phase::Root).unwrap();
        let facts = planned.provided::<Distribution>();
        assert_eq!((&*facts[0].version_id, &*facts[0].codename), (version, codename));
        let planned = host.plan::<DebianMinimal>(Phase::Install).unwrap();
        let names = planned.package_names();
        assert!(names.contains(&"systemd-sysv"));
        assert_eq!(names.contains(&"systemd-resolved"), release != "bullseye");
        let networkd = ("systemd-networkd.service".to_owned(), UnitState::Enabled);
        assert!(planned.services.contains(&networkd));
    }
}

#[test]
fn the_machine_has_a_name_and_a_network() {
    let mut host = TestHost::new().image_name("Debian VM_1").directory("/etc/systemd/network");
    host.run::<DebianMinimal>(Phase::Install).unwrap();
    assert_eq!(host.text("/etc/hostname"), "debian-vm-1\n");
    assert!(host.text("/etc/hosts").contains("127.0.1.1\tdebian-vm-1\n"));
    assert_eq!(host.text("/etc/default/locale"), "LANG=C.UTF-8\n");
    assert!(host.text("/etc/systemd/network/90-dhcp.network").contains("DHCP=yes"));
    // The host left the builder's own there, and nobody named another.
    assert!(!host.exists("/etc/apt/sources.list.d"));
}

#[test]
fn the_image_has_the_sources_it_was_given() {
    let sources = |host: TestHost| {
        let mut host = host;
        host.run::<DebianMinimal>(Phase::Install).unwrap();
        host.text("/etc/apt/sources.list.d/debian.sources")
    };
    let host = || TestHost::new().directory("/etc/apt");
    let text = sources(
        host()
            .parameter("mirror", "http://builder.example/debian")
            .parameter("image-mirror", "http://machines.example/debian")
            .parameter("image-security-mirror", "http://machines.example/security"),
    );
    assert!(!text.contains("builder.example"), "{text}");
    assert!(text.contains("Suites: bookworm bookworm-updates\nComponents: main\n"), "{text}");
    assert!(text.contains("URIs: http://machines.example/security\nSuites: bookworm-security\n"));

    let sid = host().parameter("release", "sid").parameter("mirror", "http://m.example/debian");
    let text = sources(sid.parameter("image-security-mirror", "http://s.example"));
    assert!(text.contains("Suites: sid\n") && !text.contains("s.example"), "{text}");
}

#[test]
fn a_locale_that_is_not_there_is_made() {
    let host = |locale: &str| TestHost::new().parameter("locale", locale);
    let planned = host("en_US.UTF-8").plan::<DebianMinimal>(Phase::Install).unwrap();
    assert!(planned.package_names().contains(&"locales"));
    let answers: Vec<&str> = planned.answers.iter().map(|a| &*a.value).collect();
    assert_eq!(answers, ["en_US.UTF-8 UTF-8", "en_US.UTF-8"]);
    for built_in in ["C.UTF-8", "POSIX"] {
        let planned = host(built_in).plan::<DebianMinimal>(Phase::Install).unwrap();
        assert!(!planned.package_names().contains(&"locales") && planned.answers.is_empty());
    }
    for wrong in ["en_US", "de_DE.ISO-8859-1", "", "x y.UTF-8", "en_US.UTF-8 UTF-8, de_DE.UTF-8"] {
        let planned = host(wrong).plan::<DebianMinimal>(Phase::Install).unwrap();
        assert!(planned.findings[0].fatal, "{wrong}");
        assert_eq!(planned.findings[0].parameter.as_deref(), Some("locale"));
    }
}

/// Whether it plans nothing, and says why of this parameter.
fn is_refused(host: TestHost, parameter: &str) {
    let mut host = host;
    let planned = host.plan::<DebianMinimal>(Phase::Root).unwrap();
    assert!(planned.bootstrap.is_none(), "{parameter}");
    assert!(planned.findings[0].fatal, "{parameter}");
    assert_eq!(planned.findings[0].parameter.as_deref(), Some(parameter));
    // Nor is it written where nobody planned.
    assert!(host.run::<DebianMinimal>(Phase::Install).is_err(), "{parameter}");
}

#[test]
fn what_another_element_chooses_cannot_say_more_than_a_mirror() {
    for mirror in ["http://m.example/\nTrusted: yes", "[trusted=yes] http://m.example", "file:/srv"]
    {
        let choice = Choice { release: None, mirror: Some(mirror.to_owned()) };
        is_refused(TestHost::new().fact("debian", "", &choice), "mirror");
    }
    let choice = Choice { release: Some("sid\nTrusted: yes".to_owned()), mirror: None };
    is_refused(TestHost::new().fact("debian", "", &choice), "release");
}

#[test]
fn a_parameter_is_one_word_of_the_file_that_it_goes_into() {
    let mirror = "http://m.example\nTrusted: yes";
    is_refused(TestHost::new().parameter("image-mirror", mirror), "image-mirror");
    is_refused(TestHost::new().parameter("image-security-mirror", mirror), "image-security-mirror");
    is_refused(TestHost::new().parameter("components", vec!["main\nTrusted: yes"]), "components");
    for name in ["a b", "a\n127.0.0.1 mirror.example", "-a", "", "a..b"] {
        is_refused(TestHost::new().parameter("hostname", name), "hostname");
    }
    let mut host = TestHost::new().parameter("hostname", "web-1.example.org");
    assert!(host.plan::<DebianMinimal>(Phase::Root).unwrap().bootstrap.is_some());
}
