//! Fills an empty filesystem from a folder, without the kernel. Folders are gone through from the
//! root down, names in the order of their bytes: inodes and blocks are given in that order, so that
//! equal trees give equal bytes.
//!
//! ```text
//! folder ─► each name: an inode, its content, its attributes ─► the folder's blocks, its inode ─► folders in it
//! ```
//!
//! Names on either side are hostile: every folder is opened beneath the root, no link is followed. In
//! memory are the names of one folder, the paths of folders that are not gone through yet, and which
//! file has which inode where it has several names.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use dibhost_sys::Cancel;
use rustix::fs::{FileType, OFlags, Stat, major, minor, readlinkat};

use super::attributes::{self, Attributes};
use super::content::Copier;
use super::extent::MAP;
use super::field::{low32, put32};
use super::folder::{self, Entry, Folder};
use super::inode::{self, Inode, Time};
use super::map::{Map, Mapped};
use super::space::Space;
use super::superblock::broken;
use super::volume::{Place, Volume};
use crate::walk::{at, by_folder, names, open, open_folder_below, stat, xattrs};

/// Flags of a file that is read: a pipe in its place must not block.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

const ROOT: u32 = 2;
const LOST_AND_FOUND: &[u8] = b"lost+found";
/// The most names that ext4 counts, and ext2 and ext3.
const MOST_LINKS: u32 = 65_000;
const FEWER_LINKS: u32 = 32_000;
/// Bytes of a name. Filesystems that know letters have more.
const LONGEST_NAME: usize = 255;
/// Bytes of a symbolic link that fit into the inode, with one of zero.
const FAST_SYMLINK: usize = 60;

/// A folder whose names are not written yet.
#[derive(Debug)]
struct Pending {
    path: PathBuf,
    inode: u32,
    parent: u32,
}

/// A file of several names.
#[derive(Debug, Clone, Copy)]
struct Linked {
    inode: u32,
    links: u16,
    kind: u8,
}

struct Writer<'a> {
    space: Space<'a>,
    source: BorrowedFd<'a>,
    time: i64,
    cancel: &'a Cancel,
    copier: Copier<'a>,
    linked: HashMap<(u64, u64), Linked>,
    pending: Vec<Pending>,
    /// What `mke2fs` made for `e2fsck`.
    lost_and_found: Option<u32>,
}

/// Fills the filesystem that `mke2fs` has made empty with all that is below `source`. No time in it is
/// younger than `time` (seconds since 1970).
///
/// # Errors
/// What cannot be read or held, or does not fit any more, by its path; a filesystem that is not in
/// order; cancelling. What is in the place then is of no use.
pub(super) fn write(
    place: Place<'_>,
    source: BorrowedFd<'_>,
    time: i64,
    cancel: &Cancel,
) -> io::Result<()> {
    let volume = Volume::open(place)?;
    let root = volume.read_inode(ROOT)?;
    let mut lost_and_found = None;
    for block in inode::folder_blocks(&root, &volume.superblock)? {
        let found = folder::find(&volume.read(block)?, LOST_AND_FOUND)?;
        lost_and_found = lost_and_found.or(found);
    }
    let mut writer = Writer {
        space: Space::new(volume),
        source,
        time,
        cancel,
        copier: Copier::new(cancel),
        linked: HashMap::new(),
        pending: vec![Pending { path: PathBuf::new(), inode: ROOT, parent: ROOT }],
        lost_and_found,
    };
    while let Some(pending) = writer.pending.pop() {
        writer.folder(&pending).map_err(|e| match e {
            Failed::Here(e) => at(&pending.path, "writing", &e),
            Failed::Named(e) => e,
        })?;
    }
    writer.space.finish()
}

/// Whether the error says its path.
enum Failed {
    Here(io::Error),
    Named(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Here(error)
    }
}

fn too_many(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TooManyLinks, what)
}

/// Kind as a folder says it.
fn kind_of(kind: FileType) -> Option<u8> {
    Some(match kind {
        FileType::RegularFile => 1,
        FileType::Directory => 2,
        FileType::CharacterDevice => 3,
        FileType::BlockDevice => 4,
        FileType::Fifo => 5,
        FileType::Socket => 6,
        FileType::Symlink => 7,
        FileType::Unknown => return None,
    })
}

/// A device's numbers, in the old way where they fit.
fn device(stat: &Stat) -> [u8; MAP] {
    let (major, minor) = (major(stat.st_rdev), minor(stat.st_rdev));
    let mut map = [0; MAP];
    if major < 256 && minor < 256 {
        put32(&mut map, 0, major << 8 | minor);
    } else {
        put32(&mut map, 4, minor & 0xff | major << 8 | (minor & !0xff) << 12);
    }
    map
}

impl Writer<'_> {
    fn folder(&mut self, pending: &Pending) -> Result<(), Failed> {
        let Pending { path, inode, parent } = pending;
        let folder = open_folder_below(self.source, path)?;
        let (mut entries, mut below) = (Vec::new(), Vec::new());
        if let Some(inode) = self.lost_and_found.filter(|_| *inode == ROOT) {
            entries.push(Entry { name: LOST_AND_FOUND.into(), inode, kind: 2 });
        }
        for name in names(&folder)? {
            let path = path.join(&name);
            let named = |e: io::Error| Failed::Named(at(&path, "writing", &e));
            self.cancel.check().map_err(|e| named(io::Error::other(e)))?;
            if name.len() > LONGEST_NAME {
                let problem = "its name is too long";
                return Err(named(io::Error::new(io::ErrorKind::InvalidFilename, problem)));
            }
            let stat = stat(&folder, &name).map_err(named)?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                let there = entries.first().filter(|first| *first.name == *name.as_bytes());
                let child = match there.filter(|_| *inode == ROOT) {
                    Some(there) => there.inode,
                    None => {
                        let child = self.space.inode(true).map_err(named)?;
                        let name = name.as_bytes().into();
                        entries.push(Entry { name, inode: child, kind: 2 });
                        child
                    }
                };
                below.push(Pending { path, inode: child, parent: *inode });
                continue;
            }
            if *inode == ROOT && name.as_bytes() == LOST_AND_FOUND && self.lost_and_found.is_some()
            {
                return Err(named(io::Error::other("it has to be a folder")));
            }
            entries.push(self.entry(&folder, &name, &stat).map_err(named)?);
        }
        let folders = entries.iter().filter(|entry| entry.kind == 2).count();
        self.names(&folder, *inode, *parent, &entries, folders)?;
        // The first is taken next.
        self.pending.extend(below.into_iter().rev());
        Ok(())
    }

    /// Writes what a folder holds, and its inode.
    fn names(
        &mut self,
        opened: &OwnedFd,
        inode: u32,
        parent: u32,
        entries: &[Entry],
        folders: usize,
    ) -> io::Result<()> {
        let made = inode == ROOT || Some(inode) == self.lost_and_found;
        let there = if made {
            self.space.volume.flush()?;
            let bytes = self.space.volume.read_inode(inode)?;
            inode::folder_blocks(&bytes, self.space.superblock())?
        } else {
            Vec::new()
        };
        let superblock = self.space.superblock();
        let folder = Folder { superblock, inode, parent, least: there.len() };
        let folder::Blocks { bytes, flags } = folder.blocks(entries);
        let block = superblock.block;
        let mut map = Map::new(superblock, inode);
        let count = (bytes.len() / block) as u64;
        let mut at = 0;
        while at < count {
            let (start, length) = match there.get(usize::try_from(at).unwrap_or(usize::MAX)) {
                Some(block) => (*block, 1),
                None => self.space.blocks(count - at)?,
            };
            map.add(&mut self.space, low32(at), start, length)?;
            let from = usize::try_from(at).unwrap_or_default() * block;
            let length = usize::try_from(length).unwrap_or_default();
            self.space.volume.write(start, &bytes[from..from + length * block])?;
            at += length as u64;
        }
        let mapped = map.finish(&mut self.space)?;
        let counted = self.space.superblock().has_uncounted_links();
        let links = match u32::try_from(folders + 2).unwrap_or(u32::MAX) {
            links if links <= FEWER_LINKS || counted && links <= MOST_LINKS => links,
            // One stands for more than are counted.
            _ if counted => 1,
            _ => return Err(too_many("it has more folders in it than can be counted")),
        };
        let stat = stat(opened, OsStr::new("."))?;
        let shown = xattrs(&by_folder(opened.as_fd(), OsStr::new(".")))?;
        let size = bytes.len() as u64;
        self.inode(inode, &stat, size, u16::try_from(links).unwrap_or(1), mapped, flags, shown)
    }

    /// Writes anything but a folder, if it is not there by another name.
    fn entry(&mut self, folder: &OwnedFd, name: &OsStr, stat: &Stat) -> io::Result<Entry> {
        let file_type = FileType::from_raw_mode(stat.st_mode);
        let not = || io::Error::other("it is of no kind that is known");
        let kind = kind_of(file_type).ok_or_else(not)?;
        let known = (stat.st_dev, stat.st_ino);
        let entry = |inode| Entry { name: name.as_bytes().into(), inode, kind };
        if let Some(linked) = self.linked.get_mut(&known) {
            let most = if self.space.superblock().has_uncounted_links() {
                MOST_LINKS
            } else {
                FEWER_LINKS
            };
            if u32::from(linked.links) >= most || linked.kind != kind {
                return Err(too_many("it has more names than can be counted"));
            }
            linked.links += 1;
            let linked = *linked;
            self.relink(linked)?;
            return Ok(entry(linked.inode));
        }
        let inode = self.space.inode(false)?;
        if stat.st_nlink > 1 {
            self.linked.insert(known, Linked { inode, links: 1, kind });
        }
        let (size, mapped) = match file_type {
            FileType::RegularFile => {
                let file = File::from(open(folder, Path::new(name), READ)?);
                let stat = file.metadata()?;
                if !stat.is_file() {
                    return Err(io::Error::other("it was a file, and is none any more"));
                }
                let (size, sparse) = (stat.len(), stat.blocks() * 512 < stat.len());
                (size, self.copier.file(&mut self.space, inode, &file, size, sparse)?)
            }
            FileType::Symlink => {
                let target = readlinkat(folder, name, Vec::new())?.into_bytes();
                (target.len() as u64, self.symlink(inode, &target)?)
            }
            FileType::BlockDevice | FileType::CharacterDevice => {
                (0, Mapped { map: device(stat), ..Mapped::none() })
            }
            _ => (0, Mapped::none()),
        };
        let shown = xattrs(&by_folder(folder.as_fd(), name))?;
        self.inode(inode, stat, size, 1, mapped, 0, shown)?;
        Ok(entry(inode))
    }

    fn symlink(&mut self, inode: u32, target: &[u8]) -> io::Result<Mapped> {
        if target.len() < FAST_SYMLINK {
            let mut map = [0; MAP];
            map[..target.len()].copy_from_slice(target);
            return Ok(Mapped { map, ..Mapped::none() });
        }
        let block = self.space.superblock().block;
        // The kernel reads it with a byte of zero behind it.
        if target.len() >= block {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it says more than a block"));
        }
        let mut bytes = target.to_vec();
        bytes.resize(block, 0);
        let at = self.space.block()?;
        self.space.volume.write(at, &bytes)?;
        let mut map = Map::new(self.space.superblock(), inode);
        map.add(&mut self.space, 0, at, 1)?;
        map.finish(&mut self.space)
    }

    #[expect(clippy::too_many_arguments, reason = "an inode has so many fields")]
    fn inode(
        &mut self,
        number: u32,
        stat: &Stat,
        size: u64,
        links: u16,
        mapped: Mapped,
        flags: u32,
        shown: Vec<(std::ffi::CString, Vec<u8>)>,
    ) -> io::Result<()> {
        let attributes = Attributes::new(shown, self.space.superblock())?;
        let mut attribute_block = 0;
        if let Some(mut block) = attributes.block {
            attribute_block = self.space.block()?;
            attributes::seal(&mut block, attribute_block, self.space.superblock());
            self.space.volume.write(attribute_block, &block)?;
        }
        self.space.volume.attributes |= attribute_block != 0 || !attributes.inode.is_empty();
        let inode = Inode {
            mode: stat.st_mode,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size,
            links,
            modified: self.modified(stat),
            made: self.time,
            flags,
            mapped,
            attributes: &attributes.inode,
            attribute_block,
        };
        let bytes = inode.encode(self.space.superblock(), number)?;
        self.space.volume.write_inode(number, &bytes)
    }

    fn modified(&self, stat: &Stat) -> Time {
        if stat.st_mtime > self.time {
            return (self.time, 0);
        }
        (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or_default())
    }

    /// Writes anew how many names an inode has.
    fn relink(&mut self, linked: Linked) -> io::Result<()> {
        let Linked { inode, links, .. } = linked;
        self.space.volume.flush()?;
        let mut bytes = self.space.volume.read_inode(inode)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(broken(format!("inode {inode} is not there")));
        }
        super::field::put16(&mut bytes, 0x1a, links);
        if let Some(seed) = self.space.superblock().seed {
            inode::seal(&mut bytes, inode, seed);
        }
        self.space.volume.write_inode(inode, &bytes)
    }
}
