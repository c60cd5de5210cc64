//! Disks in the format qcow2, read where they lie: what is looked at is unpacked, and no more.
//!
//! ```text
//! header ─► L1 table ─► L2 tables ─► clusters: as they are, compressed, zeros, or nothing
//! ```
//!
//! Format: `docs/interop/qcow2.rst` of QEMU, versions 2 and 3. The bytes are anybody's: every number
//! is checked before it is used, and what one read takes of memory is bounded by two tables and two
//! clusters.

mod error;
mod header;
mod medium;

pub use error::Qcow2Error;
pub use header::is_qcow2;
pub use medium::Qcow2Medium;
