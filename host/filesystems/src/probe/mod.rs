//! What a volume carries, by the signatures that filesystems, volumes and partition tables leave on
//! it, and what their superblocks say of themselves.
//!
//! A signature is a claim: nothing here checks more than tells it from chance. Damaged tables and
//! headers are found too, for they may be all that is left of something dear. Whoever wants to go on
//! to what is in it asks the reader of the format.
//!
//! The bytes are anybody's: every number is checked, and no more is read than the places where
//! signatures lie.

mod fat;
mod filesystem;
mod signature;
mod table;
mod volume;

use std::io;

use dibhost_volumes::Medium;

use signature::Probe;
pub use signature::{Signature, SignatureKind};

/// All signatures of a volume: first those of what is encrypted, volumes and tables, then those of
/// filesystems. Nothing: none that is known here.
///
/// # Errors
/// When the volume cannot be read.
pub fn signatures(medium: &dyn Medium) -> io::Result<Vec<Signature>> {
    let probe = Probe(medium);
    let mut found = Vec::new();
    for look in [
        volume::luks,
        volume::physical_volume,
        volume::raid_member,
        volume::verity,
        table::gpt,
        table::mbr,
        fat::fat,
        filesystem::ext,
        filesystem::xfs,
        filesystem::btrfs,
        filesystem::swap,
        filesystem::squashfs,
        filesystem::erofs,
        filesystem::iso9660,
        filesystem::other,
    ] {
        found.extend(look(&probe)?);
    }
    Ok(found)
}
