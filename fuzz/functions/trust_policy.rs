//! A policy, and a reference to a registry: read, or refused with places.

use std::path::Path;

use dibhost_definition::{Reference, TrustFile};

pub(crate) fn trust_policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match TrustFile::parse(text, "trust.toml", Path::new(".")) {
        Ok(policy) => {
            for publisher in &policy.publishers {
                assert!(
                    publisher.unsigned || !publisher.names.is_empty() || text.contains("names")
                );
                for name in &publisher.names {
                    let host = name.strip_prefix("oci://").and_then(|n| n.split('/').next());
                    assert!(host.is_none_or(|host| host == "*" || !host.contains('*')), "{name:?}");
                }
            }
        }
        Err(wrong) => assert!(!wrong.is_empty()),
    }
    for line in text.lines() {
        if let Ok(Reference::Oci(reference)) = Reference::parse(line) {
            let again = reference.to_string();
            assert_eq!(Reference::in_registry(&again), Some(reference), "{line}");
            assert!(!again.contains(".."), "{again}");
        }
    }
}
