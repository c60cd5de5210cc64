//! The element on a host in memory.

use dibhost_element_sdk::slots::AuthorizedKey;
use dibhost_element_sdk::{Phase, Proxy, TestHost};
use local_config::LocalConfig;

#[test]
fn the_builders_keys_log_in() {
    let host = || TestHost::new().builder_key("ssh-ed25519 AAAA me").builder_key("ssh-rsa BBBB me");
    let planned = host().plan::<LocalConfig>(Phase::Install).unwrap();
    let keys = planned.provided::<AuthorizedKey>();
    assert_eq!(keys[0].key, "ssh-ed25519 AAAA me");
    assert_eq!(keys[1].user.as_deref(), Some("root"));
    let mut other = host().parameter("username", "debian");
    let planned = other.plan::<LocalConfig>(Phase::Install).unwrap();
    assert_eq!(planned.provided::<AuthorizedKey>()[0].user.as_deref(), Some("debian"));
}

#[test]
fn no_key_is_remarked_on() {
    let planned = TestHost::new().plan::<LocalConfig>(Phase::Install).unwrap();
    assert!(!planned.findings[0].fatal && planned.findings[0].message.contains("no public key"));
}

fn with_proxy(http: &str) -> TestHost {
    let proxy = Proxy { http: Some(http.to_owned()), ..Proxy::default() };
    TestHost::new().builder_proxy(proxy).directory("/etc/apt/apt.conf.d")
}

#[test]
fn the_proxy_is_written_only_when_wished() {
    let mut silent = with_proxy("http://proxy.example:3128");
    assert!(silent.plan::<LocalConfig>(Phase::Install).unwrap().files.is_empty());

    let mut wished = with_proxy("http://proxy.example:3128").parameter("proxy", true);
    wished.plan::<LocalConfig>(Phase::Install).unwrap();
    assert_eq!(
        wished.text("/etc/apt/apt.conf.d/95-dibhost-proxy"),
        "// The proxy of the machine that built this image.\n\
         Acquire::http::Proxy \"http://proxy.example:3128\";\n"
    );
}

#[test]
fn a_proxy_cannot_say_more_than_its_address() {
    for wrong in [
        "http://x\"; APT::Get::AllowUnauthenticated \"true",
        "http://x\nDPkg::Pre-Invoke { \"evil\"; };",
        "http://me:secret@proxy.example:3128",
    ] {
        let mut host = with_proxy(wrong).parameter("proxy", true);
        let planned = host.plan::<LocalConfig>(Phase::Install).unwrap();
        assert!(planned.findings.iter().any(|f| f.fatal) && planned.files.is_empty(), "{wrong}");
    }
}
