//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost};
use selinux_permissive::SelinuxPermissive;

const CONFIG: &str = "/etc/selinux/config";

#[test]
fn the_mode_is_permissive_whatever_it_was() {
    for (before, after) in [
        (
            "# SELINUX= can be one of three\nSELINUX=enforcing\nSELINUXTYPE=targeted\n",
            "# SELINUX= can be one of three\nSELINUX=permissive\nSELINUXTYPE=targeted\n",
        ),
        ("SELINUXTYPE=default", "SELINUXTYPE=default\nSELINUX=permissive\n"),
        ("", "SELINUX=permissive\n"),
        ("SELINUX=permissive\n", "SELINUX=permissive\n"),
    ] {
        let mut host = TestHost::new().file(CONFIG, before);
        host.run::<SelinuxPermissive>(Phase::PostInstall).unwrap();
        assert_eq!(host.text(CONFIG), after, "{before:?}");
    }
}

#[test]
fn what_is_so_already_is_not_written_anew() {
    let mut host = TestHost::new().file(CONFIG, "SELINUX=permissive\n");
    assert!(host.run::<SelinuxPermissive>(Phase::PostInstall).unwrap().changes.is_empty());
}

#[test]
fn an_image_without_selinux_stays_without() {
    let mut host = TestHost::new();
    let ran = host.run::<SelinuxPermissive>(Phase::PostInstall).unwrap();
    assert!(!host.exists(CONFIG) && ran.log[0].1.contains("no SELinux"));
}
