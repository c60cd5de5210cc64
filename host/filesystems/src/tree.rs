//! The finished tree, wherever it lives. The engine's is only visible in the target's worker
//! process, which runs the programs that read it.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Program, ProgramError, ProgramOutput};
use serde::{Deserialize, Serialize};

use crate::walk::{by_folder, names, open_folder_below};
use crate::xattrs::XattrTotals;
use dibhost_volumes::sparse;

/// What kind of node an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A device, named pipe or socket.
    Special,
}

/// What a part's own root has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFolder {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since the epoch.
    pub mtime: i64,
}

/// One node of a part of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Below the mount point; empty: the part's own root.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits, set-id and sticky bits included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since the epoch when its content was changed.
    pub mtime: i64,
    /// Bytes of a file, or of what a symbolic link says; else anything.
    pub size: u64,
    /// Bytes of a file that are known to be holes; 0 when nobody looked.
    pub holes: u64,
    /// Names this file has; an inode has only one entry in the sizes however many it has.
    pub links: u32,
    /// Equal for all names of one file. Only looked at where `links` is more than 1.
    pub inode: u64,
    /// What its extended attributes take.
    pub xattrs: XattrTotals,
    /// What a symbolic link says; of all others nothing.
    pub target: Vec<u8>,
}

impl TreeEntry {
    /// Its path for people, with nothing in it that a terminal would obey.
    pub(crate) fn shown(&self) -> String {
        format!("/{}", self.path.to_string_lossy().escape_debug())
    }
}

/// A finished tree, in parts: one for each mount point, what is mounted below it split off and an
/// empty folder left there.
pub trait Tree {
    /// The folder of what belongs to a mount point: absolute, and valid for programs that
    /// [`program`](Self::program) runs, which is not to say for the caller.
    fn part(&self, mount: &str) -> &Path;

    /// Every entry of a part, in any order, its root (with an empty path) included; a folder need
    /// not come before what is in it.
    ///
    /// # Errors
    /// When the tree cannot be read.
    fn entries(&mut self, mount: &str, each: &mut dyn FnMut(&TreeEntry)) -> io::Result<()>;

    /// The content of a file of a part, from its begin to its end, in pieces.
    /// Symbolic links are followed nowhere.
    ///
    /// # Errors
    /// When it is not there, no file, or cannot be read; those of `each`.
    fn read_pieces(
        &mut self,
        mount: &str,
        relative: &str,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()>;

    /// The same at once, of a file that has `most` bytes at the most.
    ///
    /// # Errors
    /// When it is not there, no file, larger, or cannot be read.
    fn read(&mut self, mount: &str, relative: &str, most: usize) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.read_pieces(mount, relative, &mut |piece| {
            if content.len() + piece.len() > most {
                let problem = format!("`{relative}` has more than {most} bytes");
                return Err(io::Error::other(problem));
            }
            content.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(content)
    }

    /// Who made an entry of a part, by its path in it, as the end of a sentence; none: nobody knows.
    fn maker(&mut self, _mount: &str, _relative: &Path) -> Option<String> {
        None
    }

    /// Opens the folder of a part here, for a back-end that copies it into what the kernel has
    /// mounted.
    ///
    /// # Errors
    /// When it cannot be opened. A tree that other processes alone see has none to open.
    fn open(&self, mount: &str) -> io::Result<OwnedFd> {
        let problem = format!("the part of the tree below `{mount}` is not visible here");
        Err(io::Error::new(io::ErrorKind::Unsupported, problem))
    }

    /// The program that fills a filesystem where the parts can be seen: it is [run](Self::program)
    /// with one argument more, the path of a file that `Filling::carry_out` of the block device reads,
    /// by a back-end that has the kernel mount it; and without the kernel, with those that
    /// [`ExtFilling::carry_out`](crate::ExtFilling::carry_out) takes. None: the parts can be
    /// [opened](Self::open) here.
    fn filler(&self) -> Option<Program> {
        None
    }

    /// Lets the programs that [`program`](Self::program) runs read a file or folder, and write to it
    /// too with `write`: they may be nobody on this machine. It lies where nobody else gets.
    ///
    /// # Errors
    /// Its mode cannot be changed.
    fn admit(&self, _file: &File, _write: bool) -> io::Result<()> {
        Ok(())
    }

    /// What cancels the work of this process on the tree.
    fn cancel(&self) -> Cancel {
        Cancel::new()
    }

    /// Runs a program of the host where it sees the parts, and the image file by its own path.
    ///
    /// # Errors
    /// Those of the program.
    fn program(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError>;
}

/// A tree that lies in folders of the host.
#[derive(Debug, Clone)]
pub struct FolderTree {
    parts: BTreeMap<String, PathBuf>,
    cancel: Cancel,
}

impl FolderTree {
    /// A tree of folders, one for each mount point.
    ///
    /// # Errors
    /// When a folder is not there.
    pub fn of_parts<'a>(
        parts: impl IntoIterator<Item = (&'a str, &'a Path)>,
        cancel: Cancel,
    ) -> io::Result<Self> {
        let absolute = |(mount, folder): (&str, &Path)| {
            let context = |e: io::Error| with(&e, format!("the folder {}", folder.display()));
            Ok((mount.to_owned(), folder.canonicalize().map_err(context)?))
        };
        let parts = parts.into_iter().map(absolute).collect::<io::Result<_>>()?;
        Ok(Self { parts, cancel })
    }

    /// Splits a folder into parts: what lies at each mount point but `/` is moved into a folder
    /// below `aside` (same filesystem) and an empty folder with its mode and owner is left.
    ///
    /// # Errors
    /// When a mount point is no folder, or something cannot be moved.
    pub fn split(root: &Path, aside: &Path, mounts: &[&str], cancel: Cancel) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let aside = aside.canonicalize()?;
        let mut parts = BTreeMap::from([("/".to_owned(), root.clone())]);
        let mut mounts: Vec<&str> = mounts.iter().copied().filter(|m| *m != "/").collect();
        // The deepest first, so that a parent is moved without what is mounted below it.
        mounts.sort_unstable_by(|a, b| b.cmp(a));
        for (i, mount) in mounts.iter().enumerate() {
            let here = root.join(mount.trim_start_matches('/'));
            let there = aside.join(format!("part-{i}"));
            let context = |e: io::Error| with(&e, format!("splitting off {}", here.display()));
            let stat = here.symlink_metadata().map_err(context)?;
            if !stat.is_dir() {
                let problem = format!("the mount point {} is no folder", here.display());
                return Err(io::Error::new(io::ErrorKind::NotADirectory, problem));
            }
            std::fs::rename(&here, &there).map_err(context)?;
            std::fs::create_dir(&here).map_err(context)?;
            let folder = File::open(&here).map_err(context)?;
            if rustix::process::geteuid().is_root() {
                std::os::unix::fs::fchown(&folder, Some(stat.uid()), Some(stat.gid()))
                    .map_err(context)?;
            }
            folder.set_permissions(stat.permissions()).map_err(context)?;
            parts.insert((*mount).to_owned(), there);
        }
        Ok(Self { parts, cancel })
    }

    fn folder(&self, mount: &str) -> io::Result<&Path> {
        let missing = || {
            let problem = format!("the tree has no part for the mount point `{mount}`");
            io::Error::new(io::ErrorKind::NotFound, problem)
        };
        self.parts.get(mount).map(PathBuf::as_path).ok_or_else(missing)
    }
}

fn with(error: &io::Error, what: String) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

fn entry(relative: &Path, path: &Path, stat: &Metadata) -> io::Result<TreeEntry> {
    let file_type = stat.file_type();
    let kind = if file_type.is_file() {
        EntryKind::File
    } else if file_type.is_dir() {
        EntryKind::Folder
    } else if file_type.is_symlink() {
        EntryKind::Symlink
    } else {
        debug_assert!(
            file_type.is_block_device()
                || file_type.is_char_device()
                || file_type.is_fifo()
                || file_type.is_socket()
        );
        EntryKind::Special
    };
    let attributes = xattrs(path)?;
    let sparse = kind == EntryKind::File && stat.blocks() * 512 < stat.size();
    Ok(TreeEntry {
        path: relative.to_owned(),
        kind,
        mode: stat.permissions().mode() & 0o7777,
        uid: stat.uid(),
        gid: stat.gid(),
        mtime: stat.mtime(),
        size: stat.size(),
        holes: if sparse { holes(path)? } else { 0 },
        links: u32::try_from(stat.nlink()).unwrap_or(u32::MAX),
        inode: stat.ino(),
        xattrs: XattrTotals::of(attributes.iter().map(|(name, length)| (name.as_str(), *length))),
        target: match kind {
            EntryKind::Symlink => std::fs::read_link(path)?.into_os_string().into_vec(),
            _ => Vec::new(),
        },
    })
}

/// Bytes of holes. `st_blocks` alone will not do: filesystems that compress, or keep small files
/// in the inode, give less for files that have no hole at all.
fn holes(path: &Path) -> io::Result<u64> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    sparse::holes(&file, size)
}

/// Names, and bytes of values.
fn xattrs(path: &Path) -> io::Result<Vec<(String, usize)>> {
    let mut names = vec![0u8; 64 << 10];
    let length = match rustix::fs::llistxattr(path, names.as_mut_slice()) {
        Ok(length) => length,
        Err(rustix::io::Errno::NOTSUP) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut all = Vec::new();
    for name in names[..length].split(|b| *b == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0u8; 64 << 10];
        let size = rustix::fs::lgetxattr(path, name, value.as_mut_slice())?;
        all.push((String::from_utf8_lossy(name).into_owned(), size));
    }
    Ok(all)
}

impl Tree for FolderTree {
    fn part(&self, mount: &str) -> &Path {
        self.folder(mount).unwrap_or(Path::new("/nonexistent"))
    }

    fn entries(&mut self, mount: &str, each: &mut dyn FnMut(&TreeEntry)) -> io::Result<()> {
        let root = self.folder(mount)?.to_owned();
        let mut folders = vec![PathBuf::new()];
        each(&entry(Path::new(""), &root, &root.symlink_metadata()?)?);
        let opened =
            File::open(&root).map_err(|e| with(&e, format!("opening {}", root.display())))?;
        while let Some(folder) = folders.pop() {
            let shown = root.join(&folder);
            let context = |e: io::Error| with(&e, format!("reading {}", shown.display()));
            // By descriptors: paths may be longer than the kernel takes at once.
            let opened = open_folder_below(opened.as_fd(), &folder).map_err(context)?;
            for name in names(&opened).map_err(context)? {
                let (relative, path) = (folder.join(&name), by_folder(opened.as_fd(), &name));
                let shown = shown.join(&name);
                let context = |e: io::Error| with(&e, format!("reading {}", shown.display()));
                let stat = path.symlink_metadata().map_err(context)?;
                each(&entry(&relative, &path, &stat).map_err(context)?);
                if stat.is_dir() {
                    folders.push(relative);
                }
            }
        }
        Ok(())
    }

    fn read_pieces(
        &mut self,
        mount: &str,
        relative: &str,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
        let folder = self.folder(mount)?;
        let context = |e: io::Error| with(&e, format!("reading {relative} below {mount}"));
        let root = openat2(
            CWD,
            folder,
            OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::empty(),
        )
        .map_err(|e| context(e.into()))?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let path = Path::new(std::ffi::OsStr::from_bytes(relative.as_bytes()));
        let file =
            openat2(&root, path, flags, Mode::empty(), within).map_err(|e| context(e.into()))?;
        let mut file = File::from(file);
        if !file.metadata()?.is_file() {
            return Err(context(io::Error::other("not a regular file")));
        }
        let mut piece = vec![0; 1 << 20];
        loop {
            let length = io::Read::read(&mut file, &mut piece).map_err(context)?;
            if length == 0 {
                return Ok(());
            }
            each(&piece[..length])?;
        }
    }

    fn open(&self, mount: &str) -> io::Result<OwnedFd> {
        let folder = self.folder(mount)?;
        let context = |e: io::Error| with(&e, format!("opening {}", folder.display()));
        File::open(folder).map(OwnedFd::from).map_err(context)
    }

    fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    fn program(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        program.run(&self.cancel)
    }
}
