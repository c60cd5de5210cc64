//! Elements as WebAssembly components: found, described, held to their grants, run.
//!
//! ```text
//! Library ─ finds NAME.wasm, knows its digest, caches its description
//!    │
//!    ├─ component   checks what a file is, compiles it (Winch, else Cranelift)
//!    ├─ trusted     the folder of compiled code: 0700, ours, no link
//!    └─ invoke      one store, one call: describe, plan or run
//!         └─ interface/*   one module per WIT interface: linker, scope, state
//! ```
//!
//! An element that is running sits on a thread of its own; what it does to the target and says to
//! the observer is done on the caller's thread ([`Library::run_step`]). Several may run at the same
//! time ([`run_side_by_side`]).

mod bindings;
mod component;
mod convert;
mod describe_size;
mod effects;
mod engine;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod interface;
mod invoke;
mod library;
mod limits;
mod observer;
mod record;
mod refusal;
mod schema;
mod secrets;
mod state;
mod trusted;
mod wasi;
mod wire;

pub use effects::{SideBySide, run_side_by_side};
pub use engine::Compiler;
pub use invoke::{Outcome, Prepared, RunAnswer, RunCall};
pub use library::{Inspection, Library, LibraryOptions, Listed};
pub use limits::LoadLimits;
pub use observer::{Level, Observer, Silent};
pub use record::{Answer, Ending, FORMAT, Half, HostCall, Record};
pub use secrets::{NoSecrets, SecretStore};
