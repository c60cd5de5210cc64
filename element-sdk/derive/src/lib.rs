//! Derive macros of `dibhost-element-sdk`.
