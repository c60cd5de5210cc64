//! Filesystems of every kind behind one face: how much a part of the tree needs, whether it fits
//! into a volume, and making it there.
//!
//! ```text
//! Counted::of(filesystem, part of the tree) ─► bytes_for(…)      the smallest volume
//!                                          └─► fit(size, identity) ─► FormatLayout ─► make(site, tree)
//! ```
//!
//! | kind | made by | in place | without the kernel |
//! |---|---|---|---|
//! | ext2, ext3, ext4 | `mke2fs`, filled by us | at any offset | always |
//! | vfat, swap | us | at any offset | always |
//! | squashfs, erofs | `mksquashfs`, `mkfs.erofs` | in a file of its own | always |
//! | xfs | `mkfs.xfs` from a prototype | in a file of its own | see `xfs.rs`; times are those of making |
//! | btrfs | `mkfs.btrfs --rootdir` | in a file of its own | without devices and subvolumes |

mod beyond;
mod btrfs;
mod counted;
mod layout;
mod packed;
mod swap;
mod totals;
mod xfs;

pub use btrfs::BtrfsLayout;
pub use counted::{Counted, Problem};
pub use layout::{ExtLayout, FormatLayout};
pub use packed::{PackedLayout, squashfs_of};
pub use xfs::XfsLayout;
