//! Filling the frames of a pack, and reading them again.

use std::collections::HashSet;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;

use zstd::bulk::Decompressor;

use super::chain::Chain;
use super::error::{ManifestError, RestoreError};
use super::inode::{Bytes, CHUNK, Frame, sum};

/// The level at which zstd compresses: restoring is what a build waits for, and higher levels save
/// a tenth of the bytes for twice the time and more.
const LEVEL: i32 = 1;

/// A frame before it is compressed.
#[derive(Default)]
pub(super) struct Plain {
    bytes: Vec<u8>,
    holds: Vec<Bytes>,
}

impl Plain {
    /// Compresses it. The outcome is the same whoever does it, and whatever he did before.
    pub(super) fn compress(&self) -> Result<(Frame, Vec<u8>), ManifestError> {
        let compressed = zstd::bulk::compress(&self.bytes, LEVEL);
        let compressed = compressed.map_err(|_| ManifestError::Malformed)?;
        let length = u32::try_from(compressed.len()).map_err(|_| ManifestError::Malformed)?;
        let frame = Frame { length, sha256: sum(&compressed), holds: self.holds.clone() };
        Ok((frame, compressed))
    }
}

/// Puts into frames what neither the layers below nor an earlier frame have.
pub(super) struct Frames<'a> {
    chain: &'a Chain,
    held: HashSet<Bytes>,
    open: Plain,
}

impl<'a> Frames<'a> {
    pub(super) fn new(chain: &'a Chain) -> Self {
        Self { chain, held: HashSet::new(), open: Plain::default() }
    }

    /// Takes some bytes, and answers a frame when one is full.
    pub(super) fn add(&mut self, of: Bytes, bytes: &[u8]) -> Option<Plain> {
        if self.chain.find(&of).is_some() || !self.held.insert(of) {
            return None;
        }
        self.open.bytes.extend_from_slice(bytes);
        self.open.holds.push(of);
        if (self.open.bytes.len() as u64) < CHUNK { None } else { self.rest() }
    }

    /// The last frame, if there is something in it.
    pub(super) fn rest(&mut self) -> Option<Plain> {
        let open = std::mem::take(&mut self.open);
        (!open.holds.is_empty()).then_some(open)
    }
}

/// What reads frames, one after another: fresh memory for each would cost more than decompressing.
pub(super) struct Reader {
    zstd: Decompressor<'static>,
    compressed: Vec<u8>,
    plain: Vec<u8>,
}

impl Reader {
    pub(super) fn new() -> Result<Self, RestoreError> {
        let zstd = Decompressor::new().map_err(|cause| RestoreError::System {
            doing: "preparing to decompress".to_owned(),
            cause,
        })?;
        Ok(Self { zstd, compressed: Vec::new(), plain: Vec::new() })
    }

    /// Reads a frame that begins at `offset` of a pack. The decompressor sees nothing that was not
    /// written by the one who wrote the manifest, and writes no more than that says.
    pub(super) fn read(
        &mut self,
        pack: &File,
        offset: u64,
        frame: &Frame,
    ) -> Result<&[u8], RestoreError> {
        let damaged = || RestoreError::corrupt("a frame of the pack is not what was written");
        // The rules of a manifest bound both lengths.
        let length = usize::try_from(frame.plain()).map_err(|_| damaged())?;
        let compressed = first(&mut self.compressed, frame.length as usize);
        let plain = first(&mut self.plain, length);
        pack.read_exact_at(compressed, offset).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => RestoreError::corrupt("the pack ends too early"),
            _ => RestoreError::System { doing: "reading the pack".to_owned(), cause: error },
        })?;
        if sum(compressed) != frame.sha256 {
            return Err(damaged());
        }
        let written = self.zstd.decompress_to_buffer(compressed, plain).map_err(|_| damaged())?;
        if written != length {
            return Err(damaged());
        }
        Ok(plain)
    }
}

/// Compares what a frame became with what the manifest says that it holds.
pub(super) fn check(frame: &Frame, plain: &[u8]) -> Result<(), RestoreError> {
    let mut rest = plain;
    for held in &frame.holds {
        match rest.split_at_checked(held.length as usize) {
            Some((these, others)) if sum(these) == held.sha256 => rest = others,
            _ => {
                let what = "a frame holds something else than the manifest says";
                return Err(RestoreError::corrupt(what));
            }
        }
    }
    Ok(())
}

/// The beginning of a buffer that grows when it must.
fn first(buffer: &mut Vec<u8>, length: usize) -> &mut [u8] {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    &mut buffer[..length]
}

/// Where each frame of a pack begins. A pack that has more than its frames is none.
pub(super) fn offsets(pack: &File, frames: &[Frame]) -> Result<Vec<u64>, RestoreError> {
    let mut end = 0;
    let offsets = frames
        .iter()
        .map(|frame| {
            let offset = end;
            // The lengths are 32 bits each, and no list has as many as would be too many.
            end += u64::from(frame.length);
            offset
        })
        .collect();
    let metadata = pack.metadata();
    let length = metadata
        .map_err(|cause| RestoreError::System { doing: "looking at the pack".to_owned(), cause })?;
    match length.len() == end {
        true => Ok(offsets),
        false => Err(RestoreError::corrupt("a pack has more or fewer bytes than its frames")),
    }
}
