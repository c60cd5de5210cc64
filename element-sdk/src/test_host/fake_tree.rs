//! A root tree in memory.

use std::collections::BTreeMap;

use crate::change::{Attributes, Change};
use crate::error::{Error, ErrorCode, Result};
use crate::extensions::Extensions;
use crate::file::{File, FileNode};
use crate::stat::{Entry, Kind, Stat};

/// A root tree in memory: what a program's scripted answer may change.
#[derive(Debug, Clone, Default)]
pub struct FakeTree(BTreeMap<String, Node>);

#[derive(Debug, Clone)]
struct Node {
    body: Body,
    mode: u32,
    uid: u32,
    gid: u32,
}

#[derive(Debug, Clone)]
enum Body {
    File(Vec<u8>),
    Directory,
    Symlink(String),
}

/// As in the kernel.
const MAXIMUM_LINKS: usize = 40;

/// The folders that a Debian tree has whatever is installed.
const BARE: &[&str] = &[
    "/boot",
    "/dev",
    "/etc/default",
    "/home",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/srv",
    "/sys",
    "/tmp",
    "/usr/bin",
    "/usr/lib",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/sbin",
    "/usr/share",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/tmp",
];

fn not_found(path: &str) -> Error {
    Error::with_code(ErrorCode::NotFound, format!("`{path}` does not exist"))
}

fn conflict(message: String) -> Error {
    Error::with_code(ErrorCode::Conflict, message)
}

fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    }
}

impl FakeTree {
    pub(super) fn bare() -> Self {
        let mut tree = Self::default();
        for folder in BARE {
            tree.put_directory(folder);
        }
        for name in ["bin", "lib", "sbin"] {
            tree.put_symlink(&format!("/{name}"), &format!("usr/{name}"));
        }
        tree
    }

    /// Puts a file there, with the folders above it.
    pub fn put_file(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.put_directory(parent(path));
        self.0.insert(path.to_owned(), Node::new(Body::File(content.into()), 0o644));
    }

    /// Puts a folder there, with those above it.
    pub fn put_directory(&mut self, path: &str) {
        if path != "/" {
            self.put_directory(parent(path));
        }
        self.0.entry(path.to_owned()).or_insert_with(|| Node::new(Body::Directory, 0o755));
    }

    /// Puts a symbolic link there, with the folders above it.
    pub fn put_symlink(&mut self, path: &str, to: &str) {
        self.put_directory(parent(path));
        self.0.insert(path.to_owned(), Node::new(Body::Symlink(to.to_owned()), 0o777));
    }

    /// Puts there what is wished for. Owners that the tree does not know are left out: an account
    /// may be wished for too.
    pub(super) fn put(&mut self, file: &File) {
        match &file.node {
            FileNode::File(content) => self.put_file(&file.path, content.clone()),
            FileNode::Directory => self.put_directory(&file.path),
            FileNode::Symlink(to) => return self.put_symlink(&file.path, to),
            FileNode::Removed => {
                self.take(&file.path);
                return;
            }
        }
        let number = |table: &str, name: &Option<String>| {
            name.as_deref().and_then(|name| self.number(table, name).ok())
        };
        let uid = number("/etc/passwd", &file.attributes.owner);
        let gid = number("/etc/group", &file.attributes.group);
        if let Some(node) = self.0.get_mut(&file.path) {
            node.mode = file.attributes.mode.unwrap_or(node.mode);
            node.uid = uid.unwrap_or(node.uid);
            node.gid = gid.unwrap_or(node.gid);
        }
    }

    /// A file's content; symbolic links are followed.
    ///
    /// # Errors
    /// Not there, or not a file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        match &self.node(&self.resolve(path, true)?)?.body {
            Body::File(content) => Ok(content.clone()),
            _ => Err(conflict(format!("`{path}` is not a regular file"))),
        }
    }

    pub(super) fn stat(&self, path: &str) -> Result<Option<Stat>> {
        Ok(self.0.get(&self.resolve(path, false)?).map(Node::stat))
    }

    pub(super) fn walk(&self, path: &str, recursive: bool) -> Result<Vec<Entry>> {
        let folder = self.resolve(path, true)?;
        if !matches!(self.node(&folder)?.body, Body::Directory) {
            return Err(conflict(format!("`{path}` is not a folder")));
        }
        let prefix = if folder == "/" { folder } else { folder + "/" };
        let below = self.0.iter().filter_map(|(at, node)| {
            let rest = at.strip_prefix(&prefix).filter(|rest| !rest.is_empty())?;
            (recursive || !rest.contains('/'))
                .then(|| Entry { path: at.clone(), stat: node.stat() })
        });
        Ok(below.collect())
    }

    /// The path with all links on the way followed, and the last one when `follow`.
    pub(super) fn resolve(&self, path: &str, follow: bool) -> Result<String> {
        if !path.starts_with('/') {
            let message = format!("`{path}` is no path inside the image");
            return Err(Error::with_code(ErrorCode::InvalidArgument, message));
        }
        let mut left: Vec<String> = components(path).rev().collect();
        let mut at = String::new();
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name == ".." {
                at.truncate(at.rfind('/').unwrap_or(0));
                continue;
            }
            let next = format!("{at}/{name}");
            match self.0.get(&next).map(|n| &n.body) {
                Some(Body::Symlink(to)) if follow || !left.is_empty() => {
                    links += 1;
                    if links > MAXIMUM_LINKS {
                        return Err(conflict(format!("`{path}` leads in a circle")));
                    }
                    if to.starts_with('/') {
                        at.clear();
                    }
                    left.extend(components(to).rev());
                }
                _ => at = next,
            }
        }
        Ok(if at.is_empty() { "/".to_owned() } else { at })
    }

    pub(super) fn apply(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::Write { path, content, attributes } => {
                self.place(path, Body::File(content.clone()), 0o644, attributes)
            }
            Change::Append { path, content, .. } => {
                let at = self.resolve(path, true)?;
                match self.0.get_mut(&at).map(|n| &mut n.body) {
                    Some(Body::File(all)) => {
                        all.extend(content);
                        Ok(())
                    }
                    _ => Err(not_found(path)),
                }
            }
            Change::Directory { path, attributes } => {
                let at = self.resolve(path, true)?;
                let file = |b: &Body| !matches!(b, Body::Directory);
                if self.0.get(&at).is_some_and(|n| file(&n.body)) {
                    return Err(conflict(format!("`{path}` is there and not a folder")));
                }
                self.put_directory(&at);
                self.set(&at, attributes)
            }
            Change::Symlink { path, to, .. } => {
                self.place(path, Body::Symlink(to.clone()), 0o777, &Attributes::default())
            }
            Change::HardLink { path: destination, existing: source, .. }
            | Change::Copy { source, destination, .. } => {
                let node = self.node(&self.resolve(source, true)?)?.clone();
                let at = self.new_place(destination)?;
                self.0.insert(at, node);
                Ok(())
            }
            Change::SetAttributes { path, attributes } => {
                let at = self.resolve(path, false)?;
                self.node(&at)?;
                self.set(&at, attributes)
            }
            Change::Rename { source, destination, .. } => {
                let from = self.resolve(source, false)?;
                self.node(&from)?;
                let to = self.new_place(destination)?;
                for (path, node) in self.take(&from) {
                    self.0.insert(format!("{to}{}", &path[from.len()..]), node);
                }
                Ok(())
            }
            Change::Remove { path } => {
                let at = self.resolve(path, false)?;
                self.take(&at);
                Ok(())
            }
        }
    }

    fn node(&self, resolved: &str) -> Result<&Node> {
        self.0.get(resolved).ok_or_else(|| not_found(resolved))
    }

    /// Takes a node and all below it out.
    fn take(&mut self, resolved: &str) -> Vec<(String, Node)> {
        let below = |path: &String| {
            path.strip_prefix(resolved).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let paths: Vec<String> = self.0.keys().filter(|p| below(p)).cloned().collect();
        paths.into_iter().filter_map(|path| self.0.remove_entry(&path)).collect()
    }

    fn new_place(&self, path: &str) -> Result<String> {
        let at = self.resolve(path, false)?;
        let folder = parent(&at);
        if !matches!(self.node(folder)?.body, Body::Directory) {
            return Err(conflict(format!("`{folder}` is not a folder")));
        }
        if self.0.get(&at).is_some_and(|n| matches!(n.body, Body::Directory)) {
            return Err(conflict(format!("`{path}` is a folder")));
        }
        Ok(at)
    }

    fn place(&mut self, path: &str, body: Body, mode: u32, attributes: &Attributes) -> Result<()> {
        let at = self.new_place(path)?;
        self.0.insert(at.clone(), Node::new(body, mode));
        self.set(&at, attributes)
    }

    fn set(&mut self, resolved: &str, attributes: &Attributes) -> Result<()> {
        let uid = attributes.owner.as_deref().map(|o| self.number("/etc/passwd", o)).transpose()?;
        let gid = attributes.group.as_deref().map(|g| self.number("/etc/group", g)).transpose()?;
        if let Some(node) = self.0.get_mut(resolved) {
            node.mode = attributes.mode.unwrap_or(node.mode);
            node.uid = uid.unwrap_or(node.uid);
            node.gid = gid.unwrap_or(node.gid);
        }
        Ok(())
    }

    /// The number of a user or group in the tree's own table.
    fn number(&self, table: &str, name: &str) -> Result<u32> {
        if name == "root" {
            return Ok(0);
        }
        if let Ok(number) = name.parse() {
            return Ok(number);
        }
        let lines = String::from_utf8(self.read(table)?)?;
        let line = lines.lines().find(|l| l.split(':').next() == Some(name));
        let number = line.and_then(|l| l.split(':').nth(2)?.parse().ok());
        number.ok_or_else(|| not_found(name))
    }
}

impl Node {
    fn new(body: Body, mode: u32) -> Self {
        Self { body, mode, uid: 0, gid: 0 }
    }

    fn stat(&self) -> Stat {
        let (kind, size, link_target) = match &self.body {
            Body::File(content) => (Kind::File, content.len() as u64, None),
            Body::Directory => (Kind::Directory, 0, None),
            Body::Symlink(to) => (Kind::Symlink, to.len() as u64, Some(to.clone())),
        };
        let extensions = Extensions::default();
        Stat { kind, mode: self.mode, uid: self.uid, gid: self.gid, size, link_target, extensions }
    }
}

fn components(path: &str) -> impl DoubleEndedIterator<Item = String> {
    path.split('/').filter(|c| !c.is_empty() && *c != ".").map(str::to_owned)
}

/// The paths a change touches, and whether it writes there.
pub(super) fn touched(change: &Change) -> Vec<(&str, bool)> {
    match change {
        Change::Write { path, .. }
        | Change::Append { path, .. }
        | Change::Directory { path, .. }
        | Change::Symlink { path, .. }
        | Change::SetAttributes { path, .. }
        | Change::Remove { path } => vec![(path, true)],
        Change::HardLink { existing: source, path: destination, .. }
        | Change::Rename { source, destination, .. } => {
            vec![(source, true), (destination, true)]
        }
        Change::Copy { source, destination, .. } => vec![(source, false), (destination, true)],
    }
}
