//! The element on a host in memory.

use dibhost_element_sdk::block_device::{NodeKind, Size};
use dibhost_element_sdk::slots::KernelArgument;
use dibhost_element_sdk::{Phase, TestHost};
use vm::Vm;

fn partitions(host: TestHost) -> Vec<(String, String, Size)> {
    let mut host = host;
    let planned = host.plan::<Vm>(Phase::BlockDevice).unwrap();
    let partition = |node: &dibhost_element_sdk::block_device::Node| {
        let NodeKind::Partition(p) = &node.kind else { return None };
        Some((node.name.clone(), p.type_id.clone(), p.size))
    };
    planned.nodes.iter().filter_map(partition).collect()
}

const MIB: u64 = 1 << 20;

#[test]
fn a_pc_boots_from_both_firmwares() {
    let expected = [
        ("esp", "esp", Size::Bytes(64 * MIB)),
        ("bios", "bios-boot", Size::Bytes(MIB)),
        ("root", "root-x86-64", Size::Content(384 * MIB)),
    ];
    let expected = expected.map(|(name, kind, size)| (name.to_owned(), kind.to_owned(), size));
    assert_eq!(partitions(TestHost::new()), expected);
}

#[test]
fn others_have_no_bios() {
    let names: Vec<String> =
        partitions(TestHost::new().arch("arm64")).into_iter().map(|(_, kind, _)| kind).collect();
    assert_eq!(names, ["esp", "root-arm64"]);
    let mut arm = TestHost::new().arch("arm64");
    assert!(arm.plan::<Vm>(Phase::Install).unwrap().facts.is_empty());
    let planned = TestHost::new().plan::<Vm>(Phase::Install).unwrap();
    assert_eq!(planned.provided::<KernelArgument>()[0].argument, "no_timer_check");
}

#[test]
fn a_layout_that_is_there_stays_as_it_is() {
    use dibhost_element_sdk::block_device::Node;
    let mut host = TestHost::new().nodes([Node::disk("mine")]);
    let planned = host.plan::<Vm>(Phase::BlockDevice).unwrap();
    assert!(planned.nodes.iter().all(|node| node.name == "mine"));
}

#[test]
fn filesystems_are_where_they_are_looked_for() {
    let mut host = TestHost::new().parameter("root-label", "mine");
    let nodes = host.plan::<Vm>(Phase::BlockDevice).unwrap().nodes;
    let find = |name: &str| nodes.iter().find(|n| n.name == name).unwrap();
    let NodeKind::Filesystem(root) = &find("root-filesystem").kind else { panic!() };
    assert_eq!((&*root.kind, root.label.as_deref()), ("ext4", Some("mine")));
    let NodeKind::Mount(esp) = &find("esp-mount").kind else { panic!() };
    assert_eq!((&*esp.at, &*esp.options), ("/boot/efi", &["umask=0077".to_owned()][..]));
    let NodeKind::Mount(root) = &find("root-mount").kind else { panic!() };
    assert_eq!(root.at, "/");
    // The last partition can grow.
    assert!(
        nodes.iter().rposition(|n| matches!(n.kind, NodeKind::Partition(_)))
            == nodes.iter().position(|n| n.name == "root")
    );
}

#[test]
fn what_cannot_boot_is_refused() {
    for host in [TestHost::new().parameter("esp-size", 4), TestHost::new().arch("s390x")] {
        let mut host = host;
        let planned = host.plan::<Vm>(Phase::BlockDevice).unwrap();
        assert!(planned.findings[0].fatal && planned.nodes.is_empty());
    }
}
