//! How much time, memory and host an element gets.

use std::time::Duration;

use dibhost_check::Check;
use wasmtime::ResourceLimiter;

/// Bounds of the calls of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long `describe` may take.
    pub describe: Duration,
    /// How long one `plan` may take.
    pub plan: Duration,
    /// How long one `run` may take, the programs it starts included.
    pub run: Duration,
    /// Bytes of linear memory of one call, all memories together.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Both are pure and take microseconds; a Python element needs 0.5 s under load.
            describe: Duration::from_secs(5),
            plan: Duration::from_secs(10),
            // Making an initramfs or GRUB's images on a busy machine takes a minute or two.
            run: Duration::from_mins(10),
            // Rust elements need 2 MiB, Python ones 30.
            memory: 64 << 20,
        }
    }
}

/// Bytes that go through one call of a host function, either way: a `list<u8>` is copied twice.
pub(crate) const CALL_BYTES: usize = 16 << 20;
/// Bytes of the host that all strings and lists of one call take: a list may name the same bytes
/// of an element's memory many times. As many as wasmtime's own default.
pub(crate) const LIFTED_BYTES: usize = 128 << 20;
/// Bytes of blobs one step may have the host hold.
pub(crate) const BLOB_BYTES: u64 = 512 << 20;
/// Facts a step may provide, and the bytes of one value.
pub(crate) const FACTS: usize = 4096;
pub(crate) const FACT_BYTES: usize = 1 << 20;
/// Wishes a step may make: ten times what the largest known element of DIB installs.
pub(crate) const WISHES: usize = 4096;
/// Entries one `walk` answers.
pub(crate) const WALK_ENTRIES: usize = 4096;
/// Changes in one `apply`.
pub(crate) const CHANGES: usize = 65_536;
/// Lines a step may log, and the bytes of one.
pub(crate) const LOG_LINES: usize = 10_000;
pub(crate) const LOG_LINE_BYTES: usize = 8 << 10;
/// Handles an element may hold at once.
pub(crate) const HANDLES: usize = 10_000;

/// Counts the linear memories and tables of one store.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    held: usize,
    /// What was asked for when the limit was hit.
    pub(crate) refused: Option<usize>,
}

impl Memory {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, held: 0, refused: None }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
}

/// Elements of all tables; wit-bindgen guests have a few hundred.
const TABLE_ELEMENTS: usize = 1 << 20;

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.held.saturating_add(desired.saturating_sub(current));
        if Check::Memory.holds() && total > self.limit {
            self.refused = Some(total);
            return Ok(false);
        }
        self.held = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        100
    }

    fn tables(&self) -> usize {
        100
    }

    fn memories(&self) -> usize {
        20
    }
}

/// `10 s`, `10 min`.
pub(crate) fn spoken(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds >= 60 && seconds.is_multiple_of(60) {
        format!("{} min", seconds / 60)
    } else if time.subsec_millis() == 0 {
        format!("{seconds} s")
    } else {
        format!("{} ms", time.as_millis())
    }
}

/// `64 MiB`, `1 GiB`.
pub(crate) fn spoken_bytes(bytes: usize) -> String {
    let (unit, name) = match bytes {
        b if b >= 1 << 30 => (1_usize << 30, "GiB"),
        b if b >= 1 << 20 => (1 << 20, "MiB"),
        b if b >= 1 << 10 => (1 << 10, "KiB"),
        _ => return format!("{bytes} bytes"),
    };
    let tenths = bytes / (unit / 10);
    match tenths % 10 {
        0 => format!("{} {name}", tenths / 10),
        part => format!("{}.{part} {name}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_said_as_people_say_them() {
        assert_eq!(spoken(Duration::from_secs(10)), "10 s");
        assert_eq!(spoken(Duration::from_mins(10)), "10 min");
        assert_eq!(spoken(Duration::from_millis(300)), "300 ms");
        assert_eq!(spoken_bytes(64 << 20), "64 MiB");
        assert_eq!(spoken_bytes((1 << 30) + (300 << 20)), "1.2 GiB");
        assert_eq!(spoken_bytes(12), "12 bytes");
    }

    #[test]
    fn memories_are_counted_together() {
        let mut memory = Memory::new(100);
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(!memory.memory_growing(0, 60, None).unwrap());
        assert_eq!(memory.refused, Some(120));
        assert!(memory.memory_growing(60, 100, None).unwrap());
    }
}
