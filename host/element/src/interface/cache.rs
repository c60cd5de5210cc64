//! `cache`: bytes an element keeps between builds, in a folder of its own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use dibhost_check::Check;
use wasmtime::component::{Linker, Resource};

use super::blobs::{Blob, digest};
use super::hook::{Own, hooked};
use crate::bindings::dib::element::cache;
use crate::limits::{CALL_BYTES, spoken_bytes};
use crate::refusal::Refusal;
use crate::state::State;

/// Bytes of the digest and the newline before the content of an entry.
const HEADER: usize = "sha256:".len() + 64 + 1;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    cache::add_to_linker::<_, Own>(linker, hooked)
}

/// Where this element's bytes are; none: nothing is kept.
#[derive(Debug, Default)]
pub(crate) struct Cache(pub(crate) Option<PathBuf>);

impl cache::Host for State {
    fn get(&mut self, key: String) -> Result<Option<Resource<Blob>>, Refusal> {
        self.running("the cache cannot be read")?;
        self.grant("cache", "")?;
        let Some(folder) = &self.cache.0 else { return Ok(None) };
        match load(&folder.join(file_name(&key))) {
            Some(content) => self.blob(content).map(Some),
            None => Ok(None),
        }
    }

    fn put(&mut self, key: String, content: Vec<u8>) -> Result<Resource<Blob>, Refusal> {
        self.running("the cache cannot be written")?;
        self.grant("cache", "")?;
        if Check::CallBytes.holds() && content.len() > CALL_BYTES {
            return Err(Refusal::limit(format!(
                "one entry of the cache is at most {}",
                spoken_bytes(CALL_BYTES as u64)
            )));
        }
        if let Some(folder) = &self.cache.0
            && let Err(error) = store(folder, &file_name(&key), &content)
        {
            // A cache that cannot be written costs time and nothing else.
            let said = format!("not kept in the cache: {error}");
            self.log.write(crate::observer::Level::Warn, &said, &[])?;
        }
        self.blob(content)
    }
}

/// A key may be any text, so its digest names the file.
fn file_name(key: &str) -> String {
    if Check::CacheKey.holds() { digest(key.as_bytes()).replace(':', "-") } else { key.to_owned() }
}

/// What was stored, if all of it is there.
fn load(path: &Path) -> Option<Vec<u8>> {
    let mut stored = fs::read(path).ok()?;
    if stored.len() < HEADER {
        return None;
    }
    let content = stored.split_off(HEADER);
    (stored.strip_suffix(b"\n")? == digest(&content).as_bytes()).then_some(content)
}

fn store(folder: &Path, name: &str, content: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{}", digest(content))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name)).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_loaded_and_what_was_spoilt_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let name = file_name("../../etc/passwd");
        store(folder.path(), &name, b"some bytes").unwrap();
        let path = folder.path().join(&name);
        assert_eq!(load(&path).unwrap(), b"some bytes");
        let mut spoilt = fs::read(&path).unwrap();
        *spoilt.last_mut().unwrap() ^= 1;
        fs::write(&path, spoilt).unwrap();
        assert_eq!(load(&path), None);
        assert_eq!(load(&folder.path().join("absent")), None);
    }
}
