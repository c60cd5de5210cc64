//! Inputs: files and folders of the builder that an image definition names.
//!
//! ```text
//!  [inputs.site] ──► Input::open ──► manifest: paths, kinds, modes, digests, links ──► its digest: plan, keys
//!                        │
//!                        └─ held by descriptor ──► read, and what changed since is refused
//! ```
//!
//! A folder is walked once, by descriptors; nothing in it is followed. What a build reads
//! afterwards is compared with what was found then.

mod changed;
mod error;
mod input;
mod inputs;
mod known;
mod manifest;
mod scan;

pub use changed::Changed;
pub use error::InputError;
pub use input::Input;
pub use inputs::Inputs;
pub use known::Known;
pub use manifest::{Manifest, Node, NodeKind};
