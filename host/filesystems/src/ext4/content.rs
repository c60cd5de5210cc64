//! The content of a file, copied a piece at a time. Holes stay holes; what reads as zeros elsewhere
//! has blocks, which the image file need not have.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use dibhost_sys::Cancel;
use dibhost_volumes::sparse;

use super::field::low32;
use super::map::{Map, Mapped};
use super::space::Space;

/// Bytes read at a time: whole blocks.
const PIECE: usize = 1 << 20;

/// Copies files.
#[derive(Debug)]
pub(super) struct Copier<'a> {
    buffer: Vec<u8>,
    cancel: &'a Cancel,
}

impl<'a> Copier<'a> {
    pub(super) fn new(cancel: &'a Cancel) -> Self {
        Self { buffer: vec![0; PIECE], cancel }
    }

    /// Copies `size` bytes to blocks that are free, and says where they are.
    pub(super) fn file(
        &mut self,
        space: &mut Space<'_>,
        inode: u32,
        file: &File,
        size: u64,
        sparse: bool,
    ) -> io::Result<Mapped> {
        if size > Map::most(space.superblock()) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large"));
        }
        let block = space.superblock().block as u64;
        let mut map = Map::new(space.superblock(), inode);
        let (mut at, mut done) = (0, 0);
        loop {
            let stretch = match sparse {
                true => sparse::data(file, at, size)?,
                false => (at < size).then_some(at..size),
            };
            let Some(stretch) = stretch else { break };
            // Blocks of which a part is data; the first may be there already.
            let first = (stretch.start / block).max(done);
            let end = stretch.end.div_ceil(block);
            self.blocks(space, &mut map, file, first..end, size)?;
            (at, done) = (stretch.end, end.max(done));
        }
        map.finish(space)
    }

    fn blocks(
        &mut self,
        space: &mut Space<'_>,
        map: &mut Map,
        file: &File,
        blocks: std::ops::Range<u64>,
        size: u64,
    ) -> io::Result<()> {
        let block = space.superblock().block as u64;
        let mut at = blocks.start;
        while at < blocks.end {
            let most = (blocks.end - at).min(self.buffer.len() as u64 / block);
            let (start, length) = space.blocks(most)?;
            map.add(space, low32(at), start, length)?;
            let wanted = usize::try_from((size - at * block).min(length * block));
            let wanted = wanted.map_err(io::Error::other)?;
            let whole = usize::try_from(length * block).map_err(io::Error::other)?;
            file.read_exact_at(&mut self.buffer[..wanted], at * block).map_err(shorter)?;
            self.buffer[wanted..whole].fill(0);
            space.volume.write(start, &self.buffer[..whole])?;
            at += length;
            self.cancel.check().map_err(io::Error::other)?;
        }
        Ok(())
    }
}

fn shorter(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            io::Error::new(error.kind(), "it became shorter while it was copied")
        }
        _ => error,
    }
}
