//! Layouts by themselves: pictures of them, layouts for a purpose, and graphs that nobody thought
//! of.

#[path = "../built/mod.rs"]
mod built;
mod invariant;
mod mutation;
mod picture;
mod purpose;
mod random;
