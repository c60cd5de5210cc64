//! The element on a host in memory.

use cloud_init_nocloud::CloudInitNocloud;
use dibhost_element_sdk::{Phase, TestHost};

const FOLDER: &str = "/var/lib/cloud/seed/nocloud";

fn planned(host: TestHost) -> TestHost {
    let mut host = host;
    let planned = host.plan::<CloudInitNocloud>(Phase::Install).unwrap();
    assert!(planned.findings.is_empty(), "{:?}", planned.findings);
    host
}

#[test]
fn a_folder_is_the_seed_and_what_it_lacks_is_there() {
    let host = planned(
        TestHost::new()
            .input_file("mine", "user-data", "#cloud-config\nhostname: a\n")
            .input_file("mine", "network-config", "version: 2\n")
            .parameter("seed", "mine"),
    );
    assert_eq!(host.text(&format!("{FOLDER}/user-data")), "#cloud-config\nhostname: a\n");
    assert_eq!(host.text(&format!("{FOLDER}/network-config")), "version: 2\n");
    assert_eq!(host.text(&format!("{FOLDER}/meta-data")), "instance-id: nocloud\n");
    assert_eq!(host.stat(&format!("{FOLDER}/user-data")).unwrap().mode & 0o777, 0o600);
    let list = host.text("/etc/cloud/cloud.cfg.d/92-dibhost-cloud-init-nocloud.cfg");
    assert!(list.ends_with("datasource_list: [ NoCloud, None ]\n"), "{list}");
}

#[test]
fn a_file_is_user_data_and_without_a_word_all_is_empty() {
    let host = planned(TestHost::new().input("mine", "#!/bin/sh\nid\n").parameter("seed", "mine"));
    assert_eq!(host.text(&format!("{FOLDER}/user-data")), "#!/bin/sh\nid\n");
    assert_eq!(planned(TestHost::new()).text(&format!("{FOLDER}/user-data")), "");
}

#[test]
fn what_cloud_init_would_pass_over_is_refused() {
    for host in [
        TestHost::new().input("mine", "hostname: a\n"),
        TestHost::new().input_file("mine", "userdata", "#cloud-config\n"),
    ] {
        let mut host = host.parameter("seed", "mine");
        let planned = host.plan::<CloudInitNocloud>(Phase::Install).unwrap();
        assert!(planned.files.is_empty() && planned.findings[0].fatal);
        assert_eq!(planned.findings[0].parameter.as_deref(), Some("seed"));
    }
}
