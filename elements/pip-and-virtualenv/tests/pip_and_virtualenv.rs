//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost};
use pip_and_virtualenv::PipAndVirtualenv;

#[test]
fn the_packages_are_those_of_the_system() {
    for (host, packages) in [
        (
            TestHost::new().debian("trixie"),
            &["python3-pip", "python3-virtualenv", "virtualenv"][..],
        ),
        (TestHost::new().system("suse", "15"), &["python3-pip", "python3-virtualenv"]),
    ] {
        let mut host = host;
        let planned = host.plan::<PipAndVirtualenv>(Phase::Install).unwrap();
        assert_eq!(planned.package_names(), packages);
    }
}

#[test]
fn a_system_that_is_not_known_is_refused() {
    let mut host = TestHost::new().system("arch", "x");
    let planned = host.plan::<PipAndVirtualenv>(Phase::Install).unwrap();
    assert!(planned.findings[0].fatal && planned.packages.is_empty());
}
