//! What a program of the builder sees: programs, what it was shown, nothing else.
//!
//! ```text
//! /usr, /bin …    the builder's, read-only           /proc   fresh
//! /etc            what the loader and mke2fs read    /tmp    its own, gone when it ends
//! /dev            a few nodes                        …       what it is shown, to read or to write
//! ```
//!
//! All of it is made ready before ([`Sight::new`]), so that to enter takes no memory: that is done
//! between `fork` and `exec` too.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, OsString};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree, unmount,
};

use crate::mounts::{MountKind, restrict_mount};

/// Where programs and their libraries are: folders, or links into `/usr`.
const PROGRAMS: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// What they read of `/etc`: where libraries are, what `mke2fs` makes by default, which of several
/// programs has a name.
const SETTINGS: [&str; 3] = ["/etc/ld.so.cache", "/etc/mke2fs.conf", "/etc/alternatives"];

const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Something of the builder's that is shown where it is.
#[derive(Debug)]
struct Place {
    /// From here.
    from: CString,
    /// To here: the same without its first slash.
    to: CString,
    folder: bool,
    kind: MountKind,
    /// It has to be what is open under this number.
    open: Option<RawFd>,
}

/// What a program is to see.
#[derive(Debug)]
pub struct Sight {
    /// Links to programs: where one leads, and what it is called.
    links: Vec<(CString, CString)>,
    places: Vec<Place>,
    /// Folders that the places need above them, and they themselves where they are folders.
    folders: Vec<CString>,
    /// Filled by who enters; there is room.
    held: Vec<OwnedFd>,
    /// Whether all devices of the machine are seen.
    devices: bool,
}

/// Why a program does not see what it is to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unseen {
    /// Which of [`Sight::places`] could not be shown; none: it is about all of them.
    pub at: Option<usize>,
    /// The kernel's word.
    pub errno: Errno,
}

impl From<Errno> for Unseen {
    fn from(errno: Errno) -> Self {
        Self { at: None, errno }
    }
}

impl Sight {
    /// Programs, and these: to read, where they are there, and to write.
    ///
    /// # Errors
    /// A path is relative, or cannot be looked at; what is to be written is not there.
    pub fn new(reads: &[PathBuf], writes: &[PathBuf]) -> io::Result<Self> {
        let mut this = Self {
            links: Vec::new(),
            places: Vec::new(),
            folders: Vec::new(),
            held: Vec::new(),
            devices: false,
        };
        for path in PROGRAMS.map(Path::new) {
            match std::fs::read_link(path) {
                Ok(to) => this.links.push((text(to.into_os_string())?, below_root(path)?)),
                Err(_) => this.show(path, MountKind::Read)?,
            }
        }
        for path in SETTINGS {
            this.show(Path::new(path), MountKind::Read)?;
        }
        for path in DEVICES {
            this.show(Path::new(path), MountKind::Device)?;
        }
        for path in reads {
            this.show(path, MountKind::Read)?;
        }
        for path in writes {
            this.show(path, MountKind::Write)?;
        }
        Ok(this.ready())
    }

    /// With all devices that the machine has, for who is root of it.
    ///
    /// # Errors
    /// `/dev` cannot be looked at.
    pub fn with_devices(mut self) -> io::Result<Self> {
        self.places.retain(|place| place.kind != MountKind::Device);
        self.show(Path::new("/dev"), MountKind::Device)?;
        self.devices = true;
        Ok(self.ready())
    }

    /// With a folder that is held open under this number, to write, at that place.
    ///
    /// # Errors
    /// It is not open.
    pub(crate) fn with_folder(mut self, number: RawFd, at: &Path) -> io::Result<Self> {
        let from = std::fs::read_link(format!("/proc/self/fd/{number}"))?;
        let (from, to) = (text(from.into_os_string())?, below_root(at)?);
        let kind = MountKind::Write;
        self.places.push(Place { from, to, folder: true, kind, open: Some(number) });
        Ok(self.ready())
    }

    fn show(&mut self, path: &Path, kind: MountKind) -> io::Result<()> {
        let (from, to) = (text(path.as_os_str().to_owned())?, below_root(path)?);
        let found = match path.metadata() {
            Ok(found) => found,
            // What is not there, or not for who builds, is not for the program.
            Err(error) if kind != MountKind::Write && is_nothing(&error) => return Ok(()),
            Err(error) => {
                return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display())));
            }
        };
        let disk = found.file_type().is_block_device() && kind == MountKind::Write;
        let kind = if disk { MountKind::Device } else { kind };
        self.places.push(Place { from, to, folder: found.is_dir(), kind, open: None });
        Ok(())
    }

    /// Reckons what else is to be made.
    fn ready(mut self) -> Self {
        // What lies in another place goes over it.
        self.places.sort_by(|a, b| depth(&a.to).cmp(&depth(&b.to)).then(a.to.cmp(&b.to)));
        self.places.dedup_by(|a, b| (&a.to, a.kind) == (&b.to, b.kind));
        let mut folders = BTreeSet::from([PathBuf::from("proc"), "tmp".into(), "dev".into()]);
        for place in &self.places {
            let path = PathBuf::from(OsString::from_vec(place.to.as_bytes().to_vec()));
            let itself = place.folder.then_some(path.as_path());
            let above = path.ancestors().skip(1);
            folders.extend(itself.into_iter().chain(above).map(Path::to_owned));
        }
        folders.remove(Path::new(""));
        // By name: each comes behind those above it.
        let name = |path: PathBuf| CString::new(path.into_os_string().into_vec());
        self.folders = folders.into_iter().filter_map(|path| name(path).ok()).collect();
        self.held = Vec::with_capacity(self.places.len());
        self
    }

    /// What is shown, by where it is.
    #[must_use]
    pub fn places(&self) -> Vec<String> {
        self.places.iter().map(|place| place.from.to_string_lossy().into_owned()).collect()
    }

    /// Makes that the root of this process, which must be the first of a process namespace and in a
    /// mount namespace of its own. Takes no memory.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn enter(&mut self) -> Result<(), Unseen> {
        for (at, place) in self.places.iter().enumerate() {
            let refused = |errno| Unseen { at: Some(at), errno };
            let flags = OpenTreeFlags::OPEN_TREE_CLONE
                | OpenTreeFlags::OPEN_TREE_CLOEXEC
                | OpenTreeFlags::AT_RECURSIVE;
            let mount = open_tree(CWD, place.from.as_c_str(), flags).map_err(refused)?;
            if place.open.is_some_and(|number| !is_same(&mount, number)) {
                return Err(refused(Errno::STALE));
            }
            restrict_mount(&mount, place.kind).map_err(refused)?;
            self.held.push(mount);
        }
        // In a user namespace the kernel gives it to who sees the machine's whole, as from here.
        let still = MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let quiet = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
        // Its switches are the whole kernel's, and belong to root of the machine, by whatever map.
        let proc = made("proc", still | MountAttrFlags::MOUNT_ATTR_RDONLY, None)?;
        let (own, root) = (made("tmpfs", still, Some(c"1g"))?, made("tmpfs", quiet, Some(c"4m"))?);

        // Over what is held by now. From here on paths begin at the new root.
        put(&root, c"/")?;
        rustix::process::fchdir(&root)?;
        for (to, name) in &self.links {
            rustix::fs::symlink(to.as_c_str(), name.as_c_str())?;
        }
        make(c"tmp")?;
        put(&own, c"tmp")?;
        for folder in &self.folders {
            make(folder)?;
        }
        for (at, (place, mount)) in self.places.iter().zip(&self.held).enumerate() {
            let refused = |errno| Unseen { at: Some(at), errno };
            if place.folder {
                make(&place.to).map_err(refused)?;
            } else {
                file(&place.to).map_err(refused)?;
            }
            put(mount, &place.to).map_err(refused)?;
        }
        put(&proc, c"proc")?;
        if !self.devices {
            rustix::fs::symlink("/proc/self/fd", "dev/fd")?;
        }
        self.held.clear();
        // The old root is put over the new one and taken off again; no folder is needed for it.
        rustix::process::pivot_root(".", ".")?;
        unmount(".", UnmountFlags::DETACH)?;
        rustix::process::chdir("/")?;
        Ok(restrict_mount(&root, MountKind::Root)?)
    }
}

fn is_nothing(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

/// Whether that is the folder which is open under this number: its path may lead elsewhere by now.
#[expect(unsafe_code, reason = "a descriptor of the caller's, by its number")]
fn is_same(mount: &OwnedFd, number: RawFd) -> bool {
    // SAFETY: it is looked at, and nothing else; where it is closed, that is the answer.
    let open = unsafe { BorrowedFd::borrow_raw(number) };
    match (rustix::fs::fstat(mount), rustix::fs::fstat(open)) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}

/// What a folder is mounted over; where another place has it already, that.
fn make(folder: &CStr) -> Result<(), Errno> {
    match rustix::fs::mkdir(folder, Mode::from(0o755)) {
        Err(Errno::EXIST | Errno::ROFS) => Ok(()),
        done => done,
    }
}

/// What a file is mounted over; where another place has it already, that.
fn file(path: &CStr) -> Result<(), Errno> {
    let flags = OFlags::CREATE | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::from(0o644)) {
        Ok(_) | Err(Errno::ROFS) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A mount of a filesystem of the kernel's that is nowhere yet, of that size at most.
fn made(kind: &str, flags: MountAttrFlags, size: Option<&CStr>) -> Result<OwnedFd, Errno> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    if let Some(size) = size {
        fsconfig_set_string(context.as_fd(), c"size", size)?;
    }
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)
}

fn put(mount: &OwnedFd, path: &CStr) -> Result<(), Errno> {
    move_mount(mount, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

fn depth(path: &CString) -> usize {
    path.as_bytes().iter().filter(|byte| **byte == b'/').count()
}

fn text(path: OsString) -> io::Result<CString> {
    CString::new(path.into_vec()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn below_root(path: &Path) -> io::Result<CString> {
    let below = path.strip_prefix("/").map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("`{}` is relative", path.display()))
    })?;
    text(below.as_os_str().to_owned())
}
