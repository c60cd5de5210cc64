//! One module per interface of the contract: each adds itself to the linker, checks its scope
//! and keeps its state.

pub(crate) mod accounts;
pub(crate) mod blobs;
pub(crate) mod block_device;
pub(crate) mod bootstrap;
pub(crate) mod builder;
pub(crate) mod cache;
pub(crate) mod exec;
pub(crate) mod facts;
pub(crate) mod fetch;
pub(crate) mod files;
pub(crate) mod hook;
pub(crate) mod host;
pub(crate) mod inputs;
pub(crate) mod log;
pub(crate) mod outputs;
pub(crate) mod packages;
pub(crate) mod rootfs;
pub(crate) mod services;
pub(crate) mod wishes;

use wasmtime::component::Linker;

use crate::state::State;
use hook::{Own, hooked};

/// Adds every interface. All are linked for every element, for a script's component imports its
/// whole world; what is not granted answers `denied`.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    use crate::bindings::dib::element;
    element::types::add_to_linker::<_, Own>(linker, hooked)?;
    host::add_to_linker(linker)?;
    log::add_to_linker(linker)?;
    facts::add_to_linker(linker)?;
    packages::add_to_linker(linker)?;
    files::add_to_linker(linker)?;
    services::add_to_linker(linker)?;
    accounts::add_to_linker(linker)?;
    block_device::add_to_linker(linker)?;
    bootstrap::add_to_linker(linker)?;
    builder::add_to_linker(linker)?;
    blobs::add_to_linker(linker)?;
    inputs::add_to_linker(linker)?;
    rootfs::add_to_linker(linker)?;
    exec::add_to_linker(linker)?;
    fetch::add_to_linker(linker)?;
    cache::add_to_linker(linker)?;
    outputs::add_to_linker(linker)
}
