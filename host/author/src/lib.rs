//! Elements for their authors: new projects, built, tested and checked, in four languages.
//!
//! ```text
//! kit ─ the contract, the SDKs and the templates, carried in the program
//!  │
//!  ├─ new_project   writes a project with the SDK of its language in it
//!  ├─ project       finds out what a folder holds
//!  ├─ toolchain/*   builds and tests it: one module per language, packages from its registry
//!  └─ component     what a finished component imports
//! ```
//!
//! The SDK lies in the project, not in a registry and not beside the program: so a project is whole,
//! builds on a machine that has its language's tools alone, and gives the same component after this
//! program was updated. `--sdk` names a folder or a published version instead.

mod bindings;
mod component;
mod error;
mod kit;
mod language;
mod name;
mod new_project;
mod project;
mod tool;
mod toolchain;
mod watch;
mod world;

pub use component::{Parts, minor_of, parts};
pub use error::AuthorError;
pub use kit::{VERSION as CONTRACT, unpack as unpack_kit};
pub use language::{Kind, Language};
pub use name::check_name;
pub use new_project::{NewProject, Sdk, new_project};
pub use project::Project;
pub use toolchain::{Built, build, test};
pub use watch::Watch;
