//! The image definition: TOML in, [`Definition`] out, with the place of everything in it, or
//! [`Diagnostics`] that say all that is wrong at once.

pub mod capability;
mod command_line;
mod definition;
mod diagnostic;
mod duration;
mod limit;
mod location;
mod lock;
mod parse;
mod quantity;
mod secrets;
mod size;
mod write;

pub use command_line::CommandLine;
pub use definition::{
    Definition, ElementGrants, ElementParameters, FirstPartyTrust, Format, Grant, ImageSection,
    Qcow2Compression, RootFilesystem, Secret, SecretSource, Setting, Trust,
};
pub use diagnostic::{Diagnostic, Diagnostics, closest, did_you_mean, quoted_list};
pub use duration::{format_duration, parse_duration};
pub use limit::{ElementLimits, Limit, LimitSettings, Limits, Measure};
pub use location::{Location, Spanned};
pub use lock::{LOCK_FILE, Lock, LockedElement, LockedImage};
pub use size::{format_size, parse_size};
pub use write::{add_grants, scope_lines, toml_key, toml_text};
