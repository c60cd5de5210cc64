//! Filesystems and swap space, by their superblocks.
//!
//! Sources: Linux `fs/ext4/ext4.h`, `fs/xfs/libxfs/xfs_format.h`, `include/uapi/linux/btrfs_tree.h`,
//! `include/linux/swap.h`, `fs/squashfs/squashfs_fs.h`, `fs/erofs/erofs_fs.h`; ECMA-119.

use std::io;

use super::signature::{Probe, Signature, SignatureKind, text, uuid};
use crate::filesystem::FilesystemKind;
use dibhost_volumes::bytes::{array, le16, le32, le64};

fn signature(kind: FilesystemKind) -> Signature {
    Signature::new(SignatureKind::Filesystem(kind))
}

pub(super) fn ext(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    // Features that a filesystem without a journal, and one with, can have without being ext4.
    const JOURNAL: u32 = 4;
    const FILETYPE: u32 = 2;
    const RECOVER: u32 = 4;
    const JOURNAL_DEVICE: u32 = 8;
    const META_BG: u32 = 0x10;
    const SIXTY_FOUR_BITS: u32 = 0x80;
    const OLD_READ_ONLY: u32 = 7;
    let Some(bytes) = probe.at::<1024>(1024)? else { return Ok(None) };
    if le16(&bytes, 56) != 0xef53 {
        return Ok(None);
    }
    let (compatible, incompatible, read_only) =
        (le32(&bytes, 92), le32(&bytes, 96), le32(&bytes, 100));
    let journal = compatible & JOURNAL != 0;
    let old = read_only & !OLD_READ_ONLY == 0;
    let kind = if incompatible & JOURNAL_DEVICE != 0 {
        SignatureKind::Other("jbd")
    } else if journal && old && incompatible & !(FILETYPE | RECOVER | META_BG) == 0 {
        SignatureKind::Filesystem(FilesystemKind::Ext3)
    } else if !journal && old && incompatible & !(FILETYPE | META_BG) == 0 {
        SignatureKind::Filesystem(FilesystemKind::Ext2)
    } else {
        SignatureKind::Filesystem(FilesystemKind::Ext4)
    };
    // 1 KiB to 64 KiB.
    let block = match le32(&bytes, 24) {
        power @ 0..=6 => 1024u32 << power,
        _ => return Ok(None),
    };
    let high = if incompatible & SIXTY_FOUR_BITS != 0 { le32(&bytes, 0x150) } else { 0 };
    let blocks = u64::from(high) << 32 | u64::from(le32(&bytes, 4));
    Ok(Some(Signature {
        label: text(&bytes[120..136]),
        uuid: uuid(&bytes, 104),
        size: blocks.checked_mul(u64::from(block)),
        block_size: Some(block),
        ..Signature::new(kind)
    }))
}

pub(super) fn xfs(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    let Some(bytes) = probe.at::<512>(0)? else { return Ok(None) };
    let block = u32::from_be_bytes(array(&bytes, 4));
    if !bytes.starts_with(b"XFSB") || !block.is_power_of_two() || !(512..=65536).contains(&block) {
        return Ok(None);
    }
    let blocks = u64::from_be_bytes(array(&bytes, 8));
    Ok(Some(Signature {
        label: text(&bytes[108..120]),
        uuid: uuid(&bytes, 32),
        size: blocks.checked_mul(u64::from(block)),
        block_size: Some(block),
        ..signature(FilesystemKind::Xfs)
    }))
}

pub(super) fn btrfs(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    let Some(bytes) = probe.at::<1024>(64 << 10)? else { return Ok(None) };
    if &bytes[64..72] != b"_BHRfS_M" {
        return Ok(None);
    }
    Ok(Some(Signature {
        label: text(&bytes[299..299 + 256]),
        uuid: uuid(&bytes, 32),
        // Of this device, in the item that tells of it.
        size: Some(le64(&bytes, 201 + 8)),
        block_size: Some(le32(&bytes, 144)),
        ..signature(FilesystemKind::Btrfs)
    }))
}

pub(super) fn swap(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    // Its header fills a page of the machine that it is for.
    for page in [4096u64, 8192, 16384, 32768, 65536] {
        let Some(magic) = probe.at::<10>(page - 10)? else { return Ok(None) };
        let hibernated = [&b"S1SUSPEND"[..], b"S2SUSPEND", b"ULSUSPEND", b"LINHIB0001"];
        let (version, hibernated) = match &magic {
            b"SWAP-SPACE" => (Some("0"), false),
            b"SWAPSPACE2" => (Some("1"), false),
            other if hibernated.iter().any(|magic| other.starts_with(magic)) => (None, true),
            _ => continue,
        };
        let mut found = signature(FilesystemKind::Swap);
        found.version = version.map(str::to_owned);
        if hibernated {
            found.version = Some("hibernated".to_owned());
        }
        found.block_size = u32::try_from(page).ok();
        if version != Some("0")
            && let Some(header) = probe.at::<44>(1024)?
        {
            found.size = (u64::from(le32(&header, 4)) + 1).checked_mul(page);
            found.uuid = uuid(&header, 12);
            found.label = text(&header[28..44]);
        }
        return Ok(Some(found));
    }
    Ok(None)
}

pub(super) fn squashfs(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    let Some(bytes) = probe.at::<96>(0)? else { return Ok(None) };
    if !bytes.starts_with(b"hsqs") || le16(&bytes, 28) != 4 {
        return Ok(None);
    }
    Ok(Some(Signature {
        version: Some(format!("4.{}", le16(&bytes, 30))),
        size: Some(le64(&bytes, 40)),
        block_size: Some(le32(&bytes, 12)),
        ..signature(FilesystemKind::Squashfs)
    }))
}

pub(super) fn erofs(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    let Some(bytes) = probe.at::<128>(1024)? else { return Ok(None) };
    // 512 bytes to 64 KiB.
    let block = match bytes[12] {
        power @ 9..=16 => 1u32 << power,
        _ => return Ok(None),
    };
    if le32(&bytes, 0) != 0xe0f5_e1e2 {
        return Ok(None);
    }
    Ok(Some(Signature {
        label: text(&bytes[64..80]),
        uuid: uuid(&bytes, 48),
        size: Some(u64::from(le32(&bytes, 36)) * u64::from(block)),
        block_size: Some(block),
        ..signature(FilesystemKind::Erofs)
    }))
}

pub(super) fn iso9660(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    let Some(bytes) = probe.at::<256>(32768)? else { return Ok(None) };
    if &bytes[1..6] != b"CD001" {
        return Ok(None);
    }
    let block = le16(&bytes, 128);
    Ok(Some(Signature {
        label: text(&bytes[40..72]),
        size: Some(u64::from(le32(&bytes, 80)) * u64::from(block)),
        block_size: Some(u32::from(block)),
        ..Signature::new(SignatureKind::Other("iso9660"))
    }))
}

/// Where others have their mark, and what `blkid` calls them. Enough to say that a disk is not
/// empty.
const OTHERS: &[(u64, &[u8], &str)] = &[
    (3, b"NTFS    ", "ntfs"),
    (3, b"EXFAT   ", "exfat"),
    (3, b"-FVE-FS-", "BitLocker"),
    (1024, b"\x10\x20\xf5\xf2", "f2fs"),
    (32768, b"JFS1", "jfs"),
    (65536 + 52, b"ReIsErFs", "reiserfs"),
    (65536 + 52, b"ReIsEr2Fs", "reiserfs"),
    (65536 + 52, b"ReIsEr3Fs", "reiserfs"),
    (1024, b"H+\0\x04", "hfsplus"),
    (1024, b"HX\0\x05", "hfsplus"),
    (1024, b"\x02\0\0\0\0\0\x34\x34", "nilfs2"),
    (32, b"NXSB", "apfs"),
    (4096 + 24, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca", "bcache"),
    // The ring of uberblocks of the first label.
    (128 << 10, b"\x0c\xb1\xba\0\0\0\0\0", "zfs_member"),
    (132 << 10, b"\x0c\xb1\xba\0\0\0\0\0", "zfs_member"),
    (4096, b"bluestore block ", "ceph_bluestore"),
    (0, b"bluestore block ", "ceph_bluestore"),
];

pub(super) fn other(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    for (offset, magic, name) in OTHERS {
        if probe.is(*offset, magic)? {
            return Ok(Some(Signature::new(SignatureKind::Other(name))));
        }
    }
    Ok(None)
}
