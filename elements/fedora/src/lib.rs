//! Fedora: its data, and nothing else; what is done with it is `rpm-distribution`'s.

use rpm_distribution::{ReleaseFile, System, rpm_element};

/// What is the same of all releases.
pub const SYSTEM: System = System {
    id: "fedora",
    family: "fedora",
    package_manager: "dnf",
    default_user: "fedora",
    releases: &[
        ReleaseFile {
            text: include_str!("../releases/44.json"),
            keys: &[include_str!("../keys/fedora-44.asc")],
        },
        ReleaseFile {
            text: include_str!("../releases/43.json"),
            keys: &[include_str!("../keys/fedora-43.asc")],
        },
        ReleaseFile {
            text: include_str!("../releases/42.json"),
            keys: &[include_str!("../keys/fedora-42.asc")],
        },
    ],
};

rpm_element!(
    /// The element.
    Fedora,
    SYSTEM,
    release = "44"
);
