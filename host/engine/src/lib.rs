//! The engine: walks the plan, holds what is held, tells events. It brings together what knows
//! nothing of each other: elements, the target, the block device, image files.

mod accounts;
mod batch;
mod contained;
mod disk;
mod engine;
mod event;
mod facts;
mod failure;
mod finish;
mod memory;
mod observer;
mod packages;
mod secrets;
mod steps;
mod teller;
mod units;
mod versions;
mod work;

pub use engine::{BuildOptions, Outcome, build};
pub use event::{Activity, Event, Level, Timing};
pub use failure::BuildFailure;
pub use secrets::Secrets;
