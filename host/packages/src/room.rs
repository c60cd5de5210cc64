//! Room: on the cache's disk, and in the tree. The former is looked at before apt is started: its method that unpacks lists waits
//! for ever when the disk fills under it (seen with apt 2.6).

use std::path::Path;

use dibhost_tree::TargetError;

use crate::error::PackageError;
use crate::said::{CACHE_FULL, TREE_FULL};

/// What the lists of a release, its updates and its security suite take while they are replaced:
/// those of Debian 12 take 60 MiB, and their old copies stay until the new ones are whole.
pub(crate) const LISTS: u64 = 128 << 20;

/// Refuses when the disk that holds `folder` has less than `bytes` free.
pub(crate) fn require(folder: &Path, bytes: u64, doing: &str) -> Result<(), PackageError> {
    let stat = rustix::fs::statvfs(folder).map_err(|errno| PackageError::Io {
        doing: format!("looking how much room `{}` has", folder.display()),
        source: errno.into(),
    })?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free >= bytes {
        return Ok(());
    }
    let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
    let (needed, folder) = (mebibytes(bytes), folder.display());
    Err(PackageError::NoSpace {
        doing: doing.to_owned(),
        detail: format!("`{folder}` has {} MiB free, and {needed} MiB are needed", mebibytes(free)),
        advice: CACHE_FULL,
    })
}

/// A worker's error, with what to do when its tree is full.
pub(crate) fn full(error: TargetError, doing: &str) -> PackageError {
    match error {
        TargetError::Cancelled => PackageError::Cancelled,
        TargetError::Os { doing: at, name, message } if name == "ENOSPC" || name == "EDQUOT" => {
            PackageError::NoSpace {
                doing: doing.to_owned(),
                detail: format!("{at}: {message}"),
                advice: TREE_FULL,
            }
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_disk_has_is_refused_and_nothing_is_always_there() {
        assert!(require(Path::new("/"), 0, "testing").is_ok());
        let error = require(Path::new("/"), u64::MAX, "testing").unwrap_err().to_string();
        assert!(error.contains("no space is left while testing (`/` has "), "{error}");
    }
}
