//! Whether the tree can live in memory, where many small files are ten times faster.

/// The least that a tree is given: a Debian tree with a kernel, its packages and a disk's worth of
/// slack. With less memory than this to spare the tree goes to the disk.
const LEAST: u64 = 3 << 30;

/// Bytes for a tmpfs of the tree; none when memory is short.
pub(crate) fn for_tree() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let available = available(&text)?;
    // The rest is for the page cache of what is downloaded and written, and for programs.
    let share = available / 4 * 3;
    (share >= LEAST).then_some(share)
}

/// `MemAvailable` in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_in_bytes() {
        let text = "MemTotal:  24684084 kB\nMemFree: 1 kB\nMemAvailable:   20480 kB\n";
        assert_eq!(available(text), Some(20 << 20));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }
}
