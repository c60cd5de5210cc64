//! Where a disk has data, in runs of clusters: of whatever size a format's are.

use std::fs::File;
use std::io;
use std::ops::Range;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

/// The clusters of a disk that may have data, ascending and each once, in runs. The file's position
/// moves.
#[derive(Debug)]
pub(crate) struct Extents<'a> {
    raw: &'a File,
    /// Bytes of a cluster.
    cluster: u64,
    /// Bytes of the disk that the file has.
    end: u64,
    /// The most clusters of a run.
    longest: u64,
    /// The first cluster that is not looked at yet.
    next: u64,
    /// Up to which one is known that there are data.
    known: u64,
}

impl<'a> Extents<'a> {
    /// Those of the file's first `end` bytes, with clusters of so many bytes, and at most `longest` of
    /// them in a run.
    pub(crate) fn new(raw: &'a File, end: u64, cluster: u64, longest: u64) -> Self {
        Self { raw, cluster, end, longest, next: 0, known: 0 }
    }

    fn find(&mut self) -> io::Result<bool> {
        let from = self.next * self.cluster;
        if from >= self.end {
            return Ok(false);
        }
        let (data, hole) = match seek(self.raw, SeekFrom::Data(from)) {
            Ok(data) if data >= self.end => return Ok(false),
            Ok(data) => (data, seek(self.raw, SeekFrom::Hole(data))?.min(self.end)),
            // Nothing but a hole from there on.
            Err(Errno::NXIO) => return Ok(false),
            // Of a file or device that has no such thing as holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => (from, self.end),
            Err(error) => return Err(error.into()),
        };
        self.next = data / self.cluster;
        // Another may fill the hole meanwhile; then there is one cluster at least.
        self.known = hole.div_ceil(self.cluster).max(self.next + 1);
        Ok(true)
    }
}

impl Iterator for Extents<'_> {
    /// Clusters, by their numbers.
    type Item = io::Result<Range<u64>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.known {
            match self.find() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        let run = self.next..self.known.min(self.next + self.longest);
        self.next = run.end;
        Some(Ok(run))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    const CLUSTER_BYTES: u64 = 1 << 16;

    #[test]
    fn each_cluster_with_data_is_there_once() {
        let file = tempfile::tempfile().unwrap();
        let end = 100 * CLUSTER_BYTES - 512;
        file.set_len(end).unwrap();
        let runs = |end| {
            let all = Extents::new(&file, end, CLUSTER_BYTES, 2);
            all.collect::<io::Result<Vec<_>>>().unwrap()
        };
        assert!(runs(end).is_empty());
        // Two extents in one cluster, a run that is too long, and the last bytes.
        for at in [0, 32 << 10, end - 1] {
            file.write_all_at(b"x", at).unwrap();
        }
        file.write_all_at(&[1; (2 << 16) + 2], (9 << 16) - 1).unwrap();
        assert_eq!(runs(end), [0..1, 8..10, 10..12, 99..100]);
        assert_eq!(runs(9 << 16), [0..1, 8..9]);
        assert!(runs(0).is_empty());
    }
}
