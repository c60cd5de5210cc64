//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost};
use sysprep::Sysprep;

/// What goes.
const LEFT_BEHIND: &[&str] = &[
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssh/ssh_host_ed25519_key.pub",
    "/etc/passwd-",
    "/etc/pam.d/sshd.dpkg-old",
    "/var/log/dpkg.log",
    "/var/log/apt/history.log",
    "/var/lib/apt/lists/x_Packages",
    "/var/cache/apt/pkgcache.bin",
    "/var/cache/apt/archives/x_1_all.deb",
    "/var/cache/debconf/config.dat-old",
    "/var/cache/ldconfig/aux-cache",
    "/var/lib/dpkg/status-old",
    "/var/lib/systemd/random-seed",
    "/var/lib/cloud/instances/i-1/user-data",
    "/root/.bash_history",
    "/home/debian/.bash_history",
    "/tmp/x",
    "/var/tmp/y/z",
    "/run/lock/w",
];

/// What stays.
const KEPT: &[&str] = &[
    "/etc/ssh/sshd_config",
    "/etc/passwd",
    "/var/lib/dpkg/status",
    "/var/lib/cloud/seed/nocloud/meta-data",
    "/root/.bashrc",
    "/home/debian/.ssh/authorized_keys",
    "/var/lib/systemd/deb-systemd-helper-enabled/ssh.service.dsh-also",
];

fn tree() -> TestHost {
    let mut host = TestHost::new().directory("/var/lib/dbus");
    for path in LEFT_BEHIND.iter().chain(KEPT) {
        host = host.file(path, "x");
    }
    host
}

#[test]
fn what_the_build_left_behind_goes_and_all_else_stays() {
    let mut host = tree();
    host.run::<Sysprep>(Phase::Cleanup).unwrap();
    for path in LEFT_BEHIND {
        assert!(!host.exists(path), "{path}");
    }
    for path in KEPT {
        assert!(host.exists(path), "{path}");
    }
    // Folders of logs stay: daemons do not make them.
    assert!(host.exists("/var/log/apt"));
}

#[test]
fn the_machine_has_no_identity_yet() {
    let mut host = tree().file("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    host.run::<Sysprep>(Phase::Cleanup).unwrap();
    assert_eq!(host.text("/etc/machine-id"), "");
    assert_eq!(host.stat("/etc/machine-id").unwrap().mode, 0o444);
    let dbus = host.stat("/var/lib/dbus/machine-id").unwrap();
    assert_eq!(dbus.link_target.as_deref(), Some("/etc/machine-id"));
}

#[test]
fn names_are_resolved_by_whoever_is_there() {
    let link = |host: TestHost| {
        let mut host = host;
        host.run::<Sysprep>(Phase::Cleanup).unwrap();
        host.stat("/etc/resolv.conf").unwrap().link_target
    };
    let stub = "../run/systemd/resolve/stub-resolv.conf";
    let with = tree().file("/usr/lib/systemd/systemd-resolved", "");
    assert_eq!(link(with.file("/etc/resolv.conf", "nameserver 10.0.0.1\n")).as_deref(), Some(stub));
    assert_eq!(link(tree().file("/etc/resolv.conf", "nameserver 10.0.0.1\n")), None);
    let chosen = tree().symlink("/etc/resolv.conf", "/run/mine");
    assert_eq!(link(chosen).as_deref(), Some("/run/mine"));
}

#[test]
fn no_password_was_changed_after_the_image_was_made() {
    // 1 700 000 000 s, the test host's time, is day 19675.
    let mut host = tree().file("/etc/shadow", "root:*:99999:0:::::\nold:!:100:0:::::\n");
    host.run::<Sysprep>(Phase::Cleanup).unwrap();
    assert_eq!(host.text("/etc/shadow"), "root:*:19675:0:::::\nold:!:100:0:::::\n");
}

#[test]
fn a_second_time_finds_nothing() {
    let mut host = tree();
    host.run::<Sysprep>(Phase::Cleanup).unwrap();
    let again = host.run::<Sysprep>(Phase::Cleanup).unwrap();
    assert!(again.log[0].1.starts_with("0 files"), "{:?}", again.log);
}
