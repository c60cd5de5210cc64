//! The element on a host in memory, and its script on a table of a folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use dibhost_element_sdk::slots::InitramfsModule;
use dibhost_element_sdk::{Phase, TestHost};
use ibft_interfaces::IbftInterfaces;

#[test]
fn the_table_is_shown_and_read_at_boot() {
    let mut host = TestHost::new().debian("bookworm");
    let planned = host.plan::<IbftInterfaces>(Phase::Install).unwrap();
    assert_eq!(planned.provided::<InitramfsModule>()[0].name, "iscsi_ibft");
    assert_eq!(host.text("/etc/modules-load.d/60-dibhost-ibft.conf"), "iscsi_ibft\n");
    assert_eq!(host.stat("/usr/local/sbin/dibhost-ibft-interfaces").unwrap().mode & 0o777, 0o755);
    assert!(planned.units[0].1.contains("Before=systemd-networkd.service"));
    let mut other = TestHost::new().system("rhel", "9");
    let planned = other.plan::<IbftInterfaces>(Phase::Install).unwrap();
    assert!(planned.findings[0].fatal && planned.units.is_empty());
}

/// What the script writes of these cards: attributes of each.
fn written(name: &str, cards: &[&[(&str, &str)]]) -> Vec<(String, String)> {
    let folder = std::env::temp_dir().join(format!("dibhost-ibft-{name}-{}", std::process::id()));
    let put = |path: PathBuf, text: &str| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{text}\n")).unwrap();
    };
    for (number, card) in cards.iter().enumerate() {
        for (attribute, value) in *card {
            put(folder.join(format!("firmware/ibft/ethernet{number}/{attribute}")), value);
        }
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/ibft.sh");
    let run = folder.join("run");
    let mut sh = Command::new("sh");
    let output = sh.arg(script).env("DIBHOST_SYS", &folder).env("DIBHOST_RUN", &run).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    let entries = std::fs::read_dir(run.join("systemd/network")).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| read(&entry.unwrap().path())).collect();
    files.sort();
    let _ = std::fs::remove_dir_all(&folder);
    files
}

#[test]
fn a_card_has_what_the_firmware_gave_it() {
    let own: &[(&str, &str)] = &[
        ("mac", "52:54:00:12:34:56"),
        ("flags", "3"),
        ("origin", "1"),
        ("ip-addr", "192.0.2.7"),
        ("subnet-mask", "255.255.254.0"),
        ("gateway", "192.0.2.1"),
        ("primary-dns", "192.0.2.53"),
        ("secondary-dns", "0.0.0.0"),
    ];
    let files = written("static", &[own]);
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].0, "60-dibhost-ethernet0.network");
    assert!(
        files[0].1.ends_with(
            "[Match]\nMACAddress=52:54:00:12:34:56\n\n[Network]\nKeepConfiguration=yes\nDHCP=no\n\
             Address=192.0.2.7/23\nGateway=192.0.2.1\nDNS=192.0.2.53\n"
        ),
        "{}",
        files[0].1
    );
}

#[test]
fn a_card_that_asked_asks_and_one_that_is_none_is_passed_over() {
    let asked: &[(&str, &str)] =
        &[("mac", "52:54:00:00:00:01"), ("flags", "1"), ("origin", "3"), ("ip-addr", "192.0.2.9")];
    let none: &[(&str, &str)] = &[("mac", "52:54:00:00:00:02"), ("flags", "0")];
    let bare: &[(&str, &str)] = &[("mac", "52:54:00:00:00:03"), ("ip-addr", "0.0.0.0")];
    let files = written("dhcp", &[asked, none, bare]);
    let names: Vec<&str> = files.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["60-dibhost-ethernet0.network", "60-dibhost-ethernet2.network"]);
    assert!(files.iter().all(|(_, text)| text.ends_with("KeepConfiguration=yes\nDHCP=yes\n")));
    assert!(written("nothing", &[]).is_empty());
}
