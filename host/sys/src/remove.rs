//! Removing a folder with all that is in it, however deep it is.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, chmodat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

/// Removes a folder of `parent` with what is in it. Folders within it are moved up on the way, so that two
/// descriptors are enough for any depth. No link is followed. Nobody else may be at work in there.
///
/// # Errors
/// The operating system refuses; what is left is still below that name.
pub fn remove_folder(parent: impl AsFd, name: &OsStr) -> io::Result<()> {
    let parent = parent.as_fd();
    let top = match open(parent, &c_name(name)?) {
        Ok(top) => top,
        Err(Errno::NOTDIR | Errno::LOOP) => {
            return Ok(unlinkat(parent, name, AtFlags::empty())?);
        }
        Err(error) => return Err(error.into()),
    };
    empty_folder(&top)?;
    Ok(unlinkat(parent, name, AtFlags::REMOVEDIR)?)
}

/// Removes what is in a folder that was opened to be read, as [`remove_folder`] does.
///
/// # Errors
/// The operating system refuses; what is left is still in it.
pub fn empty_folder(top: &OwnedFd) -> io::Result<()> {
    // Empties the top itself, which leaves folders alone, then one of them after another.
    let mut moved = 0_u64;
    let mut folders = empty(top, top, &mut moved)?;
    while let Some(folder) = folders.pop() {
        let opened = open(top.as_fd(), &folder)?;
        folders.extend(empty(&opened, top, &mut moved)?);
        drop(opened);
        unlinkat(top, &folder, AtFlags::REMOVEDIR)?;
    }
    Ok(())
}

/// Removes what is in `folder` and no folder, and moves its folders into `top`; answers their names there.
fn empty(folder: &OwnedFd, top: &OwnedFd, moved: &mut u64) -> io::Result<Vec<CString>> {
    let mut folders = Vec::new();
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            names.push((name.to_owned(), entry.file_type()));
        }
    }
    for (name, kind) in names {
        let kind = match kind {
            FileType::Unknown => {
                let stat = statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode)
            }
            known => known,
        };
        if kind == FileType::Directory {
            folders.push(move_up(folder, &name, top, moved)?);
        } else {
            unlinkat(folder, &name, AtFlags::empty())?;
        }
    }
    Ok(folders)
}

/// Moves a folder into `top` under a name that nothing has there.
fn move_up(folder: &OwnedFd, name: &CStr, top: &OwnedFd, moved: &mut u64) -> io::Result<CString> {
    // A folder is moved by who may write to it.
    let _ = chmodat(folder, name, Mode::RWXU, AtFlags::empty());
    loop {
        let new = CString::new(format!(".dibhost-removed-{moved}"))?;
        *moved += 1;
        match statat(top, &new, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => {
                renameat(folder, name, top, &new)?;
                return Ok(new);
            }
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Opens a folder; one that its owner may not read is made readable first.
fn open(parent: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

fn c_name(name: &OsStr) -> io::Result<CString> {
    use std::os::unix::ffi::OsStrExt as _;
    Ok(CString::new(name.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;

    use rustix::fs::mkdirat;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_folder_that_is_deeper_than_there_are_descriptors_goes() {
        let folder = tempfile::tempdir().unwrap();
        let parent: OwnedFd = File::open(folder.path()).unwrap().into();
        mkdirat(&parent, "deep", Mode::RWXU).unwrap();
        let mut at = open(&parent, c"deep").unwrap();
        for _ in 0..6000 {
            mkdirat(&at, "d", Mode::RWXU).unwrap();
            drop(openat(&at, "f", OFlags::CREATE | OFlags::WRONLY, Mode::RWXU).unwrap());
            at = open(&at, c"d").unwrap();
        }
        drop(at);
        let before = getrlimit(Resource::Nofile);
        let few = Rlimit { current: Some(64), maximum: before.maximum };
        setrlimit(Resource::Nofile, few).unwrap();
        let removed = remove_folder(&parent, OsStr::new("deep"));
        setrlimit(Resource::Nofile, before).unwrap();
        removed.unwrap();
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn links_go_and_what_they_lead_to_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("kept/a")).unwrap();
        std::fs::create_dir_all(at("gone/a/.dibhost-removed-0/b")).unwrap();
        std::fs::write(at("gone/a/file"), "x").unwrap();
        symlink(at("kept"), at("gone/link")).unwrap();
        symlink(at("kept"), at("gone/a/link")).unwrap();
        std::fs::create_dir_all(at("gone/closed/within")).unwrap();
        std::fs::set_permissions(at("gone/closed"), std::fs::Permissions::from_mode(0o000))
            .unwrap();
        symlink("kept", at("link")).unwrap();
        let parent = File::open(folder.path()).unwrap();
        remove_folder(&parent, OsStr::new("gone")).unwrap();
        remove_folder(&parent, OsStr::new("link")).unwrap();
        assert_eq!(names(folder.path()), ["kept"]);
        assert_eq!(names(&at("kept")), ["a"]);
        let error = remove_folder(&parent, OsStr::new("gone")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
