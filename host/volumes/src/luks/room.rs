//! Free memory for `cryptsetup`.
//!
//! Where there is no swap space, it takes for a key slot at most half of the memory that is free, and
//! does not count what the page cache would give back (libcryptsetup, `lib/utils_pbkdf.c`). On a
//! machine that has been up for a while little is free and most of it available.

use std::fs;

/// Beyond what is wanted, KiB: others take memory too.
const SPARE: u64 = 64 << 10;

/// Has the kernel give back so much of its page cache that `cryptsetup` takes `kib` for a key slot, by
/// taking that memory for a moment. Does nothing where that much is free, or not even available.
pub(super) fn make_room(kib: u32) {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let Some(bytes) = wanted(&meminfo, kib).and_then(|kib| usize::try_from(kib << 10).ok()) else {
        return;
    };
    let mut taken: Vec<u8> = Vec::new();
    if taken.try_reserve_exact(bytes).is_ok() {
        // Memory is given when it is written to, and not with zeros, which may be left out.
        taken.resize(bytes, 1);
        std::hint::black_box(&taken);
    }
}

/// KiB to be taken; none: nothing is to be done, or nothing can be.
fn wanted(meminfo: &str, kib: u32) -> Option<u64> {
    let number = |key: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().trim_end_matches("kB").trim_end().parse::<u64>().ok()
    };
    let wanted = 2 * u64::from(kib) + SPARE;
    let short = number("MemFree:")? < wanted && number("SwapTotal:")? == 0;
    (short && number("MemAvailable:")? > wanted + wanted / 2).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meminfo(free: u64, available: u64, swap: u64) -> String {
        format!(
            "MemTotal:       16000000 kB\nMemFree:        {free} kB\nMemAvailable:   {available} kB\n\
             Cached:         1 kB\nSwapTotal:      {swap} kB\n"
        )
    }

    #[test]
    fn only_what_is_missing_and_available_is_taken() {
        let kib = 256 << 10;
        let all = 2 * 262_144 + 65_536;
        assert_eq!(wanted(&meminfo(500_000, 9_000_000, 0), kib), Some(all));
        assert_eq!(wanted(&meminfo(all, 9_000_000, 0), kib), None);
        assert_eq!(wanted(&meminfo(500_000, 600_000, 0), kib), None);
        assert_eq!(wanted(&meminfo(500_000, 9_000_000, 1), kib), None);
        assert_eq!(wanted("MemFree: many kB\n", kib), None);
        assert_eq!(wanted("", kib), None);
    }
}
