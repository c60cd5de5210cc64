use std::path::Path;

use super::*;
use crate::readback::squashfs::listed;
use crate::readback::types::Inode;
use crate::xattrs::XattrTotals;

fn entry(path: &str, kind: EntryKind, size: u64, links: u32, inode: u64) -> TreeEntry {
    TreeEntry {
        path: Path::new(path).to_owned(),
        kind,
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 0,
        size,
        holes: 0,
        links,
        inode,
        xattrs: XattrTotals::default(),
        target: Vec::new(),
    }
}

fn wanted(entries: &[TreeEntry]) -> Wanted {
    let mut wanted = Wanted {
        kind: FilesystemKind::Erofs,
        entries: HashMap::new(),
        linked: HashMap::new(),
        taken: HashMap::new(),
    };
    wanted.folder(b"");
    entries.iter().for_each(|entry| wanted.add(b"", 0, entry));
    wanted
}

fn name(path: &str, number: u64, kind: EntryKind, size: u64, links: u64) -> Name<'_> {
    Name { path: path.as_bytes(), number, inode: Inode { kind, size, links: Some(links) } }
}

use EntryKind::{File, Folder};

#[test]
fn what_differs_is_named() {
    let tree = || {
        wanted(&[
            entry("a", Folder, 0, 2, 1),
            entry("a/one", File, 5, 2, 7),
            entry("two", File, 5, 2, 7),
            entry("three", File, 9, 1, 8),
        ])
    };
    let root = name("", 1, Folder, 0, 3);
    let whole = [
        root,
        name("a", 2, Folder, 0, 2),
        name("a/one", 3, File, 5, 2),
        name("two", 3, File, 5, 2),
        name("three", 4, File, 9, 1),
    ];
    let compare = |names: &[Name<'_>]| {
        let mut tree = tree();
        names.iter().try_for_each(|name| tree.take(name)).and_then(|()| tree.finish())
    };
    compare(&whole).unwrap();
    let cases: [(usize, Option<Name<'_>>, &str); 9] = [
        (4, None, "`/three` went in and is missing"),
        (1, None, "`/a` went in and is missing"),
        (4, Some(name("four", 4, File, 9, 1)), "`/four` is in it, and did not go in"),
        (4, Some(name("two", 3, File, 5, 2)), "`/two` is in it twice"),
        (4, Some(name("three", 4, File, 8, 1)), "`/three` had 9 bytes and has 8"),
        (4, Some(name("three", 4, Folder, 9, 1)), "`/three` was a file and is a folder"),
        (4, Some(name("three", 4, File, 9, 2)), "`/three` had one name and has 2"),
        (3, Some(name("two", 3, File, 5, 1)), "`/two` had 2 names and has 1"),
        (3, Some(name("two", 9, File, 5, 2)), "`/two` was one file with its other names"),
    ];
    for (at, instead, said) in cases {
        let mut names = whole.to_vec();
        names.splice(at..=at, instead);
        let error = compare(&names).unwrap_err().to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
}

#[test]
fn two_files_that_became_one_are_named() {
    let mut tree = wanted(&[
        entry("a", File, 5, 2, 7),
        entry("b", File, 5, 2, 7),
        entry("c", File, 5, 2, 8),
        entry("d", File, 5, 2, 8),
    ]);
    for path in ["", "a", "b"] {
        let kind = if path.is_empty() { Folder } else { File };
        tree.take(&name(path, 3, kind, 5, 2)).unwrap();
    }
    let error = tree.take(&name("c", 3, File, 5, 2)).unwrap_err().to_string();
    assert!(error.contains("`/c` was one file with its other names"), "{error}");
}

#[test]
fn the_rest_of_what_is_missing_is_counted() {
    let mut tree = wanted(&[entry("b", File, 1, 1, 1), entry("a", File, 1, 1, 2)]);
    tree.take(&name("", 1, Folder, 0, 2)).unwrap();
    let error = tree.finish().unwrap_err().to_string();
    assert_eq!(error, "`/a` went in and is missing, and 1 more");
}

/// Names with line ends, one of which looks like a line of its own.
#[test]
fn names_of_several_lines_are_told_by_what_went_in() {
    let forged = "a\n-rw-r--r-- 0/0                       1 2026-11-29 01:24 squashfs-root/b";
    let printed = "\
drwxr-xr-x 0/0                     122 2026-11-29 01:24 squashfs-root
-rw-r--r-- 0/0                       1 2026-11-29 01:24 squashfs-root/a
-rw-r--r-- 0/0                       1 2026-11-29 01:24 squashfs-root/b
-rw-r--r-- 1000/70000               12 2026-11-29 01:24 squashfs-root/new

line
lrwxrwxrwx 0/0                       6 2026-11-29 01:24 squashfs-root/l -> m -> a -> b
crw-rw-rw- 0/0                  1,  3 2026-11-29 01:24 squashfs-root/null
brw-rw---- 0/0                 259,300 2026-11-29 01:24 squashfs-root/sdz
";
    let entries = || {
        vec![
            entry("new\n\nline", File, 12, 1, 3),
            entry("l -> m", EntryKind::Symlink, 6, 1, 4),
            entry("null", EntryKind::Special, 0, 1, 5),
            entry("sdz", EntryKind::Special, 0, 1, 6),
        ]
    };
    // One file whose name looks like two lines, and two files: both read as what went in.
    for names in [&[forged][..], &["a", "b"]] {
        let mut all = entries();
        all.extend((7..).zip(names).map(|(inode, name)| entry(name, File, 1, 1, inode)));
        let mut tree = wanted(&all);
        listed(printed.as_bytes(), &mut tree).unwrap();
        tree.finish().unwrap();
    }
    let mut tree = wanted(&[entry("a", File, 1, 1, 1)]);
    let error = listed(printed.as_bytes(), &mut tree).unwrap_err().to_string();
    assert_eq!(error, "`/b` is in it, and did not go in");
}

#[test]
fn what_unsquashfs_should_not_say_is_an_error() {
    let mut tree = wanted(&[]);
    let error = listed(b"Lseek failed\n", &mut tree).unwrap_err().to_string();
    assert!(error.contains("Lseek failed"), "{error}");
}
