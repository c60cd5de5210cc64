//! What else this program is, when a build starts it again: its hidden first argument says so.

/// The target's worker process.
pub(crate) const TARGET_WORKER: &str = "target-worker";

/// Compiles a component, with limits.
pub(crate) const COMPILE_COMPONENT: &str = "compile-component";

/// Fills a filesystem, where the worker starts it.
pub(crate) const FILL_FILESYSTEM: &str = "fill-filesystem";
