//! The whole build as a value, before anything privileged happens. Pure: no root, no network,
//! no mount.

pub mod description;
pub mod digest;
pub mod fact;
pub mod grant;
mod phase;
mod plan;
pub mod planner;
pub mod schema;
mod transaction;
pub mod validate;
pub mod wish;

pub use phase::Phase;
pub use plan::{
    DeferredTrigger, FactEdge, HOST, HeldGrant, Plan, PlanFinding, PlannedBlockDevice, PlannedElement, PlannedGroup,
    PlannedImage, PlannedRepository, PlannedSlot, PlannedUnit, PlannedUnitState, PlannedUser, Step, VERSION,
};
pub use transaction::{Answer, BootstrapWant, PackageWant, Transaction, WantedBy};
