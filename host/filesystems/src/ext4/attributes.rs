//! Extended attributes: behind the inode as far as they fit there, the others in a block.
//!
//! ```text
//! magic │ length of name u8 │ prefix u8 │ place of value u16 │ 0 u32 │ its length u32 │ hash u32 │ name …
//!       └ entries from the front, 4 zeros, free, values from the end ┘
//! ```
//!
//! Format: Linux `Documentation/filesystems/ext4/attributes.rst`.

use std::ffi::CString;
use std::io;

use dibhost_volumes::bytes::le32;
use dibhost_volumes::crc32c::crc32c;

use super::acl;
use super::field::{low16, low32, put16, put32};
use super::inode::LEAST;
use super::superblock::Superblock;
use crate::xattrs::{EXT_LISTS, EXT_PREFIXES};

const MAGIC: u32 = 0xea02_0000;
/// Bytes of an entry before its name.
const ENTRY: usize = 16;
/// Bytes of the head of a block.
const BLOCK_HEAD: usize = 32;
const BLOCK_HASH: usize = 12;
const BLOCK_SUM: usize = 16;
/// An attribute as it lies there. They are sorted by the fields in this order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attribute {
    prefix: u8,
    length: u8,
    name: Vec<u8>,
    value: Vec<u8>,
}

/// Those of an inode.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    /// What lies behind the inode's own fields.
    pub(super) inode: Vec<u8>,
    /// What lies in a block; its checksum is to be [set](seal).
    pub(super) block: Option<Vec<u8>>,
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

impl Attribute {
    fn new(name: &[u8], value: Vec<u8>) -> io::Result<Self> {
        let of_list = EXT_LISTS.iter().find(|(list, _)| *list == name);
        let (prefix, name, value) = match of_list {
            Some((_, prefix)) => (*prefix, &[][..], acl::on_disk(&value)?),
            None => {
                let known = EXT_PREFIXES.iter().find_map(|(prefix, number)| {
                    name.strip_prefix(*prefix).map(|rest| (*number, rest))
                });
                let (prefix, rest) =
                    known.filter(|(_, rest)| !rest.is_empty()).ok_or_else(|| {
                        let name = String::from_utf8_lossy(name).escape_debug().to_string();
                        invalid(format!("its attribute `{name}` is of no kind that ext4 knows"))
                    })?;
                (prefix, rest, value)
            }
        };
        let length = u8::try_from(name.len());
        let length = length.map_err(|_| invalid("it has an attribute with a long name".into()))?;
        Ok(Self { prefix, length, name: name.to_vec(), value })
    }

    fn space(&self) -> usize {
        ENTRY + self.name.len().next_multiple_of(4) + self.value.len().next_multiple_of(4)
    }

    /// Over name and value, each in words of 32 bits.
    fn hash(&self) -> u32 {
        let hash = self.name.iter().fold(0u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
        self.value.chunks(4).fold(hash, |hash, word| {
            let mut padded = [0; 4];
            padded[..word.len()].copy_from_slice(word);
            hash.rotate_left(16) ^ u32::from_le_bytes(padded)
        })
    }
}

impl Attributes {
    /// Of names and values, as the kernel shows them.
    ///
    /// # Errors
    /// There is no room for them, or one is of a kind that the filesystem does not know.
    pub(super) fn new(shown: Vec<(CString, Vec<u8>)>, superblock: &Superblock) -> io::Result<Self> {
        if shown.is_empty() {
            return Ok(Self::default());
        }
        let each = shown.into_iter().map(|(name, value)| Attribute::new(name.as_bytes(), value));
        let mut all = each.collect::<io::Result<Vec<_>>>()?;
        all.sort_unstable();
        let extra = usize::from(superblock.extra_size());
        // Without fields of its own an inode says nowhere that there is something behind it.
        let behind = if extra == 0 { 0 } else { superblock.inode_size - LEAST - extra };
        let mut left = behind.saturating_sub(8);
        let (within, without): (Vec<_>, Vec<_>) = all.into_iter().partition(|attribute| {
            let fits = attribute.space() <= left;
            left -= if fits { attribute.space() } else { 0 };
            fits
        });
        let mut inode = Vec::new();
        if !within.is_empty() {
            inode = vec![0; behind];
            put32(&mut inode, 0, MAGIC);
            put(&mut inode[4..], 0, &within);
        }
        let needed: usize = without.iter().map(Attribute::space).sum();
        let room = superblock.block - BLOCK_HEAD - 4;
        if needed > room {
            let what = format!("its extended attributes take {needed} bytes, and there are {room}");
            return Err(invalid(what));
        }
        let block = (!without.is_empty()).then(|| {
            let mut block = vec![0; superblock.block];
            put32(&mut block, 0, MAGIC);
            // One inode has it; it is one block.
            put32(&mut block, 4, 1);
            put32(&mut block, 8, 1);
            let hash = without.iter().fold(0u32, |hash, one| hash.rotate_left(16) ^ one.hash());
            put32(&mut block, BLOCK_HASH, hash);
            put(&mut block, BLOCK_HEAD, &without);
            block
        });
        Ok(Self { inode, block })
    }
}

/// Puts entries from `at` on, and values from the end.
fn put(bytes: &mut [u8], mut at: usize, attributes: &[Attribute]) {
    let mut end = bytes.len();
    for attribute in attributes {
        let Attribute { prefix, length, name, value } = attribute;
        end -= value.len().next_multiple_of(4);
        bytes[at] = *length;
        bytes[at + 1] = *prefix;
        if !value.is_empty() {
            put16(bytes, at + 2, low16(end as u64));
        }
        put32(bytes, at + 8, low32(value.len() as u64));
        put32(bytes, at + 12, attribute.hash());
        bytes[at + ENTRY..at + ENTRY + name.len()].copy_from_slice(name);
        bytes[end..end + value.len()].copy_from_slice(value);
        at += ENTRY + name.len().next_multiple_of(4);
    }
}

/// Sets the checksum of a block of attributes that lies at `at`.
pub(super) fn seal(block: &mut [u8], at: u64, superblock: &Superblock) {
    if let Some(seed) = superblock.seed {
        debug_assert_eq!(le32(block, BLOCK_SUM), 0);
        let sum = crc32c(crc32c(seed, &at.to_le_bytes()), block);
        put32(block, BLOCK_SUM, sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xattrs::XattrTotals;

    /// A list as the kernel shows it, with so many users beside those that each has.
    fn list(users: u32) -> Vec<u8> {
        let tags = [0x01, 0x04, 0x20].into_iter().chain((users > 0).then_some(0x10));
        let others = tags.map(|tag| (tag, u32::MAX));
        let mut list = 2u32.to_le_bytes().to_vec();
        for (tag, id) in others.chain((0..users).map(|user| (2u16, user))) {
            list.extend(tag.to_le_bytes());
            list.extend(4u16.to_le_bytes());
            list.extend(id.to_le_bytes());
        }
        list
    }

    #[test]
    fn what_is_reckoned_is_what_is_written() {
        for (name, value) in [
            ("user.a", vec![1; 5]),
            ("trusted.overlay.opaque", Vec::new()),
            ("security.selinux", vec![2; 37]),
            ("security.capability", vec![3; 20]),
            ("system.posix_acl_access", list(0)),
            ("system.posix_acl_access", list(1)),
            ("system.posix_acl_default", list(9)),
        ] {
            let totals = XattrTotals::of([(name, value.len())]);
            let length = value.len();
            let written = Attribute::new(name.as_bytes(), value).unwrap().space();
            assert_eq!(totals.ext_space, written as u64, "{name} of {length}");
            assert!(totals.space >= totals.ext_space);
        }
    }
}
