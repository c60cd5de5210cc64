//! Elements of registries: somebody else fetched them and found that they may be used; here they are
//! read from where they were kept, and have to be what was found.

use std::path::PathBuf;

/// An element of a registry that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stocked {
    /// What it has to call itself.
    pub name: String,
    /// `sha256:…` of the component.
    pub digest: String,
    /// Where the component is kept.
    pub path: PathBuf,
}

/// Whether a definition names an element of a registry by it.
pub(super) fn is_elsewhere(reference: &str) -> bool {
    reference.starts_with("oci://")
}
