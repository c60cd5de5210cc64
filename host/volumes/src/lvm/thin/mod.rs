//! Thin pools: which chunks of the pool's data hold which chunks of its thin volumes.
//!
//! The map is reckoned here; its form on disk (B-trees and space maps of the kernel's `dm-thin`) is
//! made by Debian's `thin-provisioning-tools`, from XML, and read by us.
//!
//! ```text
//! GrowingMedium, written to ─► GrowingPool ─► write_metadata ─► XML ─► thin_restore ─► the pool's tmeta
//!      │                                                                                  │
//!      ▼                                                                                  ▼
//! the pool's tdata  ◄─ ThinMedium, read from ◄────────── PoolMap ◄────────────────── PoolMetadata
//! ```

mod map;
mod medium;
mod metadata;
mod pool;
mod read;
mod tree;
mod xml;

pub use map::{DeviceMap, Mapping, PoolMap};
pub use medium::{ThinMapped, ThinMedium};
pub use metadata::{Restoring, write_metadata};
pub use pool::{GrowingMedium, GrowingPool};
pub use read::{PoolBudget, PoolMetadata};
