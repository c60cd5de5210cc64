//! The host as the rest of this crate calls it: on wasm the imports of the component, natively
//! the [`crate::TestHost`] of the running thread.
//!
//! Both sides are modules of plain functions and not one trait object: a table of methods would
//! refer to every import, and a component would then import what it never calls.

#[cfg(target_arch = "wasm32")]
mod convert;
#[cfg(target_arch = "wasm32")]
pub(crate) mod guest;
#[cfg(not(target_arch = "wasm32"))]
mod native;

#[cfg(target_arch = "wasm32")]
pub(crate) use guest::*;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::*;
