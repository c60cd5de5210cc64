use super::right::matches;
use super::*;
use crate::wish::{
    DebRepository, Debconf, ModuleStream, PackageGroup, PresetAction, RpmLocation, RpmRepository,
    Sudo, User,
};
use dibhost_definition::Capability;

#[test]
fn a_star_stands_for_any_run_of_characters() {
    for (pattern, subject, fits) in [
        ("linux-image-*", "linux-image-amd64", true),
        ("linux-image-*", "linux-headers", false),
        ("*", "", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("*.service", "ssh.service", true),
        ("grub", "grub2", false),
    ] {
        assert_eq!(matches(pattern, subject), fits, "{pattern} {subject}");
    }
}

#[test]
fn below_does_not_take_a_longer_name_for_a_folder() {
    assert!(below("/etc", "/etc/motd"));
    assert!(below("/", "/etc"));
    assert!(!below("/etc", "/etcetera"));
}

#[test]
fn writing_includes_reading_and_a_folder_what_is_below() {
    let request = |scope: &str| Request {
        capability: "rootfs".into(),
        scope: scope.into(),
        reason: String::new(),
        when: Vec::new(),
    };
    let grants = grants(&[("rootfs", "write /etc")]);
    assert!(grants.missing(&[request("read /etc/ssh"), request("write /etc/motd")]).is_empty());
    assert_eq!(grants.missing(&[request("write /usr")]).len(), 1);
}

fn grants(scopes: &[(&str, &str)]) -> Grants {
    scopes.iter().map(|(c, s)| Right::of(c, s).unwrap()).collect()
}

const FINGERPRINT: &str = "4D64FEC119C2029067D6E791F8D2585B8783D481";

#[test]
fn a_repository_is_granted_by_url_and_key() {
    let any = format!("https://h.example/* key:{}", FINGERPRINT.to_lowercase());
    let other = "A".repeat(40);
    for (granted, url, key, held) in [
        ("https://h.example/debian key:*", "https://h.example/debian/", FINGERPRINT, true),
        ("https://h.example/debian key:*", "https://h.example/debian-x", FINGERPRINT, false),
        (any.as_str(), "https://h.example/x/y", FINGERPRINT, true),
        (any.as_str(), "https://h.example/x/y", other.as_str(), false),
        (any.as_str(), "https://h.example.invalid/x", FINGERPRINT, false),
        (any.as_str(), "http://h.example/x", FINGERPRINT, false),
        ("* key:*", "http://anywhere.example", other.as_str(), true),
    ] {
        let held_grants = grants(&[("repositories", granted)]);
        let asked = Right::Repositories(Signed::by(url, key));
        assert_eq!(held_grants.allows(&asked), held, "{granted} {asked}");
    }
}

#[test]
fn every_key_of_a_repository_has_to_be_granted() {
    let key = include_str!("../../tests/debian-release-bookworm.asc");
    let wish = |key: &str| {
        Wish::Repository(Repository::Deb(DebRepository {
            name: "r".into(),
            url: "https://h.example/debian".into(),
            suites: vec!["s".into()],
            components: vec!["c".into()],
            priority: None,
            key: key.into(),
            build_only: false,
        }))
    };
    let scope = format!("https://h.example/debian key:{FINGERPRINT}");
    let held = grants(&[("repositories", &scope)]);
    assert_eq!(permits(&held, &wish(key)), Ok(()));
    let other = include_str!("../../tests/two-keys.asc");
    assert_eq!(openpgp::fingerprints(other).unwrap()[0], FINGERPRINT);
    let refused = permits(&held, &wish(other)).unwrap_err();
    insta::assert_snapshot!(refused, @"it holds no grant `repositories` that covers `https://h.example/debian key:7B1607E6535939525081C692DE8A79D3968E6746`");
    assert!(permits(&held, &wish("no key")).is_err());
    let rpm = |keys: &[&str]| {
        Wish::Repository(Repository::Rpm(RpmRepository {
            name: "r".into(),
            url: "https://h.example/debian".into(),
            location: RpmLocation::Metalink,
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            priority: None,
            cost: None,
            module_hotfixes: false,
            build_only: false,
        }))
    };
    assert_eq!(permits(&held, &rpm(&[key])), Ok(()));
    assert_eq!(permits(&held, &rpm(&[key, other])), Err(refused));
}

#[test]
fn a_rule_of_sudo_has_a_grant_of_its_own() {
    let wish = |sudo| Wish::User(User { name: "my-deploy".into(), sudo, ..User::default() });
    let held = grants(&[("accounts", "*")]);
    for harmless in [None, Some(Sudo::None)] {
        assert_eq!(permits(&held, &wish(harmless)), Ok(()));
    }
    for root in [Sudo::Password, Sudo::Nopasswd] {
        let refused = permits(&held, &wish(Some(root))).unwrap_err();
        assert_eq!(refused.0.said(), (Capability::AccountsSudo, "my-deploy".to_owned()));
        let held = grants(&[("accounts", "*"), ("accounts-sudo", "*-deploy")]);
        assert_eq!(permits(&held, &wish(Some(root))), Ok(()));
    }
}

#[test]
fn what_is_wished_for_by_family_is_granted_as_packages_and_units_are() {
    let debconf = Wish::Debconf(Debconf {
        package: "tzdata".into(),
        question: "tzdata/Areas".into(),
        kind: "select".into(),
        value: "Etc".into(),
    });
    let (name, stream) = ("nodejs".into(), "20".into());
    let module = Wish::Module(ModuleStream { name, stream, reason: String::new() });
    let id = "^minimal-environment".into();
    let group = Wish::PackageGroup(PackageGroup { id, reason: String::new() });
    let (unit, name) = ("ssh.service".into(), "10-x".into());
    let drop_in = Wish::DropIn { unit, name, content: String::new() };
    let preset =
        |unit: &str| Wish::Preset { number: 90, unit: unit.into(), action: PresetAction::Disable };
    for (wish, capability, held, subject) in [
        (debconf.clone(), "packages", "tzdata", "tzdata"),
        (module.clone(), "packages", "@nodejs:*", "@nodejs:20"),
        (group, "packages", "@^minimal-environment", "@^minimal-environment"),
        (drop_in, "services-define", "ssh.service", "ssh.service"),
        (preset("ssh.socket"), "services", "ssh.*", "ssh.socket"),
        (preset("*.socket"), "services", "*.socket", "*.socket"),
    ] {
        assert_eq!(permits(&grants(&[(capability, held)]), &wish), Ok(()), "{held}");
        assert_eq!(permits(&grants(&[(capability, "*")]), &wish), Ok(()), "{held}");
        let refused = permits(&grants(&[]), &wish).unwrap_err().0;
        assert_eq!((refused.capability().name(), &*refused.text()), (capability, subject));
    }
    // A package of that name is no module, and a unit is not all of them.
    for (wish, capability, held) in [
        (module, "packages", "nodejs*"),
        (preset("*"), "services", "*.service"),
        (preset("ssh*"), "services", "ssh.service"),
        (debconf, "packages", "@*"),
    ] {
        assert!(permits(&grants(&[(capability, held)]), &wish).is_err(), "{held}");
    }
}

#[test]
fn scopes_that_say_too_little_or_could_mean_too_much() {
    let fits = |capability, scope| Right::of(capability, scope);
    for (capability, scope) in [
        ("repositories", "https://h.example/debian key:*"),
        ("repositories", "* key:4D64FEC119C2029067D6E791F8D2585B8783D481"),
        ("repositories", "https://h.example/*/debian key:*"),
        ("facts", "dib:boot/kernel-argument@1"),
        ("facts", "dib:users/*"),
        ("facts", "*"),
        ("facts", "dibhost:debian/choice@1"),
        ("facts", "read dibhost:*"),
        ("facts", "read dib:users/authorized-key@1"),
        ("elements", "require sysprep"),
        ("elements", "stand-in-for *"),
        ("secret", "place password"),
        ("secret", "open *"),
    ] {
        let parsed = fits(capability, scope).unwrap();
        assert_eq!(parsed.said(), (Capability::named(capability).unwrap(), scope.to_owned()));
    }
    for (capability, scope) in [
        ("repositories", "https://h.example/debian"),
        ("repositories", "*"),
        ("repositories", "https://*.example/ key:*"),
        ("repositories", "https://h.example* key:*"),
        ("repositories", "http* key:*"),
        ("repositories", "file:///etc key:*"),
        ("repositories", "https://h.example/debian key:8783D481"),
        ("repositories", "https://h.example/../x key:*"),
        ("facts", ""),
        ("facts", "acme:proxy/upstream@1"),
        ("facts", "dib:users/authorized-keys@1"),
        ("facts", "read acme:proxy/upstream@1"),
        ("facts", "read dib:boot/kernel@1"),
        ("facts", "dibhost:"),
        ("elements", "sysprep"),
        ("elements", "replace sysprep"),
        ("elements", "require ./sysprep"),
        // The host's alone.
        ("facts", "dib:block-device/layout@1"),
        ("secret", "password"),
        ("secret", "read password"),
        ("secret", "open "),
        ("block-device", "sda"),
        ("rootfs", "write etc"),
        ("exec", ""),
        ("ptrace", "*"),
    ] {
        assert!(fits(capability, scope).is_err(), "{capability} {scope}");
    }
}

#[test]
fn what_may_be_opened_may_be_placed_and_not_the_other_way() {
    let secret = |scope| Right::of("secret", scope).unwrap();
    let place = grants(&[("secret", "place password")]);
    assert!(place.allows(&secret("place password")));
    assert!(!place.allows(&secret("open password")));
    assert!(!place.allows(&secret("place other")));
    assert!(grants(&[("secret", "open password")]).allows(&secret("place password")));
}

#[test]
fn a_group_is_no_less_than_a_user() {
    let groups = vec!["sudo".into()];
    let wish = Wish::User(User { name: "deploy".into(), groups, ..User::default() });
    let refused = permits(&grants(&[("accounts", "deploy")]), &wish).unwrap_err();
    assert_eq!(refused.0.said().1, "sudo");
    assert_eq!(permits(&grants(&[("accounts", "deploy"), ("accounts", "sudo")]), &wish), Ok(()));
}

#[test]
fn a_group_by_its_number_is_no_less_than_by_its_name() {
    let wish = Wish::User(User { name: "deploy".into(), gid: Some(27), ..User::default() });
    let refused = permits(&grants(&[("accounts", "deploy")]), &wish).unwrap_err();
    assert_eq!(refused.0.said(), (Capability::Accounts, "27".to_owned()));
    assert_eq!(permits(&grants(&[("accounts", "deploy"), ("accounts", "27")]), &wish), Ok(()));
}

#[test]
fn a_home_elsewhere_is_a_folder_that_is_written() {
    let held = grants(&[("accounts", "*")]);
    let wish = |home: &str, system: bool, keys: &[&str]| {
        let authorized_keys = keys.iter().map(|key| (*key).to_owned()).collect();
        let (name, home) = ("deploy".into(), Some(home.into()));
        Wish::User(User { name, home, system, authorized_keys, ..User::default() })
    };
    for (home, system, keys) in [
        ("/home/deploy", false, &[][..]),
        ("/home/deploy/x", false, &[]),
        // Nothing is made of it.
        ("/nonexistent", true, &[]),
    ] {
        assert_eq!(permits(&held, &wish(home, system, keys)), Ok(()), "{home}");
    }
    for (home, system, keys) in [
        ("/etc/systemd/system/x.service.d", false, &[][..]),
        ("/home/deploy2", false, &[]),
        ("/home", false, &[]),
        ("/home/other/x", false, &[]),
        ("/etc", true, &["ssh-ed25519 AAAA"]),
    ] {
        let refused = permits(&held, &wish(home, system, keys)).unwrap_err();
        assert_eq!(refused.0.said(), (Capability::Rootfs, format!("write {home}")));
    }
    let held = grants(&[("accounts", "deploy"), ("rootfs", "write /srv")]);
    assert_eq!(permits(&held, &wish("/srv/deploy", false, &[])), Ok(()));
}

#[test]
fn an_answer_is_granted_by_whose_question_it_is() {
    let wish = |question: &str| {
        let (package, question) = ("hello".into(), question.into());
        Wish::Debconf(Debconf { package, question, kind: "string".into(), value: "x".into() })
    };
    let held = grants(&[("packages", "hello")]);
    assert_eq!(permits(&held, &wish("hello/name")), Ok(()));
    let refused = permits(&held, &wish("passwd/root-password")).unwrap_err();
    assert_eq!(refused.0.said(), (Capability::Packages, "passwd".to_owned()));
    let held = grants(&[("packages", "hello"), ("packages", "passwd")]);
    assert_eq!(permits(&held, &wish("passwd/root-password")), Ok(()));
}

#[test]
fn a_scope_reads_as_what_it_is() {
    for odd in ['\u{202e}', '\u{200b}', '\u{2066}', '\u{ad}', '\u{fe0f}', '\u{9b}', '\n'] {
        for (capability, scope) in [("packages", "vim"), ("rootfs", "write /srv"), ("exec", "sh")] {
            let scope = format!("{scope}{odd}");
            assert!(Right::of(capability, &scope).is_err(), "{scope:?}");
        }
    }
}

#[test]
fn a_disk_that_a_secret_opens_needs_the_secret_too() {
    let wish = |secrets: &[&str]| {
        let secrets = secrets.iter().map(|s| (*s).to_owned()).collect();
        let kind = NodeKind::Encryption { secrets, label: None };
        Wish::Nodes(vec![Node { name: "luks".into(), on: vec!["disk".into()], kind }])
    };
    let held = grants(&[("block-device", "")]);
    assert_eq!(permits(&held, &wish(&[])), Ok(()));
    assert_eq!(permits(&held, &wish(&["disk-key"])).unwrap_err().0.text(), "place disk-key");
    let held = grants(&[("block-device", ""), ("secret", "place disk-key")]);
    assert_eq!(permits(&held, &wish(&["disk-key"])), Ok(()));
}

/// As text, `*` would be a program called `network`, and a host called `unpinned`.
#[test]
fn a_star_stands_for_names_and_not_for_another_right() {
    for (capability, star, name, other) in
        [("exec", "*", "sh", "network"), ("fetch", "*", "h.example", "unpinned")]
    {
        let held = grants(&[(capability, star)]);
        assert!(held.allows(&Right::of(capability, name).unwrap()), "{capability}");
        assert!(!held.allows(&Right::of(capability, other).unwrap()), "{capability}");
        assert!(!grants(&[(capability, other)]).allows(&Right::of(capability, name).unwrap()));
    }
}

#[test]
fn what_can_change_the_target_is_said_once() {
    for (capability, scope, sees, writes) in [
        ("rootfs", "read /etc", true, false),
        ("rootfs", "write /etc", true, true),
        ("exec", "true", true, true),
        ("packages", "vim", false, false),
        ("block-device", "", false, false),
    ] {
        let scope = Right::of(capability, scope).unwrap();
        assert_eq!((scope.sees_target(), scope.writes_target()), (sees, writes), "{scope}");
    }
}
