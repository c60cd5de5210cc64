//! Makes what `mke2fs` made the same every time: the inodes of its own (the root folder, `lost+found`,
//! the journal) have the clock's times, or those that it was told and gets wrong; so they are set
//! once, and each inode's checksum made anew. The root folder gets its attributes.
//!
//! Format: Linux `Documentation/filesystems/ext4/{super,group_descr,inodes}.rst`.

use std::io;

use dibhost_volumes::bytes::{le16, le32};

use super::field::{low16, put16, put32};
use super::group::INODES_UNINITIALISED;
use super::inode::{LEAST, encoded, seal, seconds};
use super::volume::{Place, Volume};
use crate::tree::RootFolder;

const ROOT_INODE: u32 = 2;

// Within an inode.
const MODE: usize = 0x00;
const UID: usize = 0x02;
const ATIME: usize = 0x08;
const CTIME: usize = 0x0c;
const MTIME: usize = 0x10;
const GID: usize = 0x18;
const UID_HIGH: usize = 0x78;
const GID_HIGH: usize = 0x7a;
const EXTRA_SIZE: usize = 0x80;
const CTIME_EXTRA: usize = 0x84;
const MTIME_EXTRA: usize = 0x88;
const ATIME_EXTRA: usize = 0x8c;
const CRTIME: usize = 0x90;
const CRTIME_EXTRA: usize = 0x94;

/// Sets the times of every inode of the filesystem and the attributes of its root: content changed no
/// later than `time`; inode made and changed at `time`.
pub(super) fn normalise(place: Place<'_>, time: i64, root: Option<&RootFolder>) -> io::Result<()> {
    let mut volume = Volume::open(place)?;
    let (groups, per_group) = (volume.superblock.groups, volume.superblock.inodes_per_group);
    for group in 0..groups {
        if volume.groups.flags(group) & INODES_UNINITIALISED != 0
            && volume.superblock.has_uninitialised()
        {
            continue;
        }
        let never = match volume.superblock.has_uninitialised() {
            true => volume.groups.unused_inodes(group),
            false => 0,
        };
        // An empty filesystem has few, at the beginning of a table.
        let left = per_group - volume.groups.free_inodes(group).min(per_group);
        let first = group * per_group + 1;
        for number in first..first + (per_group - never).min(left) {
            let mut inode = volume.read_inode(number)?;
            if inode.iter().all(|byte| *byte == 0) {
                continue;
            }
            set(&mut inode, time, root.filter(|_| number == ROOT_INODE));
            if let Some(seed) = volume.superblock.seed {
                seal(&mut inode, number, seed);
            }
            volume.write_inode(number, &inode)?;
        }
    }
    volume.flush()
}

fn set(inode: &mut [u8], time: i64, root: Option<&RootFolder>) {
    // What lies behind the first 128 bytes is times only as far as the inode says so.
    let extra = if inode.len() > LEAST { usize::from(le16(inode, EXTRA_SIZE)) } else { 0 };
    let end = (LEAST + extra).min(inode.len());
    let has = |at: usize| at < LEAST || at + 4 <= end;
    let extra = if has(MTIME_EXTRA) { le32(inode, MTIME_EXTRA) } else { 0 };
    let mut mtime = seconds(le32(inode, MTIME), extra);
    let mut nanoseconds = extra & !3;
    if let Some(root) = root {
        put16(inode, MODE, le16(inode, MODE) & 0xf000 | low16((root.mode & 0o7777).into()));
        for (low, high, id) in [(UID, UID_HIGH, root.uid), (GID, GID_HIGH, root.gid)] {
            put16(inode, low, low16(id.into()));
            put16(inode, high, low16(u64::from(id) >> 16));
        }
        (mtime, nanoseconds) = (root.mtime, 0);
    }
    if mtime > time {
        (mtime, nanoseconds) = (time, 0);
    }
    let mut put_within = |at: usize, value: u32| {
        if has(at) {
            put32(inode, at, value);
        }
    };
    let (low, extra) = encoded(mtime);
    for (at, at_extra) in [(MTIME, MTIME_EXTRA), (ATIME, ATIME_EXTRA)] {
        put_within(at, low);
        put_within(at_extra, extra | nanoseconds);
    }
    let (low, extra) = encoded(time);
    for (at, at_extra) in [(CTIME, CTIME_EXTRA), (CRTIME, CRTIME_EXTRA)] {
        put_within(at, low);
        put_within(at_extra, extra);
    }
}
