//! Bytes from outside: where they come from, what holds them, where they are kept.
//!
//! ```text
//! Fetch ─ what a step's `fetch` asks for; `SimulatedFetch` is its twin without a network
//!    │
//! Fetcher ─ store first, then HTTP or git, then the store again, from which it is read
//!    ├─ store     by SHA-256; written whole or not at all; verified whenever read
//!    ├─ http      one download: redirects, bounds, slow servers
//!    ├─ git       one commit as a tar archive, by the builder's `git`
//!    └─ transit   the thread that is on the network, and the one that waits for it
//!
//! oci ─ elements in registries: pushed, pulled, copied, kept, carried in one file
//! trust ─ who made an element, and whether that counts: keys, signatures, the policy
//! ```
//!
//! The only crate with HTTP.

mod error;
mod fetch;
mod fetcher;
mod git;
mod http;
pub mod oci;
mod outside;
mod pace;
mod pins;
pub mod simulated;
mod store;
mod transit;
pub mod trust;

pub use error::FetchError;
pub use fetch::{Allowed, Fetch, Fetched, Watch};
pub use fetcher::Fetcher;
pub use outside::{Outside, Patience};
pub use pins::{Found, Pins};
pub use simulated::SimulatedFetch;
