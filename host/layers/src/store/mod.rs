//! What actions made, kept on disk by the key of the action, so that nothing is made twice.
//!
//! An *entry* is a set of named files, a note, and the entries it stands on, without which it is
//! useless. What lies in the store's folder, which is its user's alone:
//!
//! ```text
//! version            the schema; a store of another one is refused
//! lock               shared while something is looked for or put in place, exclusive while something
//!                    is removed; nobody holds it for long
//! objects/ab/REST    files, by the SHA-256 of their content, read-only
//! keys/KEY           an entry: its objects, what it stands on, the note; its time is its last use
//! roots/NAME         entries that stay although nobody builds: those of the last outputs
//! leases/PID-N       the keys that a running build uses; locked by it
//! claims/KEY         locked by whoever makes that entry
//! drafts/PID-N       files on their way into the store, locked by whoever writes them
//! ```
//!
//! **Whole or absent.** An entry is there when its record is, which comes last, by a rename, after all
//! else is on the disk. A process that is killed leaves a draft, which the next one that opens the store
//! sweeps, or objects that no entry has, which a collection takes.
//!
//! **What was kept or nothing.** Records say their own SHA-256, objects are called by theirs, and an
//! entry says which very entries it stands on: one that was made anew with other contents carries
//! nothing that was made on the old. What is found to be bad is dropped, and whoever asked builds.
//!
//! **What is in use stays.** A lease names an entry before whoever asked gets it, and both happen while
//! nobody can remove anything.

mod claim;
mod digest;
mod entry;
mod error;
mod folder;
mod gc;
mod get;
mod graph;
mod held_file;
mod holders;
#[cfg(test)]
mod killed;
mod layout;
mod lease;
mod list;
mod lock;
mod objects;
mod open;
mod policy;
mod prune;
mod record;
mod records;
mod roots;
mod sealed;
mod verify;
mod writing;

pub use claim::Claim;
pub use digest::{Digest, Key, NoDigest};
pub use entry::Entry;
pub use error::StoreError;
pub use get::{Found, Lease};
pub use holders::Holder;
pub use list::Listed;
pub use open::Store;
pub use policy::{Collected, Kept, Policy, Removed, RemovedObject, Why};
pub use prune::Dropped;
pub use verify::{Bad, Progress, Verified, What};
pub use writing::{Committed, Writing};
