//! The element on a host in memory.

use dibhost_element_sdk::slots::{AuthorizedKey, Distribution};
use dibhost_element_sdk::{Phase, TestHost, UnitState};
use openssh_server::OpensshServer;

fn key(key: &str, user: Option<&str>) -> AuthorizedKey {
    AuthorizedKey { key: key.to_owned(), user: user.map(str::to_owned) }
}

fn debian() -> Distribution {
    Distribution {
        id: "debian".to_owned(),
        version_id: "12".to_owned(),
        codename: "bookworm".to_owned(),
        family: "debian".to_owned(),
        package_manager: "apt".to_owned(),
        init: "systemd".to_owned(),
        default_user: "debian".to_owned(),
    }
}

#[test]
fn the_server_is_started_and_makes_no_host_keys_in_the_image() {
    let mut host = TestHost::new().fact("debian-minimal", "", &debian());
    let planned = host.plan::<OpensshServer>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["openssh-server"]);
    assert_eq!(planned.services, [("ssh.service".to_owned(), UnitState::Enabled)]);
    let described = format!("{:?}", TestHost::describe::<OpensshServer>());
    assert!(described.contains("runtime-ssh-host-keys"), "{described}");
}

#[test]
fn the_unit_is_the_one_that_the_system_has() {
    let started = |family: &str| {
        let distribution = Distribution { family: family.to_owned(), ..debian() };
        let mut host = TestHost::new().fact("os", "", &distribution);
        let planned = host.plan::<OpensshServer>(Phase::Install).unwrap();
        let server = planned.services.into_iter().filter(|(unit, _)| unit.starts_with("ssh"));
        (server.map(|(unit, _)| unit).collect::<Vec<_>>(), planned.findings.len())
    };
    assert_eq!(started("debian"), (vec!["ssh.service".to_owned()], 0));
    assert_eq!(started("suse"), (vec!["sshd.service".to_owned()], 0));
    assert_eq!(started("unheard-of"), (vec![], 1));
}

#[test]
fn the_default_user_is_of_the_group_that_the_system_has() {
    let groups = |family: &str| {
        let distribution = Distribution { family: family.to_owned(), ..debian() };
        let mut host = TestHost::new().fact("os", "", &distribution).fact(
            "a",
            "",
            &key("ssh-ed25519 AAAA one", None),
        );
        host.plan::<OpensshServer>(Phase::Install).unwrap().users.remove(0).groups
    };
    assert_eq!(groups("debian"), ["sudo"]);
    assert_eq!((groups("fedora"), groups("suse")), (vec!["wheel".into()], vec!["wheel".into()]));
}

#[test]
fn authorized_keys_reach_their_accounts() {
    let mut host = TestHost::new()
        .fact("debian-minimal", "", &debian())
        .fact("a", "1", &key("ssh-ed25519 AAAA one", Some("root")))
        .fact("a", "2", &key("ssh-ed25519 AAAA two", None))
        .fact("b", "1", &key("ssh-ed25519 AAAA one", Some("root")))
        .fact("b", "2", &key("ssh-ed25519 AAAA three", Some("debian")));
    let users = host.plan::<OpensshServer>(Phase::Install).unwrap().users;
    let names: Vec<&str> = users.iter().map(|u| &*u.name).collect();
    assert_eq!(names, ["debian", "root"]);
    assert_eq!(users[0].authorized_keys, ["ssh-ed25519 AAAA two", "ssh-ed25519 AAAA three"]);
    assert_eq!(users[0].groups, ["sudo"]);
    assert_eq!(users[1].authorized_keys, ["ssh-ed25519 AAAA one"]);
    assert!(users[1].groups.is_empty());
}

#[test]
fn a_key_of_nobody_is_remarked_on() {
    let mut host = TestHost::new().fact("a", "", &key("ssh-ed25519 AAAA one", None));
    let planned = host.plan::<OpensshServer>(Phase::Install).unwrap();
    assert!(planned.users.is_empty());
    let told = planned.findings.iter().any(|finding| finding.message.contains("`a`"));
    assert!(told, "{:?}", planned.findings);
}

#[test]
fn passwords_are_taken_only_when_wished() {
    for (parameter, line) in
        [(false, "PasswordAuthentication no\n"), (true, "PasswordAuthentication yes\n")]
    {
        let mut host = TestHost::new()
            .parameter("password-authentication", parameter)
            .directory("/etc/ssh/sshd_config.d");
        host.plan::<OpensshServer>(Phase::Install).unwrap();
        assert!(host.text("/etc/ssh/sshd_config.d/60-dibhost.conf").contains(line));
    }
}
