//! What a call holds while it lasts: below the state, which has all of it, and below the interfaces,
//! which use the state.

pub(crate) mod blobs;
pub(crate) mod cache;
pub(crate) mod clock;
pub(crate) mod facts;
pub(crate) mod handles;
pub(crate) mod log;
pub(crate) mod outputs;
pub(crate) mod wishes;
