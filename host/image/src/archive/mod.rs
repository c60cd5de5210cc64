//! The tree in one file. A program in the tree's box made an archive of it, or a filesystem; here it is
//! compressed, or becomes the layer of a container's image. The same archive gives the same file.

mod oci;

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use dibhost_sys::{Cancel, Cancelled};
use flate2::{Compression, GzBuilder};

pub use oci::Container;

use crate::{Format, ImageError};

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

/// Writes an archive into an empty file, in one of those formats.
pub(crate) fn write(
    format: Format,
    source: &Source<'_>,
    (file, path): (&File, &Path),
) -> Result<(), ImageError> {
    let written = match format {
        Format::TarZst => source.zstd(file),
        Format::Oci => oci::write(source, file),
        _ => source.gzip(file, &mut |_| ()),
    };
    written.map_err(|failed| match failed {
        Failed::Cancelled(cancelled) => ImageError::Cancelled(cancelled),
        Failed::Read(error) => ImageError::io("reading", source.path)(error),
        Failed::Write(error) => ImageError::io("writing", path)(error),
    })
}

enum Failed {
    Cancelled(Cancelled),
    Read(io::Error),
    Write(io::Error),
}

impl Source<'_> {
    /// Copies the archive; `see` sees all that is read.
    fn copy(&self, to: &mut dyn Write, see: &mut dyn FnMut(&[u8])) -> Result<(), Failed> {
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
    fn gzip(&self, to: impl Write, see: &mut dyn FnMut(&[u8])) -> Result<(), Failed> {
        let to = BufWriter::with_capacity(PIECE, to);
        let mut gzip = GzBuilder::new().write(to, Compression::default());
        self.copy(&mut gzip, see)?;
        gzip.finish().and_then(|mut to| to.flush()).map_err(Failed::Write)
    }

    fn zstd(&self, to: &File) -> Result<(), Failed> {
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
