//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost};
use install_bin::InstallBin;

#[test]
fn programs_can_be_run_whatever_they_were_on_the_builder() {
    let mut host = TestHost::new()
        .parameter("sources", vec!["tools", "hello"])
        .input_file("tools", "one", "#!/bin/sh\n")
        .input_file("tools", "two", "#!/bin/sh\n")
        .input("hello", "#!/bin/sh\necho hello\n");
    host.plan::<InstallBin>(Phase::PreInstall).unwrap();
    for name in ["one", "two", "hello"] {
        assert_eq!(host.stat(&format!("/usr/local/bin/{name}")).unwrap().mode, 0o755, "{name}");
    }
}

#[test]
fn a_folder_in_the_folder_is_refused_and_nothing_to_place_remarked_on() {
    let mut host = TestHost::new().parameter("sources", vec!["tools"]).input_file(
        "tools",
        "deep/one",
        "#!/bin/sh\n",
    );
    let planned = host.plan::<InstallBin>(Phase::PreInstall).unwrap();
    assert!(planned.files.is_empty() && planned.findings[0].fatal);
    assert!(planned.findings[0].message.contains("`deep` of the input `tools`"));
    let planned = TestHost::new().plan::<InstallBin>(Phase::PreInstall).unwrap();
    assert!(!planned.findings[0].fatal);
}
