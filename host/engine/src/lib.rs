//! The engine: walks the plan, holds what is held, tells events. It brings together what knows
//! nothing of each other: elements, the target, the block device, image files.

mod accounts;
mod asked;
mod base;
mod batch;
mod choose;
mod contained;
mod disk;
pub mod doctor;
mod engine;
mod event;
mod facts;
mod failure;
mod files;
mod finish;
mod furnished;
mod image_files;
mod kept;
mod layers;
mod links;
mod login;
mod memory;
mod observer;
mod output;
mod packages;
mod secrets;
pub mod simulated;
mod steps;
mod sudo;
mod teller;
mod unchanged;
mod units;
mod versions;
mod work;

pub use base::{Base, FirstTree};
pub use choose::choose_packages;
pub use contained::limited;
pub use engine::{BuildOptions, Means, Outcome, Settings, build, build_with, layer_store};
pub use event::{Activity, Event, Level, Timing};
pub use failure::BuildFailure;
pub use layers::{LayerSettings, Reuse, WORTH, is_called};
pub use output::{Disks, Files, Finished, Needs, Output, Source};
pub use secrets::Secrets;
pub use unchanged::last_plan;
pub use work::{Clearing, WorkFolder, open_cache};
