//! One input: held open, and read as it was found.

use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use dibhost_sys::Signature;
use rustix::fs::{self, Mode, ResolveFlags};
use sha2::{Digest as _, Sha256};

use crate::changed::Changed;
use crate::error::InputError;
use crate::known::Known;
use crate::manifest::{Manifest, NodeKind, hex};
use crate::scan::{BOUNDS, Bounds, Found, OPEN, hashed, place};

/// A file or a folder of the builder.
#[derive(Debug)]
pub struct Input {
    name: String,
    /// The file, or the folder.
    held: OwnedFd,
    manifest: Manifest,
    found: Found,
}

impl Input {
    /// Opens what is at a path of the builder and reads all of it, once, but for what is known.
    ///
    /// # Errors
    /// It is not there, cannot be read, has something in it that is neither file, folder nor
    /// link, or is larger than an input may be.
    pub fn open(name: &str, path: &Path, known: &mut Known) -> Result<Self, InputError> {
        Self::open_within(name, path, BOUNDS, known)
    }

    pub(crate) fn open_within(
        name: &str,
        path: &Path,
        bounds: Bounds,
        known: &mut Known,
    ) -> Result<Self, InputError> {
        let (held, stat) = place(path)?;
        let folder = fs::FileType::from_raw_mode(stat.st_mode) == fs::FileType::Directory;
        let mut found = match folder {
            true => Found::folder(&held, bounds, known)?,
            false => {
                let file = held.try_clone().map(File::from);
                Found::file(&file.map_err(|e| InputError::of(".", e))?, bounds, known)?
            }
        };
        let manifest = Manifest::new(std::mem::take(&mut found.nodes));
        Ok(Self { name: name.to_owned(), held, manifest, found })
    }

    /// What the definition calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is in it.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn changed(&self, path: &str, how: &'static str) -> Changed {
        let path = if path.is_empty() { "." } else { path };
        Changed { input: self.name.clone(), path: path.to_owned(), how }
    }

    /// Opens a file of it, and says whether it is, by its inode and times, the one that was read.
    fn file(&self, path: &str) -> Result<(File, bool), Changed> {
        let gone = |_| self.changed(path, "went away");
        let opened = match path {
            "" => self.held.try_clone().map_err(gone)?,
            path => {
                let resolve =
                    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
                fs::openat2(&self.held, path, OPEN, Mode::empty(), resolve)
                    .map_err(|e| gone(e.into()))?
            }
        };
        let stat = fs::fstat(opened.as_fd()).map_err(|e| gone(e.into()))?;
        let same = self.found.signatures.get(path) == Some(&Signature::of(&stat));
        if !same && fs::FileType::from_raw_mode(stat.st_mode) != fs::FileType::RegularFile {
            return Err(self.changed(path, "changed"));
        }
        Ok((opened.into(), same))
    }

    /// At most `length` bytes of a file of it, from `offset` on. `path` is one of its manifest.
    ///
    /// # Errors
    /// The file is not what it was.
    pub fn read(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, Changed> {
        let changed = || self.changed(path, "changed");
        let (file, same) = self.file(path)?;
        // Touched, or written anew: it may be what it was all the same.
        if !same {
            let (now, _) = hashed(&mut &file).map_err(|_| changed())?;
            if Some(now.as_str()) != self.digest_of(path) {
                return Err(changed());
            }
        }
        let size = self.size_of(path).unwrap_or_default();
        let length = length.min(usize::try_from(size.saturating_sub(offset)).unwrap_or(length));
        let mut content = vec![0; length];
        file.read_exact_at(&mut content, offset).map_err(|_| changed())?;
        Ok(content)
    }

    /// Hands a whole file of it on, in pieces of at most `piece` bytes, an empty one where it is
    /// empty; compares it on the way.
    ///
    /// # Errors
    /// The file is not what it was (some of it was handed on by then), or what `each` answers.
    pub fn hand_on<E: From<Changed>>(
        &self,
        path: &str,
        piece: usize,
        mut each: impl FnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let changed = || E::from(self.changed(path, "changed"));
        let (file, _) = self.file(path)?;
        let size = self.size_of(path).ok_or_else(changed)?;
        let mut hash = Sha256::new();
        let mut at = 0;
        loop {
            let left = usize::try_from(size - at).unwrap_or(usize::MAX);
            let mut content = vec![0; left.min(piece)];
            file.read_exact_at(&mut content, at).map_err(|_| changed())?;
            hash.update(&content);
            at += content.len() as u64;
            if at < size {
                each(content)?;
                continue;
            }
            // The last piece is handed on only when all of them are right; a file that grew has
            // more after it.
            let grew = file.read_at(&mut [0], size).map_err(|_| changed())? > 0;
            if grew || Some(hex(&hash.finalize()).as_str()) != self.digest_of(path) {
                return Err(changed());
            }
            return each(content);
        }
    }

    fn digest_of(&self, path: &str) -> Option<&str> {
        match &self.manifest.nodes().get(path)?.kind {
            NodeKind::File { digest, .. } => Some(digest),
            _ => None,
        }
    }

    fn size_of(&self, path: &str) -> Option<u64> {
        match &self.manifest.nodes().get(path)?.kind {
            NodeKind::File { size, .. } => Some(*size),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
