//! Moving about in a tree by descriptors, as deep as it may be.
//!
//! A folder is opened by its name in the one above and through no link. Of the folders on the way
//! only the last few are kept open; the others are found again by `..`, and are looked at whether
//! they are the same still.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, fstat, openat};
use rustix::io::{Errno, Result};

use super::names::Dentries;

/// Folders that one descent keeps open: the depth of most trees, and with as many threads as there
/// are (`parallel`) a quarter of the 1,024 descriptors that a program usually has.
const OPEN: usize = 16;

/// The folder that a walk is in, and the way to it.
pub(super) struct Descent {
    /// Devices and inodes of the folders that were closed, from the root down.
    closed: Vec<(u64, u64)>,
    /// The folders below them: never none.
    open: VecDeque<OwnedFd>,
    /// Places of the folders below the root, where it goes by a list of names.
    way: Vec<u32>,
}

impl Descent {
    /// In the root.
    pub(super) fn new(root: impl AsFd) -> Result<Self> {
        // A descriptor of its own: a folder's descriptor has a position.
        let root = openat(root, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { closed: Vec::new(), open: VecDeque::from([root]), way: Vec::new() })
    }

    /// The folder that it is in.
    pub(super) fn here(&self) -> BorrowedFd<'_> {
        self.open[self.open.len() - 1].as_fd()
    }

    /// Goes into a folder of the one that it is in.
    pub(super) fn enter(&mut self, name: &[u8]) -> Result<()> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let below = openat(self.here(), name, flags, Mode::empty())?;
        self.open.push_back(below);
        if self.open.len() > OPEN
            && let Some(highest) = self.open.pop_front()
        {
            let stat = fstat(&highest)?;
            self.closed.push((stat.st_dev, stat.st_ino));
        }
        Ok(())
    }

    /// Goes back to the folder above; above the root there is none.
    pub(super) fn leave(&mut self) -> Result<()> {
        if self.open.len() == 1 {
            let Some(expected) = self.closed.pop() else { return Err(Errno::NOENT) };
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let above = openat(self.here(), "..", flags, Mode::empty())?;
            let stat = fstat(&above)?;
            if (stat.st_dev, stat.st_ino) != expected {
                // Somebody moved it meanwhile.
                return Err(Errno::STALE);
            }
            self.open.push_front(above);
        }
        self.open.pop_back();
        Ok(())
    }

    /// Goes to the folder at a place of the list, over the nearest folder above both. One descent
    /// goes by one list.
    pub(super) fn go<T>(&mut self, names: &Dentries<T>, folder: u32) -> Result<()> {
        let (mut at, mut down) = (folder, Vec::new());
        // A folder's place is before the places of what is in it: the way is sorted.
        while at != 0 && self.way.binary_search(&at).is_err() {
            down.push(at);
            at = names.get(at).parent;
        }
        while self.way.last().is_some_and(|last| *last != at) {
            self.leave()?;
            self.way.pop();
        }
        while let Some(next) = down.pop() {
            self.enter(&names.get(next).name)?;
            self.way.push(next);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::symlink;

    use rustix::fs::{mkdirat, stat};

    use super::*;

    #[test]
    fn any_depth_is_gone_down_and_up_again_with_a_few_descriptors() {
        let folder = tempfile::tempdir().unwrap();
        let mut descent = Descent::new(File::open(folder.path()).unwrap()).unwrap();
        let mut names = Dentries::default();
        let mut at = names.push(0, Vec::new(), ());
        for _ in 0..3000 {
            mkdirat(descent.here(), "d", Mode::RWXU).unwrap();
            descent.enter(b"d").unwrap();
            at = names.push(at, b"d".to_vec(), ());
            assert!(descent.open.len() <= OPEN);
        }
        for _ in 0..3000 {
            descent.leave().unwrap();
        }
        let inode = |fd: BorrowedFd<'_>| fstat(fd).unwrap().st_ino;
        assert_eq!(inode(descent.here()), stat(folder.path()).unwrap().st_ino);
        assert_eq!(descent.leave().unwrap_err(), Errno::NOENT);
        descent.go(&names, at).unwrap();
        let deepest = inode(descent.here());
        descent.go(&names, 2000).unwrap();
        assert_ne!(inode(descent.here()), deepest);
        descent.go(&names, 0).unwrap();
        assert_eq!(inode(descent.here()), stat(folder.path()).unwrap().st_ino);
        descent.go(&names, at).unwrap();
        assert_eq!(inode(descent.here()), deepest);
    }

    #[test]
    fn links_and_folders_that_were_moved_are_not_gone_through() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let deep = "a/".repeat(OPEN + 1);
        std::fs::create_dir_all(at(&deep)).unwrap();
        symlink("/", at("link")).unwrap();
        let mut descent = Descent::new(File::open(folder.path()).unwrap()).unwrap();
        assert_eq!(descent.enter(b"link").unwrap_err(), Errno::NOTDIR);
        for _ in 0..=OPEN {
            descent.enter(b"a").unwrap();
        }
        std::fs::create_dir(at("b")).unwrap();
        std::fs::rename(at("a/a"), at("b/a")).unwrap();
        let left: Result<Vec<()>> = (0..=OPEN).map(|_| descent.leave()).collect();
        assert_eq!(left.unwrap_err(), Errno::STALE);
    }
}
