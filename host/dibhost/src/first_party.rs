//! Which elements were shipped with this host: see `build.rs`.

use std::collections::BTreeSet;

/// Digest (`sha256:…`) and name.
const TABLE: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/first_party.rs"));

/// Their digests.
pub(crate) fn digests() -> BTreeSet<String> {
    TABLE.iter().map(|(digest, _)| (*digest).to_owned()).collect()
}
