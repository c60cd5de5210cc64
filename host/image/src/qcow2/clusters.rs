//! Compressed clusters that are known from before.

/// What is known of clusters, by the SHA-256 of their plain bytes; one of all builds with the same
/// compression. Whatever goes wrong with it, the image is made all the same: it says nothing then.
///
/// Workers ask it in turns, so `get` should take no longer than compressing a cluster does.
pub trait Clusters: Send {
    /// The compressed bytes; empty for a cluster that does not become smaller. Whoever answers must
    /// know that they are whole: they are written as they come.
    fn get(&mut self, digest: &[u8; 32]) -> Option<Vec<u8>>;

    /// Keeps what `get` did not know; empty for a cluster that does not become smaller.
    fn put(&mut self, digest: &[u8; 32], compressed: &[u8]);
}
