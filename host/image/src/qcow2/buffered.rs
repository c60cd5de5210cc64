//! Writes to a file mostly in its order, by large pieces.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Large enough that system calls cost nothing beside copying, and that a disk gets long writes;
/// small enough for most caches.
const PIECE: usize = 2 << 20;

/// What is to be written. Only after [`flush`](Self::flush) is it all in the file.
#[derive(Debug)]
pub(super) struct Buffered<'a> {
    file: &'a File,
    /// Where in the file what is held begins.
    base: u64,
    held: Vec<u8>,
}

impl<'a> Buffered<'a> {
    /// From `base` on; nothing before it is held.
    pub(super) fn new(file: &'a File, base: u64) -> Self {
        Self { file, base, held: Vec::with_capacity(PIECE + PIECE / 8) }
    }

    /// Writes at an offset; what is between it and the end so far is zeros.
    pub(super) fn write(&mut self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        if offset < self.base {
            // Into a gap that was left before what is written already.
            let before = usize::try_from(self.base - offset).unwrap_or(usize::MAX);
            let (direct, rest) = bytes.split_at(before.min(bytes.len()));
            self.file.write_all_at(direct, offset)?;
            if rest.is_empty() {
                return Ok(());
            }
            (offset, bytes) = (self.base, rest);
        }
        let at = (offset - self.base) as usize;
        if at >= self.held.len() {
            self.held.resize(at, 0);
            self.held.extend_from_slice(bytes);
        } else {
            let inside = bytes.len().min(self.held.len() - at);
            self.held[at..at + inside].copy_from_slice(&bytes[..inside]);
            self.held.extend_from_slice(&bytes[inside..]);
        }
        if self.held.len() >= PIECE { self.flush() } else { Ok(()) }
    }

    /// Writes what is held.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.held, self.base)?;
        self.base += self.held.len() as u64;
        self.held.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_mean_the_same_whatever_is_written_already() {
        for flushes in 0..16 {
            let file = tempfile::tempfile().unwrap();
            let mut output = Buffered::new(&file, 2);
            let pieces: [(u64, &[u8]); 4] = [(2, b"ab"), (8, b"cd"), (4, b"ef"), (7, b"ghij")];
            for (index, (offset, bytes)) in pieces.iter().enumerate() {
                output.write(*offset, bytes).unwrap();
                if flushes >> index & 1 == 1 {
                    output.flush().unwrap();
                }
            }
            output.flush().unwrap();
            let mut bytes = [b'.'; 11];
            file.read_exact_at(&mut bytes, 0).unwrap();
            assert_eq!(&bytes, b"\0\0abef\0ghij", "{flushes:b}");
        }
    }
}
