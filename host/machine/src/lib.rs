//! Virtual machines: boots an image in QEMU, hears its serial console, logs in by SSH.
//!
//! ```text
//! Machine::of(image) ─► Builder ─► boot() ─► Machine ─► wait_for("login:"), ssh_text("…"), power_off()
//!                                    │
//!                       copy-on-write overlays, seed, firmware: in a folder that goes with the machine
//! ```
//!
//! QEMU runs without KVM: plain emulation works on every computer, in other machines too. A Debian
//! boots to its login prompt in half a minute on two quiet cores, in several when they are busy, so
//! time-outs here are long, and who runs many machines lets them [take turns](Builder::in_turn).

mod builder;
pub mod console;
mod disk;
mod error;
mod firmware;
mod machine;
mod monitor;
mod qemu;
mod seed;

pub use builder::Builder;
pub use error::MachineError;
pub use firmware::Firmware;
pub use machine::{BOOT, Machine, POWER_OFF, SSH};
pub use qemu::{again, qemu, turn};
pub use seed::{Key, nocloud, nocloud_with};
