//! What a layer says of one file, folder, link, pipe, socket or device.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The most bytes of a chunk, and where chunks begin at the latest: at every multiple of it. A file
/// of many megabytes of which one page was changed is stored again by one chunk.
pub(super) const CHUNK: u64 = 4 << 20;

/// A SHA-256.
pub(super) type Sum = [u8; 32];

/// The SHA-256 of some bytes.
pub(super) fn sum(bytes: &[u8]) -> Sum {
    Sha256::digest(bytes).into()
}

/// A moment, as file systems keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Time {
    /// Since 1970; before it they are negative.
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

/// An extended attribute: its name and value.
pub(super) type Xattr = (Vec<u8>, Vec<u8>);

/// All that is kept of an inode. Its names are kept elsewhere: it may have several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inode {
    pub(super) kind: Kind,
    /// Permission bits, and those above them.
    pub(super) mode: u16,
    /// Owner inside of the namespace.
    pub(super) uid: u32,
    /// Group inside of the namespace.
    pub(super) gid: u32,
    pub(super) mtime: Time,
    /// By name, in the order of the names' bytes.
    pub(super) xattrs: Vec<Xattr>,
}

/// What an inode is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Folder,
    File(Content),
    /// With what it says.
    Symlink(Vec<u8>),
    Fifo,
    Socket,
    CharacterDevice(Device),
    BlockDevice(Device),
}

/// The numbers of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Device {
    pub(super) major: u32,
    pub(super) minor: u32,
}

/// What is in a regular file: chunks in their order, and holes where none is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) size: u64,
    pub(super) chunks: Vec<Chunk>,
}

/// Bytes of a file that are no hole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chunk {
    /// Where they are in the file.
    pub(super) offset: u64,
    pub(super) bytes: Bytes,
}

/// Some bytes, by their digest and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Bytes {
    pub(super) length: u32,
    pub(super) sha256: Sum,
}

/// Bytes that are compressed together. Frames lie in the pack one behind the other without a gap,
/// and so do the bytes in a frame: so nothing says where they are, and nothing can say it wrongly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Frame {
    /// Compressed bytes.
    pub(super) length: u32,
    /// SHA-256 of the compressed bytes.
    pub(super) sha256: Sum,
    /// What it holds, in the order of the paths that need it first.
    pub(super) holds: Vec<Bytes>,
}

impl Frame {
    /// Bytes when it is decompressed.
    pub(super) fn plain(&self) -> u64 {
        self.holds.iter().map(|bytes| u64::from(bytes.length)).sum()
    }
}

/// What a layer says of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Bound {
    /// It is a folder of the tree below, and something is said of what is in it.
    Passed,
    /// It was in the tree below, and is gone with all that was in it.
    Deleted,
    /// It is a name of this inode of the layer. A folder that was one below keeps what is in it;
    /// all else that had the name is gone.
    Inode(u32),
}
