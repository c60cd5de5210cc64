//! The element on a host in memory.

use autoupdates::Autoupdates;
use dibhost_element_sdk::{Phase, TestHost, UnitState};

const APT: &str = "/etc/apt/apt.conf.d/60-dibhost-autoupdates";
const DNF: &str = "/etc/dnf/automatic.conf";

#[test]
fn debian_takes_security_updates_every_day() {
    let mut host = TestHost::new().debian("bookworm");
    let planned = host.plan::<Autoupdates>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["unattended-upgrades"]);
    let text = host.text(APT);
    assert!(text.contains("APT::Periodic::Unattended-Upgrade \"1\";\n"), "{text}");
    let patterns: Vec<&str> = text.lines().filter(|l| l.contains("Origins-Pattern::")).collect();
    let security = "Unattended-Upgrade::Origins-Pattern:: \
                    \"origin=Debian,codename=${distro_codename}-security\";";
    assert_eq!(patterns, [security]);
    assert!(!text.contains("Reboot"), "{text}");
}

#[test]
fn all_of_them_and_a_restart_where_it_is_said() {
    let host = |host: TestHost| host.parameter("updates", "all").parameter("restart-at", "02:30");
    let mut debian = host(TestHost::new().debian("trixie"));
    debian.plan::<Autoupdates>(Phase::Install).unwrap();
    let text = debian.text(APT);
    assert_eq!(text.matches("Origins-Pattern::").count(), 3, "{text}");
    assert!(text.contains("Automatic-Reboot-Time \"02:30\";"), "{text}");
    let mut fedora = host(TestHost::new().system("fedora", "42"));
    let planned = fedora.plan::<Autoupdates>(Phase::Install).unwrap();
    let text = fedora.text(DNF);
    assert!(text.contains("upgrade_type = default\n"), "{text}");
    assert!(text.ends_with("reboot = when-needed\nreboot_command = shutdown -r 02:30\n"), "{text}");
    assert_eq!(planned.services, [("dnf-automatic.timer".to_owned(), UnitState::Enabled)]);
}

#[test]
fn a_time_is_a_time() {
    for at in ["2:30", "24:00", "02:60", "02:30\";", "now", "+1:+2"] {
        let mut host = TestHost::new().debian("bookworm").parameter("restart-at", at);
        let planned = host.plan::<Autoupdates>(Phase::Install).unwrap();
        assert!(planned.findings[0].fatal && planned.files.is_empty(), "{at}");
    }
}
