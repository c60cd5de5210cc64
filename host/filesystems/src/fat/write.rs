//! Writes a FAT volume into its place in the image file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use dibhost_text::Moment;

use super::folder::Folder;
use super::folder::Node;
use super::geometry::Geometry;
use super::name::{self, ShortName};
use crate::filesystem::{FatBits, FatSerial};

const FOLDER: u8 = 0x10;
const ARCHIVE: u8 = 0x20;
const VOLUME_LABEL: u8 = 0x08;
const FSINFO_SECTOR: u64 = 1;
const BACKUP_SECTOR: u64 = 6;
const MEDIA: u8 = 0xf8;
/// Zeros of so many bytes become a hole.
const HOLE: usize = 64 << 10;
static ZEROS: [u8; HOLE] = [0; HOLE];

/// A volume, decided to the last number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Volume<'a> {
    /// Bytes from the start of the image file.
    pub(crate) offset: u64,
    pub(crate) geometry: &'a Geometry,
    pub(crate) label: Option<&'a str>,
    pub(crate) serial: FatSerial,
    /// Nothing in it is younger.
    pub(crate) time: i64,
    /// The place of what is in files reads as zeros; that of all else must.
    pub(crate) zeroed: bool,
}

/// Reads a file of the tree by its path on the volume, from its begin to its end, in pieces.
pub(crate) type Read<'a> =
    dyn FnMut(&str, &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> + 'a;

/// Writes it with all that is in `folder`.
pub(crate) fn write(
    volume: &Volume<'_>,
    folder: &Folder,
    read: &mut Read<'_>,
    image: &File,
) -> io::Result<()> {
    let mut writer = Writer { volume, image, table: vec![0, 0], read };
    let root = match volume.geometry.bits {
        FatBits::Sixteen => 0,
        FatBits::ThirtyTwo => writer.chain(folder.own(volume.geometry, true))?,
    };
    writer.folder(folder, root, None, "")?;
    writer.table()?;
    writer.boot_sectors(root)
}

struct Writer<'a, 'b> {
    volume: &'a Volume<'a>,
    image: &'a File,
    /// What follows each cluster so far.
    table: Vec<u32>,
    read: &'a mut Read<'b>,
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// Writes a piece of a file; where the place reads as zeros, holes stay what they are.
fn put_piece(image: &File, at: u64, piece: &[u8], zeroed: bool) -> io::Result<()> {
    if !zeroed {
        return image.write_all_at(piece, at);
    }
    let blocks = piece.chunks(HOLE).zip((at..).step_by(HOLE));
    for (block, at) in blocks.filter(|(block, _)| **block != ZEROS[..block.len()]) {
        image.write_all_at(block, at)?;
    }
    Ok(())
}

fn low(value: u64) -> io::Result<u32> {
    u32::try_from(value).map_err(|_| io::Error::other("a number too large for FAT"))
}

impl Writer<'_, '_> {
    fn geometry(&self) -> &Geometry {
        self.volume.geometry
    }

    /// Takes the next clusters, one after the other, and chains them. 0 for none.
    fn chain(&mut self, count: u64) -> io::Result<u32> {
        if count == 0 {
            return Ok(0);
        }
        let first = self.table.len() as u64;
        if first + count > self.geometry().clusters + 2 {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the FAT volume is full"));
        }
        for next in first + 1..first + count {
            self.table.push(low(next)?);
        }
        self.table.push(0x0fff_ffff);
        low(first)
    }

    fn at_cluster(&self, cluster: u32) -> u64 {
        let geometry = self.geometry();
        let root = geometry.data() - geometry.root * geometry.sector;
        let at = match cluster {
            0 => root,
            cluster => geometry.data() + (u64::from(cluster) - 2) * geometry.cluster,
        };
        self.volume.offset + at
    }

    fn folder(
        &mut self,
        folder: &Folder,
        cluster: u32,
        parent: Option<u32>,
        path: &str,
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        match parent {
            None => {
                if let Some(label) = self.volume.label {
                    let entry = self.entry(&padded(label), VOLUME_LABEL, self.volume.time, 0, 0);
                    bytes.extend_from_slice(&entry);
                }
            }
            Some(parent) => {
                for (dots, to) in [(b".          ", cluster), (b"..         ", parent)] {
                    bytes.extend_from_slice(&self.entry(dots, FOLDER, folder.mtime, to, 0));
                }
            }
        }
        // The root is 0 to the folders in it, wherever it lies.
        let as_parent = if parent.is_none() { 0 } else { cluster };
        for named in folder.named() {
            if named.long {
                bytes.extend(name::long(named.name, &named.short).concat());
            }
            let path = match path {
                "" => named.name.to_owned(),
                path => format!("{path}/{}", named.name),
            };
            let entry = match named.node {
                Node::Folder(folder) => {
                    let first = self.chain(folder.own(self.geometry(), false))?;
                    self.folder(folder, first, Some(as_parent), &path)?;
                    self.entry(&named.short, FOLDER, folder.mtime, first, 0)
                }
                Node::File { size, mtime } => {
                    let first = self.file(&path, *size)?;
                    self.entry(&named.short, ARCHIVE, *mtime, first, low(*size)?)
                }
            };
            bytes.extend_from_slice(&entry);
        }
        // What follows the last entry reads as zeros, whatever was there.
        let is_root = parent.is_none();
        if cluster != 0 {
            let length = folder.own(self.geometry(), is_root) * self.geometry().cluster;
            bytes.resize(usize::try_from(length).unwrap_or(bytes.len()), 0);
        }
        self.image.write_all_at(&bytes, self.at_cluster(cluster))
    }

    fn file(&mut self, path: &str, size: u64) -> io::Result<u32> {
        let first = self.chain(size.div_ceil(self.geometry().cluster))?;
        let (image, begin, zeroed) = (self.image, self.at_cluster(first), self.volume.zeroed);
        let mut done = 0;
        (self.read)(path, &mut |piece| {
            let length = piece.len() as u64;
            if done + length > size {
                let problem = format!("`{path}` had {size} bytes and now has more");
                return Err(io::Error::other(problem));
            }
            put_piece(image, begin + done, piece, zeroed)?;
            done += length;
            Ok(())
        })?;
        if done != size {
            let problem = format!("`{path}` had {size} bytes and now has {done}");
            return Err(io::Error::other(problem));
        }
        Ok(first)
    }

    fn entry(
        &self,
        short: &ShortName,
        attributes: u8,
        mtime: i64,
        cluster: u32,
        size: u32,
    ) -> [u8; 32] {
        let (date, time) = dos_time(mtime.min(self.volume.time));
        let [a, b, c, d] = cluster.to_le_bytes();
        let mut entry = [0u8; 32];
        put(&mut entry, 0, short);
        entry[11] = attributes;
        for (at, value) in [(14, time), (16, date), (18, date), (22, time), (24, date)] {
            put(&mut entry, at, &value.to_le_bytes());
        }
        put(&mut entry, 20, &[c, d]);
        put(&mut entry, 26, &[a, b]);
        put(&mut entry, 28, &size.to_le_bytes());
        entry
    }

    fn table(&self) -> io::Result<()> {
        let geometry = self.geometry();
        let mut table = self.table.clone();
        table[0] = 0x0fff_ff00 | u32::from(MEDIA);
        table[1] = 0x0fff_ffff;
        let bytes: Vec<u8> = match geometry.bits {
            FatBits::ThirtyTwo => table.iter().flat_map(|next| next.to_le_bytes()).collect(),
            FatBits::Sixteen => table
                .iter()
                .flat_map(|next| {
                    let [a, b, ..] = next.to_le_bytes();
                    [a, b]
                })
                .collect(),
        };
        for copy in 0..2 {
            let sector = geometry.reserved + copy * geometry.table;
            self.image.write_all_at(&bytes, self.volume.offset + sector * geometry.sector)?;
        }
        Ok(())
    }

    fn boot_sectors(&self, root: u32) -> io::Result<()> {
        let (geometry, volume) = (self.geometry(), self.volume);
        let thirty_two = geometry.bits == FatBits::ThirtyTwo;
        let mut boot = vec![0u8; 512];
        let wrong = |_| io::Error::other("a number too large for FAT");
        let word = |value: u64| u16::try_from(value).map_err(wrong);
        put(&mut boot, 0, &[0xeb, if thirty_two { 0x58 } else { 0x3c }, 0x90]);
        put(&mut boot, 3, b"MSWIN4.1");
        put(&mut boot, 11, &word(geometry.sector)?.to_le_bytes());
        boot[13] = u8::try_from(geometry.cluster / geometry.sector).map_err(wrong)?;
        put(&mut boot, 14, &word(geometry.reserved)?.to_le_bytes());
        boot[16] = 2;
        let entries = geometry.root_entries().unwrap_or_default();
        put(&mut boot, 17, &word(entries)?.to_le_bytes());
        match u16::try_from(geometry.sectors) {
            Ok(sectors) if !thirty_two => put(&mut boot, 19, &sectors.to_le_bytes()),
            _ => put(&mut boot, 32, &low(geometry.sectors)?.to_le_bytes()),
        }
        boot[21] = MEDIA;
        // Cylinders, heads and sectors, for whoever still asks.
        put(&mut boot, 24, &63u16.to_le_bytes());
        put(&mut boot, 26, &255u16.to_le_bytes());
        let hidden = low(volume.offset / geometry.sector).unwrap_or_default();
        put(&mut boot, 28, &hidden.to_le_bytes());
        let at = if thirty_two {
            put(&mut boot, 36, &low(geometry.table)?.to_le_bytes());
            put(&mut boot, 44, &root.to_le_bytes());
            put(&mut boot, 48, &word(FSINFO_SECTOR)?.to_le_bytes());
            put(&mut boot, 50, &word(BACKUP_SECTOR)?.to_le_bytes());
            64
        } else {
            put(&mut boot, 22, &word(geometry.table)?.to_le_bytes());
            36
        };
        boot[at] = 0x80;
        boot[at + 2] = 0x29;
        put(&mut boot, at + 3, &volume.serial.0.to_le_bytes());
        put(&mut boot, at + 7, &volume.label.map_or(*b"NO NAME    ", padded));
        put(&mut boot, at + 18, if thirty_two { b"FAT32   " } else { b"FAT16   " });
        // Nothing boots from here: let the BIOS try the next device, or stay.
        put(&mut boot, at + 26, &[0xcd, 0x18, 0xeb, 0xfe]);
        put(&mut boot, 510, &[0x55, 0xaa]);
        self.sector(0, &boot)?;
        if !thirty_two {
            return Ok(());
        }
        let mut info = vec![0u8; 512];
        let used = self.table.len() as u64 - 2;
        put(&mut info, 0, b"RRaA");
        put(&mut info, 484, b"rrAa");
        put(&mut info, 488, &low(geometry.clusters - used)?.to_le_bytes());
        put(&mut info, 492, &low(used + 1)?.to_le_bytes());
        put(&mut info, 510, &[0x55, 0xaa]);
        self.sector(FSINFO_SECTOR, &info)?;
        self.sector(BACKUP_SECTOR, &boot)?;
        self.sector(BACKUP_SECTOR + FSINFO_SECTOR, &info)
    }

    fn sector(&self, sector: u64, bytes: &[u8]) -> io::Result<()> {
        self.image.write_all_at(bytes, self.volume.offset + sector * self.geometry().sector)
    }
}

fn padded(label: &str) -> ShortName {
    let mut padded = [b' '; 11];
    for (to, from) in padded.iter_mut().zip(label.bytes()) {
        *to = from;
    }
    padded
}

/// Date and time as FAT keeps them, in UTC: from 1980 to 2107, in steps of two seconds.
fn dos_time(time: i64) -> (u16, u16) {
    const FIRST: i64 = 315_532_800;
    const LAST: i64 = 4_354_819_198;
    let time = time.clamp(FIRST, LAST);
    let Moment { year, month, day, hour, minute, second } = Moment::of(time);
    let date = ((year - 1980) << 9) | (month << 5) | day;
    let time = (hour << 11) | (minute << 5) | (second / 2);
    (u16::try_from(date).unwrap_or(0x21), u16::try_from(time).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_fat_keeps_them() {
        assert_eq!(dos_time(0), (0x21, 0));
        // 2023-11-14 22:13:20
        assert_eq!(
            dos_time(1_700_000_000),
            ((43 << 9) | (11 << 5) | 14, (22 << 11) | (13 << 5) | 10)
        );
        // 2024-02-29 00:00:00
        assert_eq!(dos_time(1_709_164_800), ((44 << 9) | (2 << 5) | 29, 0));
        assert_eq!(dos_time(i64::MAX).0, (127 << 9) | (12 << 5) | 31);
    }
}
