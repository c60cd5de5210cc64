//! From the raw disk to the qcow2.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::sync::{Mutex, PoisonError};

use dibhost_sys::Cancel;

use super::allocation::Allocation;
use super::clusters::Clusters;
use super::error::Qcow2Error;
use super::layout::{CLUSTER_BYTES, MOST, SECTOR};
use super::run::Source;
use super::workers::Work;
use crate::Qcow2Compression;
use crate::extents::Extents;

/// The most clusters of a run: 1 MiB, which takes zlib a fiftieth of a second. So threads seldom
/// wait for each other, and soon know of a cancelled build.
const RUN: u64 = 16;

/// A qcow2 that was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of the disk in it: whole sectors of 512 bytes.
    pub virtual_size: u64,
    /// Clusters (64 KiB of the disk) that are stored compressed.
    pub packed: u64,
    /// Clusters that are stored as they are.
    pub plain: u64,
    /// Of those two, what was known and not compressed anew.
    pub known: u64,
}

/// Writes the first `size` bytes of a disk as a qcow2, in place of whatever is in `to`. Nothing is
/// synchronized; a file that was not written to its end is no qcow2, as its header comes last.
///
/// The same bytes give the same file, whatever `threads` (0 is 1). What `raw` lacks of `size`, as
/// its holes, are zeros; its position moves. `known` must be of the same compression. In memory are
/// some 3 MiB a thread, and 2 bytes of every 64 KiB that are written.
///
/// # Errors
/// When a file cannot be read or written, the disk has more than 2 PiB, or the build is cancelled.
pub fn write(
    mut raw: &File,
    size: u64,
    to: &mut File,
    compression: Qcow2Compression,
    known: Option<&mut dyn Clusters>,
    threads: usize,
    cancel: &Cancel,
) -> Result<Written, Qcow2Error> {
    if size > MOST {
        return Err(Qcow2Error::TooLarge { size, most: MOST });
    }
    let end = raw.seek(SeekFrom::End(0)).map_err(Qcow2Error::Read)?.min(size);
    to.set_len(0).map_err(Qcow2Error::Write)?;
    let virtual_size = size.next_multiple_of(SECTOR);
    let mut image = Allocation::new(to, virtual_size);
    let mut written = Written { virtual_size, ..Written::default() };

    // Nobody keeps what is not compressed.
    let known = known.filter(|_| compression != Qcow2Compression::None);
    let known = known.map(|known| Mutex::new(known as &mut dyn Clusters));
    let work = Work { raw, end, compression, known: known.as_ref(), cancel };
    work.each(threads, Extents::new(raw, end, CLUSTER_BYTES, RUN), |run| {
        for (stored, bytes) in run.stored() {
            image.store(stored.cluster, bytes, stored.is_packed).map_err(Qcow2Error::Write)?;
            if stored.is_packed {
                written.packed += 1
            } else {
                written.plain += 1
            }
            match (stored.source, &known) {
                (Source::Known, _) => written.known += 1,
                (Source::New(digest), Some(known)) => {
                    let bytes = if stored.is_packed { bytes } else { &[] };
                    known.lock().unwrap_or_else(PoisonError::into_inner).put(&digest, bytes);
                }
                (Source::New(_) | Source::Made, _) => {}
            }
        }
        Ok(())
    })?;
    cancel.check()?;
    written.bytes = image.finish(compression).map_err(Qcow2Error::Write)?;
    Ok(written)
}
