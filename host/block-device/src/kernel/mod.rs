//! With the kernel's help: filesystems that it mounts and fills.
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
mod elsewhere;
mod escaped;
mod fill;
mod held;
mod mounted;
mod view;

pub use able::Unable;
pub(crate) use able::able;
pub use elsewhere::Filling;
pub(crate) use elsewhere::fill;
pub(crate) use escaped::unescaped;
pub(crate) use fill::{FillError, Ground, by_kernel};
pub use view::{ViewError, with_parts};
