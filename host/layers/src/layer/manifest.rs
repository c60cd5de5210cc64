//! What a layer says, and how it is written. `layer` draws it.

use serde::{Deserialize, Serialize};

use super::error::ManifestError;
use super::inode::{Bound, Frame, Inode, Sum, sum};
use super::names::Dentries;
use super::rules::Said;

/// What each manifest begins with.
const MAGIC: &[u8; 14] = b"dibhost layer\n";

/// The schema that is written and read. Whoever changes anything that is encoded, or what becomes of
/// it, counts it up: layers that are kept are made anew then.
const SCHEMA: u32 = 1;

/// Bytes in front of what is said.
const HEAD: usize = MAGIC.len() + 4;

/// Bytes of the digest behind what is said.
const TAIL: usize = size_of::<Sum>();

/// How much is taken from a manifest that somebody else may have written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a manifest. A tree of 22,000 files has two megabytes; read, they are ten times as
    /// many at the worst.
    pub manifest: u64,
    /// Bytes that its files have together, holes aside: the same content may be in any number of
    /// them. What the tree is restored to has a size of its own.
    pub tree: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { manifest: 64 << 20, tree: 1 << 40 }
    }
}

/// What a layer says: what became of which names, and what its pack holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    said: Body,
    digest: Sum,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    below: Option<Sum>,
    inodes: Vec<Inode>,
    names: Dentries<Bound>,
    frames: Vec<Frame>,
}

impl Body {
    fn said(&self) -> Said<'_> {
        Said {
            below: self.below.is_some(),
            inodes: &self.inodes,
            names: &self.names,
            frames: &self.frames,
        }
    }

    fn encode(&self) -> Result<Vec<u8>, ManifestError> {
        let mut bytes = [&MAGIC[..], &SCHEMA.to_le_bytes()].concat();
        bytes = postcard::to_extend(self, bytes).map_err(|_| ManifestError::Malformed)?;
        let digest = sum(&bytes);
        bytes.extend_from_slice(&digest);
        Ok(bytes)
    }
}

impl Manifest {
    /// Holds what is said to the rules.
    pub(super) fn new(
        below: Option<Sum>,
        inodes: Vec<Inode>,
        names: Dentries<Bound>,
        frames: Vec<Frame>,
    ) -> Result<Self, ManifestError> {
        let said = Body { below, inodes, names, frames };
        said.said().check(u64::MAX)?;
        let bytes = said.encode()?;
        let digest = digest_of(&bytes).ok_or(ManifestError::Other)?;
        Ok(Self { said, digest })
    }

    /// The bytes that [`Manifest::decode`] reads; of equal manifests they are equal.
    ///
    /// # Errors
    /// None that is known: all that could be wrong was asked when it was made.
    pub fn encode(&self) -> Result<Vec<u8>, ManifestError> {
        self.said.encode()
    }

    /// Reads a manifest, whoever wrote it, and holds it to all that can be known without the layers
    /// below and without its pack.
    ///
    /// # Errors
    /// The bytes are no manifest, of another schema, damaged, too many, or say what no tree has.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, ManifestError> {
        if bytes.len() as u64 > limits.manifest {
            return Err(ManifestError::TooLarge { what: "more bytes", most: limits.manifest });
        }
        let rest = bytes.strip_prefix(MAGIC).ok_or(ManifestError::Other)?;
        let (schema, _) = rest.split_first_chunk().ok_or(ManifestError::Other)?;
        // Before the digest: what that is of may be what changed.
        let found = u32::from_le_bytes(*schema);
        if found != SCHEMA {
            return Err(ManifestError::Schema { found, known: SCHEMA });
        }
        let digest = digest_of(bytes).ok_or(ManifestError::Other)?;
        let body = &bytes[HEAD..bytes.len() - TAIL];
        if sum(&bytes[..bytes.len() - TAIL]) != digest {
            return Err(ManifestError::Damaged);
        }
        let said: Body = postcard::from_bytes(body).map_err(|_| ManifestError::Malformed)?;
        // Numbers can be written in more ways than one, and bytes be left over.
        if said.encode()? != bytes {
            return Err(ManifestError::Malformed);
        }
        said.said().check(limits.tree)?;
        Ok(Self { said, digest })
    }

    /// SHA-256 of all that it says, by which the layer above it names it. It is not the digest of
    /// the encoded bytes, which has this one at their end.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The digest of the manifest that this one was packed upon; of a whole tree there is none.
    #[must_use]
    pub fn below(&self) -> Option<[u8; 32]> {
        self.said.below
    }

    /// Bytes of its pack.
    #[must_use]
    pub fn pack_bytes(&self) -> u64 {
        self.said.frames.iter().map(|frame| u64::from(frame.length)).sum()
    }

    /// How many inodes it has: those of the tree that are new or changed.
    #[must_use]
    pub fn inodes(&self) -> usize {
        self.said.inodes.len()
    }

    pub(super) fn inode(&self, at: u32) -> &Inode {
        &self.said.inodes[at as usize]
    }

    pub(super) fn names(&self) -> &Dentries<Bound> {
        &self.said.names
    }

    pub(super) fn frames(&self) -> &[Frame] {
        &self.said.frames
    }
}

fn digest_of(bytes: &[u8]) -> Option<Sum> {
    let (rest, digest) = bytes.split_last_chunk()?;
    (rest.len() >= HEAD).then_some(*digest)
}
