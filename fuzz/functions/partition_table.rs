//! No bytes of a disk make the readers of partition tables panic; what they accept lies within the
//! disk and apart, and an MBR is read again when it is written. The first byte says whether marks
//! and checksums are made right, without which nothing behind them is ever reached.

use std::cell::RefCell;
use std::io;

use dibhost_volumes::gpt;
use dibhost_volumes::mbr::{self, Found};
use dibhost_volumes::{Extent, Medium};

/// Bytes of the disk: enough for records of logical partitions, or both copies of a GPT.
const SIZE: usize = 64 << 10;
const SECTOR: usize = 512;

struct Disk(RefCell<Vec<u8>>);

impl Medium for Disk {
    fn size(&self) -> u64 {
        SIZE as u64
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let kept = self.0.borrow();
        let range =
            usize::try_from(offset).ok().and_then(|start| kept.get(start..)?.get(..bytes.len()));
        bytes.copy_from_slice(range.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.borrow_mut()[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

pub(crate) fn partition_table(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let mut bytes = vec![0; SIZE];
    match kind % 3 {
        0 => {
            let data = &data[..data.len().min(SIZE)];
            bytes[..data.len()].copy_from_slice(data);
        }
        1 => records(&mut bytes, data),
        _ => headers(&mut bytes, data),
    }
    let disk = Disk(RefCell::new(bytes));
    for sector in [512, 4096] {
        match mbr::read(&disk, sector) {
            Ok(Some(Found::Table(table))) => {
                apart(&disk, table.partitions.iter().map(|p| p.extent).collect());
                if table.write(&disk, sector).is_ok() {
                    let again = mbr::read(&disk, sector).expect("what is written is read");
                    assert_eq!(again, Some(Found::Table(table)));
                }
            }
            Ok(Some(Found::Hybrid(hybrid))) => {
                apart(&disk, hybrid.partitions.iter().map(|p| p.extent).collect());
            }
            Ok(Some(Found::Protective) | None) => {}
            Err(wrong) => assert!(!wrong.to_string().is_empty()),
        }
    }
    match gpt::read(&disk) {
        Ok(Some(table)) => apart(&disk, table.partitions.iter().map(|p| p.extent).collect()),
        Ok(None) => {}
        Err(wrong) => assert!(!wrong.to_string().is_empty()),
    }
}

fn apart(disk: &Disk, mut extents: Vec<Extent>) {
    extents.sort_by_key(|extent| extent.offset);
    assert!(extents.iter().all(|e| e.size > 0 && e.end() <= disk.size()));
    assert!(extents.windows(2).all(|pair| pair[0].end() <= pair[1].offset));
}

/// Boot records in the first sectors, each of four entries of four bytes: flag, type, start, size.
fn records(bytes: &mut [u8], data: &[u8]) {
    for (record, entries) in bytes.chunks_exact_mut(SECTOR).zip(data.chunks(16)) {
        for (place, entry) in entries.chunks_exact(4).enumerate() {
            let at = 446 + 16 * place;
            record[at] = entry[0] & 0x80;
            record[at + 4] = entry[1];
            (record[at + 8], record[at + 12]) = (entry[2], entry[3]);
        }
        record[510..512].copy_from_slice(&[0x55, 0xaa]);
    }
}

/// A protective MBR and both copies of a GPT: four entries, and what may lie in a header.
fn headers(bytes: &mut [u8], data: &[u8]) {
    records(bytes, &[0, 0xee, 1, 127]);
    let last = SIZE as u64 / SECTOR as u64 - 1;
    let mut data = data.iter().copied();
    let mut next = || data.next().unwrap_or_default();
    for (own, other, entries_at) in [(1, last, 2), (last, 1, last - 1)] {
        let mut entries = [0; 512];
        for entry in entries.chunks_exact_mut(128) {
            (entry[0], entry[16], entry[32], entry[40]) = (next(), next(), next(), next());
            (entry[48], entry[56], entry[57]) = (next(), next(), next());
        }
        let wrong = next();
        let mut header = [0; 92];
        header[..16].copy_from_slice(b"EFI PART\0\0\x01\0\x5c\0\0\0");
        for (at, value) in [(24, own), (32, other), (40, 3), (48, last - 2), (72, entries_at)] {
            header[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
        }
        (header[80], header[84]) = (4, 128);
        header[88..].copy_from_slice(&crc(&entries).to_le_bytes());
        // One time in four, a field that is anything.
        if wrong & 3 == 3 {
            let at = 24 + usize::from(wrong >> 2);
            header[at..at + 4].fill(next());
        }
        let sum = crc(&header);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
        let (own, entries_at) = (own as usize * SECTOR, entries_at as usize * SECTOR);
        bytes[own..own + 92].copy_from_slice(&header);
        bytes[entries_at..entries_at + 512].copy_from_slice(&entries);
    }
}
