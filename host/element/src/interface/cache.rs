//! `cache`: bytes an element keeps between builds, in a folder of its own.

use dibhost_plan::grant::Right;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;

use dibhost_check::Check;
use dibhost_plan::digest::sha256;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, renameat, statat, unlinkat};
use wasmtime::component::{Linker, Resource};

use super::hook::{Own, hooked};
use crate::bindings::dib::element::cache;
use crate::held::blobs::Blob;
use crate::limits::{CALL_BYTES, spoken_bytes};
use crate::refusal::Refusal;
use crate::state::State;

/// Bytes that an element keeps, and entries: what is older goes.
const QUOTA: u64 = 512 << 20;
const ENTRIES: usize = 10_000;

/// Bytes of the digest and the newline before the content of an entry.
const HEADER: usize = "sha256:".len() + 64 + 1;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    cache::add_to_linker::<_, Own>(linker, hooked)
}

impl cache::Host for State {
    fn get(&mut self, key: String) -> Result<Option<Resource<Blob>>, Refusal> {
        self.running("the cache cannot be read")?;
        self.grant(Right::Cache)?;
        // A folder that cannot be opened has nothing in it, and `put` says why.
        let Ok(Some(folder)) = self.cache.folder() else { return Ok(None) };
        match load(folder, &file_name(&key)) {
            Some(content) => self.blob(content).map(Some),
            None => Ok(None),
        }
    }

    fn put(&mut self, key: String, content: Vec<u8>) -> Result<Resource<Blob>, Refusal> {
        self.running("the cache cannot be written")?;
        self.grant(Right::Cache)?;
        if Check::CallBytes.holds() && content.len() > CALL_BYTES {
            return Err(Refusal::limit(format!(
                "one entry of the cache is at most {}",
                spoken_bytes(CALL_BYTES as u64)
            )));
        }
        let kept = self.cache.folder().and_then(|folder| {
            folder.map_or(Ok(()), |folder| store(folder, &file_name(&key), &content))
        });
        if let Err(error) = kept {
            // A cache that cannot be written costs time and nothing else.
            let said = format!("not kept in the cache: {error}");
            self.log.write(crate::observer::Level::Warn, &said, &[])?;
        }
        self.blob(content)
    }
}

/// A key may be any text, so its digest names the file.
fn file_name(key: &str) -> String {
    if Check::CacheKey.holds() { sha256(key.as_bytes()).replace(':', "-") } else { key.to_owned() }
}

/// What was stored, if all of it is there.
fn load(folder: &OwnedFd, name: &str) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(folder, name, flags, Mode::empty()).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut stored = Vec::new();
    // No entry is longer than what one call may hand over.
    file.take((HEADER + CALL_BYTES) as u64 + 1).read_to_end(&mut stored).ok()?;
    if stored.len() < HEADER {
        return None;
    }
    let content = stored.split_off(HEADER);
    (stored.strip_suffix(b"\n")? == sha256(&content).as_bytes()).then_some(content)
}

/// Written under a name of its own and renamed: there whole, or not at all.
fn store(folder: &OwnedFd, name: &str, content: &[u8]) -> io::Result<()> {
    let thread = rustix::thread::gettid().as_raw_nonzero();
    let temporary = format!(".new-{}-{thread}", std::process::id());
    // What a killed build of the same numbers left.
    let _ = unlinkat(folder, &temporary, AtFlags::empty());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(folder, &temporary, flags, Mode::RUSR | Mode::WUSR)?);
    let written = writeln!(file, "{}", sha256(content))
        .and_then(|()| file.write_all(content))
        .and_then(|()| file.sync_all())
        .and_then(|()| Ok(renameat(folder, &temporary, folder, name)?))
        .and_then(|()| make_room(folder, room()));
    if written.is_err() {
        let _ = unlinkat(folder, &temporary, AtFlags::empty());
    }
    written
}

/// What an element keeps at most.
fn room() -> (u64, usize) {
    if Check::CacheBytes.holds() { (QUOTA, ENTRIES) } else { (u64::MAX, usize::MAX) }
}

/// Removes the oldest entries until the others are within the quota: bytes, and how many.
fn make_room(folder: &OwnedFd, (most, entries): (u64, usize)) -> io::Result<()> {
    let mut kept = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_owned();
        let Ok(stat) = statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        if FileType::from_raw_mode(stat.st_mode).is_file() && !name.to_bytes().starts_with(b".") {
            let bytes = u64::try_from(stat.st_size).unwrap_or(0);
            kept.push(((stat.st_mtime, stat.st_mtime_nsec, name), bytes));
        }
    }
    kept.sort_unstable();
    let mut bytes: u64 = kept.iter().map(|(_, bytes)| bytes).sum();
    let mut count = kept.len();
    for ((.., name), size) in kept {
        if bytes <= most && count <= entries {
            break;
        }
        unlinkat(folder, &name, AtFlags::empty())?;
        bytes -= size;
        count -= 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::held::cache::open;

    #[test]
    fn what_was_stored_is_loaded_and_what_was_spoilt_is_not() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("of/one");
        let folder = open(&path).unwrap();
        let name = file_name("../../etc/passwd");
        store(&folder, &name, b"some bytes").unwrap();
        assert_eq!(load(&folder, &name).unwrap(), b"some bytes");
        let mut spoilt = fs::read(path.join(&name)).unwrap();
        *spoilt.last_mut().unwrap() ^= 1;
        fs::write(path.join(&name), spoilt).unwrap();
        assert_eq!(load(&folder, &name), None);
        assert_eq!(load(&folder, "absent"), None);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn the_oldest_go_where_there_is_too_much() {
        let top = tempfile::tempdir().unwrap();
        let folder = open(top.path()).unwrap();
        for (name, seconds) in [("c", 3), ("a", 1), ("b", 2)] {
            store(&folder, name, b"bytes").unwrap();
            let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            File::options()
                .write(true)
                .open(top.path().join(name))
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
        let size = (HEADER + b"bytes".len()) as u64;
        make_room(&folder, (3 * size, 3)).unwrap();
        assert_eq!(fs::read_dir(top.path()).unwrap().count(), 3);
        make_room(&folder, (2 * size, 3)).unwrap();
        assert_eq!((load(&folder, "a"), load(&folder, "b").is_some()), (None, true));
        make_room(&folder, (2 * size, 1)).unwrap();
        assert_eq!((load(&folder, "b"), load(&folder, "c").is_some()), (None, true));
    }

    #[test]
    fn the_folder_that_was_opened_is_the_one_that_is_used() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        let folder = open(&at("mine")).unwrap();
        store(&folder, "key", b"mine").unwrap();
        fs::rename(at("mine"), at("moved")).unwrap();
        fs::create_dir(at("mine")).unwrap();
        assert_eq!(load(&folder, "key").unwrap(), b"mine");
        store(&folder, "other", b"too").unwrap();
        assert!(at("moved/other").exists() && !at("mine/other").exists());
    }

    #[test]
    fn a_link_is_neither_read_nor_written_through() {
        use std::os::unix::fs::symlink;
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        let folder = open(&at("mine")).unwrap();
        store(&folder, "key", b"secret").unwrap();
        fs::rename(at("mine/key"), at("elsewhere")).unwrap();
        symlink(at("elsewhere"), at("mine/key")).unwrap();
        assert_eq!(load(&folder, "key"), None);
        store(&folder, "key", b"new").unwrap();
        assert_eq!(load(&folder, "key").unwrap(), b"new");
        assert!(fs::read(at("elsewhere")).unwrap().ends_with(b"secret"));
        symlink(at("mine"), at("link")).unwrap();
        assert!(open(&at("link")).is_err());
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let mut path = top.path().join("theirs");
        open(&path).unwrap();
        // Only root can give a folder away; everyone else has root's.
        if std::os::unix::fs::chown(&path, Some(12345), None).is_err() {
            path = "/usr".into();
        }
        let owner = if path.ends_with("theirs") { 12345 } else { 0 };
        let refused = open(&path).unwrap_err().to_string();
        assert!(refused.contains(&format!("belongs to user {owner}")), "{refused}");
    }
}
