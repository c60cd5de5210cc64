//! Bytes of a filesystem, read by pages of which some are kept.

use std::collections::HashMap;

use super::types::{ReadbackError, broken};
use dibhost_volumes::Medium;

/// Bytes of a page: a block of nearly all filesystems.
const PAGE: u64 = 4096;
/// Pages that are kept: 4 MiB.
const KEPT: usize = 1024;

pub(super) struct Blocks<'a> {
    medium: &'a dyn Medium,
    kept: HashMap<u64, Box<[u8]>>,
    /// Pages that may still be looked at: what leads to the same ones for ever ends.
    left: u64,
}

impl<'a> Blocks<'a> {
    /// Of a filesystem from which so many names are taken at the most.
    pub(super) fn new(medium: &'a dyn Medium, names: u64) -> Self {
        // Each name takes an inode of two pages at the most, and what says where it is.
        let left = (medium.size() / PAGE).saturating_mul(2).saturating_add(1024);
        let left = left.saturating_add(names.saturating_mul(16));
        Self { medium, kept: HashMap::new(), left }
    }

    pub(super) fn size(&self) -> u64 {
        self.medium.size()
    }

    /// Fills `bytes` from `offset` on.
    pub(super) fn fill(&mut self, bytes: &mut [u8], offset: u64) -> Result<(), ReadbackError> {
        let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= self.size());
        if end.is_none() {
            let (length, size) = (bytes.len(), self.size());
            return Err(broken(format!("{length} bytes at {offset} lie beyond its {size}")));
        }
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let page = self.page(at / PAGE)?;
            let inside = usize::try_from(at % PAGE).unwrap_or_default();
            let rest = page.get(inside..).unwrap_or_default();
            let length = rest.len().min(bytes.len() - done);
            if length == 0 {
                return Err(broken("a page is shorter than it was"));
            }
            bytes[done..done + length].copy_from_slice(&rest[..length]);
            done += length;
        }
        Ok(())
    }

    /// So many bytes.
    pub(super) fn bytes(&mut self, offset: u64, length: u64) -> Result<Vec<u8>, ReadbackError> {
        let fits = usize::try_from(length).ok().filter(|_| length <= self.size());
        let length = fits.ok_or_else(|| broken(format!("{length} bytes are more than it has")))?;
        let mut bytes = vec![0; length];
        self.fill(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn page(&mut self, number: u64) -> Result<&[u8], ReadbackError> {
        let used_up = || broken("more of it is read than there is");
        self.left = self.left.checked_sub(1).ok_or_else(used_up)?;
        if !self.kept.contains_key(&number) {
            if self.kept.len() >= KEPT {
                self.kept.clear();
            }
            let length = PAGE.min(self.size() - number * PAGE);
            let mut page = vec![0; usize::try_from(length).unwrap_or_default()];
            self.medium.read_exact_at(&mut page, number * PAGE)?;
            self.kept.insert(number, page.into_boxed_slice());
        }
        Ok(self.kept.get(&number).map(|page| &**page).unwrap_or_default())
    }
}
