//! Write dibhost elements in Rust.
