//! Btrfs: made by `mkfs.btrfs`, and filled by its `--rootdir` where that keeps what the tree
//! holds.
//!
//! btrfs-progs 6.2 knows no subvolumes there, writes every device as device 0:0, and writes holes
//! as zeros. It wants 16 KiB of metadata, twice, for every file, and makes the filesystem larger
//! where that is more than there is. The device's UUID, those of the trees and the times of
//! change are new each time: two builds hold the same, but are not equal bit by bit. While a
//! device of this machine holds a filesystem of the same UUID (an image of an earlier build, on a
//! loop device), `mkfs.btrfs` refuses to make another.

use std::io;

use dibhost_sys::Program;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::totals::Totals;
use crate::site::{MakeError, Site};
use crate::tree::{EntryKind, Tree, TreeEntry};
use dibhost_text::rounded_size;

const MIB: u64 = 1 << 20;
/// `mkfs.btrfs` makes nothing smaller with metadata written twice.
pub(super) const LEAST: u64 = 109 * MIB;
/// What it takes as the most metadata of a file (`btrfs_mkfs_size_dir`).
const METADATA: u64 = 16 << 10;

/// What Btrfs is made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BtrfsLayout {
    /// Its UUID.
    pub uuid: Uuid,
    /// Bytes.
    pub size: u64,
}

/// Bytes it needs for a part with `free` bytes beside it.
pub(super) fn bytes_for(totals: &Totals, free: u64) -> u64 {
    // Chunks of data have 8 MiB or a multiple, those of metadata twice that.
    let data = totals.length.saturating_add(free).next_multiple_of(8 * MIB);
    let metadata = totals.names * METADATA + totals.length / 4096 * 32 + totals.xattr_bytes;
    let all = (LEAST + data + 8 * MIB).saturating_add((2 * metadata).next_multiple_of(16 * MIB));
    // A chunk may be a tenth of the device, and the last of each kind is not full.
    all.saturating_add(all / 8)
}

/// Why `--rootdir` cannot keep this entry.
pub(super) fn problem(entry: &TreeEntry) -> Option<String> {
    let is_root = entry.path.as_os_str().is_empty();
    if is_root && (entry.mode, entry.uid, entry.gid) != (0o755, 0, 0) {
        let (mode, uid, gid) = (entry.mode, entry.uid, entry.gid);
        return Some(format!(
            "its root has mode {mode:04o} and owner {uid}:{gid}, not 0755 and 0:0"
        ));
    }
    (entry.kind == EntryKind::Special)
        .then(|| format!("`{}` is a device, pipe or socket", entry.shown()))
}

/// Makes it, of a part or empty.
pub(super) fn make(
    btrfs: &BtrfsLayout,
    site: &Site<'_>,
    tree: &mut dyn Tree,
) -> Result<(), MakeError> {
    let mut program = Program::new("mkfs.btrfs")
        .args(["-q", "-f", "-K", "-d", "single", "-m", "dup", "-n", "16384", "-s", "4096"])
        .args(["-O", "extref,skinny-metadata,no-holes", "-R", "free-space-tree"])
        .args(["-U", &btrfs.uuid.to_string(), "-b", &btrfs.size.to_string()]);
    if let Some(label) = site.label {
        program = program.args(["-L", label]);
    }
    let part = site.part(tree)?;
    if let Some(part) = &part {
        program = program.arg("-r").arg(part);
    }
    tree.program(&program.arg(site.path).held(site.hold(part.as_deref())))?;
    let metadata = site.file.metadata()?;
    if metadata.is_file() && metadata.len() > btrfs.size {
        let missing = rounded_size(metadata.len() - btrfs.size);
        let size = rounded_size(btrfs.size);
        let problem = format!("its files do not fit into {size}: {missing} are missing");
        return Err(io::Error::new(io::ErrorKind::StorageFull, problem).into());
    }
    Ok(())
}
