//! Bytes at offsets: what tables, superblocks and filesystems are written to and read from.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::extent::Extent;

/// Bytes at offsets: a disk's file, or a volume of it.
pub trait Medium {
    /// Bytes.
    fn size(&self) -> u64;

    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// When there are fewer bytes, or they cannot be read.
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// When they do not fit, or cannot be written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
}

/// An extent of a file.
#[derive(Debug)]
pub struct FileMedium<'a> {
    file: &'a File,
    extent: Extent,
}

impl<'a> FileMedium<'a> {
    /// The bytes of `extent` of `file`, and no others.
    #[must_use]
    pub fn new(file: &'a File, extent: Extent) -> Self {
        Self { file, extent }
    }

    /// All of a file, as long as it is now.
    ///
    /// # Errors
    /// When its length cannot be read.
    pub fn whole(file: &'a File) -> io::Result<Self> {
        // A block device's length is no part of what `stat` says.
        let size = match file.metadata()?.len() {
            0 => io::Seek::seek(&mut &*file, io::SeekFrom::End(0))?,
            size => size,
        };
        Ok(Self::new(file, Extent { offset: 0, size }))
    }
}

/// Where a range lies, if it is within `size`.
pub fn within(size: u64, length: usize, offset: u64) -> io::Result<()> {
    match offset.checked_add(length as u64) {
        Some(end) if end <= size => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("{length} bytes at {offset} are beyond the {size} bytes that there are"),
        )),
    }
}

impl Medium for FileMedium<'_> {
    fn size(&self) -> u64 {
        self.extent.size
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        within(self.extent.size, bytes.len(), offset)?;
        self.file.read_exact_at(bytes, self.extent.offset + offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        within(self.extent.size, bytes.len(), offset)?;
        self.file.write_all_at(bytes, self.extent.offset + offset)
    }
}

/// A medium as a stream with a place in it, for libraries that want one.
pub(crate) struct MediumStream<'a> {
    medium: &'a dyn Medium,
    at: u64,
}

impl<'a> MediumStream<'a> {
    pub(crate) fn new(medium: &'a dyn Medium) -> Self {
        Self { medium, at: 0 }
    }

    fn room(&self, wanted: usize) -> usize {
        let room = self.medium.size().saturating_sub(self.at);
        usize::try_from(room).unwrap_or(usize::MAX).min(wanted)
    }
}

impl io::Read for MediumStream<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let length = self.room(bytes.len());
        self.medium.read_exact_at(&mut bytes[..length], self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl io::Write for MediumStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.room(bytes.len());
        self.medium.write_all_at(&bytes[..length], self.at)?;
        self.at += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Seek for MediumStream<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let at = match to {
            io::SeekFrom::Start(at) => Some(at),
            io::SeekFrom::End(by) => self.medium.size().checked_add_signed(by),
            io::SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_outside_of_the_extent_is_touched() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        let medium = FileMedium::new(&file, Extent { offset: 1024, size: 1024 });
        medium.write_all_at(&[7; 1024], 0).unwrap();
        assert!(medium.write_all_at(&[8], 1024).is_err());
        assert!(medium.write_all_at(&[8; 2], 1023).is_err());
        assert!(medium.read_exact_at(&mut [0; 2], u64::MAX).is_err());
        let mut all = [0; 4096];
        file.read_exact_at(&mut all, 0).unwrap();
        assert!(all[..1024].iter().chain(&all[2048..]).all(|byte| *byte == 0));
        assert!(all[1024..2048].iter().all(|byte| *byte == 7));
    }
}
