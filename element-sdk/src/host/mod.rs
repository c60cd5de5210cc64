//! The host as the rest of this crate calls it: on wasm the imports of the component, natively
//! the [`crate::TestHost`] of the running thread, or the record that it replays.
//!
//! Both sides are modules of plain functions and not one trait object: a table of methods would
//! refer to every import, and a component would then import what it never calls.

mod convert;
#[cfg(not(target_arch = "wasm32"))]
mod either;
mod first_tree;
pub(crate) mod guest;
mod imports;
#[cfg(not(target_arch = "wasm32"))]
mod native;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use either::*;
#[cfg(target_arch = "wasm32")]
pub(crate) use guest::*;
