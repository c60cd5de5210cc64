//! The types of nodes by their names in TOML, and the keys of each.

/// The keys of a mount.
pub(super) const MOUNT: [&str; 6] = ["at", "options", "fstab", "by", "dump", "pass"];

const TYPES: [(&str, &[&str]); 17] = [
    ("disk", &["size", "sector-size"]),
    ("gpt", &["alignment"]),
    ("mbr", &["alignment"]),
    ("partition", &["size", "partition-type", "label", "attributes", "preserve"]),
    ("luks", &["secrets", "label"]),
    ("physical-volume", &[]),
    ("volume-group", &["extent-size"]),
    ("logical-volume", &["size", "stripes"]),
    ("thin-pool", &["size", "stripes"]),
    ("thin-volume", &["size", "pool"]),
    ("raid", &["level", "array", "chunk", "metadata"]),
    ("verity", &[]),
    ("filesystem", &["format", "label", "uuid", "tuning", "mount"]),
    ("swap", &["label", "uuid"]),
    ("subvolume", &["path", "default", "mount"]),
    ("mount", &MOUNT),
    ("grub-bios", &["boot-image", "core-image"]),
];

/// The keys of a type, beside those that every node has.
pub(super) fn of(kind: &str) -> &'static [&'static str] {
    TYPES.iter().find(|(name, _)| *name == kind).map_or(&[], |(_, keys)| keys)
}

pub(super) fn names() -> [&'static str; TYPES.len()] {
    TYPES.map(|(name, _)| name)
}

/// The types of nodes that have such a key.
#[must_use]
pub fn types_with(key: &str) -> Vec<&'static str> {
    TYPES.iter().filter(|(_, keys)| keys.contains(&key)).map(|(name, _)| *name).collect()
}
