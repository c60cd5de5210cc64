//! Plans of elements that are closures: what is refused, in which words, and what is planned.

mod actions;
mod conditions;
mod consent;
mod contents;
mod differences;
mod disks;
mod elements;
mod facts;
mod families;
mod files;
mod inputs;
mod orders;
mod pictures;
mod readings;
mod reasons;
mod refusals;
mod secrets;
mod slots;
mod transactions;
mod wholes;
