//! Where fetched bytes are kept: by their SHA-256, whole or not at all, verified whenever read.
//!
//! ```text
//! fetched/sha256-HEX        the bytes
//! fetched/git-1-COMMIT      `sha256:HEX` of the archive of a commit: what the format of archives
//!                           changes has to change the number, so that none of the old is found
//! ```
//!
//! Drafts are made in the build's work folder, of the same filesystem, which goes with the build:
//! nothing half-written is ever here. Builds that keep the same bytes write the same file, and the
//! last rename stays.

use std::io::{self, Read as _, Seek as _, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt as _};
use dibhost_check::Check;
use sha2::{Digest as _, Sha256};

use crate::error::FetchError;
use crate::fetch::Fetched;

/// The format of archives of commits: another one makes the same commit other bytes.
const ARCHIVES: u32 = 1;

/// What is copied at once.
const COPIED: usize = 1 << 20;

/// Of a record of a commit: `sha256:` and 64 digits.
const RECORD: u64 = 71;

/// The folders of a store, held open.
#[derive(Debug)]
pub(crate) struct Store {
    folder: Dir,
    work: Dir,
    drafts: AtomicU64,
}

impl Store {
    /// Opens the folder, or makes it for this user alone; `work` is the build's own, on the same
    /// filesystem.
    pub(crate) fn open(folder: &Path, work: &Path) -> Result<Self, FetchError> {
        let doing = || format!("opening the store of fetched files `{}`", folder.display());
        let open = || -> io::Result<(Dir, Dir)> {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let path = folder.canonicalize()?;
            if let Some(why) = dibhost_sys::swappable(&path)? {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
            }
            let folder = Dir::open_ambient_dir(path, ambient_authority())?;
            Ok((folder, Dir::open_ambient_dir(work, ambient_authority())?))
        };
        let (folder, work) = open().map_err(|e| FetchError::machine(doing(), e))?;
        Ok(Self { folder, work, drafts: AtomicU64::new(0) })
    }

    /// What is kept by a digest. None: nothing, or it is not what it was, and goes.
    pub(crate) fn read(
        &self,
        url: &str,
        digest: &str,
        most: u64,
    ) -> Result<Option<Fetched>, FetchError> {
        let name = file_name(digest);
        let Some(mut file) = self.open_file(&name) else { return Ok(None) };
        let failed = |e| FetchError::machine(format!("reading `{name}` of the store"), e);
        let size = file.metadata().map_err(failed)?.len();
        if size > most {
            return Err(FetchError::TooLarge { url: url.to_owned(), most });
        }
        let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        let read = (&mut file).take(size.saturating_add(1)).read_to_end(&mut content);
        if read.is_ok() && (digest_of(&content) == digest || !Check::FetchKept.holds()) {
            return Ok(Some(Fetched { digest: digest.to_owned(), content }));
        }
        let _ = self.folder.remove_file(&name);
        Ok(None)
    }

    /// Writes what is kept by a digest, however large; false: there is nothing, or it is not what it was,
    /// and goes.
    pub(crate) fn copy(&self, digest: &str, into: &mut dyn Write) -> io::Result<bool> {
        let name = file_name(digest);
        let Some(mut file) = self.open_file(&name) else { return Ok(false) };
        let mut hash = Sha256::new();
        let mut part = vec![0; COPIED];
        loop {
            let read = file.read(&mut part)?;
            if read == 0 {
                break;
            }
            hash.update(&part[..read]);
            into.write_all(&part[..read])?;
        }
        let sound = digest_text(&hash.finalize()) == digest || !Check::FetchKept.holds();
        if !sound {
            let _ = self.folder.remove_file(&name);
        }
        Ok(sound)
    }

    /// The digest of a commit's archive, if there was one.
    pub(crate) fn archive_of(&self, commit: &str) -> Option<String> {
        let mut text = String::new();
        self.open_file(&record_name(commit))?.take(RECORD + 1).read_to_string(&mut text).ok()?;
        dibhost_plan::validate::sha256(&text).ok()?;
        Some(text)
    }

    /// Notes which archive a commit is.
    pub(crate) fn note_archive(self: &Arc<Self>, commit: &str, digest: &str) -> io::Result<()> {
        let mut draft = self.draft()?;
        draft.write_all(digest.as_bytes())?;
        draft.keep_as(&record_name(commit))
    }

    /// An empty file that is not here yet.
    pub(crate) fn draft(self: &Arc<Self>) -> io::Result<Draft> {
        let name = format!("draft-{}", self.drafts.fetch_add(1, Ordering::Relaxed));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = self.work.open_with(&name, &options)?;
        Ok(Draft { store: Arc::clone(self), name, file, hash: Sha256::new(), written: 0 })
    }

    /// A file that is one: no link, no pipe.
    fn open_file(&self, name: &str) -> Option<File> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(
            i32::try_from((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits())
                .ok()?,
        );
        let file = self.folder.open_with(name, &options).ok()?;
        file.metadata().ok()?.is_file().then_some(file)
    }
}

/// A file on its way into the store; gone when dropped.
#[derive(Debug)]
pub(crate) struct Draft {
    store: Arc<Store>,
    name: String,
    file: File,
    hash: Sha256,
    written: u64,
}

impl Draft {
    /// Bytes so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// From the beginning again.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.hash = Sha256::new();
        self.written = 0;
        Ok(())
    }

    /// The digest of what was written.
    pub(crate) fn digest(&self) -> String {
        digest_text(&self.hash.clone().finalize())
    }

    /// Puts it into the store, under its digest.
    pub(crate) fn keep(self) -> io::Result<()> {
        let name = file_name(&self.digest());
        self.keep_as(&name)
    }

    fn keep_as(self, name: &str) -> io::Result<()> {
        self.file.sync_all()?;
        // What was removed by this name cannot be this one: it has no other yet.
        self.store.work.rename(&self.name, &self.store.folder, name)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Where it was kept it is not there any more.
        let _ = self.store.work.remove_file(&self.name);
    }
}

/// `sha256:…` of bytes.
pub(crate) fn digest_of(content: &[u8]) -> String {
    digest_text(&Sha256::digest(content))
}

fn digest_text(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("sha256:");
    for byte in digest {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn file_name(digest: &str) -> String {
    digest.replace(':', "-")
}

fn record_name(commit: &str) -> String {
    format!("git-{ARCHIVES}-{commit}")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    const MOST: u64 = 1 << 20;

    struct Folders {
        top: tempfile::TempDir,
        store: Arc<Store>,
    }

    fn folders() -> Folders {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir(top.path().join("work")).unwrap();
        let store = Store::open(&top.path().join("fetched"), &top.path().join("work")).unwrap();
        Folders { top, store: Arc::new(store) }
    }

    impl Folders {
        fn keep(&self, content: &[u8]) -> String {
            let mut draft = self.store.draft().unwrap();
            draft.write_all(content).unwrap();
            let digest = draft.digest();
            draft.keep().unwrap();
            digest
        }

        fn read(&self, digest: &str) -> Option<Vec<u8>> {
            self.store.read("u", digest, MOST).unwrap().map(|fetched| fetched.content)
        }

        fn file(&self, digest: &str) -> std::path::PathBuf {
            self.top.path().join("fetched").join(file_name(digest))
        }

        fn names(&self, folder: &str) -> Vec<String> {
            let entries = fs::read_dir(self.top.path().join(folder)).unwrap();
            let mut names: Vec<_> =
                entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    #[test]
    fn what_is_kept_is_read_by_its_digest_and_is_its_owners_alone() {
        let folders = folders();
        let digest = folders.keep(b"some bytes");
        assert_eq!(digest, digest_of(b"some bytes"));
        assert_eq!(folders.read(&digest).unwrap(), b"some bytes");
        assert_eq!(folders.read(&digest_of(b"others")), None);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folders.file(&digest)), 0o600);
        assert_eq!(mode(&folders.top.path().join("fetched")), 0o700);
        assert_eq!(folders.names("work"), <[&str; 0]>::default());
        let over = folders.store.read("u", &digest, 9).unwrap_err();
        assert!(matches!(over, FetchError::TooLarge { most: 9, .. }), "{over}");
    }

    #[test]
    fn what_was_spoilt_is_dropped() {
        let folders = folders();
        let spoil: [fn(&Path); 4] = [
            |file| fs::write(file, "some bytez").unwrap(),
            |file| fs::write(file, "some").unwrap(),
            |file| fs::write(file, "some bytes and more").unwrap(),
            |file| fs::write(file, "").unwrap(),
        ];
        for spoil in spoil {
            let digest = folders.keep(b"some bytes");
            spoil(&folders.file(&digest));
            assert_eq!(folders.read(&digest), None);
            assert!(!folders.file(&digest).exists(), "it stays");
        }
        let digest = folders.keep(b"some bytes");
        assert_eq!(folders.read(&digest).unwrap(), b"some bytes");
    }

    #[test]
    fn a_draft_that_is_not_kept_leaves_nothing() {
        let folders = folders();
        let mut draft = folders.store.draft().unwrap();
        draft.write_all(b"half").unwrap();
        assert_eq!(folders.names("work").len(), 1);
        drop(draft);
        assert_eq!(folders.names("work"), <[&str; 0]>::default());
        assert_eq!(folders.names("fetched"), <[&str; 0]>::default());
    }

    #[test]
    fn a_draft_begins_again_without_what_it_had() {
        let folders = folders();
        let mut draft = folders.store.draft().unwrap();
        draft.write_all(b"a long first attempt").unwrap();
        draft.clear().unwrap();
        draft.write_all(b"second").unwrap();
        assert_eq!((draft.written(), draft.digest()), (6, digest_of(b"second")));
        draft.keep().unwrap();
        assert_eq!(folders.read(&digest_of(b"second")).unwrap(), b"second");
    }

    #[test]
    fn a_link_is_neither_read_nor_written_through() {
        let folders = folders();
        let digest = folders.keep(b"some bytes");
        let elsewhere = folders.top.path().join("elsewhere");
        fs::rename(folders.file(&digest), &elsewhere).unwrap();
        symlink(&elsewhere, folders.file(&digest)).unwrap();
        assert_eq!(folders.read(&digest), None);
        folders.keep(b"some bytes");
        assert!(fs::symlink_metadata(folders.file(&digest)).unwrap().is_file());
        assert_eq!(fs::read(&elsewhere).unwrap(), b"some bytes");
    }

    #[test]
    fn the_folder_that_was_opened_is_the_one_that_is_used() {
        let folders = folders();
        let path = folders.top.path().join("fetched");
        fs::rename(&path, folders.top.path().join("moved")).unwrap();
        fs::create_dir(&path).unwrap();
        let digest = folders.keep(b"some bytes");
        assert_eq!(folders.read(&digest).unwrap(), b"some bytes");
        assert_eq!(folders.names("fetched"), <[&str; 0]>::default());
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("fetched");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let refused = Store::open(&path, top.path()).unwrap_err().to_string();
        assert!(refused.contains("others may write to"), "{refused}");
    }

    #[test]
    fn many_at_once_keep_the_same_bytes_and_all_read_them() {
        let folders = folders();
        // Another build has drafts of the same names in a work folder of its own.
        fs::create_dir(folders.top.path().join("work-2")).unwrap();
        let fetched = folders.top.path().join("fetched");
        let second = Arc::new(Store::open(&fetched, &folders.top.path().join("work-2")).unwrap());
        let content = vec![7; 100_000];
        let digest = digest_of(&content);
        std::thread::scope(|scope| {
            for store in [&folders.store, &second, &folders.store, &second] {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let mut draft = store.draft().unwrap();
                        draft.write_all(&content).unwrap();
                        draft.keep().unwrap();
                        let read = store.read("u", &digest, MOST).unwrap();
                        assert_eq!(read.unwrap().content, content);
                    }
                });
            }
        });
        assert_eq!(folders.names("fetched").len(), 1);
    }

    #[test]
    fn a_record_of_a_commit_says_one_digest() {
        let folders = folders();
        let commit = "1".repeat(40);
        assert_eq!(folders.store.archive_of(&commit), None);
        folders.store.note_archive(&commit, &digest_of(b"x")).unwrap();
        assert_eq!(folders.store.archive_of(&commit), Some(digest_of(b"x")));
        let file = folders.top.path().join("fetched").join(record_name(&commit));
        for spoilt in ["", "sha256:12", &format!("{}\n", digest_of(b"x"))] {
            fs::write(&file, spoilt).unwrap();
            assert_eq!(folders.store.archive_of(&commit), None, "{spoilt:?}");
        }
    }
}
