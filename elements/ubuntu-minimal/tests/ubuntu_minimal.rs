//! The element on a host in memory.

use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    Bootstrap, BootstrapDistribution, DebRepository, Phase, Planned, TestHost,
};
use ubuntu_minimal::{Choice, UbuntuMinimal};

/// A host on which a mirror is named.
fn new() -> TestHost {
    TestHost::new().parameter("mirror", "http://u.example/ubuntu")
}

fn planned(host: TestHost) -> Planned {
    let mut host = host;
    host.plan::<UbuntuMinimal>(Phase::Root).unwrap()
}

fn first_tree(planned: &Planned) -> &BootstrapDistribution {
    let Some(Bootstrap::Distribution(distribution)) = &planned.bootstrap else { panic!() };
    distribution
}

/// Name, address and suites of each repository beside the first one.
fn beside(planned: &Planned) -> Vec<(&str, &str, Vec<&str>)> {
    fn one(of: &DebRepository) -> (&str, &str, Vec<&str>) {
        (&of.name, &of.url, of.suites.iter().map(String::as_str).collect())
    }
    planned.deb_repositories.iter().map(one).collect()
}

#[test]
fn a_release_comes_with_its_pockets_each_from_where_it_is() {
    let plain = planned(new());
    let tree = first_tree(&plain);
    assert_eq!((&*tree.package_manager, &*tree.release), ("apt", "noble"));
    let mirror = tree.mirror.as_deref().unwrap();
    assert_eq!(tree.components, ["main", "universe"]);
    let repositories = beside(&plain);
    assert_eq!(repositories[0], ("ubuntu-pockets", mirror, vec!["noble-updates"]));
    assert_eq!(
        (repositories[1].0, &repositories[1].2[..]),
        ("ubuntu-security", &["noble-security"][..])
    );
    assert_eq!((mirror, repositories[1].1), ("http://u.example/ubuntu", mirror));
    // Each is signed by Ubuntu's key, and none is in the image by that name.
    assert!(tree.keys[0].starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"));
    assert!(plain.deb_repositories.iter().all(|r| r.key == tree.keys[0] && r.build_only));

    let more = new()
        .parameter("pockets", vec!["updates", "backports"])
        .parameter("components", vec!["main"]);
    let more = planned(more);
    assert_eq!(
        beside(&more),
        [("ubuntu-pockets", mirror, vec!["noble-updates", "noble-backports"])]
    );
    assert_eq!(more.deb_repositories[0].components, ["main"]);
    let none: Vec<String> = Vec::new();
    assert!(beside(&planned(new().parameter("pockets", none))).is_empty());
}

#[test]
fn a_mirror_has_to_be_named() {
    let mut host = TestHost::new();
    let planned = host.plan::<UbuntuMinimal>(Phase::Root).unwrap();
    assert!(planned.bootstrap.is_none() && planned.findings[0].fatal);
    assert_eq!(planned.findings[0].parameter.as_deref(), Some("mirror"));
}

#[test]
fn a_mirror_that_is_named_has_all_of_it() {
    let choice =
        Choice { release: Some("jammy".into()), mirror: Some("http://b.example/u".into()) };
    let host = || TestHost::new().fact("ubuntu", "", &choice);
    let whole = planned(host());
    assert_eq!(first_tree(&whole).release, "jammy");
    let urls: Vec<_> = beside(&whole).iter().map(|(_, url, _)| (*url).to_owned()).collect();
    assert_eq!(urls, ["http://b.example/u", "http://b.example/u"]);
    // What is set here counts more than what `ubuntu` says.
    let own = planned(
        host().parameter("release", "resolute").parameter("security-mirror", "http://s.example"),
    );
    assert_eq!(first_tree(&own).release, "resolute");
    assert_eq!(beside(&own)[1], ("ubuntu-security", "http://s.example", vec!["resolute-security"]));
    let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nmine\n-----END PGP PUBLIC KEY BLOCK-----";
    let own = planned(host().parameter("key", key));
    assert_eq!(first_tree(&own).keys, [key]);
    assert_eq!(own.deb_repositories[1].key, key);
}

#[test]
fn others_are_told_what_it_is() {
    for (release, version, resolved) in
        [("jammy", "22.04", false), ("noble", "24.04", true), ("unheard", "", true)]
    {
        let mut host = new().parameter("release", release);
        let root = host.plan::<UbuntuMinimal>(Phase::Root).unwrap();
        let facts = root.provided::<Distribution>();
        let fact = &facts[0];
        assert_eq!((&*fact.id, &*fact.family, &*fact.version_id), ("ubuntu", "debian", version));
        assert_eq!((&*fact.codename, &*fact.default_user), (release, "ubuntu"));
        let install = host.plan::<UbuntuMinimal>(Phase::Install).unwrap();
        assert_eq!(install.package_names().contains(&"systemd-resolved"), resolved, "{release}");
        assert!(install.package_names().contains(&"ubuntu-keyring"));
    }
}

fn ran(host: TestHost) -> TestHost {
    let mut host = host.directory("/etc/apt");
    host.run::<UbuntuMinimal>(Phase::Install).unwrap();
    host
}

#[test]
fn the_image_has_the_sources_it_was_given_in_the_form_of_its_release() {
    let host = || {
        TestHost::new()
            .parameter("mirror", "http://builder.example/ubuntu")
            .parameter("image-mirror", "http://m.example/ubuntu")
            .parameter("image-security-mirror", "http://m.example/security")
    };
    let deb822 = ran(host()).text("/etc/apt/sources.list.d/ubuntu.sources");
    assert_eq!(
        deb822,
        "Types: deb\nURIs: http://m.example/ubuntu\nSuites: noble noble-updates\n\
         Components: main universe\nSigned-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n\n\
         Types: deb\nURIs: http://m.example/security\nSuites: noble-security\n\
         Components: main universe\nSigned-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n"
    );
    let lines = ran(host().parameter("release", "jammy"));
    assert!(!lines.exists("/etc/apt/sources.list.d/ubuntu.sources"));
    let keyring = "[signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg]";
    assert_eq!(
        lines.text("/etc/apt/sources.list"),
        format!(
            "deb {keyring} http://m.example/ubuntu jammy main universe\n\
             deb {keyring} http://m.example/ubuntu jammy-updates main universe\n\
             deb {keyring} http://m.example/security jammy-security main universe\n"
        )
    );
    // Where nobody names another one, the image's are the builder's.
    let same = TestHost::new().parameter("mirror", "http://b.example/u");
    assert_eq!(
        ran(same).text("/etc/apt/sources.list.d/ubuntu.sources").matches("//b.example/u\n").count(),
        2
    );
}

#[test]
fn an_archive_of_your_own_has_your_key_in_the_image() {
    let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nmine\n-----END PGP PUBLIC KEY BLOCK-----\n";
    let host = ran(new().parameter("key", key));
    assert_eq!(host.text("/etc/apt/keyrings/ubuntu-archive.asc"), key);
    let text = host.text("/etc/apt/sources.list.d/ubuntu.sources");
    assert_eq!(text.matches("Signed-By: /etc/apt/keyrings/ubuntu-archive.asc\n").count(), 2);
}

#[test]
fn the_machine_has_a_name_and_a_network() {
    let host = ran(new().image_name("Ubuntu VM_1"));
    assert_eq!(host.text("/etc/hostname"), "ubuntu-vm-1\n");
    assert!(host.text("/etc/systemd/network/90-dhcp.network").contains("DHCP=yes"));
    assert!(host.text("/etc/sysctl.d/90-dibhost-ipv6.conf").contains("all.use_tempaddr = 0"));
}

#[test]
fn what_a_parameter_says_is_one_word_of_the_file_that_it_goes_into() {
    let refused = |parameter: &str, host: TestHost| {
        let mut host = host;
        let planned = host.plan::<UbuntuMinimal>(Phase::Root).unwrap();
        assert!(planned.bootstrap.is_none(), "{parameter}");
        assert!(planned.findings[0].fatal, "{parameter}");
        assert_eq!(planned.findings[0].parameter.as_deref(), Some(parameter));
        // Nor is it written where nobody planned.
        assert!(host.run::<UbuntuMinimal>(Phase::Install).is_err(), "{parameter}");
    };
    let host = new;
    for release in ["devel", "lts", "xenial", "", "Noble", "noble-updates", "noble\nTrusted: yes"] {
        refused("release", host().parameter("release", release));
    }
    let mirror = "http://m.example\nTrusted: yes";
    for parameter in ["mirror", "security-mirror", "image-mirror", "image-security-mirror"] {
        refused(parameter, host().parameter(parameter, mirror));
    }
    refused("components", host().parameter("components", vec!["main\nTrusted: yes"]));
    for pocket in ["secure", "", "updates\nTrusted: yes"] {
        refused("pockets", host().parameter("pockets", vec![pocket]));
    }
    refused("hostname", host().parameter("hostname", "a b"));
    let choice = Choice { release: None, mirror: Some("[trusted=yes] http://m.example".into()) };
    refused("mirror", TestHost::new().fact("ubuntu", "", &choice));
}
