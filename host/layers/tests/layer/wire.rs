//! The format of a manifest, said a second time, so that it cannot change unseen.

use dibhost_layers::layer::{Limits, Manifest, ManifestError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub(crate) type Sum = [u8; 32];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Wire {
    pub(crate) below: Option<Sum>,
    pub(crate) inodes: Vec<Inode>,
    pub(crate) names: Vec<(u32, Vec<u8>, Bound)>,
    /// Length and digest of what is compressed, and what is in it.
    pub(crate) frames: Vec<(u32, Sum, Vec<Bytes>)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Inode {
    pub(crate) kind: Kind,
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: (i64, u32),
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Kind {
    Folder,
    /// Its size, and its chunks with where they are.
    File(u64, Vec<(u64, Bytes)>),
    Symlink(Vec<u8>),
    Fifo,
    Socket,
    CharacterDevice(u32, u32),
    BlockDevice(u32, u32),
}

pub(crate) type Bytes = (u32, Sum);

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Bound {
    Passed,
    Deleted,
    Inode(u32),
}

pub(crate) const HEAD: &[u8] = b"dibhost layer\n\x01\0\0\0";

pub(crate) fn sum(bytes: &[u8]) -> Sum {
    Sha256::digest(bytes).into()
}

pub(crate) fn sealed(head: &[u8], body: &[u8]) -> Vec<u8> {
    let mut bytes = [head, body].concat();
    bytes.extend_from_slice(&sum(&bytes.clone()));
    bytes
}

impl Wire {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        sealed(HEAD, &postcard::to_allocvec(self).unwrap())
    }

    pub(crate) fn digest(&self) -> Sum {
        *self.bytes().last_chunk().unwrap()
    }

    pub(crate) fn decode(&self) -> Result<Manifest, ManifestError> {
        Manifest::decode(&self.bytes(), &Limits::default())
    }
}

pub(crate) fn inode(kind: Kind) -> Inode {
    let mode = if matches!(kind, Kind::Symlink(_)) { 0o777 } else { 0o755 };
    Inode { kind, mode, uid: 0, gid: 0, mtime: (1, 2), xattrs: Vec::new() }
}

pub(crate) fn bytes(of: &[u8]) -> Bytes {
    (u32::try_from(of.len()).unwrap(), sum(of))
}

pub(crate) const TEXT: &[u8] = b"what is in the file";

/// A folder `a` with a file `b` in it, and the pack.
pub(crate) fn good() -> (Wire, Vec<u8>) {
    let pack = zstd::bulk::compress(TEXT, 1).unwrap();
    let file = Kind::File(TEXT.len() as u64, vec![(0, bytes(TEXT))]);
    let wire = Wire {
        below: None,
        inodes: vec![inode(Kind::Folder), inode(Kind::Folder), inode(file)],
        names: vec![
            (0, Vec::new(), Bound::Inode(0)),
            (0, b"a".to_vec(), Bound::Inode(1)),
            (1, b"b".to_vec(), Bound::Inode(2)),
        ],
        frames: vec![(u32::try_from(pack.len()).unwrap(), sum(&pack), vec![bytes(TEXT)])],
    };
    (wire, pack)
}
