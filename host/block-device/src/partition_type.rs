//! Partition types by name: those of the Discoverable Partitions Specification that a Linux image
//! can have, and the few that boot loaders look for.

use uuid::{Uuid, uuid};

/// Names and GPT type UUIDs.
pub const PARTITION_TYPES: &[(&str, Uuid)] = &[
    ("bios-boot", uuid!("21686148-6449-6e6f-744e-656564454649")),
    ("esp", uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")),
    ("xbootldr", uuid!("bc13c2ff-59e6-4262-a352-b275fd6f7172")),
    ("prep", uuid!("9e1a2d38-c612-4316-aa26-8b49521e5a8b")),
    ("linux-generic", uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4")),
    ("swap", uuid!("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f")),
    ("home", uuid!("933ac7e1-2eb4-4f13-b844-0e14e2aef915")),
    ("srv", uuid!("3b8f8425-20e0-4f3b-907f-1a25a76f98e8")),
    ("var", uuid!("4d21b016-b534-45c2-a9fb-5c16e091fd2d")),
    ("tmp", uuid!("7ec6f557-3bc5-4aca-b293-16ef5df639d1")),
    ("user-home", uuid!("773f91ef-66d4-49b5-bd83-d683bf40ad16")),
    ("linux-lvm", uuid!("e6d6d379-f507-44c2-a23c-238f2a3df928")),
    ("linux-raid", uuid!("a19d880f-05fc-4d3b-a006-743f0f84911e")),
    ("luks", uuid!("ca7d7ccb-63ed-4c53-861c-1742536059cc")),
    ("root-x86", uuid!("44479540-f297-41b2-9af7-d131d5f0458a")),
    ("root-x86-64", uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")),
    ("root-arm", uuid!("69dad710-2ce4-4e3c-b16c-21a1d49abed3")),
    ("root-arm64", uuid!("b921b045-1df0-41c3-af44-4c6f280d3fae")),
    ("root-riscv64", uuid!("72ec70a6-cf74-40e6-bd49-4bda08e8f224")),
    ("root-loongarch64", uuid!("77055800-792c-4f94-b39a-98c91b762bb6")),
    ("root-ppc64-le", uuid!("c31c45e6-3f39-412e-80fb-4809c4980599")),
    ("root-s390x", uuid!("5eead9a9-fe09-4a1e-a1d7-520d00531306")),
    ("root-x86-64-verity", uuid!("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5")),
    ("root-arm64-verity", uuid!("df3300ce-d69f-4c92-978c-9bfb0f38d820")),
    ("usr-x86-64", uuid!("8484680c-9521-48c6-9c11-b0720656f69e")),
    ("usr-arm64", uuid!("b0e01050-ee5f-4390-949a-9101b17104e9")),
    ("usr-riscv64", uuid!("beaec34b-8442-439b-a40b-984381ed097d")),
    ("usr-x86-64-verity", uuid!("77ff5f63-e7b6-4633-acf4-1565b864c0e6")),
    ("usr-arm64-verity", uuid!("6e11a4e7-fbca-4ded-b9e9-e1a512bb664e")),
    ("microsoft-basic-data", uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")),
];

/// GPT attribute bits by name.
pub const PARTITION_ATTRIBUTES: &[(&str, u32)] = &[
    ("required", 0),
    ("no-block-io", 1),
    ("legacy-bios-bootable", 2),
    ("grow-file-system", 59),
    ("read-only", 60),
    ("no-auto", 63),
];

/// The type a text means: a name of [`PARTITION_TYPES`], or a UUID with hyphens.
#[must_use]
pub fn partition_type(text: &str) -> Option<Uuid> {
    if let Some((_, id)) = PARTITION_TYPES.iter().find(|(name, _)| *name == text) {
        return Some(*id);
    }
    // Uuid also takes braces, URNs and no hyphens; a definition has one way to say it.
    let hyphenated = text.len() == 36;
    Uuid::try_parse(text).ok().filter(|id| hyphenated && !id.is_nil())
}

/// The name of a type, if it has one here.
#[must_use]
pub fn partition_type_name(id: Uuid) -> Option<&'static str> {
    PARTITION_TYPES.iter().find(|(_, known)| *known == id).map(|(name, _)| *name)
}

/// MBR types of what has a name here.
const MBR_TYPES: &[(&str, u8)] = &[
    ("esp", 0xef),
    ("linux-generic", 0x83),
    ("swap", 0x82),
    ("linux-lvm", 0x8e),
    ("linux-raid", 0xfd),
    ("luks", 0xe8),
    ("prep", 0x41),
    ("xbootldr", 0xea),
    ("microsoft-basic-data", 0x0c),
    ("root-x86", 0x83),
    ("root-x86-64", 0x83),
    ("home", 0x83),
    ("var", 0x83),
    ("srv", 0x83),
    ("tmp", 0x83),
];

/// The name of an MBR type that has one here: that of the most general of those it stands for.
#[must_use]
pub fn mbr_type_name(id: u8) -> Option<&'static str> {
    MBR_TYPES.iter().find(|(_, known)| *known == id).map(|(name, _)| *name)
}

/// The MBR type a text means: two hexadecimal digits, or a name of [`PARTITION_TYPES`] that an MBR
/// knows too.
#[must_use]
pub fn mbr_type(text: &str) -> Option<u8> {
    if let Some((_, id)) = MBR_TYPES.iter().find(|(name, _)| *name == text) {
        return Some(*id);
    }
    let hex = text.len() == 2 && text.bytes().all(|b| b.is_ascii_hexdigit());
    u8::from_str_radix(text, 16).ok().filter(|id| hex && *id != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_uuids_mean_types() {
        assert_eq!(partition_type("esp").and_then(partition_type_name), Some("esp"));
        let id = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
        assert_eq!(partition_type(id).and_then(partition_type_name), Some("esp"));
        assert_eq!(partition_type("ef00"), None);
        assert_eq!(partition_type("00000000-0000-0000-0000-000000000000"), None);
        assert_eq!(partition_type("c12a7328f81f11d2ba4b00a0c93ec93b"), None);
    }

    #[test]
    fn no_name_and_no_uuid_twice() {
        for (i, (name, id)) in PARTITION_TYPES.iter().enumerate() {
            let later = &PARTITION_TYPES[i + 1..];
            assert!(later.iter().all(|(n, u)| n != name && u != id), "{name}");
        }
    }
}
