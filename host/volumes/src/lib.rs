//! Volumes: the bytes by which a medium is partition tables, volume groups, arrays, encrypted and
//! verified volumes, written and read without the kernel.
//!
//! ```text
//! tables     gpt   mbr   grub (where its images lie)
//! volumes    lvm (thin pools too)   luks   md   verity   btrfs (its subvolumes, read)
//! below      Medium: bytes at offsets of a file or of what stands on one; qcow2 (read)
//! ```
//!
//! What is written was decided elsewhere, to the last number. What is read may be anybody's: every
//! number is checked before it is used.

pub mod btrfs;
pub mod bytes;
pub mod crc32c;
mod extent;
pub mod gpt;
pub mod grub;
pub mod luks;
pub mod lvm;
pub mod mbr;
pub mod md;
mod medium;
pub mod qcow2;
pub mod sparse;
pub mod verity;

pub use extent::Extent;
pub use medium::{FileMedium, Medium, within};
