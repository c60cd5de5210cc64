//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost};
use {{crate}}::{{type}};

#[test]
fn the_disk_has_one_filesystem() {
    let planned = TestHost::new().plan::<{{type}}>(Phase::BlockDevice).unwrap();
    let names: Vec<_> = planned.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["disk", "table", "root", "root-fs", "root-mount"]);
}
