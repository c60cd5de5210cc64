//! Each field: what fits, and what does not.

use super::*;
use crate::wish::{DebRepository, PresetAction, RpmLocation, Sudo, Want};

/// One that is published.
const KEY_OF_DEBIAN: &str = include_str!("../../tests/debian-release-bookworm.asc");

/// Of `secret`.
const HASH: &str = "$5$Rm5sUgD/y3cqEVaq$8e71ksAFiFM7X480NjBLHNccFwf/w0tY3WAMItzeBU1";

#[test]
fn every_field_takes_what_it_should_and_nothing_else() {
    let table: &[(&str, Rule, &[&str], &[&str])] = &[
        (
            "package_name",
            package_name,
            &[
                "tar",
                "g++",
                "libc6",
                "linux-image-6.1.0-40-amd64",
                "0ad",
                "NetworkManager",
                "perl_x",
            ],
            &[
                "",
                "a",
                "-tar",
                "_tar",
                "tar/bookworm",
                "tar=1",
                "tar ",
                "tar:i386",
                "tär",
                "tar*",
                "tar-",
                "tar-\n",
            ],
        ),
        (
            "package_version",
            package_version,
            &["1.0", "1:2.3-4~bpo12+1", "0", "8.*", "1.0^git5-1.module_el9"],
            &["", "v1", "1 0", "*", "1.*0", "1.0**", ":1", "a:1", "1;reboot", "1\n2"],
        ),
        (
            "unit_name",
            unit_name,
            &[
                "ssh.service",
                "serial-getty@ttyS0.service",
                "a.timer",
                "dev-disk-by\\x2dlabel-x.mount",
            ],
            &[
                "",
                "ssh",
                ".service",
                "../x.service",
                "-x.service",
                "a/b.service",
                "a b.service",
                "x.conf",
                "a.service\n",
            ],
        ),
        (
            "account_name",
            account_name,
            &["root", "_apt", "systemd-network", "u1"],
            &["", "1u", "-u", "Root", "a:b", "a b", "a\n", "a$", &"a".repeat(33)],
        ),
        (
            "account_path",
            account_path,
            &["/", "/home/me", "/usr/sbin/nologin"],
            &["", "home", "/home/../etc", "/a//b", "/a:b", "/a b", "/a\n", "/a/."],
        ),
        (
            "target_path",
            target_path,
            &["/", "/etc/motd", "/a b"],
            &["", "etc", "/..", "/a/", "/a\0"],
        ),
        (
            "mount_point",
            mount_point,
            &["/", "/boot/efi", "none"],
            &["", "boot", "/a b", "/a\\040b", "/a\tb"],
        ),
        (
            "mount_option",
            mount_option,
            &[
                "noatime",
                "errors=remount-ro",
                "subvol=@",
                "umask=0077",
                "x-systemd.device-timeout=10s",
            ],
            &["", "a,b", "a b", "-o", "a\n", "a\"b"],
        ),
        (
            "repository_name",
            repository_name,
            &["extra", "a_b-1"],
            &["", "-a", "a/b", "../a", "a.list", "a b", "_"],
        ),
        (
            "url",
            url,
            &[
                "http://repository.example/debian",
                "https://repository.example:8443/a?b=c",
                "http://[::1]:80/x",
                "http://localhost",
            ],
            &[
                "",
                "ftp://repository.example/",
                "file:///etc",
                "http://",
                "https://u:p@repository.example/",
                "http://a b/",
                "http://a/\n",
                "http://a:99999/",
                "http://a:/",
                "http://-a/",
                "http://[::1",
                "http://a/\"",
                "javascript:x",
                "copy:/etc",
                "http://a/../b",
                "http://a/debian/%2E%2e/b",
                "http://a/./b",
                "http://a/[trusted=yes]/b",
                "[trusted=yes] http://a/b",
                "http://[x]/",
            ],
        ),
        (
            "suite",
            suite,
            &["bookworm", "bookworm-security", "stable/updates", "12"],
            &["", "./", "../x", "a/../b", "a b", "a\n", "-x", "[a"],
        ),
        ("component", component, &["main", "non-free-firmware"], &["", "a b", "a\n", "]"]),
        (
            "debconf_question",
            debconf_question,
            &["locales/default_environment_locale", "tzdata/Areas"],
            &["", "a b", "a\tb", "/a"],
        ),
        ("debconf_type", debconf_type, &["select", "string", "boolean"], &["", "Select", "x"]),
        (
            "debconf_value",
            debconf_value,
            &["", "en_US.UTF-8, de_DE.UTF-8", "ja: nein"],
            &["a\nb", "a\r", "a\0"],
        ),
        (
            "authorized_key",
            authorized_key,
            &[
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEfnq3ksTDgrQmE1TSgEzWL0nXhBMZsYCUNHVTjPqPpP me@there",
                "no-pty,command=\"echo hi\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEfnq3ksTDgrQmE1TSgEzWL0nXhBMZsYCUNHVTjPqPpP",
            ],
            &[
                "",
                "ssh-ed25519",
                "ssh-ed25519 short",
                "ssh-dss AAAAC3NzaC1lZDI1NTE5AAAAIEfnq3ksTDgrQmE1TSgEzWL0nXhBMZsYCUNHVTjPqPpP",
                "a\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEfnq3ksTDgrQmE1TSgEzWL0nXhBMZsYCUNHVTjPqPpP",
            ],
        ),
        (
            "armoured_key",
            armoured_key,
            &[KEY_OF_DEBIAN],
            &[
                "",
                "mQ==",
                "-----BEGIN PGP PRIVATE KEY BLOCK-----\n-----END PGP PRIVATE KEY BLOCK-----",
            ],
        ),
        (
            "drop_in_name",
            drop_in_name,
            &["10-limits", "a", "x_y.z"],
            &["", "a/b", "..", ".a", "-a", "a b", "a.conf", "a\n", "ä"],
        ),
        (
            "preset_unit",
            preset_unit,
            &["*", "ssh.service", "ssh*", "*.socket", "serial-getty@*", "getty@tty1.service"],
            &["", "ssh", "-*", "a b*", "*?", "[a]*", "a\n*", "ssh.*x", "/etc/*", "*.conf"],
        ),
        (
            "account_comment",
            account_comment,
            &["Me", "Mé, 2nd floor, +49 1", "-x"],
            &["", "a:b", "a\nb", "a\0"],
        ),
        (
            "module_word",
            module_word,
            &["nodejs", "rhel8", "5.32", "DL1"],
            &["", "-a", "a:b", "a b", "*"],
        ),
        (
            "package_group",
            package_group,
            &["core", "^minimal-environment"],
            &["", "^", "^^a", "@core", "Core Tools"],
        ),
        (
            "sha256",
            sha256,
            &["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
            &[
                "",
                "sha256:",
                "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
                "md5:x",
            ],
        ),
        (
            "container_reference",
            container_reference,
            &["registry.example/a/b:1", "a@sha256:00"],
            &["", "-a", "a b", "a;b"],
        ),
        ("known_package_manager", known_package_manager, &["apt"], &["", "pip"]),
        ("node_name", node_name, &["disk", "mount-root", "esp.1"], &["", "-d", "a/b", "a b"]),
        (
            "label_text",
            label_text,
            &["", "cloudimg-rootfs", "EFI System"],
            &["-L", "a\nb", "a\"b", "$x"],
        ),
        (
            "word",
            word,
            &["ext4", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"],
            &["", "-x", "a b", "/dev/sda"],
        ),
        (
            "tuning_value",
            tuning_value,
            &["", "1125899906842624", "16MiB", "^has_journal"],
            &["-d", "/etc", "a b", "a,b"],
        ),
        ("line", line, &["", "a b\tc"], &["a\n", "\u{1b}[1m"]),
        ("text", text, &["a\nb\tc\r\n"], &["\0", "\u{1b}"]),
    ];
    for (name, rule, good, bad) in table {
        for text in *good {
            assert_eq!(rule(text), Ok(()), "{name} {text:?}");
        }
        for text in *bad {
            assert!(rule(text).is_err(), "{name} {text:?}");
        }
    }
}

/// Each string of each wish is looked at: a newline in any of them is refused.
#[test]
fn no_string_of_a_wish_is_overlooked() {
    let package = |change: fn(&mut PackageWish)| {
        let mut wish = PackageWish {
            name: "tar".into(),
            version: Some("1".into()),
            want: Want::Install,
            reason: "r".into(),
        };
        change(&mut wish);
        Wish::Package(wish)
    };
    let answer = |change: fn(&mut Debconf)| {
        let mut wish = Debconf {
            package: "tar".into(),
            question: "a/b".into(),
            kind: "string".into(),
            value: "v".into(),
        };
        change(&mut wish);
        Wish::Debconf(wish)
    };
    let module = |change: fn(&mut ModuleStream)| {
        let mut wish =
            ModuleStream { name: "perl".into(), stream: "5.32".into(), reason: "r".into() };
        change(&mut wish);
        Wish::Module(wish)
    };
    let group = |change: fn(&mut PackageGroup)| {
        let mut wish = PackageGroup { id: "^core".into(), reason: "r".into() };
        change(&mut wish);
        Wish::PackageGroup(wish)
    };
    let drop_in = |unit: &str, name: &str, content: &str| Wish::DropIn {
        unit: unit.into(),
        name: name.into(),
        content: content.into(),
    };
    let preset = |number, unit: &str| Wish::Preset {
        number,
        unit: unit.into(),
        action: PresetAction::Enable,
    };
    let account = |change: fn(&mut User)| {
        let mut wish = User {
            name: "u".into(),
            uid: Some(1000),
            gid: Some(1000),
            home: Some("/home/u".into()),
            shell: Some("/bin/sh".into()),
            groups: vec!["g".into()],
            system: false,
            authorized_keys: Vec::new(),
            comment: Some("Somebody, 2nd floor".into()),
            sudo: Some(Sudo::Password),
            password_hash: Some(PasswordHash::new(HASH)),
            expires: Some("2030-12-31".into()),
            change_password: true,
        };
        change(&mut wish);
        Wish::User(wish)
    };
    let rpm = |change: fn(&mut RpmRepository)| {
        let mut wish = RpmRepository {
            name: "r".into(),
            url: "http://repository.example".into(),
            location: RpmLocation::Metalink,
            keys: vec![KEY_OF_DEBIAN.into(), KEY_OF_DEBIAN.into()],
            priority: Some(1),
            cost: Some(0),
            module_hotfixes: true,
            build_only: true,
        };
        change(&mut wish);
        Wish::Repository(Repository::Rpm(wish))
    };
    let source = |change: fn(&mut DebRepository)| {
        let mut wish = DebRepository {
            name: "r".into(),
            url: "http://repository.example".into(),
            suites: vec!["s".into()],
            components: vec!["c".into()],
            priority: None,
            key: KEY_OF_DEBIAN.into(),
            build_only: false,
        };
        change(&mut wish);
        Wish::Repository(Repository::Deb(wish))
    };
    let tree = |change: fn(&mut Distribution)| {
        let mut wish = Distribution {
            package_manager: "apt".into(),
            release: "r".into(),
            mirror: Some("http://repository.example".into()),
            components: vec!["main".into()],
            keys: Vec::new(),
            packages: vec!["dbus".into()],
            rpm: None,
        };
        change(&mut wish);
        Wish::Bootstrap(Bootstrap::Distribution(wish))
    };
    for good in [
        package(|_| {}),
        answer(|_| {}),
        module(|_| {}),
        group(|_| {}),
        account(|_| {}),
        source(|_| {}),
        rpm(|_| {}),
        tree(|_| {}),
        drop_in("x.service", "10-limits", "[Service]\n"),
        preset(99, "x-*"),
    ] {
        assert_eq!(wish(&good), Ok(()));
    }
    let node = |kind: NodeKind| Wish::ReplaceNode(Node { name: "n".into(), on: Vec::new(), kind });
    let filesystem = |kind: &str, label: &str, uuid: &str, key: &str, value: &str| {
        node(NodeKind::Filesystem {
            kind: kind.into(),
            label: Some(label.into()),
            uuid: Some(uuid.into()),
            tuning: vec![(key.into(), value.into())],
        })
    };
    assert_eq!(wish(&filesystem("ext4", "l", "u", "k", "v")), Ok(()));
    let bad = [
        package(|p| p.name.push('\n')),
        package(|p| p.version = Some("1\n".into())),
        package(|p| p.reason.push('\n')),
        answer(|a| a.package.push('\n')),
        answer(|a| a.question.push('\n')),
        answer(|a| a.kind.push('\n')),
        answer(|a| a.value.push('\n')),
        module(|m| m.name.push('\n')),
        module(|m| m.stream.push('\n')),
        module(|m| m.reason.push('\n')),
        group(|g| g.id.push('\n')),
        group(|g| g.reason.push('\n')),
        drop_in("x", "a", ""),
        drop_in("x.service", "a\n", ""),
        drop_in("x.service", "a", "\0"),
        preset(100, "x.service"),
        preset(0, "x\n*"),
        account(|u| u.name.push('\n')),
        account(|u| u.home = Some("/\n".into())),
        account(|u| u.shell = Some("/\n".into())),
        account(|u| u.groups[0].push('\n')),
        account(|u| u.authorized_keys.push("\n".into())),
        account(|u| u.uid = Some(u32::MAX)),
        account(|u| u.gid = Some(65_535)),
        account(|u| u.comment = Some("a\n".into())),
        account(|u| u.expires = Some("2030-12-31\n".into())),
        account(|u| u.password_hash = Some(PasswordHash::new(format!("{HASH}\n")))),
        // What was read from a plan has none.
        account(|u| {
            let json = serde_json::to_value(&u.password_hash).unwrap();
            u.password_hash = serde_json::from_value(json).unwrap();
        }),
        rpm(|r| r.name.push('\n')),
        rpm(|r| r.url.push('\n')),
        rpm(|r| r.keys[1].push('x')),
        rpm(|r| r.keys.clear()),
        rpm(|r| r.priority = Some(0)),
        rpm(|r| r.priority = Some(10_000)),
        rpm(|r| r.cost = Some(1_000_001)),
        source(|r| r.name.push('\n')),
        source(|r| r.url.push('\n')),
        source(|r| r.suites[0].push('\n')),
        source(|r| r.suites.clear()),
        source(|r| r.components[0].push('\n')),
        source(|r| r.key.push('x')),
        tree(|t| t.package_manager.push('\n')),
        tree(|t| t.release.push('\n')),
        tree(|t| t.mirror = Some("\n".into())),
        tree(|t| t.components[0].push('\n')),
        tree(|t| t.keys.push("\n".into())),
        tree(|t| t.packages[0].push('\n')),
        Wish::Bootstrap(Bootstrap::Container("\n".into())),
        Wish::Bootstrap(Bootstrap::Archive("\n".into(), "x".into())),
        Wish::Bootstrap(Bootstrap::DiskImage("http://a".into(), "x".into())),
        Wish::Service { unit: "x".into(), state: crate::wish::UnitState::Enabled },
        Wish::ServiceDefinition { unit: "x".into(), content: String::new() },
        Wish::ServiceDefinition { unit: "x.service".into(), content: "\0".into() },
        Wish::Group { name: "\n".into(), gid: None },
        Wish::Group { name: "g".into(), gid: Some(u32::MAX) },
        Wish::Nodes(vec![Node {
            name: "\n".into(),
            on: Vec::new(),
            kind: NodeKind::PhysicalVolume,
        }]),
        Wish::Nodes(vec![Node {
            name: "n".into(),
            on: vec!["\n".into()],
            kind: NodeKind::PhysicalVolume,
        }]),
        filesystem("\n", "l", "u", "k", "v"),
        filesystem("ext4", "\n", "u", "k", "v"),
        filesystem("ext4", "l", "\n", "k", "v"),
        filesystem("ext4", "l", "u", "\n", "v"),
        filesystem("ext4", "l", "u", "k", "\n"),
        node(NodeKind::Mount { at: "\n".into(), options: Vec::new(), in_fstab: true }),
        node(NodeKind::Mount { at: "/".into(), options: vec!["\n".into()], in_fstab: true }),
        node(NodeKind::GrubBios { boot_image: "x".into(), core_image: "/x".into() }),
        node(NodeKind::GrubBios { boot_image: "/x".into(), core_image: "x".into() }),
        node(NodeKind::Driver { name: "\n".into(), settings: "{}".into() }),
        node(NodeKind::Encryption { secrets: vec!["\n".into()], label: None }),
        node(NodeKind::Encryption { secrets: Vec::new(), label: Some("\n".into()) }),
    ];
    for wrong in bad {
        assert!(wish(&wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_message_names_field_and_value() {
    let wrong = Wish::Group { name: "a b".into(), gid: None };
    insta::assert_snapshot!(wish(&wrong).unwrap_err(), @r#"the group name "a b" has ' ' in it"#);
}

/// The attacks that are known of, each in the wish that would carry it, and the field that stops
/// it.
#[test]
fn the_known_attacks_are_refused_by_the_field_that_carries_them() {
    let repository = |change: fn(&mut DebRepository)| {
        let mut wish = DebRepository {
            name: "r".into(),
            url: "https://repository.example/debian".into(),
            suites: vec!["stable".into()],
            components: vec!["main".into()],
            priority: None,
            key: KEY_OF_DEBIAN.into(),
            build_only: false,
        };
        change(&mut wish);
        Wish::Repository(Repository::Deb(wish))
    };
    let filesystem = |label: &str, tuning: (&str, &str)| {
        let kind = NodeKind::Filesystem {
            kind: "ext4".into(),
            label: Some(label.into()),
            uuid: None,
            tuning: vec![(tuning.0.into(), tuning.1.into())],
        };
        Wish::ReplaceNode(Node { name: "root".into(), on: Vec::new(), kind })
    };
    let mount = |at: &str, option: &str| {
        let kind = NodeKind::Mount { at: at.into(), options: vec![option.into()], in_fstab: true };
        Wish::ReplaceNode(Node { name: "mount".into(), on: Vec::new(), kind })
    };
    let package = |name: &str, version: Option<&str>| {
        Wish::Package(PackageWish {
            name: name.into(),
            version: version.map(str::to_owned),
            want: Want::Install,
            reason: "r".into(),
        })
    };
    let answer = |package: &str, question: &str, kind: &str, value: &str| {
        Wish::Debconf(Debconf {
            package: package.into(),
            question: question.into(),
            kind: kind.into(),
            value: value.into(),
        })
    };
    let user = |change: fn(&mut User)| {
        let mut wish = User { name: "u".into(), ..User::default() };
        change(&mut wish);
        Wish::User(wish)
    };
    let unit = |unit: &str, content: &str| Wish::ServiceDefinition {
        unit: unit.into(),
        content: content.into(),
    };
    let module = |name: &str, stream: &str| {
        let (name, stream, reason) = (name.into(), stream.into(), String::new());
        Wish::Module(ModuleStream { name, stream, reason })
    };
    let group = |id: &str| Wish::PackageGroup(PackageGroup { id: id.into(), reason: "".into() });
    let drop_in = |unit: &str, name: &str, content: &str| Wish::DropIn {
        unit: unit.into(),
        name: name.into(),
        content: content.into(),
    };
    let preset =
        |unit: &str| Wish::Preset { number: 50, unit: unit.into(), action: PresetAction::Enable };
    let attacks = [
        ("tuning", filesystem("l", ("-d", "/etc/apt"))),
        ("value of a tuning", filesystem("l", ("reserved-blocks", "-d /etc/apt"))),
        ("value of a tuning", filesystem("l", ("reserved-blocks", "/etc/apt"))),
        ("label", filesystem("-d/etc/apt", ("k", "v"))),
        ("label", filesystem("a\" /etc/shadow", ("k", "v"))),
        ("mount point", mount("/../etc", "ro")),
        ("mount point", mount("/ / none bind 0 0", "ro")),
        ("mount option", mount("/", "ro,exec")),
        ("mount option", mount("/", "ro 0 0\n/dev/sda / ext4")),
        ("repository name", repository(|r| r.name = "../apt.conf.d/99evil".into())),
        ("repository name", repository(|r| r.name = "a\nb".into())),
        ("URL", repository(|r| r.url = "file:///etc".into())),
        ("URL", repository(|r| r.url = "copy:/etc".into())),
        ("URL", repository(|r| r.url = "[trusted=yes] http://a.example".into())),
        ("URL", repository(|r| r.url = "http://a.example stable main\ndeb http://b".into())),
        ("URL", repository(|r| r.url = "http://user:password@a.example".into())),
        ("suite", repository(|r| r.suites = vec!["[trusted=yes]".into()])),
        ("suite", repository(|r| r.suites = vec!["../../etc".into()])),
        ("component", repository(|r| r.components = vec!["main\ndeb".into()])),
        ("component", repository(|r| r.components = vec!["[trusted=yes]".into()])),
        ("key", repository(|r| r.key = format!("{}\nTrusted: yes\n{}", r.key, r.key))),
        ("package name", package("-o=Dir::Etc=/evil", None)),
        ("package name", package("apt-", None)),
        ("package name", package("./evil.deb", None)),
        ("package version", package("tar", Some("1 -o x=y"))),
        ("debconf question", answer("tar", "a b", "string", "v")),
        ("debconf type", answer("tar", "a/b", "string x", "v")),
        ("debconf answer", answer("tar", "a/b", "string", "v\nssh x/y string z")),
        ("unit name", unit("../../etc/passwd.service", "[Unit]\n")),
        ("unit name", unit("multi-user.target.wants/x.service", "[Unit]\n")),
        ("unit name", unit("--root=/.service", "[Unit]\n")),
        ("text of a unit", unit("x.service", "[Unit]\0")),
        ("package name", answer("passwd passwd/x string y\npasswd", "a/b", "string", "v")),
        ("module", module("nodejs:20 *", "20")),
        ("stream of a module", module("nodejs", "20 --nogpgcheck")),
        ("group of packages", group("--setopt=gpgcheck=0")),
        ("group of packages", group("core\nx")),
        ("unit name", drop_in("../../cron.d/x.service", "a", "")),
        ("name of a drop-in", drop_in("x.service", "../../../cron.d/x", "")),
        ("name of a drop-in", drop_in("x.service", "a.conf", "")),
        ("name of a drop-in", drop_in("x.service", ".a", "")),
        ("text of a drop-in", drop_in("x.service", "a", "\u{1b}[2J")),
        ("unit of a preset", preset("x.service\nenable evil.service")),
        ("unit of a preset", preset("x.service #")),
        ("unit of a preset", preset("[a-z]*.service")),
        ("user name", user(|u| u.name = "root:0".into())),
        ("user name", user(|u| u.name = "--root=/".into())),
        ("group name", user(|u| u.groups = vec!["a,sudo".into()])),
        ("home folder", user(|u| u.home = Some("/root:/bin/sh".into()))),
        ("home folder", user(|u| u.home = Some("/home/../root".into()))),
        ("shell", user(|u| u.shell = Some("/bin/sh\nroot2::0:0::/:/bin/sh".into()))),
        (
            "authorized key",
            user(|u| u.authorized_keys = vec!["ssh-ed25519 AAAA\nssh-ed25519 BBBB".into()]),
        ),
        ("user id", user(|u| u.uid = Some(u32::MAX))),
        ("comment of a user", user(|u| u.comment = Some("x:/:/bin/sh".into()))),
        ("comment of a user", user(|u| u.comment = Some("x\nroot2::0:0::/:/bin/sh".into()))),
        ("expiry of a user", user(|u| u.expires = Some("-1".into()))),
        ("expiry of a user", user(|u| u.expires = Some("2030-02-30".into()))),
        ("password hash", user(|u| u.password_hash = Some(PasswordHash::new("")))),
        ("password hash", user(|u| u.password_hash = Some(PasswordHash::new(format!("{HASH}:0"))))),
        (
            "password hash",
            user(|u| u.password_hash = Some(PasswordHash::new(format!("{HASH}\nroot:{HASH}")))),
        ),
    ];
    for (field, attack) in attacks {
        let refused = wish(&attack).expect_err(&format!("{field}: {attack:?}"));
        assert_eq!(refused.field, field, "{attack:?}: {refused}");
    }
}
