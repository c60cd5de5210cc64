//! openSUSE: its data, and nothing else; what is done with it is `rpm-distribution`'s.

use rpm_distribution::{ReleaseFile, System, rpm_element};

/// What is the same of all releases.
pub const SYSTEM: System = System {
    id: "opensuse",
    family: "suse",
    package_manager: "zypper",
    default_user: "opensuse",
    releases: &[
        ReleaseFile {
            text: include_str!("../releases/15.6.json"),
            keys: &[
                include_str!("../keys/opensuse-2022.asc"),
                include_str!("../keys/opensuse-leap-sle.asc"),
                include_str!("../keys/opensuse-backports-2023.asc"),
            ],
        },
        ReleaseFile {
            text: include_str!("../releases/tumbleweed.json"),
            keys: &[include_str!("../keys/opensuse-2022.asc")],
        },
    ],
};

rpm_element!(
    /// The element.
    Opensuse,
    SYSTEM,
    release = "15.6"
);
