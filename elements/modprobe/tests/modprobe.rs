//! The element on a host in memory.

use dibhost_element_sdk::{Phase, Planned, TestHost};
use modprobe::Modprobe;
use serde_json::json;

const SETTINGS: &str = "/etc/modprobe.d/60-dibhost-modprobe.conf";
const LOADED: &str = "/etc/modules-load.d/60-dibhost-modprobe.conf";

fn body(host: &TestHost, path: &str) -> String {
    host.text(path).lines().skip(1).map(|line| format!("{line}\n")).collect()
}

#[test]
fn modules_are_loaded_kept_out_and_given_options() {
    let mut host = TestHost::new()
        .parameter("blacklist", vec!["pcspkr"])
        .parameter("disabled", vec!["cramfs"])
        .parameter("options", json!({ "nbd": "max_part=16 nbds_max=4", "kvm": "ignore_msrs" }))
        .parameter("load", vec!["br_netfilter", "8021q"]);
    let planned = host.plan::<Modprobe>(Phase::Install).unwrap();
    assert!(planned.findings.is_empty(), "{:?}", planned.findings);
    assert_eq!(
        body(&host, SETTINGS),
        "blacklist pcspkr\nblacklist cramfs\ninstall cramfs /bin/false\n\
         options kvm ignore_msrs\noptions nbd max_part=16 nbds_max=4\n"
    );
    assert_eq!(body(&host, LOADED), "br_netfilter\n8021q\n");
}

#[test]
fn what_is_not_said_has_no_file() {
    let mut host = TestHost::new().parameter("load", vec!["nbd"]);
    host.plan::<Modprobe>(Phase::Install).unwrap();
    assert!(host.exists(LOADED) && !host.exists(SETTINGS));
    let planned = TestHost::new().plan::<Modprobe>(Phase::Install).unwrap();
    assert!(planned.files.is_empty() && planned.findings.len() == 1);
    assert!(!planned.findings[0].fatal);
}

fn refused(host: TestHost) -> Planned {
    let mut host = host;
    let planned = host.plan::<Modprobe>(Phase::Install).unwrap();
    assert!(planned.files.is_empty(), "{:?}", planned.files);
    assert!(planned.findings.iter().all(|finding| finding.fatal && finding.help.is_some()));
    planned
}

#[test]
fn what_would_be_another_line_is_refused_and_all_of_it_at_once() {
    let host = TestHost::new()
        .parameter("blacklist", vec!["a\ninstall b /bin/sh"])
        .parameter("options", json!({ "b c": "x=1" }))
        .parameter("load", vec!["../x"]);
    let planned = refused(host);
    let about: Vec<_> = planned.findings.iter().filter_map(|f| f.parameter.as_deref()).collect();
    assert_eq!(about, ["blacklist", "options", "load"]);
    for options in ["", "x=1\ninstall y z", "x=\"a b\"", "=1", "x=$(id)", "\\"] {
        refused(TestHost::new().parameter("options", json!({ "nbd": options })));
    }
}

#[test]
fn what_cannot_be_loaded_is_not_loaded() {
    let both = TestHost::new().parameter("disabled", vec!["nbd"]).parameter("load", vec!["nbd"]);
    assert!(refused(both).findings[0].message.contains("`nbd` cannot be loaded"));
}
