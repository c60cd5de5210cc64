//! The layouts of `tests/layouts/`, made with the kernel's help and without, looked at by the host's
//! tools and by Debian's own kernel in a virtual machine.

#[path = "../appliance/mod.rs"]
mod appliance;
mod bites;
mod host;
mod layouts;
mod special;
