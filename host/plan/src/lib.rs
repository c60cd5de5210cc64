//! The whole build as a value, before anything privileged happens. Pure: no root, no network,
//! no mount.

pub mod description;
pub mod fact;
pub mod grant;
mod phase;
pub mod planner;
pub mod wish;

pub use phase::Phase;
