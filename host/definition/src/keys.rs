//! The keys of a definition, by table: what is read, and what is told of where a key belongs.

/// At the top, but for [`CONTENTS_KEYS`].
pub(crate) const SECTIONS: [&str; 13] = [
    "image",
    "include",
    "variants",
    "root-filesystem",
    "disk",
    "disks",
    "block-device",
    "parameters",
    "grants",
    "limits",
    "trust",
    "secrets",
    "inputs",
];

/// At the top: what the image has.
pub(crate) const CONTENTS_KEYS: [&str; 11] = [
    "packages",
    "hostname",
    "locale",
    "timezone",
    "files",
    "users",
    "units",
    "repositories",
    "commands",
    "sysctl",
    "kernel",
];

/// `[image]`.
pub(crate) const IMAGE_KEYS: [&str; 6] =
    ["name", "elements", "formats", "arch", "source-date-epoch", "qcow2-compression"];

/// `[root-filesystem]`.
pub(crate) const ROOT_FILESYSTEM_KEYS: [&str; 4] =
    ["label", "max-online-resize", "free-space", "tuning"];

/// `[disk]`.
pub(crate) const DISK_KEYS: [&str; 2] = ["size", "volumes"];

/// `[trust]`.
pub(crate) const TRUST_KEYS: [&str; 1] = ["first-party"];

/// `[[files]]`.
pub(crate) const FILE_KEYS: [&str; 9] =
    ["path", "content", "source", "link", "directory", "remove", "mode", "owner", "group"];

/// `[[users]]`.
pub(crate) const USER_KEYS: [&str; 13] = [
    "name",
    "authorized-keys",
    "groups",
    "sudo",
    "password",
    "shell",
    "home",
    "uid",
    "gid",
    "system",
    "comment",
    "expires",
    "change-password",
];

/// `[[units]]`.
pub(crate) const UNIT_KEYS: [&str; 5] = ["name", "content", "source", "drop-in", "state"];

/// `[[commands]]`.
pub(crate) const COMMAND_KEYS: [&str; 5] = ["phase", "run", "script", "environment", "network"];

/// `[kernel]`.
pub(crate) const KERNEL_KEYS: [&str; 1] = ["arguments"];

/// `[[repositories]]`.
pub(crate) const REPOSITORY_KEYS: [&str; 6] =
    ["name", "url", "format", "key", "priority", "build-only"];

/// The same of deb alone.
pub(crate) const DEB_KEYS: [&str; 2] = ["suites", "components"];

/// The same of RPM alone.
pub(crate) const RPM_KEYS: [&str; 3] = ["location", "cost", "module-hotfixes"];

/// Tables whose keys are known, and those.
pub(crate) fn sections() -> Vec<(&'static str, &'static [&'static str])> {
    vec![
        ("image", &IMAGE_KEYS),
        ("root-filesystem", &ROOT_FILESYSTEM_KEYS),
        ("disk", &DISK_KEYS),
        ("disks", &dibhost_block_device::config::SETTINGS),
        ("trust", &TRUST_KEYS),
        ("files", &FILE_KEYS),
        ("users", &USER_KEYS),
        ("units", &UNIT_KEYS),
        ("repositories", &REPOSITORY_KEYS),
        ("repositories", &DEB_KEYS),
        ("repositories", &RPM_KEYS),
        ("commands", &COMMAND_KEYS),
        ("kernel", &KERNEL_KEYS),
    ]
}

/// Whether a definition has a key of that name at its top.
#[must_use]
pub fn is_key(name: &str) -> bool {
    SECTIONS.contains(&name) || CONTENTS_KEYS.contains(&name)
}
