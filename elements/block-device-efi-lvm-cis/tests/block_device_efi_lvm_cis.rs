//! The element on a host in memory.

use block_device_efi_lvm_cis::BlockDeviceEfiLvmCis;
use dibhost_element_sdk::block_device::{Node, NodeKind};
use dibhost_element_sdk::{Phase, TestHost};

fn nodes(host: TestHost) -> Vec<Node> {
    let mut host = host;
    host.plan::<BlockDeviceEfiLvmCis>(Phase::BlockDevice).unwrap().nodes
}

#[test]
fn what_is_written_to_is_apart_and_gains_no_rights() {
    let nodes = nodes(TestHost::new());
    let mounts: Vec<(&str, String)> = nodes
        .iter()
        .filter_map(|node| match &node.kind {
            NodeKind::Mount(mount) => Some((mount.at.as_str(), mount.options.join(","))),
            _ => None,
        })
        .collect();
    let expected = [
        ("/boot/efi", "umask=0077"),
        ("/", ""),
        ("/tmp", "nodev,nosuid,noexec"),
        ("/var", "nodev,nosuid"),
        ("/var/tmp", "nodev,nosuid,noexec"),
        ("/var/log", "nodev,nosuid,noexec"),
        ("/var/log/audit", "nodev,nosuid,noexec"),
        ("/home", "nodev,nosuid"),
    ];
    let expected: Vec<_> = expected.iter().map(|(at, with)| (*at, (*with).to_owned())).collect();
    assert_eq!(mounts, expected);
    let volumes = nodes.iter().filter(|n| matches!(n.kind, NodeKind::LogicalVolume { .. }));
    assert_eq!(volumes.count(), 7);
}

#[test]
fn the_kind_of_all_filesystems_can_be_said() {
    let nodes = nodes(TestHost::new().parameter("root-filesystem", "xfs"));
    let kinds = nodes.iter().filter_map(|node| match &node.kind {
        NodeKind::Filesystem(filesystem) => {
            // As long as xfs takes one.
            assert!(filesystem.label.as_ref().is_none_or(|label| label.len() <= 12));
            Some(filesystem.kind.as_str())
        }
        _ => None,
    });
    assert_eq!(kinds.filter(|kind| *kind == "xfs").count(), 7);
}
