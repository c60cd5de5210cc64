//! Filesystems: their kinds and settings, how large each has to be for its part of a tree, and
//! making it, with the kernel's help or without.
//!
//! ```text
//! Tree ─► Counted ─► FormatLayout ─► made in a file (format), or filled where it is mounted (copy)
//!         how large   decided         ext4 · fat · xfs · squashfs · erofs · btrfs · swap
//! medium ─► probe: which filesystem, volume or table is there
//! ```

mod copy;
mod ext4;
mod fat;
mod filesystem;
mod format;
mod identity;
mod listing;
pub mod probe;
pub mod readback;
mod site;
mod tree;
pub mod walk;
mod xattrs;

pub use copy::{Copied, CopyError, Holds, attributes, copy};
pub use ext4::ExtFilling;
pub use fat::Geometry as FatGeometry;
pub use filesystem::{
    Compressor, Ext4Tuning, FatBits, FatSerial, FilesystemKind, FilesystemUuid, FreeTuning,
    PackedTuning, Refused, Tuning, VfatTuning, check_label, parse_tuning, parse_uuid,
};
pub use format::{
    BtrfsLayout, Counted, ExtLayout, FormatLayout, PackedLayout, Problem, XfsLayout, squashfs_of,
};
pub use identity::FilesystemIdentity;
pub use listing::{Listed, Listing};
pub use site::{MakeError, Site};
pub use tree::{EntryKind, FolderTree, RootFolder, Tree, TreeEntry};
pub use xattrs::XattrTotals;
