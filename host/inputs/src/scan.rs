//! Walks a folder by descriptors and reads every file in it once. Links are noted and never
//! followed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use dibhost_check::Check;
use dibhost_sys::Signature;
use dibhost_text::{format_size, harmless};
use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use crate::error::InputError;
use crate::known::Known;
use crate::manifest::{Node, NodeKind, hex};

/// How much an input may have: far more than what belongs beside a definition, and little enough
/// that a folder named by mistake (`/`, a home) ends soon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) nodes: usize,
    pub(crate) bytes: u64,
    pub(crate) depth: usize,
}

pub(crate) const BOUNDS: Bounds = Bounds { nodes: 100_000, bytes: 16 << 30, depth: 64 };

/// Permission bits that count: see [`Node::mode`].
pub(crate) fn mode(stat: &Stat) -> u32 {
    stat.st_mode & 0o7755
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) nodes: BTreeMap<String, Node>,
    /// Of each file, when it was read.
    pub(crate) signatures: BTreeMap<String, Signature>,
    bytes: u64,
}

/// How files are opened to be read: a pipe that took a file's place waits for nobody.
pub(crate) const OPEN: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

impl Found {
    /// A file as the whole input.
    pub(crate) fn file(file: &File, bounds: Bounds, known: &mut Known) -> Result<Self, InputError> {
        let mut found = Self::default();
        found.read("", file, bounds, known)?;
        Ok(found)
    }

    /// All that is in a folder.
    pub(crate) fn folder(
        folder: &OwnedFd,
        bounds: Bounds,
        known: &mut Known,
    ) -> Result<Self, InputError> {
        let mut found = Self::default();
        found.walk(folder, "", 0, bounds, known)?;
        Ok(found)
    }

    fn walk(
        &mut self,
        folder: &OwnedFd,
        path: &str,
        depth: usize,
        bounds: Bounds,
        known: &mut Known,
    ) -> Result<(), InputError> {
        if depth > bounds.depth {
            return Err(InputError::TooMuch(format!("{} folders in one another", bounds.depth)));
        }
        let shown = if path.is_empty() { "." } else { path };
        let mut names = Vec::new();
        for entry in Dir::read_from(folder).map_err(|e| InputError::of(shown, e))? {
            let entry = entry.map_err(|e| InputError::of(shown, e))?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                names.push(name.to_vec());
            }
        }
        names.sort_unstable();
        for name in names {
            self.node(folder, path, &name, depth, bounds, known)?;
        }
        Ok(())
    }

    fn node(
        &mut self,
        folder: &OwnedFd,
        path: &str,
        name: &[u8],
        depth: usize,
        bounds: Bounds,
        known: &mut Known,
    ) -> Result<(), InputError> {
        let at = joined(path, &sound(path, name)?);
        if self.nodes.len() >= bounds.nodes {
            return Err(InputError::TooMuch(format!("{} files and folders", bounds.nodes)));
        }
        let name = OsStr::from_bytes(name);
        let failed = |e: Errno| InputError::of(&at, e);
        let stat = fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let flags = OPEN | OFlags::DIRECTORY;
                let inner = fs::openat(folder, name, flags, Mode::empty()).map_err(failed)?;
                self.nodes
                    .insert(at.clone(), Node { kind: NodeKind::Directory, mode: mode(&stat) });
                self.walk(&inner, &at, depth + 1, bounds, known)
            }
            FileType::Symlink => {
                let to = fs::readlinkat(folder, name, Vec::new()).map_err(failed)?;
                let to = sound(&at, to.to_bytes())?;
                self.nodes.insert(at, Node { kind: NodeKind::Symlink { to }, mode: 0 });
                Ok(())
            }
            kind if is_special(kind) => Err(special(&at, kind)),
            _ => {
                let file: File =
                    fs::openat(folder, name, OPEN, Mode::empty()).map_err(failed)?.into();
                self.read(&at, &file, bounds, known)
            }
        }
    }

    /// Reads an open file, once; not where it is known.
    fn read(
        &mut self,
        at: &str,
        file: &File,
        bounds: Bounds,
        known: &mut Known,
    ) -> Result<(), InputError> {
        let shown = if at.is_empty() { "." } else { at };
        let before = fs::fstat(file).map_err(|e| InputError::of(shown, e))?;
        let kind = FileType::from_raw_mode(before.st_mode);
        if is_special(kind) {
            return Err(special(shown, kind));
        }
        if Signature::of(&before).size() > bounds.bytes - self.bytes {
            return Err(InputError::TooMuch(format_size(bounds.bytes)));
        }
        let signature = Signature::of(&before);
        let digest = match known.get(&signature) {
            Some(digest) => digest,
            None => {
                let digest = read(shown, file, &signature)?;
                known.note(signature, &digest);
                digest
            }
        };
        self.bytes += signature.size();
        let kind = NodeKind::File { size: signature.size(), digest };
        self.nodes.insert(at.to_owned(), Node { kind, mode: mode(&before) });
        self.signatures.insert(at.to_owned(), signature);
        Ok(())
    }
}

/// The digest of a file that does not change while it is read.
fn read(shown: &str, mut file: &File, before: &Signature) -> Result<String, InputError> {
    // One byte more, to see that it grows.
    let mut content = (&mut file).take(before.size() + 1);
    let (digest, read) = hashed(&mut content).map_err(|e| InputError::of(shown, e))?;
    let after = fs::fstat(file).map_err(|e| InputError::of(shown, e))?;
    if read != before.size() || Signature::of(&after) != *before {
        return Err(InputError::Unsteady { path: harmless(shown, 300) });
    }
    Ok(digest)
}

/// `sha256:…` of all that can be read, and how much that is.
pub(crate) fn hashed(content: &mut impl Read) -> io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let mut room = vec![0; 256 << 10];
    let mut read = 0;
    loop {
        match content.read(&mut room) {
            Ok(0) => return Ok((hex(&hash.finalize()), read)),
            Ok(n) => {
                hash.update(&room[..n]);
                read += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What is at the place of an input, links to it followed: a definition's own are the person's
/// affair.
pub(crate) fn place(path: &std::path::Path) -> Result<(OwnedFd, Stat), InputError> {
    let shown = path.display().to_string();
    let failed = |e: Errno| InputError::of(&shown, e);
    let flags = OPEN.difference(OFlags::NOFOLLOW);
    let opened = fs::open(path, flags, Mode::empty()).map_err(|e| failed(e).with_near(path))?;
    let stat = fs::fstat(opened.as_fd()).map_err(failed)?;
    match FileType::from_raw_mode(stat.st_mode) {
        kind if is_special(kind) => Err(special(".", kind)),
        _ => Ok((opened, stat)),
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// A name, or what a link says, as text.
fn sound(path: &str, name: &[u8]) -> Result<String, InputError> {
    let shown = || harmless(&joined(path, &String::from_utf8_lossy(name)), 300);
    let text = std::str::from_utf8(name)
        .map_err(|_| InputError::Name { path: shown(), why: "is no UTF-8" })?;
    if text.chars().any(char::is_control) {
        return Err(InputError::Name { path: shown(), why: "has a control character" });
    }
    Ok(text.to_owned())
}

/// Whether it is neither a file nor a folder nor a link.
fn is_special(kind: FileType) -> bool {
    let plain = matches!(kind, FileType::RegularFile | FileType::Directory | FileType::Symlink);
    !plain && Check::InputKind.holds()
}

fn special(path: &str, kind: FileType) -> InputError {
    let what = match kind {
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something else",
    };
    InputError::Special { path: harmless(path, 300), what }
}
