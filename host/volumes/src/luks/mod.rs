//! LUKS2 without the kernel: header and key slots by `cryptsetup` in user space, the payload
//! encrypted here.
//!
//! ```text
//! 0        hdr_size   2 × hdr_size                              offset (16 MiB)          size
//! ├─ header ┼─ its copy ┼─ key slot 0 ┼─ key slot 1 ┼─ … zeros … ┼─ payload ───────────────┤
//!   magic, JSON, SHA-256   the volume key, split into 4000 stripes   AES-256-XTS, plain64
//!                          and encrypted with the Argon2id of a
//!                          passphrase or keyfile
//! ```
//!
//! The volume key and every salt are random, always: an image with LUKS differs from build to
//! build, and what its payload decrypts to does not. The key never leaves locked memory but for
//! the cipher's own schedule, which is overwritten when it is dropped, and for a pipe to
//! `cryptsetup`.
//!
//! # What was never written
//! A hole of the lower medium is no encrypted zeros: the kernel decrypts it to noise. Whoever copies
//! only the data of a filesystem's scratch file through [`LuksMedium`] has to know what the
//! filesystem expects of the rest ([`LuksMedium::fill_zeros`] makes a range read as zeros):
//!
//! * **ext4**: inode tables and the journal are zeros in a scratch file without having been
//!   written, and with `assume_storage_prezeroed=1` the groups are marked as having zeroed inode
//!   tables. Make it with `lazy_itable_init=1,lazy_journal_init=1` and *without*
//!   `assume_storage_prezeroed`: nothing is marked then, and the kernel zeroes the tables itself
//!   after the first mount. Blocks `mke2fs` did not write are free, the journal's are told by
//!   their sequence numbers and checksums. (Tried with noise in all holes: `e2fsck -fn` finds
//!   nothing before and after the kernel made 2000 files.)
//! * **xfs**: `mkfs.xfs` clears the log by a request to the kernel that leaves a hole
//!   (`fallocate`), and recovery reads all of it (tried: with noise there the kernel does not mount
//!   it, with zeros it does). Fill the holes within the log, whose place is
//!   `xfs_db -r -c 'sb 0' -c 'p logstart logblocks agblocks agblklog blocksize'`: 64 MiB for a
//!   small filesystem. What else was not written is free.
//! * **btrfs**: whatever is read has been written and has a checksum: nothing to fill (tried with
//!   noise: `btrfs check` finds nothing, and it mounts).
//! * **swap, LVM, md, vfat, squashfs, erofs**: what they read was written, as long as *zeros that
//!   were written* are copied too. A hole may be one of those (`mkfs.vfat` seeks over a new FAT):
//!   for vfat fill all holes below the data area.
//!
//! When in doubt fill every hole, which is right for all and costs a disk as large as its volume.
//!
//! Format: *LUKS2 On-Disk Format Specification*, version 1.1.4.

mod error;
mod format;
mod header;
mod key;
mod medium;
mod open;
mod room;

pub use error::LuksError;
pub use format::{Argon2Cost, DEFAULT_OFFSET, LuksOptions, format, least_offset};
pub use header::{KeySlot, LuksHeader, MAGIC, Pbkdf, SECOND_MAGIC, SIZES, read_header};
pub use key::{VOLUME_KEY, VolumeKey};
pub use medium::LuksMedium;
pub use open::open;
