//! What a tree became by an action, kept, so that nothing is built twice.
//!
//! [`layer`] says what changed in a tree and makes a tree of that again; [`store`] keeps what it
//! wrote, by the key of the action that made it.

pub mod layer;
pub mod store;
