//! A disk read back: what tables, headers and superblocks say, as the graph that would make it.
//!
//! ```text
//! disks ─► signatures ─► the format's own reader ─► what lies in it ─┐   nodes, and what the disk
//!   ▲           ▲                                                    │   says of each
//!   │           └────────────────────────────────────────────────────┘
//! with the secrets that are given; nothing is written, mounted or activated
//! ```
//!
//! A disk does not hold all that a graph says. Each node names what is not known of it, and nothing
//! is made up: mounts and GRUB are not in such a graph at all.

mod array;
mod find;
mod finder;
mod ground;
mod name;
mod node;
mod show;
mod subvolume;
mod table;
mod thin;
mod types;
mod volume;

pub use types::{Facts, InspectSecret, Inspected, InspectedDisk, Inspection};

/// Looks into disks that belong together: members of one array may lie on several.
///
/// What cannot be read is said at the node it was found on; what else there is, is found still.
#[must_use]
pub fn inspect(disks: &[InspectedDisk<'_>], secrets: &[InspectSecret]) -> Inspection {
    finder::Finder::new(disks, secrets).find()
}
