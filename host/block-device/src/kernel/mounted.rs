//! A filesystem that the kernel has mounted, and that nobody else sees.
//!
//! It is mounted nowhere: the kernel gives a descriptor of its root (`fsopen(2)`, `fsmount(2)`,
//! Linux 5.2), and the mount is gone when the last descriptor below it is. So there is no mount
//! point to make and to leave behind, no other process that could keep it busy by its own copy of
//! the mount table, and nothing to undo when this process is killed.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use dibhost_sys::trim;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen,
};

use dibhost_filesystems::FilesystemKind;
use dibhost_filesystems::walk::open_folder;

/// How long the kernel, or a daemon that looks at new devices, may hold a device after it was
/// unmounted.
const PATIENCE: Duration = Duration::from_secs(20);

/// A mounted filesystem.
pub(super) struct Mounted {
    root: OwnedFd,
}

impl Mounted {
    /// Mounts a device, to be written, with an option more (`name` or `name=value`); its devices and set-id
    /// programs have no effect meanwhile.
    pub(super) fn new(
        device: &Path,
        kind: FilesystemKind,
        option: Option<&str>,
    ) -> io::Result<Self> {
        let name = kind.name();
        let context = fsopen(name, FsOpenFlags::FSOPEN_CLOEXEC).map_err(|error| match error {
            Errno::NODEV => io::Error::new(
                io::ErrorKind::Unsupported,
                format!("this machine's kernel knows no {name}"),
            ),
            error => mounting(name, error.into(), None),
        })?;
        let configured = || {
            fsconfig_set_string(&context, "source", device)?;
            if kind == FilesystemKind::Xfs {
                // Another image of the same plan may be mounted: it has the same UUID.
                fsconfig_set_flag(&context, "nouuid")?;
            }
            match option.map(|option| option.split_once('=').ok_or(option)) {
                Some(Ok((name, value))) => fsconfig_set_string(&context, name, value)?,
                Some(Err(name)) => fsconfig_set_flag(&context, name)?,
                None => (),
            }
            fsconfig_create(&context)?;
            let attributes = MountAttrFlags::MOUNT_ATTR_NODEV
                | MountAttrFlags::MOUNT_ATTR_NOSUID
                | MountAttrFlags::MOUNT_ATTR_NOEXEC
                | MountAttrFlags::MOUNT_ATTR_NOATIME;
            fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
        };
        let root = configured().map_err(|e| mounting(name, e.into(), Some(context.as_fd())))?;
        Ok(Self { root })
    }

    /// Its root, for what opens things below it.
    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Discards what it does not use, where what is below can.
    pub(super) fn trim(&self) -> io::Result<()> {
        let root = open_folder(&self.root, Path::new(""))?;
        match trim(&root) {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error().map(Errno::from_raw_os_error) {
                Some(Errno::OPNOTSUPP | Errno::NOTTY) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Writes all of it and waits until the kernel has let go of the device.
    pub(super) fn unmount(self, device: &Path) -> io::Result<()> {
        let root = open_folder(&self.root, Path::new(""))?;
        // What cannot be written any more is told here: unmounting tells nothing.
        rustix::fs::syncfs(&root)?;
        drop(root);
        drop(self.root);
        let start = Instant::now();
        loop {
            let flags = (OFlags::EXCL | OFlags::CLOEXEC).bits().cast_signed();
            match File::options().read(true).custom_flags(flags).open(device) {
                Ok(_) => return Ok(()),
                Err(error) if error.raw_os_error() != Some(Errno::BUSY.raw_os_error()) => {
                    return Err(error);
                }
                Err(_) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => {
                    let problem = format!("{} is still in use: {error}", device.display());
                    return Err(io::Error::new(error.kind(), problem));
                }
            }
        }
    }
}

/// With what the kernel says beside the number.
fn mounting(kind: &str, error: io::Error, context: Option<BorrowedFd<'_>>) -> io::Error {
    let mut said = String::new();
    let mut line = [0; 512];
    // Bounded: a message can be read once, and the kernel keeps eight.
    for _ in 0..8 {
        let read = context.map(|context| rustix::io::read(context, &mut line));
        let Some(Ok(length)) = read else { break };
        let text = String::from_utf8_lossy(&line[..length]).trim().to_owned();
        said.push_str("; ");
        said.push_str(text.get(2..).unwrap_or(&text));
    }
    io::Error::new(error.kind(), format!("mounting the new {kind}: {error}{said}"))
}
