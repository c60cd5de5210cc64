//! One makes what many want: whoever claims a key makes it, and the others wait and find it.

use super::digest::Key;
use super::error::{Doing as _, StoreError};
use super::held_file::HeldFile;
use super::layout::Layout;
use super::lock::pause;

/// A key that nobody else makes meanwhile; given up when dropped, or with the process.
#[derive(Debug)]
pub struct Claim {
    key: Key,
    _file: HeldFile,
}

impl Claim {
    /// What is claimed.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// None: somebody has it.
    pub(crate) fn attempt(layout: &Layout, key: &Key) -> Result<Option<Self>, StoreError> {
        let file = HeldFile::try_named(&layout.claims, &key.to_string());
        let file = file.doing(|| format!("claiming the entry {key} of the store"))?;
        Ok(file.map(|file| Self { key: *key, _file: file }))
    }

    pub(crate) fn wait(layout: &Layout, key: &Key) -> Result<Self, StoreError> {
        loop {
            if let Some(claim) = Self::attempt(layout, key)? {
                return Ok(claim);
            }
            pause(&layout.cancel)?;
        }
    }
}
