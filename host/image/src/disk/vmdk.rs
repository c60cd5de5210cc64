//! VMware's `streamOptimized` disk: grains of 64 KiB, compressed, one after the other, with tables behind
//! those that they list. It is what vSphere, OVF and the clouds import, and it is only read.
//!
//! VMware's "Virtual Disk Format", version 5.0; all numbers are little-endian.
//!
//! ```text
//! header │ descriptor │ grain … grain │ table │ grain … │ table │ directory │ footer │ end
//! ```

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::source::{SECTOR, Source, Target};
use crate::{Format, ImageError};

const GRAIN_SECTORS: u64 = 128;
const GRAIN: u64 = GRAIN_SECTORS * SECTOR;
/// Grains that one table lists.
const TABLE: u64 = 512;
const DESCRIPTOR_AT: u64 = 1;
const DESCRIPTOR_SECTORS: u64 = 20;
/// Where grains begin: at a whole grain.
const OVERHEAD: u64 = GRAIN_SECTORS;
/// A test of line ends, compressed grains, markers before what is no grain.
const FLAGS: u32 = 1 | 1 << 16 | 1 << 17;
/// In the header: the directory is told by the footer.
const AT_END: u64 = u64::MAX;
/// Sectors are told by 32 bits, of the file and so of what fits in it.
const MOST: u64 = (u32::MAX as u64) * SECTOR;

/// What a marker stands before.
#[derive(Clone, Copy)]
enum Marker {
    End = 0,
    Table = 1,
    Directory = 2,
    Footer = 3,
}

pub(super) fn write(source: &Source<'_>, to: &Target<'_>) -> Result<(), ImageError> {
    to.has_room_for(source, MOST, Format::Vmdk)?;
    let tables = source.size.div_ceil(GRAIN * TABLE);
    let mut stream = Stream {
        to,
        next: OVERHEAD,
        directory: vec![0; usize::try_from(tables).unwrap_or(usize::MAX)],
        open: None,
    };
    let digest = source.each(GRAIN, |number, bytes| stream.grain(number, bytes))?;
    stream.end_table()?;
    let directory_at = stream.directory()?;
    stream.marked(Marker::Footer, &header(source, directory_at))?;
    stream.put(&marker(0, Marker::End))?;
    to.put(DESCRIPTOR_AT * SECTOR, descriptor(source, &digest).as_bytes())?;
    // Last: without it, it is no image.
    to.put(0, &header(source, AT_END))
}

/// What is written one after the other.
struct Stream<'a> {
    to: &'a Target<'a>,
    /// The sector at which the next begins.
    next: u64,
    /// Where each table is.
    directory: Vec<u32>,
    /// The table of the grains that are written, and which one it is.
    open: Option<(u64, Vec<u32>)>,
}

impl Stream<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        let sectors = (bytes.len() as u64).div_ceil(SECTOR);
        // Every place is told by 32 bits.
        if self.next + sectors > u64::from(u32::MAX) {
            let problem = "has more than 2 TiB, which no vmdk has";
            return Err(ImageError::output(self.to.path, problem, "take `qcow2`"));
        }
        self.to.put(self.next * SECTOR, bytes)?;
        self.next += sectors;
        self.to.end_at(self.next * SECTOR)
    }

    /// Where the next begins.
    fn here(&self) -> u32 {
        u32::try_from(self.next).unwrap_or(u32::MAX)
    }

    fn marked(&mut self, kind: Marker, bytes: &[u8]) -> Result<u32, ImageError> {
        self.put(&marker((bytes.len() as u64).div_ceil(SECTOR), kind))?;
        let at = self.here();
        self.put(bytes)?;
        Ok(at)
    }

    fn grain(&mut self, number: u64, bytes: &[u8]) -> Result<(), ImageError> {
        let table = number / TABLE;
        if self.open.as_ref().is_some_and(|(open, _)| *open != table) {
            self.end_table()?;
        }
        let packing = |error| ImageError::io("compressing", self.to.path)(error);
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        packed.write_all(bytes).map_err(packing)?;
        let packed = packed.finish().map_err(packing)?;
        let mut grain = (number * GRAIN_SECTORS).to_le_bytes().to_vec();
        grain.extend(u32::try_from(packed.len()).unwrap_or(u32::MAX).to_le_bytes());
        grain.extend(packed);
        let at = self.here();
        let empty = || (table, vec![0; usize::try_from(TABLE).unwrap_or(usize::MAX)]);
        let (_, entries) = self.open.get_or_insert_with(empty);
        entries[usize::try_from(number % TABLE).unwrap_or(usize::MAX)] = at;
        self.put(&grain)
    }

    /// Writes the table of the grains before it.
    fn end_table(&mut self) -> Result<(), ImageError> {
        let Some((table, entries)) = self.open.take() else { return Ok(()) };
        let bytes: Vec<u8> = entries.iter().flat_map(|at| at.to_le_bytes()).collect();
        let at = self.marked(Marker::Table, &bytes)?;
        self.directory[usize::try_from(table).unwrap_or(usize::MAX)] = at;
        Ok(())
    }

    fn directory(&mut self) -> Result<u64, ImageError> {
        let bytes: Vec<u8> = self.directory.iter().flat_map(|at| at.to_le_bytes()).collect();
        self.marked(Marker::Directory, &bytes).map(u64::from)
    }
}

fn marker(sectors: u64, kind: Marker) -> [u8; 512] {
    let mut marker = [0; 512];
    marker[..8].copy_from_slice(&sectors.to_le_bytes());
    // No bytes of a grain come behind it.
    marker[12..16].copy_from_slice(&(kind as u32).to_le_bytes());
    marker
}

fn header(source: &Source<'_>, directory_at: u64) -> [u8; 512] {
    let capacity = source.size.div_ceil(GRAIN) * GRAIN_SECTORS;
    let table = u32::try_from(TABLE).unwrap_or(u32::MAX);
    let fields: [(usize, &[u8]); 12] = [
        (0, b"KDMV"),
        (4, &3u32.to_le_bytes()),
        (8, &FLAGS.to_le_bytes()),
        (12, &capacity.to_le_bytes()),
        (20, &GRAIN_SECTORS.to_le_bytes()),
        (28, &DESCRIPTOR_AT.to_le_bytes()),
        (36, &DESCRIPTOR_SECTORS.to_le_bytes()),
        (44, &table.to_le_bytes()),
        // No second directory.
        (56, &directory_at.to_le_bytes()),
        (64, &OVERHEAD.to_le_bytes()),
        // Shut down well; line ends that no transfer as text changed.
        (72, b"\0\n \r\n"),
        // Deflate.
        (77, &1u16.to_le_bytes()),
    ];
    let mut header = [0; 512];
    for (at, bytes) in fields {
        header[at..at + bytes.len()].copy_from_slice(bytes);
    }
    header
}

fn descriptor(source: &Source<'_>, digest: &[u8; 32]) -> String {
    let sectors = source.size.div_ceil(GRAIN) * GRAIN_SECTORS;
    // The two highest mean that there is none.
    let id = u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]) & 0x7fff_ffff;
    let cylinders = (sectors / (255 * 63)).min(65_535);
    format!(
        "# Disk DescriptorFile\nversion=1\nCID={id:08x}\nparentCID=ffffffff\n\
         createType=\"streamOptimized\"\n\n# Extent description\nRW {sectors} SPARSE \"disk.vmdk\"\n\n\
         # The Disk Data Base\n#DDB\n\nddb.adapterType = \"lsilogic\"\n\
         ddb.geometry.cylinders = \"{cylinders}\"\nddb.geometry.heads = \"255\"\n\
         ddb.geometry.sectors = \"63\"\nddb.virtualHWVersion = \"7\"\n"
    )
}
