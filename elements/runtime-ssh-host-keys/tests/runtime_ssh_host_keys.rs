//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost, UnitState};
use runtime_ssh_host_keys::RuntimeSshHostKeys;

#[test]
fn keys_are_made_at_first_boot_after_cloud_init_and_before_the_server() {
    let planned = TestHost::new().plan::<RuntimeSshHostKeys>(Phase::Install).unwrap();
    let unit = "dibhost-ssh-host-keys.service";
    assert_eq!(planned.services, [(unit.to_owned(), UnitState::Enabled)]);
    let (name, text) = &planned.units[0];
    assert_eq!(name, unit);
    for line in [
        "ExecStart=/usr/bin/ssh-keygen -A\n",
        // It deletes the keys that it finds.
        "After=cloud-init.service cloud-init-network.service\n",
        "Before=ssh.service sshd.service\n",
        "ConditionFileNotEmpty=!/etc/ssh/ssh_host_ed25519_key\n",
        "WantedBy=multi-user.target\n",
    ] {
        assert!(text.contains(line), "no `{line}` in {text}");
    }
    // A socket is there before anything of `multi-user.target`: waiting for it would be a circle.
    assert!(!text.contains("ssh.socket"));
}

#[test]
fn no_host_key_stays_in_the_image() {
    let mut host = TestHost::new()
        .file("/etc/ssh/ssh_host_rsa_key", "secret")
        .file("/etc/ssh/ssh_host_rsa_key.pub", "public")
        .file("/etc/ssh/ssh_config", "");
    host.run::<RuntimeSshHostKeys>(Phase::Cleanup).unwrap();
    assert!(!host.exists("/etc/ssh/ssh_host_rsa_key"));
    assert!(!host.exists("/etc/ssh/ssh_host_rsa_key.pub"));
    assert!(host.exists("/etc/ssh/ssh_config"));
}

#[test]
fn an_image_without_a_server_is_remarked_on() {
    let ran = TestHost::new().run::<RuntimeSshHostKeys>(Phase::Cleanup).unwrap();
    assert!(ran.log.iter().any(|(_, line)| line.contains("/etc/ssh")), "{:?}", ran.log);
}
