//! The layouts of `tests/layouts/`, made without the kernel's help, looked at by the host's tools
//! and by Debian's own kernel in a virtual machine.

#[path = "../appliance/mod.rs"]
mod appliance;
mod host;
mod layouts;
mod special;
