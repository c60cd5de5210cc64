//! Elements as WebAssembly components: found, described, held to their grants, run.
//!
//! ```text
//! Library ─ finds NAME.wasm, knows its digest, caches its description
//!    │
//!    ├─ component   checks what a file is, has it compiled (Winch, else Cranelift)
//!    │    └─ apart      in a process of its own, with limits of memory and time
//!    ├─ trusted     the folder of compiled code: 0700, ours, no link
//!    └─ invoke      one store, one call: describe, plan or run
//!         └─ interface/*   one module per WIT interface: linker, scope, state
//! ```
//!
//! An element that is running sits on a thread of its own; what it does to the target and says to
//! the observer is done on the caller's thread ([`Library::run_step`]). Several may run at the same
//! time ([`run_side_by_side`]).

mod apart;
mod bindings;
mod component;
mod convert;
mod describe_size;
mod effects;
mod engine;
mod extensions;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod held;
mod interface;
mod interfaces;
mod invoke;
mod library;
mod limits;
mod observer;
mod outcome;
mod record;
mod refusal;
mod remote;
mod runner;
mod schema;
mod secrets;
mod side_by_side;
pub mod simulated;
mod state;
mod trusted;
mod wasi;
mod wire;

pub use apart::compile_component;
pub use effects::Effects;
pub use engine::Compiler;
pub use interfaces::{Interfaces, interfaces};
pub use invoke::{Prepared, RunCall};
pub use library::{Inspection, Library, LibraryOptions, Listed, Stocked};
pub use limits::LoadLimits;
pub use observer::{Level, Observer, Silent};
pub use outcome::{Outcome, RunAnswer};
pub use record::{Answer, Ending, FORMAT, Half, HostCall, Record};
pub use remote::{Got, NotGot, Remote, Unpinned};
pub use runner::Runner;
pub use secrets::{NoSecrets, SecretStore};
pub use side_by_side::{ReadyStep, SideBySide, run_side_by_side};
pub use simulated::SimulatedRunner;
