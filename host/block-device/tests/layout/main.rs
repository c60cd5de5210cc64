//! Layouts by themselves: pictures of them, layouts for a purpose, graphs that nobody thought of, and
//! what is said of those that do not fit.

#[path = "../built/mod.rs"]
mod built;
mod invariant;
mod mutation;
mod picture;
mod purpose;
mod random;
mod words;
