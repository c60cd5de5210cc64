//! What is diskimage-builder's: its block device YAML, in tree form, in graph form, and mixed, read as
//! our nodes; and the [`words`] that people type for it.
//!
//! ```text
//! text ─► yaml ─► flatten ─► entries ─► nodes of DIB ─► DIB's graph and call order   (`Dib`)
//!        bounded   tree to    (graph     plugins'             │
//!                  graph      form)      checks               └─► our nodes, fstab  (`Dib::layout`)
//! ```
//!
//! The source of the rules is diskimage-builder 3.43.0, `diskimage_builder/block_device/`. What
//! differs is a fault there or a limit here, and listed in `docs/block-device-yaml.md`. Messages that
//! DIB has are DIB's, capital letters and all: people search for them.

mod convert;
mod diagnostic;
mod file;
mod flatten;
mod graph;
mod node;
mod option;
mod parameters;
mod partition_code;
mod size;
pub mod words;
mod written;
mod yaml;

pub use convert::{DibFstabLine, DibLayout};
pub use diagnostic::{Diagnostic, Severity};
pub use file::{DIB_FALLBACK, Dib};
pub use graph::{DibGraph, DibNode};
pub use node::DibKind;
pub use parameters::DibParameters;
pub use written::{Syntax, Written};

pub use dibhost_block_device::{FileError as DibError, Position};
