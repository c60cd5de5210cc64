//! Names of volume groups and logical volumes, as lvm takes them.
//!
//! Source: lvm2 `lib/misc/lvm-string.c` and `lvm(8)`, "VALID NAMES".

use super::error::LvmError;

/// Name lengths end where the kernel's name of the mapped device does: 128 bytes with the NUL.
const DM_NAME: usize = 127;
/// lvm leaves room for its own suffixes (`_tdata`, `-tpool`), the longest of which is this long.
const SUFFIX: usize = "_vorigin-tpool".len();

/// Prefixes that lvm keeps for volumes of its own.
const PREFIXES: [&str; 2] = ["snapshot", "pvmove"];
/// What lvm puts into names of hidden volumes, so that no other may hold it.
const PARTS: [&str; 17] = [
    "_cdata", "_cmeta", "_corig", "_cpool", "_cvol", "_imeta", "_iorig", "_mimage", "_mlog",
    "_pmspare", "_rimage", "_rmeta", "_tdata", "_tmeta", "_vdata", "_vorigin", "_wcorig",
];
/// What lies in `/dev` of about every Linux: a volume group's folder cannot be made beside it.
const DEVICES: [&str; 24] = [
    "block",
    "bsg",
    "bus",
    "char",
    "console",
    "core",
    "cpu",
    "disk",
    "dri",
    "fd",
    "full",
    "hugepages",
    "input",
    "kmsg",
    "mapper",
    "mem",
    "mqueue",
    "net",
    "null",
    "pts",
    "random",
    "shm",
    "snd",
    "zero",
];

/// Whether it is made of what lvm takes: the reader's check, for hidden volumes' names too.
pub(super) fn well_formed(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("it is empty");
    }
    if name == "." || name == ".." {
        return Err("it means a folder");
    }
    if name.starts_with('-') {
        return Err("it starts with `-`");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+_.-".contains(&byte)) {
        return Err("lvm takes letters, digits and `+`, `_`, `.`, `-` only");
    }
    if name.len() > DM_NAME {
        return Err("it is longer than 127 bytes");
    }
    Ok(())
}

/// Checks the name of a volume group.
///
/// # Errors
/// When lvm would not take it.
pub fn check_volume_group_name(name: &str) -> Result<(), LvmError> {
    let reserved = DEVICES.contains(&name).then_some("it is the name of something in `/dev`");
    match well_formed(name).err().or(reserved) {
        Some(why) => Err(LvmError::Name { what: "volume group", name: name.to_owned(), why }),
        None => Ok(()),
    }
}

/// Checks the name of a logical volume that is to be made in a volume group.
///
/// # Errors
/// When lvm would not take it, or keeps it for itself.
pub fn check_logical_volume_name(volume_group: &str, name: &str) -> Result<(), LvmError> {
    let reserved = || {
        if PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            return Some("lvm keeps names that start with `snapshot` or `pvmove` for itself");
        }
        if PARTS.iter().any(|part| name.contains(part)) {
            return Some("it holds what lvm marks its hidden volumes with, as `_tdata` or `_mlog`");
        }
        // The kernel's name is `vg-lv`, with every hyphen of either doubled.
        let doubled = |name: &str| name.len() + name.bytes().filter(|byte| *byte == b'-').count();
        (doubled(volume_group) + 1 + doubled(name) + SUFFIX > DM_NAME)
            .then_some("together with the volume group's it is too long for the kernel")
    };
    match well_formed(name).err().or_else(reserved) {
        Some(why) => Err(LvmError::Name { what: "logical volume", name: name.to_owned(), why }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_lvm_takes() {
        for good in ["root", "lv_root", "a", "0", "a.b+c-d", "+", "root_", "...", "lvol0"] {
            check_volume_group_name(good).unwrap();
            check_logical_volume_name("vg", good).unwrap();
        }
        let long = "a".repeat(128);
        for bad in ["", ".", "..", "-a", "a b", "a/b", "ä", "a\n", "a\"", "a{", &long] {
            assert!(check_volume_group_name(bad).is_err(), "{bad}");
            assert!(check_logical_volume_name("vg", bad).is_err(), "{bad}");
        }
        for bad in ["snapshot", "snapshot1", "pvmove0", "a_tdata", "x_mlogy", "lvol0_pmspare"] {
            check_volume_group_name(bad).unwrap();
            assert!(check_logical_volume_name("vg", bad).is_err(), "{bad}");
        }
        assert!(check_volume_group_name("mapper").is_err());
        check_logical_volume_name("vg", "mapper").unwrap();
    }

    #[test]
    fn a_name_that_the_kernel_would_cut_is_refused() {
        check_logical_volume_name("vg", &"a".repeat(110)).unwrap();
        assert!(check_logical_volume_name("vg", &"a".repeat(111)).is_err());
        assert!(check_logical_volume_name("vg", &"a-".repeat(40)).is_err());
    }
}
