//! What a component imports; natively, what stands in for it where a record is replayed.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::dib::element::*;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::replay::imports::*;
