//! The filesystem in its place: blocks and inodes written there, what lies side by side at once.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::group::Groups;
use super::superblock::{self, Superblock, broken};

/// Bytes gathered before they are written: a system call for each small file would take longer than
/// its bytes.
const GATHERED: usize = 1 << 20;

/// Where a filesystem lies that `mke2fs` has made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) image: &'a File,
    /// Bytes from its start.
    pub(super) offset: u64,
    /// Bytes that the filesystem may have.
    pub(super) size: u64,
    /// Whether blocks that nothing was written to read as zeros.
    pub(super) zeroed: bool,
}

/// Bytes that follow each other.
#[derive(Debug, Default)]
struct Gathered {
    at: u64,
    bytes: Vec<u8>,
}

impl Gathered {
    fn write(&mut self, image: &File, at: u64, bytes: &[u8]) -> io::Result<()> {
        let follows = self.at + self.bytes.len() as u64 == at;
        if !follows || self.bytes.len() + bytes.len() > GATHERED {
            self.flush(image)?;
            self.at = at;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self, image: &File) -> io::Result<()> {
        let written = image.write_all_at(&self.bytes, self.at);
        self.bytes.clear();
        written
    }
}

/// A filesystem that is written to.
#[derive(Debug)]
pub(super) struct Volume<'a> {
    place: Place<'a>,
    pub(super) superblock: Superblock,
    pub(super) groups: Groups,
    content: Gathered,
    inodes: Gathered,
    zeros: Vec<u8>,
    /// Whether an inode has extended attributes.
    pub(super) attributes: bool,
}

impl<'a> Volume<'a> {
    /// # Errors
    /// It cannot be read, or what `mke2fs` made cannot be.
    pub(super) fn open(place: Place<'a>) -> io::Result<Self> {
        let mut bytes = vec![0; superblock::BYTES];
        let reading = |e: io::Error| broken(format!("reading it: {e}"));
        let offset = place.offset;
        place.image.read_exact_at(&mut bytes, offset + superblock::PLACE).map_err(reading)?;
        let superblock = Superblock::parse(&bytes, place.size)?;
        let length = superblock.groups as usize * superblock.descriptor_size;
        let at = (superblock.first_data_block + 1) * superblock.block as u64;
        if at + length as u64 > place.size {
            return Err(broken("it has no room for its descriptors"));
        }
        let mut descriptors = vec![0; length];
        place.image.read_exact_at(&mut descriptors, offset + at).map_err(reading)?;
        let groups = Groups::parse(descriptors, &superblock)?;
        Ok(Self {
            place,
            zeros: vec![0; superblock.block],
            superblock,
            groups,
            content: Gathered::default(),
            inodes: Gathered::default(),
            attributes: false,
        })
    }

    fn at(&self, block: u64) -> u64 {
        self.place.offset + block * self.superblock.block as u64
    }

    /// Reads a block. What was written before has to be [flushed](Self::flush).
    pub(super) fn read(&self, block: u64) -> io::Result<Vec<u8>> {
        if block >= self.superblock.blocks {
            return Err(broken(format!("there is no block {block}")));
        }
        let mut bytes = vec![0; self.superblock.block];
        self.place.image.read_exact_at(&mut bytes, self.at(block))?;
        Ok(bytes)
    }

    /// Writes blocks that follow each other, of which those of zeros stay what they are where nothing
    /// else can be in them.
    pub(super) fn write(&mut self, block: u64, bytes: &[u8]) -> io::Result<()> {
        let mut at = self.at(block);
        for bytes in bytes.chunks(self.superblock.block) {
            if !self.place.zeroed || bytes != &self.zeros[..bytes.len()] {
                self.content.write(self.place.image, at, bytes)?;
            }
            at += bytes.len() as u64;
        }
        Ok(())
    }

    /// Writes a bitmap, which is zeros nowhere that `mke2fs` wrote another.
    pub(super) fn write_bitmap(&self, block: u64, bytes: &[u8]) -> io::Result<()> {
        self.place.image.write_all_at(bytes, self.at(block))
    }

    fn inode_place(&self, inode: u32) -> u64 {
        let index = inode - 1;
        let (group, index) =
            (index / self.superblock.inodes_per_group, index % self.superblock.inodes_per_group);
        self.at(self.groups.table(group)) + u64::from(index) * self.superblock.inode_size as u64
    }

    /// Reads an inode. What was written before has to be [flushed](Self::flush).
    pub(super) fn read_inode(&self, inode: u32) -> io::Result<Vec<u8>> {
        if inode == 0 || inode > self.superblock.inodes() {
            return Err(broken(format!("there is no inode {inode}")));
        }
        let mut bytes = vec![0; self.superblock.inode_size];
        self.place.image.read_exact_at(&mut bytes, self.inode_place(inode))?;
        Ok(bytes)
    }

    pub(super) fn write_inode(&mut self, inode: u32, bytes: &[u8]) -> io::Result<()> {
        let at = self.inode_place(inode);
        self.inodes.write(self.place.image, at, bytes)
    }

    /// Writes all that is gathered.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.content.flush(self.place.image)?;
        self.inodes.flush(self.place.image)
    }

    /// Writes what is counted: descriptors and superblocks, and their copies.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        self.groups.seal(&self.superblock);
        let (mut blocks, mut inodes) = (0, 0);
        for group in 0..self.superblock.groups {
            blocks += u64::from(self.groups.free_blocks(group));
            inodes += self.groups.free_inodes(group);
        }
        for group in 0..self.superblock.groups {
            if !self.superblock.has_copy(group) {
                continue;
            }
            let start = self.superblock.group_start(group);
            let at =
                if group == 0 { self.place.offset + superblock::PLACE } else { self.at(start) };
            let mut bytes = vec![0; superblock::BYTES];
            self.place.image.read_exact_at(&mut bytes, at)?;
            self.superblock.set_free(&mut bytes, blocks, inodes, self.attributes);
            self.place.image.write_all_at(&bytes, at)?;
            self.place.image.write_all_at(self.groups.bytes(), self.at(start + 1))?;
        }
        Ok(())
    }
}
