//! Image files: formats, checksums, manifest. Outputs appear by rename, all of them or none.
//!
//! ```text
//! Scratch::create(folder) ─► disk.raw ─► Images { … }.make(…) ─► Made::publish(manifest, …)
//!   .dibhost-scratch-XXXX,      (block      disk/, qcow2/:        with .sha256, .manifest.json:
//!   locked, and removed         device)     in the scratch        renamed one after the other
//!                           ─► tree.tar ─►  folder
//!                              (its box)    archive/: the same
//! ```

mod archive;
mod beside;
mod check;
mod digest;
mod disk;
mod error;
mod extents;
mod format;
mod manifest;
mod place;
mod publish;
pub mod qcow2;
mod scratch;

pub use archive::Container;
pub use beside::check_beside;
pub use check::check_output;
pub use digest::sha256_of;
pub use error::ImageError;
pub use format::{Format, Qcow2Compression};
pub use manifest::{
    Manifest, ManifestElement, ManifestError, ManifestFile, ManifestOutput, ManifestPackage,
    ManifestVersion,
};
pub use place::{Placed, put_in_place};
pub use publish::{Images, Made, Output, Packing, TreeFiles, publish};
pub use scratch::Scratch;
