//! The most memory that the engine had.

use std::thread::JoinHandle;
use std::time::Duration;

/// KiB that the engine has in a build whose element does nothing, and some more: what is counted is
/// its program too, as far as it was read.
pub(crate) const IDLE: u64 = 64 << 10;

/// KiB that an attack may cost it above that.
pub(crate) const ABOVE: u64 = 512 << 10;

/// How often is looked. The kernel keeps the most, so what is missed is what came after the last look;
/// it gives a process a few MiB in that time.
const LOOK: Duration = Duration::from_millis(2);

/// Follows one process, without what it starts.
pub(crate) struct Peak(JoinHandle<u64>);

impl Peak {
    /// From now on.
    pub(crate) fn of(process: u32) -> Self {
        let status = format!("/proc/{process}/status");
        Self(std::thread::spawn(move || {
            let mut most = 0;
            // A process that has ended has no memory, and none that became another program has that of before.
            while let Some(now) = std::fs::read_to_string(&status).ok().and_then(|s| high_water(&s))
            {
                most = now;
                std::thread::sleep(LOOK);
            }
            most
        }))
    }

    /// KiB, when the process has ended.
    pub(crate) fn end(self) -> u64 {
        self.0.join().unwrap_or(u64::MAX)
    }
}

/// `VmHWM: 12345 kB`
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
