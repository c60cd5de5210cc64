//! The element on a host in memory, and its script's own answers.

use dibhost_element_sdk::slots::{Layout, LayoutMount, LayoutPartition};
use dibhost_element_sdk::{Phase, Planned, TestHost};
use persistent_state::PersistentState;

const SETTINGS: &str = "/etc/dibhost/persistent-state";

fn layout(table: &str, on: &str) -> Layout {
    Layout {
        table: Some(table.to_owned()),
        mounts: vec![LayoutMount {
            at: "/".to_owned(),
            on: on.to_owned(),
            filesystem: "ext4".to_owned(),
            label: None,
            uuid: None,
            options: Vec::new(),
            source: None,
        }],
        partitions: vec![LayoutPartition {
            name: "root".to_owned(),
            number: 1,
            table: Some(table.to_owned()),
            label: None,
            type_id: String::new(),
            partuuid: None,
        }],
        grub_bios: Vec::new(),
        volumes: Vec::new(),
    }
}

fn host() -> TestHost {
    TestHost::new().fact("host", "", &layout("gpt", "root"))
}

fn planned(host: &mut TestHost) -> Planned {
    host.plan::<PersistentState>(Phase::Install).unwrap()
}

#[test]
fn a_partition_at_the_end_keeps_folders_and_host_keys() {
    let mut host = host()
        .parameter("size", 256)
        .parameter("folders", vec!["/var/lib/postgresql", "/srv/cache"]);
    let planned = planned(&mut host);
    assert!(planned.findings.is_empty(), "{:?}", planned.findings);
    assert_eq!(
        host.text(SETTINGS),
        "# Written by the dibhost element `persistent-state`.\nsize=256\ndevice=''\n\
         folders='/var/lib/postgresql /srv/cache'\nhost_keys=yes\n"
    );
    let units: Vec<&str> = planned.units.iter().map(|(unit, _)| &**unit).collect();
    assert_eq!(units, ["dibhost-persistent-state.service", "dibhost-persistent-host-keys.service"]);
    // The root must not have grown over it before.
    assert!(planned.units[0].1.contains("Before=dibhost-growroot.service"));
    assert_eq!(planned.package_names(), ["fdisk", "e2fsprogs"]);
}

#[test]
fn cloud_init_leaves_host_keys_alone_where_it_is() {
    let file = "/etc/cloud/cloud.cfg.d/92-dibhost-persistent-state.cfg";
    let mut with = host().directory("/etc/cloud/cloud.cfg.d");
    with.run::<PersistentState>(Phase::PostInstall).unwrap();
    assert!(with.text(file).contains("ssh_deletekeys: false\n"));
    let mut without = host();
    without.run::<PersistentState>(Phase::PostInstall).unwrap();
    assert!(!without.exists("/etc/cloud"));
    let other = host().directory("/etc/cloud/cloud.cfg.d").parameter("ssh-host-keys", false);
    let mut other = other;
    other.run::<PersistentState>(Phase::PostInstall).unwrap();
    assert!(!other.exists(file));
}

#[test]
fn a_device_of_its_own_needs_no_table() {
    let device = "/dev/disk/by-id/virtio-state";
    let mut host = TestHost::new()
        .fact("host", "", &layout("mbr", "volume"))
        .parameter("device", device)
        .parameter("ssh-host-keys", false)
        .parameter("folders", vec!["/srv"]);
    let planned = planned(&mut host);
    assert!(planned.findings.is_empty(), "{:?}", planned.findings);
    assert!(
        host.text(SETTINGS).contains(&format!("device='{device}'\nfolders='/srv'\nhost_keys=no"))
    );
    assert_eq!(planned.units.len(), 1);
}

#[test]
fn what_could_not_be_kept_is_refused() {
    let refused = |host: TestHost, parameter: &str, says: &str| {
        let mut host = host;
        let planned = planned(&mut host);
        assert!(planned.units.is_empty() && planned.files.is_empty(), "{says}");
        let finding = &planned.findings[0];
        assert_eq!(finding.parameter.as_deref(), Some(parameter), "{says}");
        assert!(finding.fatal && finding.message.contains(says), "{}", finding.message);
    };
    let on = |table: &str, on: &str| TestHost::new().fact("host", "", &layout(table, on));
    refused(on("mbr", "root"), "device", "no GPT");
    refused(on("gpt", "volume"), "device", "on no partition");
    refused(host().parameter("size", 8), "size", "too few");
    for device in ["state", "/dev/../etc", "/dev/a'; reboot; '"] {
        refused(host().parameter("device", device), "device", "no device");
    }
    let folders = |folders: &[&str]| host().parameter("folders", folders.to_vec());
    for folder in ["/etc/ssh", "/usr", "srv", "/srv/$(reboot)", "/srv/../etc"] {
        refused(folders(&[folder]), "folders", "no folder to keep");
    }
    refused(folders(&["/var/lib"]), "folders", "first image's");
    refused(folders(&["/srv", "/srv/data"]), "folders", "kept with `/srv`");
    let mut nothing = host().parameter("ssh-host-keys", false);
    assert!(!planned(&mut nothing).findings[0].fatal);
}

/// The script as the machine runs it, of a file instead of a device.
#[test]
fn the_script_refuses_what_is_no_device() {
    let folder = std::env::temp_dir().join(format!("dibhost-state-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let settings = folder.join("settings");
    std::fs::write(&settings, "device=/dev/null-of-none\n").unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/persistent-state.sh");
    let run = |word: &str| {
        let mut command = std::process::Command::new("sh");
        let command = command.args([script, word]).env("DIBHOST_PERSISTENT_STATE", &settings);
        let output = command.output().unwrap();
        assert!(!output.status.success(), "{word}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert_eq!(run("start"), "persistent-state: there is no device /dev/null-of-none\n");
    assert!(run("stop").contains("'start' or 'save'"));
    std::fs::remove_dir_all(&folder).unwrap();
}
