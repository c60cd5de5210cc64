//! The element on a host in memory.

use std::io::Write as _;
use std::process::{Command, Stdio};

use dibhost_element_sdk::slots::{Layout, LayoutMount, LayoutPartition, LayoutVolume};
use dibhost_element_sdk::{Phase, TestHost, UnitState};
use growroot::Growroot;

const SCRIPT: &str = "/usr/local/sbin/dibhost-growroot";
const EARLY: &str = "/etc/initramfs-tools/scripts/init-premount/dibhost-growroot";
const HOOK: &str = "/etc/initramfs-tools/hooks/dibhost-growroot";

fn volume(name: &str, kind: &str, on: &[&str], level: Option<u32>) -> LayoutVolume {
    let on = on.iter().map(|on| (*on).to_owned()).collect();
    let uuid = (kind == "raid").then(|| "0a:1b:2c:3d".to_owned());
    LayoutVolume { name: name.to_owned(), kind: kind.to_owned(), uuid, on, level }
}

/// `/` on the last of the volumes, the first of which is on the partitions `a` and `b`.
fn host(filesystem: &str, volumes: Vec<LayoutVolume>) -> TestHost {
    let partition = |(number, name): (u32, &str)| LayoutPartition {
        name: name.to_owned(),
        number,
        table: Some("gpt".to_owned()),
        label: None,
        type_id: "linux-generic".to_owned(),
        partuuid: Some(format!("partuuid-{name}")),
    };
    let root = LayoutMount {
        at: "/".to_owned(),
        on: volumes.last().map_or("a", |volume| &volume.name).to_owned(),
        filesystem: filesystem.to_owned(),
        label: Some("root".to_owned()),
        uuid: None,
        options: Vec::new(),
        source: None,
    };
    let layout = Layout {
        mounts: vec![root],
        partitions: [(1, "a"), (2, "b")].map(partition).to_vec(),
        table: Some("gpt".to_owned()),
        grub_bios: Vec::new(),
        volumes,
    };
    TestHost::new().fact("host", "", &layout)
}

/// Whether a shell can read it.
fn is_shell(text: &str) -> bool {
    let shell = Command::new("sh").args(["-n"]).stdin(Stdio::piped()).spawn();
    let mut shell = shell.unwrap();
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    shell.wait().unwrap().success()
}

#[test]
fn the_unit_runs_the_script() {
    let mut host = host("ext4", Vec::new());
    let planned = host.plan::<Growroot>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["fdisk", "e2fsprogs"]);
    let unit = ("dibhost-growroot.service".to_owned(), UnitState::Enabled);
    assert_eq!(planned.services, [unit]);

    let text = &planned.units[0].1;
    let program = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    assert_eq!(program, SCRIPT);
    assert_eq!(host.stat(program).unwrap().mode, 0o755);
    assert!(host.text(program).starts_with("#!/bin/sh\n") && is_shell(&host.text(program)));
    // No two grow it at once.
    assert!(text.contains("Before=cloud-init-local.service"));
    // Nothing has to be done before anything is opened.
    assert!(host.stat(EARLY).is_none() && host.stat(HOOK).is_none());
}

#[test]
fn what_is_below_an_encryption_grows_before_it_is_opened() {
    let early = |volumes| {
        let mut host = host("ext4", volumes);
        host.plan::<Growroot>(Phase::Install).unwrap();
        let text = host.text(EARLY);
        assert!(is_shell(&text) && host.stat(HOOK).unwrap().mode == 0o755);
        assert_eq!(text.matches("#!/bin/sh").count(), 1);
        let (_, steps) = text.rsplit_once("the lowest first.\n").unwrap();
        steps.to_owned()
    };
    assert_eq!(
        early(vec![volume("crypt", "luks", &["a"], None)]),
        "name=$(device /dev/disk/by-partuuid/partuuid-a) && partition \"$name\"\nexit 0\n"
    );
    let nested = early(vec![
        volume("mirror", "raid", &["a", "b"], Some(1)),
        volume("pv", "physical-volume", &["mirror"], None),
        volume("vg", "volume-group", &["pv"], None),
        volume("lv", "logical-volume", &["vg"], None),
        volume("crypt", "luks", &["lv"], None),
    ]);
    let lines: Vec<&str> = nested.lines().collect();
    assert_eq!(lines.len(), 6, "{nested}");
    assert!(lines[0].contains("partuuid-a") && lines[1].contains("partuuid-b"), "{nested}");
    let array = "name=$(device /dev/disk/by-id/md-uuid-0a:1b:2c:3d) && array \"$name\"";
    assert_eq!(lines[2], array);
    assert!(lines[3].contains("lvm pvresize"), "{nested}");
    assert_eq!(lines[4], "volume 'vg' 'lv'");
    // What is on the encryption grows when it is open.
    let above = early(vec![
        volume("crypt", "luks", &["a"], None),
        volume("pv", "physical-volume", &["crypt"], None),
        volume("vg", "volume-group", &["pv"], None),
        volume("lv", "logical-volume", &["vg"], None),
    ]);
    assert_eq!(above.lines().count(), 2, "{above}");
}

#[test]
fn what_does_not_grow_is_refused() {
    for (filesystem, volumes, why) in [
        ("erofs", vec![], "of the kind `erofs`"),
        ("ext4", vec![volume("stripe", "raid", &["a", "b"], Some(0))], "the RAID 0 `stripe`"),
        ("ext4", vec![volume("safe", "verity", &["a", "b"], None)], "the verity device `safe`"),
    ] {
        let planned = host(filesystem, volumes).plan::<Growroot>(Phase::Install).unwrap();
        assert!(planned.findings[0].fatal, "{why}");
        assert!(planned.findings[0].message.contains(why), "{:?}", planned.findings);
        assert!(planned.packages.is_empty());
    }
}
