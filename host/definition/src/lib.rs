//! The image definition: TOML in, [`Definition`] out, with the place of everything in it, or
//! [`Diagnostics`] that say all that is wrong at once.

mod additions;
mod capability;
mod command_line;
mod compose;
mod contents;
pub mod date;
mod definition;
mod diagnostic;
mod dib_keys;
mod home;
mod inputs;
mod keys;
mod layer;
mod layout_file;
mod limit;
mod location;
mod lock;
mod not_toml;
mod parse;
mod reader;
mod reference;
mod repository;
pub mod rule;
mod schema;
mod secrets;
mod sha256;
mod stated;
mod trust_file;
mod typed;
mod write;

pub use additions::Additions;
pub use capability::{Capability, Scoped};
pub use command_line::CommandLine;
pub use compose::Chosen;
pub use contents::{
    Contents, SYSCTL, StatedCommand, StatedFile, StatedFormat, StatedLocale, StatedNode,
    StatedPackage, StatedProgram, StatedRepository, StatedText, StatedUnit, StatedUser,
};
pub use definition::{
    Definition, DiskSection, ElementGrants, ElementParameters, FirstPartyTrust, Grant,
    ImageSection, InputPlace, RootFilesystem, Secret, SecretSource, Setting, Trust, VolumeSize,
};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use dib_keys::DibSurroundings;
pub use dibhost_image::{Format, Qcow2Compression};
pub use keys::is_key;
pub use limit::{ElementLimits, Limit, LimitSettings, Limits, Measure};
pub use location::{Location, Spanned};
pub use lock::{LOCK_FILE, Lock, LockedElement, LockedImage, LockedPackages, LockedVersion};
pub use reference::{OciReference, Reference, Wanted};
pub use repository::Repository;
pub use schema::schema;
pub use sha256::is_sha256;
pub use trust_file::{StatedPublisher, TrustFile};
pub use typed::{TYPED, Typed};
pub use write::{add_grants, scope_lines, toml_key, toml_text};
