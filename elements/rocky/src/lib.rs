//! Rocky Linux: its data, and nothing else; what is done with it is `rpm-distribution`'s.

use rpm_distribution::{ReleaseFile, System, rpm_element};

/// What is the same of all releases.
pub const SYSTEM: System = System {
    id: "rocky",
    family: "fedora",
    package_manager: "dnf",
    default_user: "rocky",
    releases: &[
        ReleaseFile {
            text: include_str!("../releases/10.json"),
            keys: &[include_str!("../keys/rocky-10.asc")],
        },
        ReleaseFile {
            text: include_str!("../releases/9.json"),
            keys: &[include_str!("../keys/rocky-9.asc")],
        },
    ],
};

rpm_element!(
    /// The element.
    Rocky,
    SYSTEM,
    release = "10"
);
