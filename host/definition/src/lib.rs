//! The image definition: TOML with spans, and diagnostics.
