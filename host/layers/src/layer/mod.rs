//! What a build step changed in a tree, kept and made again: to the last link, hole, time stamp and
//! extended attribute.
//!
//! ```text
//!  survey ──► a step changes the tree ──► pack ──► manifest + pack     (upon the chain below)
//!                                          │
//!                                          └─► survey ──► the next step …
//!
//!  manifests + packs, the lowest first ──► restore ──► the tree, and its survey ──► a step …
//! ```
//!
//! The *pack* has the contents of files, in the order of the paths that need them first, and each
//! chunk once in a whole chain. A *chunk* is what is no hole between two multiples of 4 MiB of a
//! file. Chunks are put together until they are 4 MiB and more, and compressed: that is a *frame*,
//! the piece that a core packs or restores.
//!
//! ```text
//! ┌──────────────── frame ───────────────┬──────────── frame ───────────┬─ …      no gap, no header
//! │ zstd( chunk, chunk, chunk, … )       │ zstd( chunk of a large file )│
//! └──────────────────────────────────────┴──────────────────────────────┴─ …
//! ```
//!
//! The *manifest* says all else, in postcard's encoding:
//!
//! ```text
//! "dibhost layer\n"  schema: 32 bits, little endian
//! below    digest of the manifest that it was packed upon; none: it is a whole tree
//! inodes   kind, mode, owner and group (of the namespace), mtime with nanoseconds, xattrs, and
//!            file           size, chunks: offset, length, SHA-256
//!            symbolic link  what it says
//!            device         major, minor
//! names    folder's place in this list, name, and what is said of it, in the order of the paths:
//!            inode n        a name of that inode; links are several names of one
//!            passed         a folder of the tree below, in which something changed
//!            deleted        gone, with all that was in it
//! frames   compressed length and SHA-256; chunks in it: length, SHA-256
//! SHA-256 of all this
//! ```
//!
//! An inode that differs in anything, or that has another set of names, is said anew with *all* its
//! names. So a link to a file of a layer below is a name more, a renamed folder says its files again
//! without their contents, and restoring needs no rule but: the highest layer that says something of
//! a name is right. A folder that is said anew keeps what is in it unless that is said to be
//! deleted; what was deleted and made again needs no mark of its own.
//!
//! Nothing in a manifest says where in a file a frame or a chunk lies: they follow one another. A
//! name is no path, so none can lead out of the tree, and a tree may be 16,384 folders deep with
//! names of 255 bytes, far beyond the longest path. There is one way to write a manifest, and it is
//! read in no other; it is held to the rules when it is made and when it is read, whoever wrote it.
//! A frame is decompressed when its SHA-256 is right, to no more than it should be. That what is in
//! it is what the manifest says is the word of who packed it; [`verify`] makes sure of that, too, and
//! is meant for layers that come from elsewhere.
//!
//! Why it is not overlayfs: in a user namespace that splits hard links, refuses to rename folders of
//! a lower layer and loses opaque marks. Why it is not tar: that cannot link to a file of an earlier
//! archive, knows deletions only by names that real files have, too, and gives folders the time of
//! their unpacking. What changed is known by `ctime` (`survey`), not by comparing contents.
//!
//! What is not kept: access times, and flags of an inode (`chattr`). Devices are made by `mknod`,
//! which the kernel refuses in a user namespace: that is an error which names the device.

mod attributes;
mod chain;
mod compare;
mod create;
mod descent;
mod difference;
mod error;
mod frames;
mod inode;
mod manifest;
mod names;
mod pack;
mod parallel;
mod plan;
mod read;
mod restore;
mod rules;
mod survey;

pub use chain::Chain;
pub use compare::{Otherwise, differing};
pub use error::{ManifestError, PackError, RestoreError, SurveyError};
pub use manifest::{Limits, Manifest};
pub use pack::{pack, pack_on};
pub use restore::{restore, verify};
pub use survey::{Survey, survey};
