//! The element on a host in memory.

use apt_preferences::AptPreferences;
use dibhost_element_sdk::{Phase, TestHost};
use serde_json::{Value, json};

const PINS: &str = "/etc/apt/preferences.d/60-dibhost-apt-preferences.pref";
const MANIFEST: &str = "/etc/apt/preferences.d/61-dibhost-manifest.pref";

#[test]
fn pins_are_records() {
    let pins = json!([
        { "packages": ["linux-image-*", "linux-headers-*"], "pin": "release n=bookworm-backports", "priority": 500 },
        { "pin": "origin \"m.example\"", "priority": -1 },
    ]);
    let mut host = TestHost::new().parameter("pins", pins);
    host.plan::<AptPreferences>(Phase::Install).unwrap();
    let text = host.text(PINS);
    for record in [
        "\nPackage: linux-image-* linux-headers-*\nPin: release n=bookworm-backports\nPin-Priority: 500\n\n",
        "\nPackage: *\nPin: origin \"m.example\"\nPin-Priority: -1\n\n",
    ] {
        assert!(text.contains(record), "{text}");
    }
    assert!(!host.exists(MANIFEST));
}

#[test]
fn a_manifest_of_either_kind_holds_its_versions() {
    let theirs = r#"{"packages": [{"package": "hello", "arch": "amd64", "version": "2.10-3", "status": "x"}]}"#;
    let ours =
        r#"{"name": "web", "packages": [{"name": "hello", "version": "2.10-3", "arch": "amd64"}]}"#;
    for manifest in [theirs, ours] {
        let mut host = TestHost::new().input("old", manifest).parameter("manifest", "old");
        host.plan::<AptPreferences>(Phase::Install).unwrap();
        let text = host.text(MANIFEST);
        assert!(
            text.ends_with("\nPackage: hello\nPin: version 2.10-3\nPin-Priority: 1001\n\n"),
            "{text}"
        );
    }
}

#[test]
fn what_would_be_another_record_is_refused() {
    let refused = |host: TestHost, parameter: &str| {
        let mut host = host;
        let planned = host.plan::<AptPreferences>(Phase::Install).unwrap();
        assert!(planned.files.is_empty() && planned.findings[0].fatal);
        assert_eq!(planned.findings[0].parameter.as_deref(), Some(parameter));
    };
    let pin = |package: &str, pin: &str| -> Value {
        json!([{ "packages": [package], "pin": pin, "priority": 1 }])
    };
    for (package, of) in [
        ("a\nPin: x", "version 1"),
        ("", "version 1"),
        ("a b", "version 1"),
        ("a", "x"),
        ("a", "version 1\nPackage: b"),
    ] {
        refused(TestHost::new().parameter("pins", pin(package, of)), "pins");
    }
    for manifest in [
        "[",
        "{}",
        "{\"packages\": []}",
        "{\"packages\": [{\"package\": \"a\"}]}",
        "{\"packages\": [{\"package\": \"a\", \"version\": \"1\\nPin: x\"}]}",
    ] {
        refused(TestHost::new().input("old", manifest).parameter("manifest", "old"), "manifest");
    }
}
