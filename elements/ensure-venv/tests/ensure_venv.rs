//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost};
use ensure_venv::EnsureVenv;

#[test]
fn the_packages_are_those_of_the_system() {
    let mut debian = TestHost::new().debian("bookworm");
    let planned = debian.plan::<EnsureVenv>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["python3", "python3-venv"]);
    let mut fedora = TestHost::new().system("fedora", "42");
    assert_eq!(fedora.plan::<EnsureVenv>(Phase::Install).unwrap().package_names(), ["python3"]);
}

#[test]
fn a_system_that_is_not_known_is_refused() {
    let mut host = TestHost::new().system("arch", "x");
    let planned = host.plan::<EnsureVenv>(Phase::Install).unwrap();
    assert!(planned.findings[0].fatal && planned.packages.is_empty());
    assert!(planned.findings[0].message.contains("`arch`"));
}
