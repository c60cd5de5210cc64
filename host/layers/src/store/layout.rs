//! The folders of a store, held open, and the lock of them all.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dibhost_sys::Cancel;

use super::error::{Doing as _, StoreError};
use super::folder::{Folder, Look};
use super::held_file::{HeldFile, sweep};
use super::lock::{Alone, Shared};

/// The schema. Another one is another store: nothing in this one is found by a program that has
/// another.
const VERSION: &str = "1";
const VERSION_FILE: &str = "version";
const LOCK: &str = "lock";

/// What lies at the top of a store; `lost+found` does where it is a filesystem of its own.
const NAMES: [&str; 9] =
    [VERSION_FILE, LOCK, "objects", "keys", "roots", "leases", "claims", "drafts", "lost+found"];

#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) path: PathBuf,
    pub(crate) cancel: Cancel,
    top: Folder,
    pub(crate) objects: Folder,
    pub(crate) keys: Folder,
    pub(crate) roots: Folder,
    pub(crate) leases: Arc<Folder>,
    pub(crate) claims: Arc<Folder>,
    pub(crate) drafts: Arc<Folder>,
}

impl Layout {
    /// Opens a store, or makes it for this user alone, and removes what killed builds left half-made.
    pub(crate) fn open(path: &Path, cancel: &Cancel) -> Result<Self, StoreError> {
        let doing = || format!("opening the store `{}`", path.display());
        DirBuilder::new().recursive(true).mode(0o700).create(path).doing(doing)?;
        let path = fs::canonicalize(path).doing(doing)?;
        if let Some(why) = dibhost_sys::swappable(&path).doing(doing)? {
            return Err(StoreError::Swappable { folder: path, why });
        }
        let top = Folder::open(&path).doing(doing)?;
        if !is_versioned(&top, &path)? {
            only_ours(&top, &path)?;
            let lock = top.open_or_create(LOCK).doing(doing)?;
            let _alone = Alone::wait(lock, cancel)?;
            if !is_versioned(&top, &path)? {
                make(&top).doing(|| format!("making the store `{}`", path.display()))?;
            }
        }
        let within = |name: &str| {
            let made = top.make(name);
            made.map(|(folder, _)| folder).doing(|| format!("{}: opening `{name}`", doing()))
        };
        let layout = Self {
            objects: within("objects")?,
            keys: within("keys")?,
            roots: within("roots")?,
            leases: Arc::new(within("leases")?),
            claims: Arc::new(within("claims")?),
            drafts: Arc::new(within("drafts")?),
            cancel: cancel.clone(),
            path,
            top,
        };
        for folder in [&layout.drafts, &layout.leases, &layout.claims] {
            sweep(folder).doing(|| "removing what killed builds left in the store".to_owned())?;
        }
        Ok(layout)
    }

    /// While this lives nobody removes anything.
    pub(crate) fn shared(&self) -> Result<Shared, StoreError> {
        Shared::wait(self.lock()?, &self.cancel)
    }

    /// While this lives nobody else reads, keeps or removes anything.
    pub(crate) fn alone(&self) -> Result<Alone, StoreError> {
        Alone::wait(self.lock()?, &self.cancel)
    }

    fn lock(&self) -> Result<fs::File, StoreError> {
        self.top.open_or_create(LOCK).doing(|| "opening the lock of the store".to_owned())
    }

    /// How many bytes its filesystem has left.
    pub(crate) fn free(&self) -> Result<u64, StoreError> {
        self.top.free().doing(|| "asking for the free space of the store".to_owned())
    }
}

/// Whether the store is of this version; false: of none yet.
fn is_versioned(top: &Folder, path: &Path) -> Result<bool, StoreError> {
    let other = |found| Err(StoreError::Version { folder: path.to_owned(), found, known: VERSION });
    match top.read(VERSION_FILE, 64).doing(|| "reading the version of the store".to_owned())? {
        Look::Absent => Ok(false),
        Look::Here(read) if read.bytes == format!("{VERSION}\n").as_bytes() => Ok(true),
        Look::Here(read) => {
            let found = String::from_utf8_lossy(&read.bytes);
            other(format!("{:?}", found.trim_end()))
        }
        Look::Bad(why) => other(format!("that cannot be read ({why})")),
    }
}

/// A store is not made where something else is.
fn only_ours(top: &Folder, path: &Path) -> Result<(), StoreError> {
    let names = top.names().doing(|| format!("reading the folder `{}`", path.display()))?;
    match names.iter().find(|name| !NAMES.iter().any(|known| *known == name.as_os_str())) {
        None => Ok(()),
        Some(found) => Err(StoreError::Foreign {
            folder: path.to_owned(),
            found: found.to_string_lossy().into_owned(),
        }),
    }
}

/// The version comes last.
fn make(top: &Folder) -> std::io::Result<()> {
    use std::io::Write as _;
    let (drafts, _) = top.make("drafts")?;
    let mut draft = HeldFile::new(&Arc::new(drafts))?;
    draft.file().write_all(format!("{VERSION}\n").as_bytes())?;
    draft.file().sync_all()?;
    draft.keep(top, VERSION_FILE)?;
    top.sync()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn open(path: &Path) -> Result<Layout, StoreError> {
        Layout::open(path, &Cancel::new())
    }

    #[test]
    fn a_store_is_its_users_alone_and_is_opened_by_many_at_once() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("a/store");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| open(&path).unwrap());
            }
        });
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        for name in ["objects", "keys", "roots", "leases", "claims", "drafts"] {
            assert_eq!(mode(&path.join(name)), 0o700, "{name}");
        }
        assert_eq!(fs::read_to_string(path.join("version")).unwrap(), "1\n");
        assert_eq!(fs::read_dir(path.join("drafts")).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_build_left_is_swept_when_a_store_is_opened() {
        let top = tempfile::tempdir().unwrap();
        let first = open(top.path()).unwrap();
        let held = HeldFile::new(&first.drafts).unwrap();
        for folder in ["drafts", "leases", "claims"] {
            fs::write(top.path().join(folder).join("left"), "half").unwrap();
        }
        open(top.path()).unwrap();
        let count = |folder: &str| fs::read_dir(top.path().join(folder)).unwrap().count();
        assert_eq!([count("drafts"), count("leases"), count("claims")], [1, 0, 0]);
        drop(held);
    }

    #[test]
    fn another_schema_is_left_alone() {
        let top = tempfile::tempdir().unwrap();
        open(top.path()).unwrap();
        for (text, told) in [("2\n", "version \"2\""), ("1", "\"1\""), ("", "\"\"")] {
            fs::write(top.path().join("version"), text).unwrap();
            let error = open(top.path()).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
            assert!(error.help().unwrap().contains("remove that folder"));
        }
        fs::remove_file(top.path().join("version")).unwrap();
        symlink("lock", top.path().join("version")).unwrap();
        assert!(open(top.path()).unwrap_err().to_string().contains("cannot be read"));
    }

    #[test]
    fn what_others_own_is_no_store() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("letter"), "").unwrap();
        let error = open(top.path()).unwrap_err();
        assert!(error.to_string().contains("it has `letter` in it"), "{error}");
        assert_eq!(fs::read_dir(top.path()).unwrap().count(), 1, "something was made");
        let open_to_all = top.path().join("open");
        fs::create_dir(&open_to_all).unwrap();
        fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).unwrap();
        let error = open(&open_to_all).unwrap_err();
        assert!(error.to_string().contains("others may write to"), "{error}");
        let linked = top.path().join("linked");
        open(&linked).unwrap();
        fs::remove_dir(linked.join("objects")).unwrap();
        symlink("keys", linked.join("objects")).unwrap();
        let error = open(&linked).unwrap_err();
        assert!(error.to_string().contains("opening `objects`"), "{error}");
    }
}
