//! What the test of arrows lets pass, each with its reason: a file, or all of a folder. An entry that
//! nothing needs any more fails the test, so it goes in the commit that opens it.

/// Circles between files: where all of their files stand, and why they may be.
pub(crate) const CIRCLES: [(&[&str], &str); 5] = [
    (
        &["host/block-device/src"],
        "opened where decisions part from formats: with the crates `volumes` and `filesystems`",
    ),
    (&["host/tree/src"], "opened where `packages` parts from `tree`, and by its traits"),
    (&["host/element/src"], "opened with the changes of the contract: engine, interface, state"),
    (&["element-sdk/src"], "opened with the changes of the contract: element, plan, run, step"),
    (&["element-sdk/derive/src"], "opened with the rest of the SDK"),
];

/// Second types of one noun: the noun, where, and why it may have that name.
pub(crate) const NOUNS: [(&str, &str, &str); 6] = [
    ("Answer", "host/tree/src", "of the worker, and of debconf: named with the traits of `tree`"),
    ("Place", "host/block-device/src", "three of them: named with `volumes` and `filesystems`"),
    ("Place", "host/tree/src", "of a control group, and in the tree: named with its traits"),
    ("Repository", "element-sdk/src", "the contract's record as an author writes it"),
    ("Repository", "host/tree/src", "becomes that of `packages`, which takes the plan's"),
    ("Scratch", "host/block-device/src", "named with `filesystems`"),
];
