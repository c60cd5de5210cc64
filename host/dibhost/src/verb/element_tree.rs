//! What a step did to a tree that is thrown away: its author sees it before it is gone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

/// Folders that every system has: a step that writes `/etc/motd` finds `/etc`.
const USUAL: [&str; 10] =
    ["etc", "home", "opt", "root", "run", "srv", "tmp", "usr/bin", "usr/lib", "var/lib"];

/// The most nodes that are compared, and the most lines that are shown: beyond, it is a whole system.
const MOST: usize = 500_000;
const SHOWN: usize = 100;

/// Makes a tree of the usual folders.
pub(super) fn make_usual(tree: &Path) -> std::io::Result<()> {
    USUAL.iter().try_for_each(|folder| fs::create_dir_all(tree.join(folder)))
}

/// A node as it was: another file of the same size and time has another number.
#[derive(Debug, PartialEq, Eq)]
struct Node {
    kind: &'static str,
    mode: u32,
    owner: (u32, u32),
    size: u64,
    number: u64,
    changed: (i64, i64),
    says: Option<String>,
}

/// A tree as it was.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<String, Node>);

impl Seen {
    /// Looks at a tree; nothing in it is followed.
    pub(super) fn of(tree: &Path) -> Self {
        let mut seen = Self::default();
        seen.look(tree, "");
        seen
    }

    fn look(&mut self, folder: &Path, name: &str) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(about) = fs::symlink_metadata(&path) else { continue };
            if self.0.len() >= MOST {
                return;
            }
            let below = format!("{name}/{}", entry.file_name().to_string_lossy());
            let kind = about.file_type();
            let kind = match () {
                () if kind.is_dir() => "folder",
                () if kind.is_symlink() => "link",
                () if kind.is_file() => "file",
                () if kind.is_block_device() || kind.is_char_device() => "device",
                () => "other",
            };
            let says = (kind == "link").then(|| fs::read_link(&path).ok()).flatten();
            let is_folder = kind == "folder";
            self.0.insert(
                below.clone(),
                Node {
                    kind,
                    mode: about.mode() & 0o7777,
                    owner: (about.uid(), about.gid()),
                    // Of a folder they say what is in it, and that is told by itself.
                    size: if is_folder { 0 } else { about.size() },
                    number: about.ino(),
                    changed: if is_folder { (0, 0) } else { (about.mtime(), about.mtime_nsec()) },
                    says: says.map(|to| to.to_string_lossy().into_owned()),
                },
            );
            if is_folder {
                self.look(&path, &below);
            }
        }
    }

    /// A line for each node that is another one, or is gone.
    pub(super) fn changes(&self, now: &Self) -> String {
        let mut lines = Vec::new();
        for (path, node) in &now.0 {
            let before = self.0.get(path);
            if before == Some(node) {
                continue;
            }
            let mode = node.mode;
            lines.push(match (node.kind, &node.says) {
                ("folder", _) if before.is_some() => format!("changed {path}/ ({mode:04o})"),
                ("folder", _) => format!("made {path}/ ({mode:04o})"),
                ("link", Some(to)) => format!("linked {path} -> {to}"),
                ("file", _) => format!("wrote {path} ({} bytes, {mode:04o})", node.size),
                (kind, _) => format!("made {path} ({kind})"),
            });
        }
        let gone = self.0.keys().filter(|path| !now.0.contains_key(*path));
        lines.extend(gone.map(|path| format!("removed {path}")));
        let mut text = String::new();
        for line in lines.iter().take(SHOWN) {
            let _ = writeln!(text, "{line}");
        }
        if lines.len() > SHOWN {
            let _ = writeln!(text, "… and {} changes more", lines.len() - SHOWN);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_made_linked_and_removed_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path();
        make_usual(tree).unwrap();
        fs::write(tree.join("etc/old"), "old").unwrap();
        fs::write(tree.join("etc/same"), "same").unwrap();
        let before = Seen::of(tree);
        assert_eq!(before.changes(&Seen::of(tree)), "");
        fs::remove_file(tree.join("etc/old")).unwrap();
        fs::create_dir(tree.join("srv/x")).unwrap();
        fs::write(tree.join("srv/x/motd"), "hello\n").unwrap();
        std::os::unix::fs::symlink("/run", tree.join("var/run")).unwrap();
        let told = before.changes(&Seen::of(tree));
        let lines: Vec<_> = told.lines().map(|line| line.split(" (").next().unwrap()).collect();
        assert_eq!(
            lines,
            ["made /srv/x/", "wrote /srv/x/motd", "linked /var/run -> /run", "removed /etc/old"]
        );
    }
}
