//! Floor 0: the few system calls that rustix and nix lack, programs of the host, and
//! cancelling them. The only crate with `unsafe`.

mod cancel;
mod program;

pub use cancel::{Cancel, Cancelled, Guard};
pub use program::{Program, ProgramError, ProgramOutput};
