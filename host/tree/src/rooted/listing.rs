//! What is in a finished part of the tree, streamed: nobody holds all of it, and no number of files is
//! too large.

use std::ffi::{CStr, CString, OsString};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, Dir, Mode, OFlags, ResolveFlags, Stat, openat2};
use rustix::io::Errno;

use super::node::kind;
use crate::error::{TargetError, os};
use crate::tree::{Kind, ListedNode};

/// Nodes sent at a time: some hundred KiB.
const BATCH: usize = 1000;

/// A part of the tree, held open.
pub(super) struct Open<'a> {
    /// How it is called when something is wrong.
    pub(super) shown: &'a Path,
    pub(super) folder: OwnedFd,
    /// Where other parts begin, and the empty folder that is seen there.
    pub(super) covers: &'a [(String, PathBuf)],
}

/// Tells every node of a part, the part itself first, in batches.
pub(super) fn list(
    part: &Open<'_>,
    tell: &mut dyn FnMut(Vec<ListedNode>),
) -> Result<(), TargetError> {
    let doing = |at: &[u8], e: Errno| {
        let at = String::from_utf8_lossy(at);
        os(format!("listing `{}/{}`", part.shown.display(), at.escape_debug()), e)
    };
    let top = c".".to_owned();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = fs::openat(&part.folder, &top, flags, Mode::empty());
    let opened = opened.map_err(|e| doing(b"", e))?;
    let mut batch = vec![node(&opened, &top, Vec::new()).map_err(|e| doing(b"", e))?];
    // One descriptor for each folder on the way down, its path, and the folders still to visit.
    let mut levels: Vec<(OwnedFd, Vec<u8>, Vec<CString>)> = Vec::new();
    let mut next = Some((opened, Vec::new()));
    loop {
        if let Some((folder, path)) = next.take() {
            let mut folders = Vec::new();
            for name in names(&folder).map_err(|e| doing(&path, e))? {
                let below = joined(&path, &name);
                let cover = part.covers.iter().find(|(at, _)| at.as_bytes() == below);
                let node = match cover {
                    Some((_, empty)) => {
                        let empty = fs::open(empty, flags, Mode::empty());
                        empty.and_then(|empty| node(&empty, &top, below))
                    }
                    None => node(&folder, &name, below),
                };
                let node = node.map_err(|e| doing(&path, e))?;
                if node.kind == Kind::Directory && cover.is_none() {
                    folders.push(name);
                }
                batch.push(node);
                if batch.len() >= BATCH {
                    tell(std::mem::take(&mut batch));
                }
            }
            levels.push((folder, path, folders));
        }
        let Some((folder, path, folders)) = levels.last_mut() else { break };
        match folders.pop() {
            Some(name) => {
                let path = joined(path, &name);
                let opened = fs::openat(&*folder, &name, flags, Mode::empty());
                next = Some((opened.map_err(|e| doing(&path, e))?, path));
            }
            None => {
                levels.pop();
            }
        }
    }
    tell(batch);
    Ok(())
}

/// A piece of a file of a part; none of its folders may be a link.
pub(super) fn read(
    part: &Open<'_>,
    file: &Path,
    offset: u64,
    length: u64,
) -> Result<Vec<u8>, TargetError> {
    let shown = file.display();
    let doing = |e: std::io::Error| os(format!("reading `{shown}` of the finished tree"), e);
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let none = || Err(TargetError::Conflict(format!("`{shown}` is no file of the finished tree")));
    if part.covers.iter().any(|(at, _)| file.starts_with(at)) {
        return none();
    }
    let opened = match openat2(&part.folder, file, flags, Mode::empty(), within) {
        Ok(opened) => File::from(opened),
        Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::XDEV) => {
            return none();
        }
        Err(error) => return Err(doing(error.into())),
    };
    if !opened.metadata().map_err(doing)?.is_file() {
        return none();
    }
    rustix::fs::seek(&opened, rustix::fs::SeekFrom::Start(offset)).map_err(|e| doing(e.into()))?;
    let mut content = Vec::new();
    opened.take(length).read_to_end(&mut content).map_err(doing)?;
    Ok(content)
}

fn joined(path: &[u8], name: &CStr) -> Vec<u8> {
    let separator: &[u8] = if path.is_empty() { b"" } else { b"/" };
    [path, separator, name.to_bytes()].concat()
}

/// The names in a folder, in the order of their bytes.
fn names(folder: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_owned();
        if name.as_c_str() != c"." && name.as_c_str() != c".." {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[expect(clippy::useless_conversion, reason = "the types differ between architectures")]
fn node(folder: &OwnedFd, name: &CStr, path: Vec<u8>) -> Result<ListedNode, Errno> {
    let stat: Stat = fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let target = match kind(stat.st_mode) {
        Kind::Symlink => fs::readlinkat(folder, name, Vec::new())?.into_bytes(),
        _ => Vec::new(),
    };
    let positive = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(ListedNode {
        path: OsString::from_vec(path),
        kind: kind(stat.st_mode),
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: i64::from(stat.st_mtime),
        size: positive(stat.st_size),
        allocated: positive(stat.st_blocks) * 512,
        links: u64::from(stat.st_nlink),
        inode: u64::from(stat.st_ino),
        attributes: attributes(folder, name)?,
        target,
    })
}

/// Names and lengths of values. The kernel gives 64 KiB of each at the most.
fn attributes(folder: impl AsFd, name: &CStr) -> Result<Vec<(String, u64)>, Errno> {
    // A descriptor in the path, for no call takes a folder and a name.
    let mut path = format!("/proc/self/fd/{}/", folder.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    let path = Path::new(std::ffi::OsStr::from_bytes(&path));
    let mut names = match fs::llistxattr_query(path) {
        Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        Ok(size) => vec![0; size],
        Err(error) => return Err(error),
    };
    let size = fs::llistxattr(path, &mut names[..])?;
    let mut found = Vec::new();
    for name in names[..size].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let length = fs::lgetxattr_query(path, name)?;
        found.push((String::from_utf8_lossy(name).into_owned(), length as u64));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn open<'a>(part: &'a Path, covers: &'a [(String, PathBuf)]) -> Open<'a> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        Open { shown: part, folder: fs::open(part, flags, Mode::empty()).unwrap(), covers }
    }

    fn listed(part: &Path) -> BTreeMap<String, ListedNode> {
        let mut found = BTreeMap::new();
        list(&open(part, &[]), &mut |batch| {
            found.extend(batch.into_iter().map(|n| (n.path.to_string_lossy().into_owned(), n)));
        })
        .unwrap();
        found
    }

    #[test]
    fn every_node_is_told_once_with_what_it_is() {
        let part = tempfile::tempdir().unwrap();
        let at = |name: &str| part.path().join(name);
        std::fs::create_dir_all(at("a/b")).unwrap();
        std::fs::write(at("a/b/x\ny"), "12345").unwrap();
        std::fs::hard_link(at("a/b/x\ny"), at("second")).unwrap();
        std::os::unix::fs::symlink("/etc", at("link")).unwrap();
        File::create(at("sparse")).unwrap().set_len(1 << 20).unwrap();
        let found = listed(part.path());
        let names: Vec<_> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["", "a", "a/b", "a/b/x\ny", "link", "second", "sparse"]);
        assert_eq!((found[""].kind, found["a/b"].kind), (Kind::Directory, Kind::Directory));
        assert_eq!((found["link"].kind, found["link"].size), (Kind::Symlink, 4));
        let (first, second) = (&found["a/b/x\ny"], &found["second"]);
        assert_eq!((first.size, first.links, first.inode), (5, 2, second.inode));
        assert_eq!((found["sparse"].size, found["sparse"].allocated), (1 << 20, 0));
    }

    #[test]
    fn more_than_one_batch_comes_whole() {
        let part = tempfile::tempdir().unwrap();
        for number in 0..2 * BATCH + 1 {
            File::create(part.path().join(number.to_string())).unwrap();
        }
        assert_eq!(listed(part.path()).len(), 2 * BATCH + 2);
    }

    #[test]
    fn a_file_is_read_in_pieces_and_through_no_link() {
        let part = tempfile::tempdir().unwrap();
        let at = |name: &str| part.path().join(name);
        std::fs::create_dir(at("a")).unwrap();
        std::fs::write(at("a/file"), "0123456789").unwrap();
        std::os::unix::fs::symlink("file", at("a/link")).unwrap();
        std::os::unix::fs::symlink("a", at("b")).unwrap();
        let piece = |name: &str| read(&open(part.path(), &[]), Path::new(name), 4, 3);
        assert_eq!(piece("a/file").unwrap(), b"456");
        for other in ["a/link", "b/file", "a", "none", "../etc/passwd"] {
            assert!(matches!(piece(other), Err(TargetError::Conflict(_))), "{other}");
        }
    }

    #[test]
    fn where_another_part_begins_is_an_empty_folder_with_attributes_of_its_own() {
        let (part, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| part.path().join(name);
        std::fs::create_dir_all(at("a/b/c")).unwrap();
        std::fs::write(at("a/b/x"), "x").unwrap();
        std::fs::write(at("a/by"), "y").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o2751);
        std::fs::set_permissions(empty.path(), mode).unwrap();
        let covers = [("a/b".to_owned(), empty.path().to_owned())];
        let mut found = Vec::new();
        let open = open(part.path(), &covers);
        list(&open, &mut |batch| found.extend(batch)).unwrap();
        let names: Vec<_> = found.iter().map(|n| n.path.to_str().unwrap()).collect();
        assert_eq!(names, ["", "a", "a/b", "a/by"]);
        assert_eq!((found[2].kind, found[2].mode), (Kind::Directory, 0o2751));
        let piece = |name: &str| read(&open, Path::new(name), 0, 9);
        assert_eq!(piece("a/by").unwrap(), b"y");
        for other in ["a/b/x", "a/b"] {
            assert!(matches!(piece(other), Err(TargetError::Conflict(_))), "{other}");
        }
    }
}
