//! The cache and the work folders in it: one a build, held by a lock for as long as the build lives.
//! What a killed build left is removed by the next one.
//!
//! Root works there with programs that are given paths. So nobody but root and who builds may be able
//! to put something else in the place of what is there, which [`open_cache`] makes sure of.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use dibhost_sys::{Cancel, remove_folder};
use dibhost_tree::{HostLimits, Ids, ProgramLimits, TargetError, Worker, WorkerOptions};
use rustix::fs::{FlockOperation, flock};

use crate::failure::BuildFailure;

/// Opens the folder of the cache, or makes it; answers its path without links.
///
/// # Errors
/// When it cannot be made, or another user could put something else in its place.
pub fn open_cache(path: &Path) -> Result<PathBuf, BuildFailure> {
    let shown = path.display();
    let failed = |e| BuildFailure::new(e).doing(format!("opening the cache folder `{shown}`"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let path = path.canonicalize().map_err(failed)?;
    match dibhost_sys::swappable(&path).map_err(failed)? {
        None => Ok(path),
        Some(why) => Err(BuildFailure::new(format!(
            "the cache folder `{shown}` is refused: {why}, so somebody else could exchange what a \
             build keeps there"
        ))
        .with_help(
            "choose one with `--cache` (or `DIBHOST_CACHE`) that only root and you can write to, in \
             folders of which the same is true",
        )),
    }
}

/// A folder that is removed when dropped.
#[derive(Debug)]
pub struct WorkFolder {
    parent: Dir,
    name: String,
    path: PathBuf,
    clearing: Option<Clearing>,
    _lock: File,
}

/// How what is left of a tree is removed: it may belong to ids that nobody has but in a user namespace.
#[derive(Debug, Clone)]
pub struct Clearing {
    /// The program that becomes a tree's worker process, and its arguments.
    pub worker: (PathBuf, Vec<OsString>),
    /// Whose ids it is to have.
    pub ids: Ids,
}

/// What a tree's worker sees of a work folder, and all that belongs to its ids is in.
pub(crate) const SEEN: &str = "seen";

impl Clearing {
    /// Removes what lies in the worker's folder of a work folder, where anything does.
    fn carry_out(&self, work: PathBuf) -> Result<(), TargetError> {
        if Worker::left_nothing(&work) {
            return Ok(());
        }
        let options = WorkerOptions {
            program: self.worker.0.clone(),
            args: self.worker.1.clone(),
            work,
            tmpfs: None,
            source_date_epoch: 0,
            limits: ProgramLimits::default(),
            host: HostLimits::default(),
            ids: self.ids.clone(),
        };
        // Not the build's: a build that was cancelled cleans up too.
        Worker::start(&options, &Cancel::new()).and_then(Worker::clear)
    }
}

/// Removes a work folder: first what belongs to ids that only a worker has, for with its lock gone nobody
/// would know it for one that is left.
fn remove(parent: &Dir, path: &Path, name: &OsStr, clearing: Option<&Clearing>) -> io::Result<()> {
    let work = path.join(name).join(SEEN);
    if let Some(clearing) = clearing
        && clearing.ids != Ids::Machine
        && !dibhost_sys::is_root()
        && work.is_dir()
    {
        clearing.carry_out(work).map_err(io::Error::other)?;
    }
    remove_folder(parent, name)
}

const LOCK: &str = "lock";
const PREFIX: &str = "build-";

impl WorkFolder {
    /// Makes a work folder below `parent`, after removing those that nobody holds.
    ///
    /// # Errors
    /// When a folder or its lock cannot be made, or others may write to `parent`.
    pub fn create(parent: &Path, clearing: Option<Clearing>) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        let path = parent.canonicalize()?;
        if let Some(why) = dibhost_sys::swappable(&path)? {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        let parent = Dir::open_ambient_dir(&path, ambient_authority())?;
        // Held while a folder is made and not yet locked, so that no other sweep takes it.
        let mut options = OpenOptions::new();
        let gate = parent.open_with(".gate", options.create(true).write(true))?;
        flock(&gate, FlockOperation::LockExclusive)?;
        sweep(&parent, &path, clearing.as_ref())?;
        let folder = tempfile::Builder::new().prefix(PREFIX).rand_bytes(8).tempdir_in(&path)?;
        let name = folder.path().file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.ok_or(io::ErrorKind::InvalidFilename)?;
        let mut new = OpenOptions::new();
        let lock = parent.open_dir(&name)?.open_with(LOCK, new.write(true).create_new(true))?;
        let lock = lock.into_std();
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { parent, name, path: folder.keep(), clearing, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next build's sweep.
        if let Some(above) = self.path.parent() {
            let _ = remove(&self.parent, above, OsStr::new(&self.name), self.clearing.as_ref());
        }
    }
}

/// Removes the work folders in `parent` whose lock nobody holds.
fn sweep(parent: &Dir, path: &Path, clearing: Option<&Clearing>) -> io::Result<()> {
    for entry in parent.entries()? {
        let name = entry?.file_name();
        let Ok(folder) = parent.open_dir(&name) else { continue };
        match folder.open(LOCK) {
            Ok(lock) if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() => {
                remove(parent, path, &name, clearing)?;
            }
            // Killed while it was made or removed, for behind the gate each has one; or somebody is
            // removing it now, and is not disturbed.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) =>
            {
                let _ = remove(parent, path, &name, clearing);
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;

    #[test]
    fn what_nobody_holds_is_swept_and_what_is_held_stays() {
        let parent = tempfile::tempdir().unwrap();
        let held = WorkFolder::create(parent.path(), None).unwrap();
        let left = parent.path().join("build-left");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        let half = parent.path().join("build-half");
        fs::create_dir_all(half.join("seen/target")).unwrap();
        let other = WorkFolder::create(parent.path(), None).unwrap();
        assert!(held.path().exists());
        assert!(!left.exists() && !half.exists());
        drop(other);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 2, "the gate and the held one");
    }

    #[test]
    fn a_cache_that_others_can_exchange_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let cache = top.path().join("user/cache");
        let opened = open_cache(&cache).unwrap();
        assert_eq!(fs::metadata(&opened).unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(top.path().join("user"), fs::Permissions::from_mode(0o777)).unwrap();
        let refused = open_cache(&cache).unwrap_err().to_string();
        assert!(refused.contains("others may write to"), "{refused}");
        assert!(refused.contains("help: choose one with `--cache`"), "{refused}");
        assert!(WorkFolder::create(&cache, None).is_err());
        fs::set_permissions(top.path().join("user"), fs::Permissions::from_mode(0o700)).unwrap();
        open_cache(&cache).unwrap();
    }

    #[test]
    fn a_cache_of_another_user_is_refused() {
        // Only root can give a folder away; everyone else has root's.
        if !rustix::process::geteuid().is_root() {
            let refused = open_cache(Path::new("/usr")).unwrap_err().to_string();
            assert!(refused.contains("belongs to user 0"), "{refused}");
            return;
        }
        let top = tempfile::tempdir().unwrap();
        let cache = top.path().join("cache");
        open_cache(&cache).unwrap();
        for theirs in [cache.as_path(), top.path()] {
            chown(theirs, Some(12345), None).unwrap();
            let refused = open_cache(&cache).unwrap_err().to_string();
            assert!(refused.contains("belongs to user 12345"), "{refused}");
            chown(theirs, Some(0), None).unwrap();
        }
        // A link of one's own to a folder of theirs is theirs.
        let link = top.path().join("link");
        std::os::unix::fs::symlink(&cache, &link).unwrap();
        chown(&cache, Some(12345), None).unwrap();
        assert!(open_cache(&link).is_err());
    }
}
