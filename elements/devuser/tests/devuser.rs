//! The element on a host in memory.

use devuser::Devuser;
use dibhost_element_sdk::{Phase, Sudo, TestHost};

#[test]
fn the_person_who_builds_is_let_in_where_nobody_is_named() {
    let planned =
        TestHost::new().builder_key("ssh-ed25519 AAAA me").plan::<Devuser>(Phase::Install);
    let planned = planned.unwrap();
    let user = &planned.users[0];
    assert_eq!(
        (&*user.name, &*user.authorized_keys),
        ("devuser", &["ssh-ed25519 AAAA me".to_owned()][..])
    );
    assert!(user.sudo.is_none() && planned.packages.is_empty() && planned.findings.is_empty());
}

#[test]
fn what_is_said_is_done() {
    let mut host = TestHost::new()
        .builder_key("ssh-ed25519 AAAA me")
        .parameter("username", "ada")
        .parameter("authorized-keys", vec!["ssh-ed25519 BBBB ada"])
        .parameter("groups", vec!["adm"])
        .parameter("shell", "/bin/bash")
        .parameter("sudo", "nopasswd")
        .secret("password", "correct horse");
    let planned = host.plan::<Devuser>(Phase::Install).unwrap();
    let user = &planned.users[0];
    assert_eq!(user.authorized_keys, ["ssh-ed25519 BBBB ada"]);
    assert_eq!((user.sudo, user.shell.as_deref()), (Some(Sudo::Nopasswd), Some("/bin/bash")));
    assert_eq!(planned.package_names(), ["sudo"]);
    assert_eq!(planned.passwords, [("ada".to_owned(), b"correct horse".to_vec())]);
}

#[test]
fn a_user_whom_nobody_can_be_is_told() {
    let planned = TestHost::new().plan::<Devuser>(Phase::Install).unwrap();
    assert!(
        planned.findings[0].message.contains("Nobody can log in") && !planned.findings[0].fatal
    );
    let mut odd = TestHost::new().parameter("shell", "/bin/sh -c id");
    let planned = odd.plan::<Devuser>(Phase::Install).unwrap();
    assert!(planned.findings[0].fatal && planned.users.is_empty());
}
