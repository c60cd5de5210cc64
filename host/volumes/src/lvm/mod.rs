//! LVM2 on disk: volume groups allocated, written, read and mapped without a kernel's help.
//!
//! A physical volume, sizes in bytes:
//!
//! ```text
//! 0      512     4096          4608                          data_start (1 MiB)
//! │      │label  │mda header   │metadata text, and a free    │extent 0 │extent 1 │ …
//! │      │       │             │half for lvm's next update   │
//! ```
//!
//! The label says where the metadata area lies; its header where the text, the same on every
//! physical volume of the group, lies in it. Sources of the format: lvm2's
//! `lib/label/label.h`, `lib/format_text/layout.h` and `export.c`, and what its tools write.

mod allocate;
mod config;
mod crc;
mod error;
mod group;
mod id;
mod map;
mod name;
mod read;
mod text;
pub mod thin;
mod validate;
mod write;

pub use allocate::{
    LogicalVolumeRequest, PhysicalVolumeRequest, RequestKind, VolumeGroupRequest, pool_numbers,
    round,
};
pub use error::LvmError;
pub use group::{
    DATA_START, EXTENT_SIZE, LogicalVolume, LogicalVolumeKind, PhysicalVolume, STRIPE_SIZE,
    Segment, Stripe, VolumeGroup,
};
pub use id::LvmId;
pub use map::{LogicalVolumeMedium, Mapped};
pub use name::{check_logical_volume_name, check_volume_group_name};
pub use read::{Label, read};
pub use write::write;
