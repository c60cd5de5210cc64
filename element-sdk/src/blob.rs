//! Large data that the host holds: what was fetched.

use crate::error::{Error, ErrorCode, Result};
use crate::host;

/// Bytes that the host holds for the length of a step, known by their digest. They are placed in
/// the tree ([`crate::Tree::place`], [`crate::Tree::unpack`]) without coming through the element.
#[derive(Debug)]
pub struct Blob(pub(crate) host::Blob);

impl Blob {
    /// `sha256:…` of the bytes.
    ///
    /// # Errors
    /// The host's.
    pub fn digest(&self) -> Result<String> {
        self.0.digest()
    }

    /// How many bytes.
    ///
    /// # Errors
    /// The host's.
    pub fn size(&self) -> Result<u64> {
        self.0.size()
    }

    /// All of them, which have to fit into the element's memory.
    ///
    /// # Errors
    /// The host's.
    pub fn read(&self) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            // More than the host gives in one call.
            let part = self.0.read(content.len() as u64, u64::MAX)?;
            if part.is_empty() {
                return Ok(content);
            }
            content.extend(part);
        }
    }

    /// All of them as text.
    ///
    /// # Errors
    /// As [`Self::read`], and when they are no UTF-8.
    pub fn read_text(&self) -> Result<String> {
        String::from_utf8(self.read()?).map_err(|_| {
            Error::with_code(ErrorCode::InvalidArgument, "what was fetched is no UTF-8 text")
        })
    }
}
