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
const DEVICES: &[&str] = &[
    "autofs",
    "block",
    "bsg",
    "btrfs-control",
    "bus",
    "cdrom",
    "char",
    "console",
    "core",
    "cpu",
    "cpu_dma_latency",
    "cuse",
    "disk",
    "dm-user",
    "dma_heap",
    "dri",
    "dvd",
    "dvdrw",
    "ecryptfs",
    "fd",
    "full",
    "fuse",
    "gpiochip",
    "hpet",
    "hugepages",
    "hwrng",
    "initctl",
    "input",
    "kmsg",
    "kvm",
    "log",
    "loop-control",
    "mapper",
    "mcelog",
    "md",
    "mem",
    "mqueue",
    "net",
    "null",
    "nvme-fabrics",
    "nvram",
    "port",
    "ppp",
    "ptmx",
    "pts",
    "random",
    "rfkill",
    "rtc",
    "sev",
    "sg",
    "shm",
    "snapshot",
    "snd",
    "stderr",
    "stdin",
    "stdout",
    "tpmrm",
    "tty",
    "udmabuf",
    "uhid",
    "uinput",
    "urandom",
    "usb",
    "userfaultfd",
    "userio",
    "vboxguest",
    "vfio",
    "vga_arbiter",
    "vhci",
    "vhost-net",
    "vhost-vsock",
    "vsock",
    "watchdog",
    "zero",
    "zfs",
];
/// What devices are called by that a machine has any number of: the word, and what comes behind it.
const NUMBERED: &[(&str, Tail)] = &[
    ("dm-", Tail::Number),
    ("drbd", Tail::Number),
    ("fb", Tail::Number),
    ("fd", Tail::Number),
    ("gpiochip", Tail::Number),
    ("hidraw", Tail::Number),
    ("hvc", Tail::Number),
    ("hwmon", Tail::Number),
    ("i2c-", Tail::Number),
    ("lirc", Tail::Number),
    ("loop", Tail::NumberAndPart),
    ("lp", Tail::Number),
    ("md", Tail::NumberAndPart),
    ("media", Tail::Number),
    ("mmcblk", Tail::NumberAndPart),
    ("mtd", Tail::Number),
    ("mtdblock", Tail::Number),
    ("nbd", Tail::NumberAndPart),
    ("nst", Tail::Number),
    ("nvme", Tail::Namespace),
    ("parport", Tail::Number),
    ("pmem", Tail::NumberAndPart),
    ("pps", Tail::Number),
    ("ptp", Tail::Number),
    ("ram", Tail::Number),
    ("rbd", Tail::NumberAndPart),
    ("rtc", Tail::Number),
    ("scd", Tail::Number),
    ("sd", Tail::Letters),
    ("sg", Tail::Number),
    ("spidev", Tail::Number),
    ("sr", Tail::Number),
    ("st", Tail::Number),
    ("tpm", Tail::Number),
    ("tty", Tail::Number),
    ("ttyS", Tail::Number),
    ("ubd", Tail::Letters),
    ("vcs", Tail::Number),
    ("vd", Tail::Letters),
    ("watchdog", Tail::Number),
    ("xvd", Tail::Letters),
    ("zram", Tail::Number),
];

/// What comes behind the word of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// `loop0`.
    Number,
    /// `mmcblk0` and `mmcblk0p1`.
    NumberAndPart,
    /// `sda` and `sda1`. Two letters are 702 disks; more may well be a word.
    Letters,
    /// `nvme0`, `nvme0n1` and `nvme0n1p1`.
    Namespace,
}

impl Tail {
    fn is(self, tail: &str) -> bool {
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let numbers = |text: &str, between: char, most: usize| {
            text.split(between).count() <= most && text.split(between).all(number)
        };
        match self {
            Self::Number => number(tail),
            Self::NumberAndPart => numbers(tail, 'p', 2),
            Self::Letters => {
                let rest = tail.trim_start_matches(|c: char| c.is_ascii_lowercase());
                let letters = tail.len() - rest.len();
                (1..=2).contains(&letters) && (rest.is_empty() || number(rest))
            }
            Self::Namespace => match tail.split_once('n') {
                Some((controller, namespace)) => number(controller) && numbers(namespace, 'p', 2),
                None => number(tail),
            },
        }
    }
}

/// Whether the kernel or udev gives a device of `/dev` this name.
fn is_device(name: &str) -> bool {
    let numbered =
        |(word, tail): &(&str, Tail)| name.strip_prefix(word).is_some_and(|t| tail.is(t));
    DEVICES.contains(&name) || NUMBERED.iter().any(numbered)
}

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
    let reserved = is_device(name).then_some(
        "it is the name of a device in `/dev`, where the group's volumes lie in a folder of its name",
    );
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
            // `/dev/snapshot` is there where a system hibernates.
            assert_eq!(check_volume_group_name(bad).is_ok(), bad != "snapshot", "{bad}");
            assert!(check_logical_volume_name("vg", bad).is_err(), "{bad}");
        }
        for device in [
            "mapper",
            "sda",
            "sdb3",
            "sdaa",
            "vda1",
            "xvdf",
            "nvme0",
            "nvme0n1",
            "nvme1n2p3",
            "md0",
        ]
        .into_iter()
        .chain([
            "md",
            "md127p1",
            "dm-0",
            "loop0",
            "loop7p1",
            "mmcblk0p2",
            "sr0",
            "zram0",
            "nbd3",
            "tty",
        ])
        .chain(["ttyS0", "urandom", "fuse", "kvm", "loop-control", "ram0"])
        {
            assert!(check_volume_group_name(device).is_err(), "{device}");
            check_logical_volume_name("vg", device).unwrap();
        }
        for word in [
            "sd", "sdata", "vdata", "mda", "md0x", "loopback", "nvme", "nvme0n", "nvme0p1",
            "data0", "ram", "st",
        ] {
            check_volume_group_name(word).unwrap();
        }
    }

    #[test]
    fn a_name_that_the_kernel_would_cut_is_refused() {
        check_logical_volume_name("vg", &"a".repeat(110)).unwrap();
        assert!(check_logical_volume_name("vg", &"a".repeat(111)).is_err());
        assert!(check_logical_volume_name("vg", &"a-".repeat(40)).is_err());
    }
}
