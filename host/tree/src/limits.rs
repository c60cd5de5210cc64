//! What a program in the tree may have.

use serde::{Deserialize, Serialize};

/// What a program in the target may have at most, with all that it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramLimits {
    /// Processes and threads at once.
    pub programs: u64,
    /// Bytes of memory, beside what it writes to a tree that is held in memory. No swap.
    pub program_memory: u64,
}

impl Default for ProgramLimits {
    fn default() -> Self {
        // About what systemd gives to a service; the busiest maintainer script, compressing with
        // a thread for each processor, stays far below.
        let programs = 4096;
        // The other half is for the tree and for who else lives on this machine. With less than
        // 1 GiB mkinitramfs and zstd could not do their work.
        let info = rustix::system::sysinfo();
        let total = info.totalram as u64 * u64::from(info.mem_unit);
        Self { programs, program_memory: (total / 2).max(1 << 30) }
    }
}
