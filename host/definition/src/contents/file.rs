//! `[[files]]`: what is at a path of the image.

use toml::de::DeValue;

use crate::diagnostic::Diagnostic;
use crate::keys::FILE_KEYS;
use crate::location::Spanned;
use crate::reader::{Item, Reader, kind};
use crate::rule;

/// The keys of which an entry has exactly one.
const MATTERS: [&str; 5] = ["content", "source", "link", "directory", "remove"];

/// How an entry is written.
const EXAMPLE: &str = "[[files]]\npath = \"/etc/motd\"\ncontent = \"Hello.\\n\"      # or source = \"files/motd\", link = \"/…\", directory = true, remove = true";

/// Folders that a machine finds empty when it boots.
const VOLATILE: [&str; 4] = ["/dev", "/proc", "/run", "/sys"];

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatedNode {
    /// A file with this text.
    Content(String),
    /// A file or a folder of the builder, beside the definition.
    Source(Spanned<String>),
    /// A symbolic link that says this.
    Link(String),
    /// A folder.
    Directory,
    /// Nothing.
    Removed,
}

/// An entry of `[[files]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedFile {
    /// Absolute and normal.
    pub path: Spanned<String>,
    /// What is there.
    pub node: StatedNode,
    /// Permission bits; none: the usual ones, or those of the source. Of a folder that is a source,
    /// those of the files in it.
    pub mode: Option<u32>,
    /// A user of the image, by name or number; none: root.
    pub owner: Option<String>,
    /// A group of the image; none: root's.
    pub group: Option<String>,
}

impl Reader<'_> {
    pub(crate) fn files(&mut self, item: &Item<'_>) -> Vec<Spanned<StatedFile>> {
        let mut files = Vec::new();
        for entry in self.tables(item, "files") {
            if let Some(file) = self.file(entry) {
                files.push(self.spanned(entry, file));
            }
        }
        files
    }

    fn file(&mut self, entry: &Item<'_>) -> Option<StatedFile> {
        let DeValue::Table(table) = entry.get_ref() else { return None };
        let misspelt = !self.known_keys(table, &FILE_KEYS, "`[[files]]`");
        let (mut path, mut mode, mut owner, mut group) = (None, None, None, None);
        let mut nodes = Vec::new();
        // A value that is wrong was told; what else is missing then is not told of it.
        let mut named = false;
        for (key, item) in table {
            let key = key.get_ref().as_ref();
            match key {
                "path" => {
                    named = true;
                    path = self.target_path(item);
                }
                "mode" => mode = self.mode(item),
                "owner" => owner = self.ruled(item, key, rule::owner_name),
                "group" => group = self.ruled(item, key, rule::owner_name),
                _ if MATTERS.contains(&key) => nodes.push((key, item, self.node(item, key))),
                _ => {}
            }
        }
        if !named && !misspelt {
            self.refuse(
                entry,
                Diagnostic::new("an entry of `[[files]]` says no `path`")
                    .with_help(format!("write\n{EXAMPLE}")),
            );
        }
        let node = match nodes.as_slice() {
            // It is the key that was misspelt.
            [] if misspelt => return None,
            [] => {
                self.refuse(
                    entry,
                    Diagnostic::new("an entry of `[[files]]` does not say what is there")
                        .with_help(format!("write\n{EXAMPLE}")),
                );
                return None;
            }
            [(_, _, node)] => node.clone()?,
            [(first, ..), (second, item, _), ..] => {
                self.refuse(
                    item,
                    Diagnostic::new(format!("an entry of `[[files]]` has both `{first}` and `{second}`"))
                        .with_help("exactly one of `content`, `source`, `link`, `directory` and `remove` says what is there"),
                );
                return None;
            }
        };
        for (key, item) in table {
            let key = key.get_ref().as_ref();
            let bare = matches!(node, StatedNode::Link(_) | StatedNode::Removed);
            if bare && ["mode", "owner", "group"].contains(&key) {
                let what = if node == StatedNode::Removed { "what is removed" } else { "a link" };
                self.refuse(
                    item,
                    Diagnostic::new(format!("{what} has no `{key}`"))
                        .with_help("take the key away"),
                );
                return None;
            }
        }
        let (owner, group) = (owner.map(|o| o.value), group.map(|g| g.value));
        Some(StatedFile { path: path?, node, mode, owner, group })
    }

    fn target_path(&mut self, item: &Item<'_>) -> Option<Spanned<String>> {
        let path = self.text(item, "path", "a text")?;
        let help = match path.as_str() {
            relative if !relative.starts_with('/') => Some(format!(
                "paths of the image begin with `/`: \"/{}\"",
                relative.trim_start_matches("./")
            )),
            folder if folder.len() > 1 && folder.ends_with('/') => Some(format!(
                "write it without the `/` at its end: \"{}\"",
                folder.trim_end_matches('/')
            )),
            _ => None,
        };
        if let Err(why) = rule::file_path(&path) {
            self.refuse(
                item,
                Diagnostic::new(format!("the path {:?} {why}", &*path)).with_optional_help(help),
            );
            return None;
        }
        let below = |folder: &str| {
            let rest = path.strip_prefix(folder);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if let Some(folder) = VOLATILE.into_iter().find(|folder| below(folder)) {
            self.refuse(
                item,
                Diagnostic::new(format!("the path {:?} is in `{folder}`, which is made anew at each boot", &*path))
                    .with_help("what is to be there when a machine runs is for a unit, or a file in `/etc/tmpfiles.d`, to make"),
            );
            return None;
        }
        Some(path)
    }

    fn node(&mut self, item: &Item<'_>, key: &str) -> Option<StatedNode> {
        match key {
            "content" => self.text(item, key, "a text").map(|text| StatedNode::Content(text.value)),
            "source" => self.beside(item, key).map(StatedNode::Source),
            "link" => self.ruled(item, key, rule::link_text).map(|to| StatedNode::Link(to.value)),
            _ => match item.get_ref() {
                DeValue::Boolean(true) if key == "directory" => Some(StatedNode::Directory),
                DeValue::Boolean(true) => Some(StatedNode::Removed),
                value => {
                    let message =
                        format!("`{key}` is `true` or is left out; this is {}", kind(value));
                    self.refuse(item, Diagnostic::new(message));
                    None
                }
            },
        }
    }

    /// Permission bits, as a text: a bare number would be decimal.
    fn mode(&mut self, item: &Item<'_>) -> Option<u32> {
        let example = "write it as `chmod` takes it, in quotes: mode = \"0644\"";
        let DeValue::String(text) = item.get_ref() else {
            let message = format!(
                "`mode` has to be a text of octal digits; this is {}",
                kind(item.get_ref())
            );
            self.refuse(item, Diagnostic::new(message).with_help(example));
            return None;
        };
        let octal =
            (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
        let mode = u32::from_str_radix(text, 8).ok().filter(|_| octal);
        if mode.is_none() {
            let message = format!("the mode {:?} is not three or four octal digits", text.as_ref());
            self.refuse(item, Diagnostic::new(message).with_help(example));
        }
        mode
    }
}
