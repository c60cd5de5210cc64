//! Floor 0: the few system calls that rustix and nix lack, programs of the host, and
//! cancelling them. The only crate with `unsafe`.

mod block;
mod btrfs;
mod calls;
mod cancel;
mod held;
mod hold;
mod machine;
mod mounts;
mod process;
mod program;
mod regular;
mod remove;
mod secret;
mod sight;
mod signature;

pub use block::{
    LoopDevice, LoopOptions, add_partition, clear_device, device_node, device_size, discard_device,
    flush_device, private_mounts, remove_partition, reread_partitions, sector_size, trim,
};
pub use btrfs::{create_subvolume, set_default_subvolume};
pub use calls::{Sockets, SystemCalls};
pub use cancel::{Cancel, Cancelled, Guard};
pub use held::{HeldFolder, swappable};
pub use hold::Hold;
pub use machine::{CannotRun, can_run, own_machine};
pub use process::{Forked, Namespaces, close_on_exec, fork};
pub use program::{Program, ProgramError, ProgramOutput, inherit};
pub use regular::{read_regular, read_written, read_written_bytes};
pub use remove::{empty_folder, remove_folder};
pub use secret::{SecretBytes, leave_no_core};
pub use sight::{Sight, Unseen};
pub use signature::Signature;

mod account;
pub use account::{home_of, is_root, own_name};
