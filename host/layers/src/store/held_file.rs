//! Files that are there as long as somebody has them locked: drafts, leases, claims. What a killed
//! build left is known by its lock, which nobody has.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};

use super::folder::{Folder, Look};
use super::lock::try_lock;

/// A locked file; removed and unlocked when dropped.
#[derive(Debug)]
pub(crate) struct HeldFile {
    folder: Arc<Folder>,
    name: String,
    file: File,
    /// It has another name, and stays.
    moved: bool,
}

impl HeldFile {
    /// A file of a name that nothing had.
    pub(crate) fn new(folder: &Arc<Folder>) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            // A process of another namespace may have the same number, and its files.
            let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let file = match folder.create(&name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                other => other?,
            };
            if let Some(held) = Self::lock(folder, &name, file)? {
                return Ok(held);
            }
        }
    }

    /// The file of that name, if nobody has it.
    pub(crate) fn try_named(folder: &Arc<Folder>, name: &str) -> io::Result<Option<Self>> {
        if let Look::Bad(_) = folder.file(name)? {
            folder.remove(name)?;
        }
        let file = folder.open_or_create(name)?;
        Self::lock(folder, name, file)
    }

    /// None: somebody has it, or removed it before it was locked.
    fn lock(folder: &Arc<Folder>, name: &str, file: File) -> io::Result<Option<Self>> {
        if !try_lock(&file)? {
            return Ok(None);
        }
        if !folder.leads_to(name, &file)? {
            return Ok(None);
        }
        Ok(Some(Self { folder: Arc::clone(folder), name: name.to_owned(), file, moved: false }))
    }

    /// The file.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Moves it to where it stays, in the place of whatever is there.
    pub(crate) fn keep(mut self, to: &Folder, name: &str) -> io::Result<()> {
        self.folder.rename(&self.name, to, name)?;
        self.moved = true;
        Ok(())
    }
}

impl Drop for HeldFile {
    fn drop(&mut self) {
        // Removed while it is locked: whoever waits for the lock sees that it has no name any more.
        if !self.moved {
            let _ = self.folder.remove(&self.name);
        }
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Removes the files that nobody has locked. What is no file is nobody's, and stays.
pub(crate) fn sweep(folder: &Folder) -> io::Result<()> {
    for name in folder.names()? {
        if let Some(name) = name.to_str() {
            // What cannot be removed now may be by the next sweep.
            let _ = sweep_one(folder, name);
        }
    }
    Ok(())
}

fn sweep_one(folder: &Folder, name: &str) -> io::Result<()> {
    let Look::Here(file) = folder.file(name)? else { return Ok(()) };
    // A draft that was kept meanwhile is not here any more.
    if try_lock(&file)? && folder.leads_to(name, &file)? {
        folder.remove(name)?;
    }
    Ok(())
}

/// Whether somebody has a file locked.
pub(crate) fn is_held(folder: &Folder, name: &str) -> io::Result<bool> {
    match folder.file(name)? {
        Look::Here(file) => Ok(!try_lock(&file)?),
        Look::Absent | Look::Bad(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_locked_stays_and_what_nobody_has_is_swept() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        let folder = Arc::new(Folder::open(top.path()).unwrap());
        let mut held = HeldFile::new(&folder).unwrap();
        let named = HeldFile::try_named(&folder, "named").unwrap().unwrap();
        assert!(HeldFile::try_named(&folder, "named").unwrap().is_none());
        fs::write(at("left"), "half").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink("/etc/passwd", at("link")).unwrap();
        sweep(&folder).unwrap();
        let names = || {
            let mut names = folder.names().unwrap();
            names.retain(|name| !name.to_str().unwrap().contains('-'));
            names
        };
        assert_eq!(names(), ["folder", "link", "named"]);
        drop(named);
        // What took the place of a claim is in nobody's way.
        assert!(HeldFile::try_named(&folder, "folder").unwrap().is_some());
        assert_eq!(names(), ["link"]);
        held.file().write_all(b"whole").unwrap();
        held.keep(&folder, "kept").unwrap();
        assert_eq!(fs::read(at("kept")).unwrap(), b"whole");
        assert_eq!(folder.names().unwrap(), ["kept", "link"]);
    }

    #[test]
    fn a_name_that_was_given_up_is_taken_by_one_at_a_time() {
        let top = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::open(top.path()).unwrap());
        let inside = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut had = 0;
                    while had < 100 {
                        let Some(held) = HeldFile::try_named(&folder, "one").unwrap() else {
                            continue;
                        };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        had += 1;
                        drop(held);
                    }
                });
            }
            scope.spawn(|| (0..100).for_each(|_| sweep(&folder).unwrap()));
        });
    }
}
