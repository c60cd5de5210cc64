//! The mark of a device that is being installed for the first time: an installation that did not end
//! leaves it, and the next one knows by it that nothing was preserved.

use std::io;

use dibhost_volumes::Medium;

/// Where the mark of an installation that did not end is: over the entries of an MBR, so that
/// whoever writes a table of any kind removes it.
const MARK_AT: u64 = 446;
const MARK: &[u8; 64] = b"dibhost: an installation did not end here; nothing was preserved";

/// Marks a device without a table as one that is being installed for the first time.
pub(super) fn mark(disk: &dyn Medium) -> io::Result<()> {
    disk.write_all_at(MARK, MARK_AT)
}

/// Whether a device has the mark.
pub(super) fn is_marked(disk: &dyn Medium) -> io::Result<bool> {
    let mut bytes = [0; MARK.len()];
    if disk.size() < 512 {
        return Ok(false);
    }
    disk.read_exact_at(&mut bytes, MARK_AT)?;
    Ok(bytes == *MARK)
}
