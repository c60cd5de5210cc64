//! Write [dibhost] elements in Rust.
//!
//! An element is a WebAssembly component that takes part in building a disk image. In Rust it is
//! one struct, whose fields are its parameters, and an implementation of [`Element`]:
//!
//! ```
//! use dibhost_element_sdk::{
//!     Description, Element, Outcome, Parameters, Phase, Result, Run, Step, description,
//!     export_element,
//! };
//!
//! #[derive(Parameters)]
//! struct Motd {
//!     /// What people read when they log in.
//!     text: String,
//! }
//!
//! impl Element for Motd {
//!     fn describe() -> Description {
//!         description!()
//!             .step(Step::new(Phase::Install))
//!             .request("rootfs", "write /etc/motd", "to write the message")
//!     }
//!
//!     fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
//!         run.rootfs()?.write("/etc/motd", format!("{}\n", self.text))?;
//!         Ok(Outcome::Done)
//!     }
//! }
//!
//! export_element!(Motd);
//! ```
//!
//! # The crate
//!
//! `crate-type = ["cdylib", "rlib"]`; the package's name, version, licence and description are the
//! element's ([`description!`]). `cargo build --release --target wasm32-wasip2` makes the
//! component; `cargo test` runs natively, with a [`TestHost`] for a host.
//!
//! # The two halves of a step
//!
//! A step is an element taking part in one [`Phase`]. It is declared in the [`Description`], and
//! has two methods, each with a default that does nothing:
//!
//! * `plan_install(&self, plan: &Plan)` is called before anything is built. It provides *planned*
//!   facts and makes wishes: packages, units, accounts, nodes of the block device. [`Plan`] has
//!   nothing that could touch the image.
//! * `run_install(&self, run: &Run)` is called while the image is built, when the wishes of its
//!   phase have been carried out. [`Run`] has the tree, programs in it, and *observed* facts.
//!
//! An element may have several steps in one phase, each with a name ([`Step::named`]).
//!
//! A step that has nothing to run says so ([`Step::planning`]): the host then knows that it cannot
//! tell package transactions before and after it apart, and may make them one.
//!
//! # Facts
//!
//! What one element knows and another needs travels through a *slot*, as a Rust type with
//! `#[derive(Fact)]`. [`slots`] has those of `dib:`. A step declares what it
//! [provides](Step::provides) and [consumes](Step::consumes), and the host orders the steps of a
//! phase by that, providers first:
//!
//! ```
//! use dibhost_element_sdk::{Plan, Result, slots::KernelArgument};
//!
//! fn plan_install(plan: &Plan<'_>) -> Result<()> {
//!     plan.provide("quiet", &KernelArgument::new("quiet", "few people read the kernel's lines"))
//! }
//! ```
//!
//! # Grants
//!
//! An element holds nothing by itself. What it wishes for, reads, writes and runs it
//! [requests](Description::request), with a reason that a person reads, and the image definition
//! grants it:
//!
//! | capability | scope |
//! |---|---|
//! | `packages` | a package's name, `*` for any run of characters; `@GROUP`, `@MODULE:STREAM` |
//! | `repositories` | `URL key:FINGERPRINT` |
//! | `services`, `services-define` | a unit's name: its state and presets, its text and drop-ins |
//! | `accounts`, `accounts-sudo` | a user's or group's name; a user's who is root by `sudo` |
//! | `block-device`, `bootstrap` | empty |
//! | `builder` | `authorized-keys` or `proxies` |
//! | `rootfs` | `read PATH` or `write PATH`: the path and all below it |
//! | `exec` | a program's name or path, or `network` |
//! | `facts` | a slot of `dib:` or `dibhost:` that it provides; `read SLOT` (declared, not requested) |
//! | `elements` | `require ELEMENT`, `stand-in-for ELEMENT` (declared, not requested) |
//! | `fetch` | a host; `unpinned` for what nobody has named the digest of |
//! | `outputs` | the suffix of a file beside the image |
//! | `secret` | `place PARAMETER`: handed on unread; `open PARAMETER`: read as well |
//!
//! # Bytes from outside
//!
//! An element has no network. The host fetches for it, from hosts that are granted, what the element
//! knows by its digest; it is fetched once, and then kept. [`Run::fetch`] answers a [`Blob`], which
//! goes into the tree without coming through the element:
//!
//! ```
//! use dibhost_element_sdk::{
//!     Description, Element, Outcome, Parameters, Phase, Result, Run, Step, TestHost, description,
//! };
//!
//! /// Version 1.2, as its publisher signs it.
//! const TOOL: &str = "https://example.org/tool-1.2.tar.gz";
//! const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
//!
//! #[derive(Parameters)]
//! struct Tool {}
//!
//! impl Element for Tool {
//!     fn describe() -> Description {
//!         description!()
//!             .step(Step::new(Phase::Install))
//!             .request("fetch", "example.org", "the tool is published there")
//!             .request("rootfs", "write /opt/tool", "to unpack it there")
//!     }
//!
//!     fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
//!         let archive = run.fetch(TOOL, DIGEST)?;
//!         // Without the folder that all of it is in.
//!         run.rootfs()?.unpack(&archive, "/opt/tool", 1)?;
//!         Ok(Outcome::Done)
//!     }
//! }
//!
//! let mut host = TestHost::new().outside_archive(TOOL, DIGEST, [("tool-1.2/bin/tool", "#!/bin/sh")]);
//! host.run::<Tool>(Phase::Install).unwrap();
//! assert_eq!(host.text("/opt/tool/bin/tool"), "#!/bin/sh");
//! ```
//!
//! What has no digest ([`Run::fetch_unpinned`], a branch or tag of [`Run::fetch_commit`]) needs the
//! grant `unpinned` too: the first build writes what it found to `dib.lock`, and those after it get
//! that and nothing else.
//!
//! # Errors
//!
//! [`Error`] is a sentence for people with the trail that led to it and what to do; `?` makes one
//! of the usual errors, [`Context`] adds to it. Before anything is built, [`Plan::find`] says what
//! is wrong with the parameters.
//!
//! [dibhost]: https://github.com/dibhost/dibhost

// The derives name this crate by its name, in here too.
extern crate self as dibhost_element_sdk;

#[cfg(not(target_arch = "wasm32"))]
mod bindings;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod bindings;
mod blob;
pub mod block_device;
mod by_family;
mod change;
mod command;
#[cfg(target_arch = "wasm32")]
mod component;
mod description;
mod element;
mod error;
mod exchange;
mod extensions;
mod fact;
mod file;
mod host;
mod input;
mod level;
pub mod log;
pub mod names;
mod outcome;
mod parameters;
mod phase;
mod plan;
#[cfg(not(target_arch = "wasm32"))]
mod replay;
mod run;
mod secret;
pub mod slots;
mod stat;
mod step;
#[cfg(not(target_arch = "wasm32"))]
mod test_host;
mod tree;
mod version;
mod wish;

pub use blob::Blob;
pub use by_family::ByFamily;
pub use change::{Attributes, Change};
pub use command::{Command, Output};
pub use description::{
    Condition, Description, Parameter, ParameterKind, Request, Requirement, Slot, SlotUse, Step,
};
pub use dibhost_element_sdk_derive::{Choice, Fact, Parameters};
pub use element::Element;
pub use error::{Context, Error, ErrorCode, Result};
pub use extensions::Extensions;
pub use fact::{Arity, Fact, Provided, Timing};
pub use file::{File, FileNode};
pub use input::{Input, InputAbout, InputNode, Placement};
pub use outcome::Outcome;
pub use parameters::{ParameterValue, Parameters};
pub use phase::Phase;
pub use plan::Plan;
#[cfg(not(target_arch = "wasm32"))]
pub use replay::{Ending, Replayed};
pub use run::{Exec, Run};
pub use secret::{Secret, SecretParameter};
pub use stat::{Entry, Kind, Stat};
#[cfg(not(target_arch = "wasm32"))]
pub use test_host::{FakeTree, Planned, Ran, TestHost};
pub use tree::Tree;
pub use wish::{
    Bootstrap, BootstrapDistribution, DebRepository, DebconfAnswer, DropIn, Finding, Machine,
    Module, Package, PackageGroup, Preset, PresetAction, Proxy, RemoteFile, RpmDistribution,
    RpmLocation, RpmOrigin, RpmRepository, Sudo, UnitState, User, Want,
};

/// Makes an [`Element`] the one that the component exports.
///
/// Natively it does nothing, so that the element's own tests run without wasm.
#[macro_export]
macro_rules! export_element {
    ($element:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::__private::Component<$element>;
            $crate::__private::bindings::export_component!(
                Exported with_types_in $crate::__private::bindings
            );
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $crate::Description = $crate::TestHost::describe::<$element>;
    };
}

/// For the macros only.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_arch = "wasm32")]
    pub use crate::bindings;
    #[cfg(target_arch = "wasm32")]
    pub use crate::component::Component;
    pub use crate::parameters::wrong;
    pub use serde_json::{Value, json};

    /// The JSON Schema of a type, as text.
    #[must_use]
    pub fn schema_of<T: schemars::JsonSchema>() -> String {
        schemars::schema_for!(T).to_value().to_string()
    }

    /// Reads a parameter of kind `json`.
    ///
    /// # Errors
    /// When it is missing, or not of this type.
    pub fn read_json<T: serde::de::DeserializeOwned>(
        name: &str,
        value: Option<Value>,
    ) -> crate::Result<T> {
        use crate::error::Context;
        // A missing value is `null`, which an `Option` takes.
        serde_json::from_value(value.unwrap_or_default())
            .with_context(|| format!("reading the parameter `{name}`"))
    }
}
