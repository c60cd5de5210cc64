//! An archive of the tree, and how it is compressed.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use dibhost_sys::{Cancel, Cancelled};
use flate2::{Compression, GzBuilder};

use super::container::Container;

/// What is read at a time.
const PIECE: usize = 1 << 18;

/// An archive that is written in another format.
pub(crate) struct Source<'a> {
    pub(crate) tar: &'a File,
    /// What it is called.
    pub(crate) path: &'a Path,
    /// What the image of a container says beside it.
    pub(crate) container: &'a Container,
    /// How many compress.
    pub(crate) threads: usize,
    pub(crate) cancel: &'a Cancel,
}

/// Why one could not be written.
pub(super) enum Failed {
    Cancelled(Cancelled),
    Read(io::Error),
    Write(io::Error),
}

impl Source<'_> {
    /// Copies the archive; `see` sees all that is read.
    pub(super) fn copy(
        &self,
        to: &mut dyn Write,
        see: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Failed> {
        let mut tar = self.tar;
        tar.seek(SeekFrom::Start(0)).map_err(Failed::Read)?;
        let mut piece = vec![0; PIECE];
        loop {
            self.cancel.check().map_err(Failed::Cancelled)?;
            match tar.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => {
                    see(&piece[..read]);
                    to.write_all(&piece[..read]).map_err(Failed::Write)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failed::Read(error)),
            }
        }
    }

    /// Compresses it; `see` sees all that is compressed. No name and no time are in it.
    pub(super) fn gzip(&self, to: impl Write, see: &mut dyn FnMut(&[u8])) -> Result<(), Failed> {
        let to = BufWriter::with_capacity(PIECE, to);
        let mut gzip = GzBuilder::new().write(to, Compression::default());
        self.copy(&mut gzip, see)?;
        gzip.finish().and_then(|mut to| to.flush()).map_err(Failed::Write)
    }

    pub(super) fn zstd(&self, to: &File) -> Result<(), Failed> {
        let mut zstd = zstd::Encoder::new(to, 0).map_err(Failed::Write)?;
        // Of however many: what comes out is the same.
        let threads = u32::try_from(self.threads.clamp(1, 64)).unwrap_or(1);
        zstd.multithread(threads)
            .and_then(|()| zstd.include_checksum(true))
            .map_err(Failed::Write)?;
        self.copy(&mut zstd, &mut |_| ())?;
        zstd.finish().map(drop).map_err(Failed::Write)
    }
}
