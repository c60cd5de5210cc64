//! The target tree: reading it, and changing it in batches that happen as a whole.

use crate::blob::Blob;
use crate::change::{Attributes, Change};
use crate::error::{Error, ErrorCode, Result};
use crate::host;
use crate::input::{Input, Placement};
use crate::secret::Secret;
use crate::stat::{Entry, Stat};

/// The target tree, as far as it was granted. Paths are absolute with the tree as their root.
#[derive(Debug)]
pub struct Tree(host::Tree);

impl Tree {
    /// Opens it; [`crate::Run::rootfs`] does.
    pub(crate) fn open() -> Result<Self> {
        host::Tree::open("/").map(Self)
    }

    /// A file's content; symbolic links are followed.
    ///
    /// # Errors
    /// Not there, not a regular file, not granted.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            // Length 0: as much as the host gives in one call.
            let part = self.0.read(path, content.len() as u64, 0)?;
            if part.is_empty() {
                return Ok(content);
            }
            content.extend(part);
        }
    }

    /// A file's content as text.
    ///
    /// # Errors
    /// As [`Self::read`], and when it is no UTF-8.
    pub fn read_text(&self, path: &str) -> Result<String> {
        String::from_utf8(self.read(path)?).map_err(|_| {
            Error::with_code(ErrorCode::InvalidArgument, format!("`{path}` is no UTF-8 text"))
        })
    }

    /// What is known of a node; none if it is not there.
    ///
    /// # Errors
    /// Not granted.
    pub fn stat(&self, path: &str) -> Result<Option<Stat>> {
        self.0.stat(path)
    }

    /// Whether something is there (a symbolic link is, wherever it leads).
    ///
    /// # Errors
    /// Not granted.
    pub fn exists(&self, path: &str) -> Result<bool> {
        Ok(self.stat(path)?.is_some())
    }

    /// What a folder holds, in path order; nothing when it is not there.
    ///
    /// # Errors
    /// Not a folder, not granted.
    pub fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        self.entries(folder, false)
    }

    /// What a folder and the folders in it hold, in path order; nothing when it is not there.
    ///
    /// # Errors
    /// Not a folder, not granted.
    pub fn walk(&self, folder: &str) -> Result<Vec<Entry>> {
        self.entries(folder, true)
    }

    /// Applies all changes in order, or none of them.
    ///
    /// # Errors
    /// The first change that fails, or is not granted.
    pub fn apply(&self, changes: impl IntoIterator<Item = Change>) -> Result<()> {
        let changes: Vec<Change> = changes.into_iter().collect();
        if changes.is_empty() { Ok(()) } else { self.0.apply(changes) }
    }

    /// Makes a file of root's with mode 0644, replacing one that is there.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn write(&self, path: &str, content: impl Into<Vec<u8>>) -> Result<()> {
        self.apply([Change::write(path, content)])
    }

    /// Places an input without reading it: a file as `path`; of a folder what is in it below `path`.
    /// Root's, with the modes of the input; directories that are there stay as they are.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn place_input(&self, input: &Input, path: &str) -> Result<()> {
        self.place_input_as(input, path, Placement::default())
    }

    /// The same of a part of the input, for another owner or with other modes.
    ///
    /// # Errors
    /// As [`Self::place_input`], and when the input has no such part.
    pub fn place_input_as(&self, input: &Input, path: &str, placement: Placement) -> Result<()> {
        self.0.place_input(&input.0, path, placement)
    }

    /// Writes a secret to a file of root's with mode 0600, without reading it (`secret` of
    /// `place PARAMETER`).
    ///
    /// # Errors
    /// As [`Self::apply`], and when the secret is not granted or not where the definition says.
    pub fn write_secret(&self, path: &str, secret: &Secret) -> Result<()> {
        self.write_secret_as(path, secret, Attributes::default())
    }

    /// The same, for another owner or with another mode.
    ///
    /// # Errors
    /// As [`Self::write_secret`].
    pub fn write_secret_as(
        &self,
        path: &str,
        secret: &Secret,
        attributes: Attributes,
    ) -> Result<()> {
        self.0.write_secret(path, &secret.0, attributes)
    }

    /// Makes a file of what the host holds, of root's with mode 0644, replacing one that is there.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn place(&self, blob: &Blob, path: &str) -> Result<()> {
        self.place_as(blob, path, Attributes::default())
    }

    /// The same, for another owner or with another mode.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn place_as(&self, blob: &Blob, path: &str, attributes: Attributes) -> Result<()> {
        self.0.place(&blob.0, path, attributes)
    }

    /// Unpacks a tar archive that the host holds, plain or by gzip, below a folder; `strip` parts
    /// are taken off the front of each name.
    ///
    /// # Errors
    /// As [`Self::apply`], and what is no archive, or has devices or names that lead upwards.
    pub fn unpack(&self, archive: &Blob, folder: &str, strip: u32) -> Result<()> {
        self.0.unpack(&archive.0, folder, strip)
    }

    /// A file's content as something that the host holds, without its coming through the element;
    /// symbolic links are followed.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn capture(&self, path: &str) -> Result<Blob> {
        self.0.capture(path).map(Blob)
    }

    /// Removes a node, a folder with all in it; nothing there is fine.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn remove(&self, path: &str) -> Result<()> {
        self.apply([Change::remove(path)])
    }

    fn entries(&self, folder: &str, recursive: bool) -> Result<Vec<Entry>> {
        if !self.exists(folder)? {
            return Ok(Vec::new());
        }
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let after = entries.last().map(|e| e.path.clone());
            let more = self.0.walk(folder, recursive, after)?;
            if more.is_empty() {
                return Ok(entries);
            }
            entries.extend(more);
        }
    }
}
