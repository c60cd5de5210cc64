//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost};
use install_static::InstallStatic;

#[test]
fn files_are_at_their_paths() {
    let mut host = TestHost::new()
        .parameter("sources", vec!["ours", "theirs"])
        .input_file("ours", "etc/motd", "Hello.\n")
        .input_file("ours", "etc/.gitignore", "*")
        .input_file("ours", "srv/.git/config", "x")
        .input_file("ours", "etc/motd~", "old")
        .input_file("theirs", "usr/local/lib/a/b", "b");
    let planned = host.plan::<InstallStatic>(Phase::Install).unwrap();
    let paths: Vec<_> = planned.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["/etc/motd", "/usr/local/lib/a/b"]);
    assert_eq!(host.text("/etc/motd"), "Hello.\n");
    assert_eq!(host.stat("/etc/motd").unwrap().mode, 0o644);
}

#[test]
fn what_is_no_folder_or_is_not_kept_is_refused() {
    for (host, says) in [
        (TestHost::new().input("a", "text"), "is a file and not a folder"),
        (TestHost::new().input_file("a", "run/x", ""), "`/run/x` of the input `a` is gone"),
        (TestHost::new().input_file("a", "big", vec![0; (64 << 20) + 1]), "more than 2000 files"),
    ] {
        let mut host = host.parameter("sources", vec!["a"]);
        let planned = host.plan::<InstallStatic>(Phase::Install).unwrap();
        assert!(planned.files.is_empty());
        let finding = &planned.findings[0];
        assert!(finding.fatal && finding.message.contains(says), "{finding:?}");
    }
}

#[test]
fn nothing_to_place_is_remarked_on_and_an_unknown_input_an_error() {
    let planned = TestHost::new().plan::<InstallStatic>(Phase::Install).unwrap();
    assert!(!planned.findings[0].fatal);
    let mut host = TestHost::new().parameter("sources", vec!["nobody"]);
    assert!(host.plan::<InstallStatic>(Phase::Install).is_err());
}
