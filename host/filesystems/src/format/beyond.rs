//! What the tools that make filesystems cannot take, and some die of: it is refused before they start.

use dibhost_check::Check;

use crate::filesystem::FilesystemKind;
use crate::tree::TreeEntry;
use crate::xattrs::XattrTotals;

/// Bytes of a path below its mount point. Beyond the 4,096 bytes of the kernel's paths `mkfs.erofs` and
/// `mkfs.btrfs` end by a signal. ext2, ext3 and ext4 are filled by us, from folder to folder.
const LONGEST_PATH: usize = 2000;

/// Bytes of a file's attributes that ext2, ext3 and ext4 have a block for.
const EXT_ATTRIBUTES: u64 = 4060;

/// Bytes of one attribute, its name with it: Btrfs keeps it in a leaf, and `mkfs.btrfs` ends by a signal
/// where that is too small.
const BTRFS_ATTRIBUTE: u64 = 16_000;

/// What Linux takes for one value, and for a list of names.
const ATTRIBUTES: u64 = 64 << 10;

/// How much of a path is shown that is too long.
const SHOWN: usize = 60;

/// What of an entry is beyond the tools of a kind.
pub(super) fn problem(kind: FilesystemKind, entry: &TreeEntry) -> Option<String> {
    let name = kind.name();
    let length = entry.path.as_os_str().len() + 1;
    if length > LONGEST_PATH && !is_ext(kind) && Check::TreePaths.holds() {
        let begin: String = entry.shown().chars().take(SHOWN).collect();
        return Some(format!(
            "`{begin}…` is a path of {length} bytes, and what makes {name} takes {LONGEST_PATH}"
        ));
    }
    let XattrTotals { space, ext_space, largest, .. } = entry.xattrs;
    let (bytes, most, what) = match kind {
        FilesystemKind::Btrfs => (largest, BTRFS_ATTRIBUTE, "one extended attribute"),
        _ if is_ext(kind) => (ext_space, EXT_ATTRIBUTES, "extended attributes"),
        _ => (space, ATTRIBUTES, "extended attributes"),
    };
    if bytes > most && Check::TreeAttributes.holds() {
        let path = entry.shown();
        return Some(format!("`{path}` has {bytes} bytes of {what}, and {name} takes {most}"));
    }
    let (first, last) = times(kind)?;
    let beyond = entry.mtime < first || entry.mtime > last;
    (beyond && Check::TreeTimes.holds()).then(|| {
        let (path, time) = (entry.shown(), entry.mtime);
        format!(
            "`{path}` was changed {time} s after the beginning of 1970, and {name} takes {first} to {last}"
        )
    })
}

fn is_ext(kind: FilesystemKind) -> bool {
    matches!(kind, FilesystemKind::Ext2 | FilesystemKind::Ext3 | FilesystemKind::Ext4)
}

/// Seconds since the epoch of the first and the last time; none: all of them.
fn times(kind: FilesystemKind) -> Option<(i64, i64)> {
    let (least, most) = (i64::from(i32::MIN), i64::from(i32::MAX));
    match kind {
        FilesystemKind::Ext2 | FilesystemKind::Ext3 => Some((least, most)),
        FilesystemKind::Ext4 => Some((least, (1 << 34) + least - 1)),
        FilesystemKind::Squashfs => Some((0, i64::from(u32::MAX))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::tree::EntryKind;

    fn entry(path: &str) -> TreeEntry {
        TreeEntry {
            path: PathBuf::from(path),
            kind: EntryKind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 0,
            size: 0,
            holes: 0,
            links: 1,
            inode: 1,
            xattrs: XattrTotals::default(),
            target: Vec::new(),
        }
    }

    const ALL: [FilesystemKind; 6] = [
        FilesystemKind::Ext2,
        FilesystemKind::Ext4,
        FilesystemKind::Xfs,
        FilesystemKind::Btrfs,
        FilesystemKind::Squashfs,
        FilesystemKind::Erofs,
    ];

    #[test]
    fn a_path_that_tools_die_of_is_refused() {
        let deep = |folders: usize| entry(&vec!["a"; folders].join("/"));
        for kind in ALL {
            assert_eq!(problem(kind, &deep(1000)), None);
            if is_ext(kind) {
                assert_eq!(problem(kind, &deep(100_000)), None);
                continue;
            }
            let said = problem(kind, &deep(1017)).unwrap();
            assert!(said.starts_with("`/a/a/a/"), "{said}");
            assert!(said.contains("…` is a path of 2034 bytes, and what makes "), "{said}");
        }
    }

    #[test]
    fn attributes_that_do_not_fit_are_refused() {
        let totals = |space, largest| XattrTotals { space, ext_space: space, largest, acl: false };
        let with = |bytes| TreeEntry { xattrs: totals(bytes, bytes), ..entry("f") };
        for (kind, most) in [
            (FilesystemKind::Ext4, 4060),
            (FilesystemKind::Btrfs, 16_000),
            (FilesystemKind::Erofs, 65_536),
        ] {
            assert_eq!(problem(kind, &with(most)), None);
            let said = problem(kind, &with(most + 1)).unwrap();
            assert!(said.ends_with(&format!("takes {most}")), "{said}");
        }
        // Many small ones are no trouble for Btrfs.
        let many = TreeEntry { xattrs: totals(30_000, 100), ..entry("f") };
        assert_eq!(problem(FilesystemKind::Btrfs, &many), None);
    }

    #[test]
    fn times_that_do_not_fit_are_refused() {
        let at = |mtime| TreeEntry { mtime, ..entry("f") };
        for kind in ALL {
            assert_eq!(problem(kind, &at(1_700_000_000)), None);
        }
        assert!(problem(FilesystemKind::Squashfs, &at(-1)).is_some());
        assert!(problem(FilesystemKind::Ext2, &at(1 << 31)).is_some());
        assert_eq!(problem(FilesystemKind::Ext4, &at(1 << 31)), None);
        assert!(problem(FilesystemKind::Ext4, &at(1 << 34)).is_some());
    }
}
