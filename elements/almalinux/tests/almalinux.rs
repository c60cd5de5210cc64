//! The element on a host in memory.

#[path = "../../rpm-distribution/tests/element/mod.rs"]
mod element;

use almalinux::{Almalinux as Element, SYSTEM};

#[test]
fn it_is_of_its_family() {
    assert_eq!((SYSTEM.family, SYSTEM.package_manager), ("fedora", "dnf"));
}
