//! What tells a file, and whether it is as it was when it was looked at.

use rustix::fs::Stat;

/// Which file something was, and whether it is the same still: no program can set the time of
/// change back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Signature {
    /// Of what the kernel says of it.
    #[must_use]
    pub fn of(stat: &Stat) -> Self {
        // The fields have other types on other machines.
        #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "of the kernel")]
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: size(stat),
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }
}

impl Signature {
    /// Bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// When it last changed in any way: seconds.
    #[must_use]
    pub fn changed(&self) -> i64 {
        self.changed.0
    }

    /// As numbers, to be kept.
    #[must_use]
    #[expect(clippy::cast_possible_wrap, reason = "there and back again")]
    pub fn fields(&self) -> [i64; 7] {
        let Self { device, inode, size, modified, changed } = *self;
        [device as i64, inode as i64, size as i64, modified.0, modified.1, changed.0, changed.1]
    }

    /// Of numbers that were kept.
    #[must_use]
    #[expect(clippy::cast_sign_loss, reason = "there and back again")]
    pub fn of_fields(fields: [i64; 7]) -> Self {
        let [device, inode, size, modified, nanos, changed, changed_nanos] = fields;
        Self {
            device: device as u64,
            inode: inode as u64,
            size: size as u64,
            modified: (modified, nanos),
            changed: (changed, changed_nanos),
        }
    }
}

fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or_default()
}
