//! The element on a host in memory.

use apt_conf::AptConf;
use dibhost_element_sdk::{Phase, TestHost};
use serde_json::json;

const SETTINGS: &str = "/etc/apt/apt.conf.d/90-dibhost-apt-conf";
const FILE: &str = "/etc/apt/apt.conf.d/91-dibhost-apt-conf-file";

#[test]
fn settings_are_lines_and_a_file_is_itself() {
    let mut host = TestHost::new()
        .parameter(
            "settings",
            json!({ "Acquire::Retries": "3", "Acquire::Languages": ["de", "none"] }),
        )
        .input("mine", "Acquire::http::Pipeline-Depth \"0\";\n")
        .parameter("source", "mine");
    let planned = host.plan::<AptConf>(Phase::Install).unwrap();
    assert!(planned.findings.is_empty(), "{:?}", planned.findings);
    assert_eq!(
        host.text(SETTINGS),
        "// Written by the dibhost element `apt-conf`.\n#clear Acquire::Languages;\n\
         Acquire::Languages:: \"de\";\nAcquire::Languages:: \"none\";\nAcquire::Retries \"3\";\n"
    );
    assert_eq!(host.text(FILE), "Acquire::http::Pipeline-Depth \"0\";\n");
}

#[test]
fn what_would_be_another_line_is_refused() {
    for (name, value) in [
        ("Acquire::Retries", "3\"; DPkg::Post-Invoke:: \"x"),
        ("Acquire::Retries", "3\nx"),
        ("Acquire::Retries", "3\\"),
        ("Acquire::Retries; #include", "3"),
        ("Acquire::", "3"),
        ("Retries", "3"),
    ] {
        let mut host = TestHost::new().parameter("settings", json!({ name: value }));
        let planned = host.plan::<AptConf>(Phase::Install).unwrap();
        assert!(planned.files.is_empty() && planned.findings[0].fatal, "{name} {value}");
    }
}

#[test]
fn what_would_take_unsigned_packages_is_told() {
    let settings = json!({ "acquire::allowinsecurerepositories": "1" });
    let mut by_setting = TestHost::new().parameter("settings", settings);
    let file = "APT { Get { }; };\nAPT::Get::AllowUnauthenticated \"1\";\n";
    let mut by_file = TestHost::new().input("mine", file).parameter("source", "mine");
    for host in [&mut by_setting, &mut by_file] {
        let planned = host.plan::<AptConf>(Phase::Install).unwrap();
        assert!(
            planned.findings[0].message.contains("nobody signed") && !planned.findings[0].fatal
        );
        assert_eq!(planned.files.len(), 1);
    }
    let planned = TestHost::new().plan::<AptConf>(Phase::Install).unwrap();
    assert!(planned.files.is_empty() && planned.findings[0].message.contains("changes nothing"));
}
