//! The element on a host in memory.

use apt_sources::AptSources;
use dibhost_element_sdk::{Phase, Planned, TestHost};

const DEBIAN: &str = "/etc/apt/sources.list.d/debian.sources";
const STANZAS: &str = "# ours\nTypes: deb\nURIs: http://m.example/debian\nSuites: bookworm\n\
                       Components: main\nSigned-By: /etc/apt/keyrings/m.asc\n";
const LINES: &str =
    "deb [signed-by=/etc/apt/keyrings/m.asc] http://m.example/debian bookworm main\n";

fn host(text: &str) -> TestHost {
    TestHost::new().file(DEBIAN, "Types: deb\n").input("mine", text).parameter("source", "mine")
}

#[test]
fn what_the_base_has_goes_and_the_file_comes_by_its_form() {
    for (text, ending) in [(STANZAS, "sources"), (LINES, "list")] {
        let mut host = host(text);
        host.plan::<AptSources>(Phase::PostInstall).unwrap();
        assert_eq!(
            host.text(&format!("/etc/apt/sources.list.d/dibhost-apt-sources.{ending}")),
            text
        );
        assert!(!host.exists(DEBIAN));
    }
    let mut on_top = host(LINES).parameter("replace", false);
    on_top.plan::<AptSources>(Phase::PostInstall).unwrap();
    assert!(on_top.exists(DEBIAN));
}

#[test]
fn what_need_not_be_signed_is_refused() {
    let refused = |text: &str| -> Planned {
        let mut host = host(text);
        let planned = host.plan::<AptSources>(Phase::PostInstall).unwrap();
        assert!(planned.files.is_empty() && planned.findings[0].fatal, "{text}");
        assert!(host.exists(DEBIAN), "{text}");
        planned
    };
    let planned = refused(&format!("{STANZAS}Trusted:  Yes\n"));
    assert!(planned.findings[0].message.starts_with("Line 7 "), "{:?}", planned.findings);
    refused("deb [ trusted=yes ] http://m.example x main\n");
    refused("deb [arch=amd64 allow-insecure=yes] http://m.example x main\n");
    refused("deb [ trusted = yes ] http://m.example x main\n");
    refused("debs http://m.example x main\n");
    refused("# nothing\n");
}
