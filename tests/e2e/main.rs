//! The whole, as a person uses it: real builds from a real mirror, real boots, real faults.
//!
//! Needs root, the built program and elements (`make build`), QEMU and the tools that
//! `scripts/install-dependencies test` installs.

mod authors;
mod block_device;
mod block_device_killed;
mod block_device_secrets;
mod boots;
mod compat;
mod container;
mod contents;
mod crowded;
mod elements;
mod faults;
mod fetch;
mod filesystem;
mod grows;
mod host_programs;
mod inputs;
mod killed;
mod languages;
mod layers;
mod lock;
mod misbehaviour;
mod mistakes;
mod outputs;
mod persistent;
mod pipes;
mod plan;
mod ramdisk;
mod record;
mod refusals;
mod rootless;
mod rpm;
mod secrets;
mod sharing;
mod shell;
mod trust;
mod trust_foreign;
mod tutorial;
mod ubuntu;
mod vm;
mod words;
