//! What programs may have.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a program in the target may have at most, with all that it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramLimits {
    /// Processes and threads at once.
    pub programs: u64,
    /// Bytes of memory, beside what it writes to a tree that is held in memory. No swap.
    pub program_memory: u64,
}

/// What a program of the builder that works on the tree may have at most, with all that it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostLimits {
    /// Processes and threads at once.
    pub programs: u64,
    /// Bytes of memory. No swap.
    pub memory: u64,
    /// How long it may take.
    pub time: Duration,
}

/// Of this machine.
fn half_of_the_memory() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram as u64 * u64::from(info.mem_unit) / 2
}

impl Default for ProgramLimits {
    fn default() -> Self {
        // About what systemd gives to a service; the busiest maintainer script, compressing with
        // a thread for each processor, stays far below.
        let programs = 4096;
        // The other half is for the tree and for who else lives on this machine. With less than
        // 1 GiB mkinitramfs and zstd could not do their work.
        Self { programs, program_memory: half_of_the_memory().max(1 << 30) }
    }
}

impl Default for HostLimits {
    fn default() -> Self {
        // The hungriest is mksquashfs, with half a GiB.
        Self {
            programs: 4096,
            memory: half_of_the_memory().clamp(1 << 30, 4 << 30),
            time: Duration::from_secs(3600),
        }
    }
}
