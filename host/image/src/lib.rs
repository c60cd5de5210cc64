//! Image files: formats, checksums, manifest. Outputs appear by rename, all of them or none.
//!
//! ```text
//! Scratch::create(folder) ─► disk.raw ─► Images { … }.make(…) ─► Made::publish(manifest, …)
//!   .dibhost-scratch-XXXX,      (block      qcow2, raw: in the    with .sha256, .manifest.json:
//!   locked, and removed         device)     scratch folder        renamed one after the other
//! ```

mod beside;
mod check;
mod digest;
mod error;
mod format;
mod manifest;
mod place;
mod publish;
pub mod qcow2;
mod scratch;

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
pub use publish::{Images, Made, Output, Packing, publish};
pub use scratch::Scratch;
