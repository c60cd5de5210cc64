//! What the test of arrows lets pass, each with its reason: a file, or all of a folder. An entry that
//! nothing needs any more fails the test, so it goes in the commit that opens it.

/// Circles between files: where all of their files stand, and why they may be.
pub(crate) const CIRCLES: [(&[&str], &str); 2] = [
    (
        &["host/element/src/bindings.rs", "host/element/src/refusal.rs"],
        "what `bindgen!` makes names the type of its errors, which is made into what it makes",
    ),
    (
        &["element-sdk/src"],
        "the SDK's own host, real or replayed, is called by the steps that it calls",
    ),
];

/// Second types of one noun: the noun, where, and why it may have that name.
pub(crate) const NOUNS: [(&str, &str, &str); 1] = [(
    "Repository",
    "host/definition/src/repository.rs",
    "what registries and their specification call it; no file knows it and a repository of packages",
)];
