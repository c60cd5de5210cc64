//! The whole build as a value, before anything privileged happens. Pure: no root, no network,
//! no mount.

mod accounts;
pub mod action;
mod actions;
pub mod ask;
mod condition;
mod consent;
mod contents;
pub mod description;
pub mod diff;
pub mod digest;
mod disk;
mod disk_size;
pub mod explain;
pub mod fact;
pub mod file;
pub mod grant;
mod implied;
mod inputs;
mod label;
mod left;
mod limits;
pub mod lock;
mod login;
mod merge;
mod observed;
pub mod openpgp;
mod order;
mod parameters;
mod password_hash;
mod phase;
mod phrases;
mod picture;
mod plan;
pub mod planner;
mod planning;
mod preflight;
mod probe;
pub mod remote;
mod render;
mod resolve;
pub mod schema;
mod sentences;
mod shown;
mod slot;
mod slots;
mod soundness;
mod started;
mod transaction;
mod typed;
pub mod validate;
pub mod why;
pub mod wish;

pub use action::{Action, Work};
pub use actions::actions;
pub use label::label;
pub use login::Login;
pub use observed::{Observed, Taint};
pub use password_hash::PasswordHash;
pub use phase::Phase;
pub use plan::{
    DeferredTrigger, FactEdge, HOST, HeldGrant, Plan, PlanFinding, PlannedBlockDevice,
    PlannedDropIn, PlannedElement, PlannedFile, PlannedGroup, PlannedImage, PlannedInput,
    PlannedPassword, PlannedPreset, PlannedSecret, PlannedUnit, PlannedUnitState, PlannedUser,
    PresetLine, Step, VERSION, schema as schema_of_plan,
};
pub use planning::{CANNOT_RUN_HELP, DEFAULT_SOURCE_DATE_EPOCH, KeptSlots, PlanInputs, plan};
pub use probe::script as probe;
pub use slot::{FactUse, PlannedSlot, Who};
pub use transaction::{
    BootstrapWant, DebconfAnswer, GroupWant, ModuleWant, PackageWant, PlannedRepository,
    Transaction, WantedBy,
};
pub use typed::{Texts, set_typed, value_of};
