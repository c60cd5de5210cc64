//! The disk that a qcow2 holds, as bytes at offsets.

use std::cell::RefCell;
use std::io::{self, Read as _};

use flate2::{Decompress, FlushDecompress};

use super::error::Qcow2Error;
use super::header::{Compression, Header, be64};
use crate::medium::{Medium, within};

/// Bits of an entry that say where a table or a cluster lies.
const PLACE: u64 = 0x00ff_ffff_ffff_fe00;
/// The bit of an entry of a cluster that is compressed.
const COMPRESSED: u64 = 1 << 62;
/// The bit of one that is zeros.
const ZEROS: u64 = 1;
/// What a compressed cluster's length is counted in.
const SECTOR: u64 = 512;

/// The disk in a qcow2. It is only read.
pub struct Qcow2Medium<'a> {
    file: &'a dyn Medium,
    header: Header,
    kept: RefCell<Kept>,
}

/// What was read last: the next bytes are mostly of the same.
#[derive(Default)]
struct Kept {
    /// A second table, by its place.
    table: Option<(u64, Vec<u8>)>,
    /// A cluster that was unpacked, by its entry.
    cluster: Option<(u64, Vec<u8>)>,
}

impl<'a> Qcow2Medium<'a> {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// It is none, or one that is not read here.
    pub fn new(file: &'a dyn Medium) -> Result<Self, Qcow2Error> {
        let header = Header::read(file)?;
        Ok(Self { file, header, kept: RefCell::default() })
    }

    /// The entry of the cluster at `offset` of the disk; 0: nothing was ever written there.
    fn entry(&self, offset: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        let at = offset / self.header.covered() * 8;
        let at = self.header.l1_offset.checked_add(at).ok_or_else(|| damaged("its first table"))?;
        self.file.read_exact_at(&mut bytes, at)?;
        let table = be64(&bytes, 0) & PLACE;
        if table == 0 {
            return Ok(0);
        }
        let mut kept = self.kept.borrow_mut();
        let known = kept.table.take().filter(|(at, _)| *at == table);
        let entries = match known {
            Some((_, entries)) => entries,
            None => {
                let mut entries = vec![0; usize::try_from(self.header.cluster()).unwrap_or(0)];
                self.file.read_exact_at(&mut entries, table)?;
                entries
            }
        };
        let number = offset % self.header.covered() / self.header.cluster();
        let entry = be64(&entries, usize::try_from(number * 8).unwrap_or(0));
        kept.table = Some((table, entries));
        Ok(entry)
    }

    /// Fills `bytes` with what lies `inside` a cluster, and no further than it reaches.
    fn cluster(&self, entry: u64, inside: u64, bytes: &mut [u8]) -> io::Result<()> {
        if entry & COMPRESSED != 0 {
            return self.unpacked(entry, inside, bytes);
        }
        let place = entry & PLACE;
        if place == 0 || (self.header.has_zeros && entry & ZEROS != 0) {
            bytes.fill(0);
            return Ok(());
        }
        let at = place.checked_add(inside).ok_or_else(|| damaged("the place of a cluster"))?;
        // A file may end within its last cluster: what is behind is zeros.
        let there = self.file.size().saturating_sub(at).min(bytes.len() as u64);
        let (read, rest) = bytes.split_at_mut(usize::try_from(there).unwrap_or(0));
        rest.fill(0);
        self.file.read_exact_at(read, at)
    }

    fn unpacked(&self, entry: u64, inside: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut kept = self.kept.borrow_mut();
        if kept.cluster.as_ref().is_none_or(|(known, _)| *known != entry) {
            kept.cluster = Some((entry, self.unpack(entry)?));
        }
        let plain = kept.cluster.as_ref().map(|(_, plain)| plain.as_slice()).unwrap_or_default();
        let start = usize::try_from(inside).unwrap_or(usize::MAX);
        let end = start.saturating_add(bytes.len());
        let part = plain.get(start..end).ok_or_else(|| damaged("a compressed cluster"))?;
        bytes.copy_from_slice(part);
        Ok(())
    }

    fn unpack(&self, entry: u64) -> io::Result<Vec<u8>> {
        let entry = entry & !(COMPRESSED | 1 << 63);
        // The fewer bytes a cluster has, the fewer bits its length takes.
        let split = 62 - (self.header.cluster_bits - 8);
        let at = entry & ((1 << split) - 1);
        let length = ((entry >> split) + 1) * SECTOR - at % SECTOR;
        let length = length.min(self.file.size().saturating_sub(at));
        let cluster = usize::try_from(self.header.cluster()).unwrap_or(0);
        // Compressed ones are smaller than the cluster, and a sector at most is not theirs.
        if length == 0 || length > self.header.cluster() + SECTOR {
            return Err(damaged("the length of a compressed cluster"));
        }
        let mut packed = vec![0; usize::try_from(length).unwrap_or(0)];
        self.file.read_exact_at(&mut packed, at)?;
        let mut plain = vec![0; cluster];
        match self.header.compression {
            Compression::Deflate => {
                let mut inflate = Decompress::new(false);
                let _ = inflate
                    .decompress(&packed, &mut plain, FlushDecompress::Finish)
                    .map_err(|_| damaged("a compressed cluster"))?;
                if inflate.total_out() != plain.len() as u64 {
                    return Err(damaged("a compressed cluster"));
                }
            }
            Compression::Zstd => {
                let mut frame = ruzstd::decoding::StreamingDecoder::new(packed.as_slice())
                    .map_err(|_| damaged("a compressed cluster"))?;
                frame.read_exact(&mut plain).map_err(|_| damaged("a compressed cluster"))?;
            }
        }
        Ok(plain)
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} of the qcow2 is damaged"))
}

impl Medium for Qcow2Medium<'_> {
    fn size(&self) -> u64 {
        self.header.size
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        within(self.header.size, bytes.len(), offset)?;
        let cluster = self.header.cluster();
        let (mut done, mut at) = (0, offset);
        while done < bytes.len() {
            let inside = at % cluster;
            let left = (bytes.len() - done) as u64;
            let length = usize::try_from((cluster - inside).min(left)).unwrap_or(0);
            self.cluster(self.entry(at)?, inside, &mut bytes[done..done + length])?;
            done += length;
            at += length as u64;
        }
        Ok(())
    }

    fn write_all_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "a qcow2 is only read"))
    }
}
