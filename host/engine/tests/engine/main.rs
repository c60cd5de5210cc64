//! Builds carried out with twins: no root, no mirror, no QEMU.

mod bench;
mod cancelling;
mod failing;
mod faults;
mod fetching;
mod files;
mod inputs;
mod journal;
mod layers;
mod order;
mod outputs;
mod packages;
mod steps;
mod tree;
mod visits;
mod watched;
mod wishes;
