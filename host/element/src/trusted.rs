//! The folder of compiled code. What lies in it is run as native code by whoever builds, root
//! most of the time, so nobody else may write there: mode 0700, the effective user's, no link.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use dibhost_check::Check;
use dibhost_plan::planner::ElementFailure;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

/// The folder, held open: a folder put in its place later is not looked at.
#[derive(Debug)]
pub(crate) struct TrustedFolder {
    folder: OwnedFd,
    path: PathBuf,
}

impl TrustedFolder {
    /// Opens the folder, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, ElementFailure> {
        let shown = path.display();
        let failed = |doing: &str, error: &dyn std::fmt::Display| {
            ElementFailure::new(format!(
                "{doing} the folder of compiled elements `{shown}`: {error}"
            ))
            .with_help("choose another folder for the cache, one that you own")
        };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| failed("making", &e))?;
        }
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failed("making", &error)),
        }
        let mut flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        flags.set(OFlags::NOFOLLOW, Check::CacheFolderLink.holds());
        let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
            Errno::LOOP | Errno::NOTDIR => untrusted(path, "it is a symbolic link or no folder"),
            error => failed("opening", &error),
        })?;
        let stat = rustix::fs::fstat(&folder).map_err(|e| failed("looking at", &e))?;
        let own = rustix::process::geteuid().as_raw();
        if Check::CacheFolderOwner.holds() && stat.st_uid != own {
            let why = format!("it belongs to user {} and not to user {own}", stat.st_uid);
            return Err(untrusted(path, &why));
        }
        let mode = stat.st_mode & 0o777;
        if Check::CacheFolderMode.holds() && mode & 0o077 != 0 {
            return Err(untrusted(path, &format!("its mode is {mode:04o}, so others get at it"))
                .with_help(format!("look at what is in it, then `chmod 0700 {shown}`")));
        }
        Ok(Self { folder, path: path.to_owned() })
    }

    /// A path to a file in it that leads through the open folder.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.folder.as_raw_fd()))
    }

    /// Whether there is a regular file of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::RegularFile)
    }

    /// The bytes of a file; none when it is not there or cannot be read.
    pub(crate) fn read(&self, name: &str) -> Option<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, name, flags, Mode::empty()).ok()?;
        let mut content = Vec::new();
        File::from(file).read_to_end(&mut content).ok()?;
        Some(content)
    }

    /// Writes a file, so that it is there whole or not at all.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<(), ElementFailure> {
        self.try_write(name, content).map_err(|error| {
            ElementFailure::new(format!("writing `{}`: {error}", self.path.join(name).display()))
        })
    }

    fn try_write(&self, name: &str, content: &[u8]) -> std::io::Result<()> {
        // Two builds may compile the same element at once: each has a name of its own, and what
        // comes second replaces the same bytes.
        let thread = rustix::thread::gettid().as_raw_nonzero();
        let temporary = format!(".{name}.{}.{thread}", std::process::id());
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, &temporary, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(file);
        let written = file
            .write_all(content)
            .and_then(|()| file.sync_all())
            .and_then(|()| Ok(rustix::fs::renameat(&self.folder, &temporary, &self.folder, name)?));
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&self.folder, &temporary, AtFlags::empty());
        }
        written
    }
}

fn untrusted(path: &Path, why: &str) -> ElementFailure {
    ElementFailure::new(format!(
        "the folder of compiled elements `{}` is refused: {why}",
        path.display()
    ))
    .with_help("compiled elements are run as native code: the folder has to be yours alone; remove it, or choose another one")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_folder_that_others_get_at_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("a/cwasm");
        let folder = TrustedFolder::open(&path).unwrap();
        folder.write("x", b"one").unwrap();
        folder.write("x", b"two").unwrap();
        assert_eq!(folder.read("x").unwrap(), b"two");
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1, "no temporary file is left");

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let refused = TrustedFolder::open(&path).unwrap_err();
        assert!(refused.message.contains("its mode is 0755"), "{}", refused.message);
        assert!(refused.help.unwrap().contains("chmod 0700"));
    }

    #[test]
    fn a_link_and_a_foreign_folder_are_refused() {
        let top = tempfile::tempdir().unwrap();
        let real = top.path().join("real");
        TrustedFolder::open(&real).unwrap();
        let link = top.path().join("link");
        symlink(&real, &link).unwrap();
        let refused = TrustedFolder::open(&link).unwrap_err();
        assert!(refused.message.contains("symbolic link"), "{}", refused.message);

        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&real, Some(12345), None).unwrap();
            let refused = TrustedFolder::open(&real).unwrap_err();
            assert!(refused.message.contains("belongs to user 12345"), "{}", refused.message);
        }
    }
}
