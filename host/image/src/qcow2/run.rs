//! A run of clusters on its way from a worker to the file. It is used again and again, so that its
//! memory is.

use std::ops::Range;

/// Clusters of the disk, and what is to be stored of them.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// Of all runs, from 0.
    pub(super) number: u64,
    pub(super) clusters: Range<u64>,
    stored: Vec<Stored>,
    bytes: Vec<u8>,
}

/// A cluster that is not all zeros.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    pub(super) cluster: u64,
    /// Bytes that are stored.
    length: usize,
    /// Whether they are compressed.
    pub(super) is_packed: bool,
    pub(super) source: Source,
}

/// Where stored bytes came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// They were known by the digest of the plain bytes.
    Known,
    /// They were made, and may be known hereafter by that digest.
    New([u8; 32]),
    /// They were made, and nobody wants to know.
    Made,
}

impl Run {
    /// Empties it for other clusters.
    pub(super) fn begin(mut self, number: u64, clusters: Range<u64>) -> Self {
        self.stored.clear();
        self.bytes.clear();
        Self { number, clusters, ..self }
    }

    pub(super) fn push(&mut self, cluster: u64, bytes: &[u8], is_packed: bool, source: Source) {
        self.stored.push(Stored { cluster, length: bytes.len(), is_packed, source });
        self.bytes.extend_from_slice(bytes);
    }

    /// What is stored, with its bytes.
    pub(super) fn stored(&self) -> impl Iterator<Item = (Stored, &[u8])> {
        self.stored.iter().scan(&*self.bytes, |rest, stored| {
            let (bytes, after) = rest.split_at_checked(stored.length)?;
            *rest = after;
            Some((*stored, bytes))
        })
    }
}
