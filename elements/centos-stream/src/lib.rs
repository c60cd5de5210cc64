//! CentOS Stream: its data, and nothing else; what is done with it is `rpm-distribution`'s.

use rpm_distribution::{ReleaseFile, System, rpm_element};

/// What is the same of all releases.
pub const SYSTEM: System = System {
    id: "centos",
    family: "fedora",
    package_manager: "dnf",
    default_user: "cloud-user",
    releases: &[
        ReleaseFile {
            text: include_str!("../releases/10.json"),
            keys: &[include_str!("../keys/centos-official.asc")],
        },
        ReleaseFile {
            text: include_str!("../releases/9.json"),
            keys: &[include_str!("../keys/centos-official.asc")],
        },
    ],
};

rpm_element!(
    /// The element.
    CentosStream,
    SYSTEM,
    release = "10"
);
