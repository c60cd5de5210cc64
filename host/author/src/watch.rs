//! Whether the files of a project changed. By looking: the few files of an element are looked at
//! in less than a millisecond, on every filesystem alike.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What tools write, and nobody edits.
const MADE: [&str; 8] = [
    "target",
    "build",
    "node_modules",
    "__pycache__",
    ".git",
    ".venv",
    ".pytest_cache",
    "package-lock.json",
];

/// The most files that are looked at: beyond, it is no project.
const MOST: usize = 20_000;

/// The files of a project as they were when they were last looked at.
#[derive(Debug)]
pub struct Watch {
    folder: PathBuf,
    seen: BTreeMap<PathBuf, (u64, Option<SystemTime>)>,
}

impl Watch {
    /// Looks for the first time.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let mut watch = Self { folder: folder.to_owned(), seen: BTreeMap::new() };
        watch.changed();
        watch
    }

    /// Looks again: the first file that was added, changed or is gone, since the last time.
    pub fn changed(&mut self) -> Option<PathBuf> {
        let mut now = BTreeMap::new();
        look(&self.folder, &mut now);
        let new = now.iter().find(|(path, state)| self.seen.get(*path) != Some(state));
        let gone = self.seen.keys().find(|path| !now.contains_key(*path));
        let changed = new.map(|(path, _)| path).or(gone);
        let changed = changed.map(|p| p.strip_prefix(&self.folder).unwrap_or(p).to_owned());
        self.seen = now;
        changed
    }
}

fn look(folder: &Path, now: &mut BTreeMap<PathBuf, (u64, Option<SystemTime>)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(about) = fs::symlink_metadata(&path) else { continue };
        let name = entry.file_name();
        let made = MADE.iter().any(|m| name == *m)
            || path.extension().is_some_and(|e| e == "wasm" || e == "lock");
        if made || now.len() >= MOST {
            continue;
        }
        if about.is_dir() {
            look(&path, now);
        } else {
            now.insert(path, (about.len(), about.modified().ok()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_author_changes_is_seen_and_what_tools_write_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("src/lib.rs", "one");
        let mut watch = Watch::new(folder.path());
        assert_eq!(watch.changed(), None);
        write("target/x", "made");
        write("motd.wasm", "made");
        write("Cargo.lock", "made");
        assert_eq!(watch.changed(), None);
        write("src/lib.rs", "another");
        assert_eq!(watch.changed().as_deref(), Some(Path::new("src/lib.rs")));
        assert_eq!(watch.changed(), None);
        fs::remove_file(folder.path().join("src/lib.rs")).unwrap();
        assert_eq!(watch.changed().as_deref(), Some(Path::new("src/lib.rs")));
    }
}
