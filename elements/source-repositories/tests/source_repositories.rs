//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost};
use serde_json::json;
use source_repositories::SourceRepositories;

const COMMIT: &str = "0123456789012345678901234567890123456789";
const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn host() -> TestHost {
    let git = "# the agent\nagent git /opt/agent https://git.example/agent.git ${COMMIT}\n";
    let tar = "tool tar /opt/tool https://files.example/tool-1.tar.gz *\n";
    let file = "key file /usr/share/keyrings/tool.asc https://files.example/key.asc\n";
    TestHost::new()
        .parameter("sources", vec!["elements", "more"])
        .parameter("environment", json!({ "COMMIT": COMMIT }))
        .input_file("elements", "agent/source-repository-agent", git)
        .input_file("elements", "agent/README", "nothing")
        .input_file("elements", "tool/source-repository-tool", tar)
        .input("more", file)
        .outside_commit("https://git.example/agent.git", COMMIT, [("setup.py", "agent")])
        .outside_archive("https://files.example/tool-1.tar.gz", DIGEST, [("tool-1/run", "tool")])
        .outside("https://files.example/key.asc", DIGEST, "a key")
}

#[test]
fn sources_are_where_their_lines_say() {
    let mut host = host().parameter("digests", json!({ "tool": DIGEST }));
    assert!(host.plan::<SourceRepositories>(Phase::Install).unwrap().findings.is_empty());
    host.run::<SourceRepositories>(Phase::Install).unwrap();
    assert_eq!(host.text("/opt/agent/setup.py"), "agent");
    assert_eq!(host.text("/opt/tool/run"), "tool");
    assert_eq!(host.text("/usr/share/keyrings/tool.asc"), "a key");
    assert_eq!(
        host.text("/etc/dib-source-repositories"),
        format!(
            "agent git /opt/agent https://git.example/agent.git {COMMIT}\n\
             tool tar /opt/tool https://files.example/tool-1.tar.gz\n\
             key file /usr/share/keyrings/tool.asc https://files.example/key.asc\n"
        )
    );
}

#[test]
fn an_archive_that_is_another_one_is_not_taken() {
    let other = DIGEST.replace("9f86", "0000");
    let mut host = host().parameter("digests", json!({ "tool": other }));
    let wrong = host.run::<SourceRepositories>(Phase::Install).unwrap_err().to_string();
    assert!(wrong.contains("tool") && !host.exists("/opt/tool/run"), "{wrong}");
}

#[test]
fn what_is_wrong_is_told_while_planning_with_the_file() {
    let mut host = host()
        .parameter("environment", json!({ "DIB_REPOLOCATION_tool": "ftp://x" }))
        .parameter("digests", json!({ "agent": DIGEST }))
        .input(
            "more",
            "key file /opt/key https://files.example/a\nb file /opt/key https://e.org/b\n",
        );
    let planned = host.plan::<SourceRepositories>(Phase::Install).unwrap();
    let told: Vec<_> = planned.findings.iter().map(|finding| &*finding.message).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(planned.findings.iter().all(|finding| finding.fatal && finding.help.is_some()));
    assert!(told[0].starts_with("`elements/agent/source-repository-agent`: `COMMIT` is not set"));
    assert!(told[1].contains("ftp://x"), "{told:?}");
    assert!(told[2].starts_with("`more`: `b` goes to `/opt/key`, where `key` goes"), "{told:?}");
    assert!(told[3].contains("`agent`"), "{told:?}");
    assert!(host.run::<SourceRepositories>(Phase::Install).is_err());
}

#[test]
fn a_folder_without_such_files_is_refused_and_no_input_remarked_on() {
    let mut host = TestHost::new()
        .parameter("sources", vec!["empty"])
        .input_file("empty", "README", "nothing");
    let planned = host.plan::<SourceRepositories>(Phase::Install).unwrap();
    assert!(planned.findings[0].fatal);
    let mut host = TestHost::new();
    let planned = host.plan::<SourceRepositories>(Phase::Install).unwrap();
    assert!(!planned.findings[0].fatal);
    host.run::<SourceRepositories>(Phase::Install).unwrap();
    assert!(!host.exists("/etc/dib-source-repositories"));
}
