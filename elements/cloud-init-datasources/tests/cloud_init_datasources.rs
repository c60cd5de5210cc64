//! The element on a host in memory.

use cloud_init_datasources::CloudInitDatasources;
use dibhost_element_sdk::{Phase, TestHost};

const FILE: &str = "/etc/cloud/cloud.cfg.d/92-dibhost-cloud-init-datasources.cfg";

fn text(datasources: &[&str]) -> String {
    let mut host = TestHost::new().parameter("datasources", datasources.to_vec());
    let planned = host.plan::<CloudInitDatasources>(Phase::Install).unwrap();
    assert!(planned.findings.is_empty(), "{:?}", planned.findings);
    host.text(FILE)
}

#[test]
fn those_are_asked_in_that_order_and_nobody_last() {
    let head = "# Written by the dibhost element `cloud-init-datasources`.\n";
    assert_eq!(
        text(&["ConfigDrive", "None", "NoCloud", "ConfigDrive"]),
        format!("{head}datasource_list: [ ConfigDrive, NoCloud, None ]\n")
    );
    assert_eq!(
        text(&["Ec2"]),
        format!(
            "{head}datasource_list: [ Ec2, None ]\ndatasource:\n  Ec2:\n    strict_id: false\n"
        )
    );
}

#[test]
fn what_is_no_datasource_is_refused() {
    for datasources in [vec!["Ec2 ]\nruncmd: [ x"], vec!["a-b"], vec![""], vec!["None"], vec![]] {
        let mut host = TestHost::new().parameter("datasources", datasources.clone());
        let planned = host.plan::<CloudInitDatasources>(Phase::Install).unwrap();
        assert!(planned.files.is_empty() && planned.findings[0].fatal, "{datasources:?}");
        assert_eq!(planned.findings[0].parameter.as_deref(), Some("datasources"));
    }
    let error = TestHost::new().plan::<CloudInitDatasources>(Phase::Install).unwrap_err();
    assert!(error.message.contains("`datasources` is not set"), "{error}");
}
