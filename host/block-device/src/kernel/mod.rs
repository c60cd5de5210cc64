//! With the kernel's help: filesystems that it mounts and fills, and existing block devices.
//!
//! ```text
//!  a disk's file or device                       a scratch file
//!  ┌──┬────────────┬───────────┬──┐              ┌───────────┐
//!  │  │ partition  │  LV       │  │              │           │  for what is no one stretch of a disk:
//!  └──┴────────────┴───────────┴──┘              └───────────┘  encrypted, striped, mirrored, thin
//!       └─ loop device ─┐                         └─ loop device ─┐
//!                       mkfs, mount, copy, trim, unmount          and its data through the volumes below
//! ```
//!
//! Each filesystem gets a loop device of its own over its stretch of the disk, and none waits for the
//! kernel to find partitions: kernels without a reader for GPT or MBR serve too, logical volumes that
//! lie in one piece are filled where they lie, and a disk that is held exclusively stays so.
//! device-mapper and md are not used: their state outlives this process, and our own writers
//! make the same bytes.

mod able;
mod content;
mod device;
mod elsewhere;
mod fill;
mod install;
mod mounted;
mod system;
mod table;
mod view;
mod write;

pub use able::Unable;
pub(crate) use able::able;
pub use content::Content;
pub use device::{Device, DeviceError};
pub use elsewhere::Filling;
pub(crate) use fill::{Ground, by_kernel, fill};
pub use install::Installation;
pub use view::{ViewError, with_parts};
pub use write::{InstallError, InstallTo, Installed};
