//! Elements as WebAssembly components: load, describe, preflight, grants, run.
