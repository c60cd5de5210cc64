//! A disk that is written in another format, and the file that it is written to.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use dibhost_sys::Cancel;
use sha2::{Digest as _, Sha256};

use crate::extents::Extents;
use crate::{Format, ImageError};

/// Bytes of a sector, in which all of these formats count.
pub(super) const SECTOR: u64 = 512;

/// A disk that is written in another format.
pub(crate) struct Source<'a> {
    pub(crate) raw: &'a File,
    /// What it is called.
    pub(crate) path: &'a Path,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) cancel: &'a Cancel,
}

impl Source<'_> {
    pub(super) fn sectors(&self) -> u64 {
        self.size.div_ceil(SECTOR)
    }

    /// Gives each block of so many bytes that is not all zeros, with its number; what the last one lacks
    /// is zeros. Answers the digest of all of it.
    pub(super) fn each(
        &self,
        block: u64,
        mut give: impl FnMut(u64, &[u8]) -> Result<(), ImageError>,
    ) -> Result<[u8; 32], ImageError> {
        let reading = || ImageError::io("reading", self.path);
        let mut bytes =
            vec![0; usize::try_from(block).map_err(io::Error::other).map_err(reading())?];
        let mut digest = Sha256::new();
        digest.update(self.size.to_le_bytes());
        for run in Extents::new(self.raw, self.size, block, 1) {
            for number in run.map_err(reading())? {
                self.cancel.check()?;
                let at = number * block;
                let have = usize::try_from((self.size - at).min(block)).unwrap_or(bytes.len());
                bytes[have..].fill(0);
                read_all_at(self.raw, &mut bytes[..have], at).map_err(reading())?;
                if bytes.iter().any(|byte| *byte != 0) {
                    digest.update(number.to_le_bytes());
                    digest.update(&bytes);
                    give(number, &bytes)?;
                }
            }
        }
        Ok(digest.finalize().into())
    }
}

/// What the file lacks at its end is zeros.
fn read_all_at(file: &File, mut into: &mut [u8], mut at: u64) -> io::Result<()> {
    while !into.is_empty() {
        match file.read_at(into, at) {
            Ok(0) => {
                into.fill(0);
                return Ok(());
            }
            Ok(read) => {
                at += read as u64;
                into = &mut into[read..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The file that is written, and what it is called.
pub(super) struct Target<'a> {
    pub(super) file: &'a File,
    pub(super) path: &'a Path,
}

impl Target<'_> {
    pub(super) fn put(&self, at: u64, bytes: &[u8]) -> Result<(), ImageError> {
        self.file.write_all_at(bytes, at).map_err(ImageError::io("writing", self.path))
    }

    pub(super) fn end_at(&self, length: u64) -> Result<(), ImageError> {
        self.file.set_len(length).map_err(ImageError::io("writing", self.path))
    }

    /// Refuses a disk that has more than the format can hold.
    pub(super) fn has_room_for(
        &self,
        source: &Source<'_>,
        most: u64,
        format: Format,
    ) -> Result<(), ImageError> {
        if source.size <= most {
            return Ok(());
        }
        let (size, name) = (source.size, format.name());
        let problem =
            format!("cannot be made of a disk of {size} bytes: a {name} has at most {most}");
        Err(ImageError::output(self.path, &problem, "make the disk smaller, or take `qcow2`"))
    }
}
