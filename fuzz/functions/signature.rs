//! What may stand at the start of a volume that anybody made, LUKS2, md and verity: read, or refused
//! in words; and what was read lies within the volume. The first byte says which, and whether the
//! checksum is made right, without which nothing behind it is ever reached. What signatures say can
//! be said in one line.

use std::io;

use dibhost_filesystems::probe;
use dibhost_volumes::Medium;
use dibhost_volumes::luks::{self, VolumeKey};
use dibhost_volumes::md;
use dibhost_volumes::verity;
use sha2::{Digest as _, Sha256};

/// Bytes of the volume: a default LUKS2 header, and a payload.
const SIZE: u64 = 32 << 20;

/// A volume that begins with some bytes and is zeros otherwise.
struct Volume(Vec<u8>);

impl Medium for Volume {
    fn size(&self) -> u64 {
        SIZE
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        assert!(offset.checked_add(bytes.len() as u64).is_some_and(|end| end <= SIZE));
        let offset = usize::try_from(offset).expect("32 MiB fit");
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = self.0.get(offset + place).copied().unwrap_or_default();
        }
        Ok(())
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        panic!("a reader writes")
    }
}

pub(crate) fn signature(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind % 6 {
        0 => luks_header(&Volume(data.to_vec())),
        1 => luks_header(&Volume(luks_of(data))),
        2 => md_superblock(&Volume([&[0; 4096], data].concat())),
        3 => md_superblock(&Volume(md_of(data))),
        4 => verity_superblock(&Volume(data.to_vec())),
        _ => superblocks(data),
    }
}

/// Signatures of all kinds: the bytes with the mark of a kind at its place, and the rest around it.
fn superblocks(data: &[u8]) {
    const MARKS: &[(usize, &[u8])] = &[
        (0, b""),
        (1080, b"\x53\xef"),
        (0, b"XFSB"),
        (65600, b"_BHRfS_M"),
        (4086, b"SWAPSPACE2"),
        (0, b"hsqs"),
        (1024, b"\xe2\xe1\xf5\xe0"),
        (32769, b"CD001"),
        (82, b"FAT32   "),
        (54, b"FAT16   "),
        (512, b"LABELONE"),
        (510, b"\x55\xaa"),
        (512, b"EFI PART"),
        (16384, b"SKUL\xba\xbe"),
    ];
    let Some((mark, data)) = data.split_first() else { return };
    let (at, mark) = MARKS[usize::from(*mark) % MARKS.len()];
    // The superblock begins a little before the mark at the most.
    let start = at.saturating_sub(64) / 512 * 512;
    let mut bytes = vec![0; start];
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().max(at + mark.len()), 0);
    bytes[at..at + mark.len()].copy_from_slice(mark);
    for found in probe::signatures(&Volume(bytes)).expect("a volume that can be read") {
        let said = found.to_string();
        assert!(!said.is_empty() && !said.contains(char::is_control), "{said:?}");
    }
}

fn luks_header(volume: &Volume) {
    match luks::read_header(volume) {
        Ok(Some(header)) => {
            assert!(header.offset < SIZE);
            let key = VolumeKey::random().expect("the kernel gives random bytes");
            match header.payload(volume, &key) {
                Ok(payload) => assert!(payload.size() <= SIZE - header.offset),
                Err(wrong) => assert!(!wrong.to_string().is_empty()),
            }
        }
        Ok(None) => {}
        Err(wrong) => assert!(!wrong.to_string().is_empty()),
    }
}

/// A binary header of 16 KiB whose JSON area is `json`.
fn luks_of(json: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 16384];
    bytes[..8].copy_from_slice(b"LUKS\xba\xbe\0\x02");
    bytes[8..16].copy_from_slice(&16384u64.to_be_bytes());
    bytes[72..78].copy_from_slice(b"sha256");
    bytes[168..204].copy_from_slice(b"0d1bcd15-53f4-4dbd-9d69-0b4d6bd2e1a4");
    let json = &json[..json.len().min(16384 - 4096)];
    bytes[4096..4096 + json.len()].copy_from_slice(json);
    let sum = Sha256::digest(&bytes);
    bytes[448..480].copy_from_slice(&sum);
    bytes
}

fn md_superblock(volume: &Volume) {
    match md::read_superblock(volume) {
        Ok(Some(read)) => {
            assert!(read.role < read.members && read.used_size > 0);
            assert!(read.used_size <= read.data_size);
            assert!(read.data_offset + read.data_size <= SIZE);
        }
        Ok(None) => {}
        Err(wrong) => assert!(!wrong.to_string().is_empty()),
    }
}

/// A superblock with its magic and checksum made right.
fn md_of(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 8192];
    let data = &data[..data.len().min(4096)];
    bytes[4096..4096 + data.len()].copy_from_slice(data);
    let superblock = &mut bytes[4096..];
    superblock[..8].copy_from_slice(&[0xfc, 0x4e, 0x2b, 0xa9, 1, 0, 0, 0]);
    superblock[144..152].copy_from_slice(&8u64.to_le_bytes());
    superblock[216..220].fill(0);
    // Few enough roles for the sum to be over whole words.
    superblock[221..224].fill(0);
    superblock[220] &= 0xfe;
    let end = 256 + 2 * usize::from(superblock[220]);
    let words = superblock[..end].chunks_exact(4);
    let sum: u64 = words.map(|w| u64::from(u32::from_le_bytes([w[0], w[1], w[2], w[3]]))).sum();
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    superblock[216..220].copy_from_slice(&sum.to_le_bytes()[..4]);
    bytes
}

fn verity_superblock(volume: &Volume) {
    match verity::read_superblock(volume) {
        Ok(Some(read)) => {
            let size = verity::hash_size(read.data_blocks).expect("a tree that was said to fit");
            assert!(size <= SIZE && read.salt.len() <= 256);
            assert_eq!(verity::root_hash(volume, &read).is_ok(), read.data_blocks > 1);
        }
        Ok(None) => {}
        Err(wrong) => assert!(!wrong.to_string().is_empty()),
    }
}
