//! The element on a host in memory.

use dibhost_element_sdk::{Phase, Planned, TestHost, Want};
use package_installs::PackageInstalls;
use serde_json::json;

const AGENT: &str = "\
libxml2:
grub2:
  phase: pre-install.d
networkmanager:
  uninstall: True
compiler:
  build-only: True
iscsi_package:
  when: DIB_ISCSI = 1
other:
  arch: ppc64, ppc64le
";

const MAP: &str = r#"{
    "family": { "debian": { "iscsi_package": "open-iscsi", "compiler": "gcc make" } },
    "default": { "iscsi_package": "iscsi-initiator-utils", "networkmanager": "" }
}"#;

fn host() -> TestHost {
    TestHost::new()
        .debian("bookworm")
        .parameter("sources", vec!["elements"])
        .parameter("environment", json!({ "DIB_ISCSI": "1" }))
        .input_file("elements", "agent/package-installs.yaml", AGENT)
        .input_file("elements", "agent/pkg-map", MAP)
        .input_file("elements", "agent/install.d/10-run", "#!/bin/sh\n")
        .input_file("elements", "tools/package-installs.json", r#"{"curl": null, "gcc": null}"#)
}

fn packages(planned: &Planned) -> Vec<(&str, Want)> {
    planned.packages.iter().map(|package| (package.name.as_str(), package.want)).collect()
}

#[test]
fn files_of_many_elements_become_wishes() {
    let mut host = host();
    let planned = host.plan::<PackageInstalls>(Phase::Install).unwrap();
    assert!(planned.findings.is_empty(), "{:?}", planned.findings);
    assert_eq!(
        packages(&planned),
        [
            ("curl", Want::Install),
            // One needs it for the build, another in the image.
            ("gcc", Want::Install),
            ("libxml2", Want::Install),
            ("make", Want::BuildOnly),
            ("open-iscsi", Want::Install),
        ]
    );
    let curl = &planned.packages[0];
    assert_eq!(curl.reason, "`elements/tools/package-installs.json` lists it");
    let early = host.plan::<PackageInstalls>(Phase::PreInstall).unwrap();
    assert_eq!(packages(&early), [("grub2", Want::Install)]);
    let late = host.plan::<PackageInstalls>(Phase::PostInstall).unwrap();
    assert!(late.packages.is_empty());
}

#[test]
fn a_file_alone_is_a_source_and_may_say_versions() {
    let mut host = TestHost::new().debian("trixie").parameter("sources", vec!["list"]).input(
        "list",
        "nginx=1.22*:\nnano:\n  uninstall: true\nx:\n  when: DISTRO_NAME != debian\n",
    );
    let planned = host.plan::<PackageInstalls>(Phase::Install).unwrap();
    assert_eq!(packages(&planned), [("nano", Want::Remove), ("nginx", Want::Install)]);
    assert_eq!(planned.packages[1].version.as_deref(), Some("1.22*"));
}

#[test]
fn what_is_wrong_with_files_is_told_once_with_the_file() {
    let mut host = host()
        .parameter("environment", json!({}))
        .input_file("elements", "tools/package-installs.json", "{\"curl\": {\"phase\": \"x\"}")
        .input_file("elements", "maps/package-installs.yaml", "a:\n")
        .input_file("elements", "maps/pkg-map", "{\"default\": {\"a\": {}}}");
    let planned = host.plan::<PackageInstalls>(Phase::PreInstall).unwrap();
    let told: Vec<_> = planned.findings.iter().map(|finding| &*finding.message).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(planned.findings.iter().all(|finding| finding.fatal && finding.help.is_some()));
    assert!(told[0].starts_with("`elements/agent/package-installs.yaml`: `iscsi_package`: `when`"));
    assert!(told[1].starts_with("`elements/maps/pkg-map`: `a` is mapped to no name"), "{told:?}");
    assert!(told[2].starts_with("`elements/tools/package-installs.json`: it is no YAML"));
    let later = host.plan::<PackageInstalls>(Phase::Install).unwrap();
    assert!(later.findings.is_empty());
}

#[test]
fn a_folder_without_such_files_is_refused_and_no_input_remarked_on() {
    let mut host = TestHost::new()
        .debian("bookworm")
        .parameter("sources", vec!["empty"])
        .input_file("empty", "README", "nothing");
    let planned = host.plan::<PackageInstalls>(Phase::PreInstall).unwrap();
    assert!(planned.findings[0].fatal);
    assert!(planned.findings[0].message.contains("`empty` has no `package-installs.yaml`"));
    let planned =
        TestHost::new().debian("bookworm").plan::<PackageInstalls>(Phase::PreInstall).unwrap();
    assert!(!planned.findings[0].fatal);
}
