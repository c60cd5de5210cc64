//! How much time, memory and host an element gets.
//!
//! What a definition can set for a step are the [`Limits`] of a call; what bounds the loading of
//! a component is the host's own, for a component is loaded before anybody trusts it.

use std::time::Duration;

use dibhost_check::Check;
use dibhost_definition::{Limit, Limits};
use wasmtime::ResourceLimiter;

/// Bounds of making a component ready: no definition sets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadLimits {
    /// Bytes of a component.
    pub component: u64,
    /// How long its compilation may take.
    pub compile: Duration,
    /// Bytes of memory that its compilation may take, beside [`COMPILE_MEMORY_BY_BYTE`] for each of
    /// its own.
    pub compile_memory: u64,
    /// How long `describe` may take.
    pub describe: Duration,
}

impl Default for LoadLimits {
    fn default() -> Self {
        Self {
            // A script with its interpreter is 12 MB (JavaScript) or 18 MB (Python).
            component: 64 << 20,
            // Cranelift needs 11 s of a processor for Python's; a busy machine ten times that.
            compile: Duration::from_mins(5),
            // The elements that come with dibhost take 30 MiB each, Python's interpreter of 18 MB 360.
            compile_memory: 384 << 20,
            // It is pure and takes microseconds; a Python element needs 0.5 s under load.
            describe: Duration::from_secs(5),
        }
    }
}

impl LoadLimits {
    /// Bytes of memory that the compilation of a component of that many bytes may take.
    pub(crate) fn compile_memory(&self, bytes: u64) -> u64 {
        self.compile_memory.saturating_add(bytes.saturating_mul(COMPILE_MEMORY_BY_BYTE))
    }
}

/// Five times what either compiler takes for a byte of Python's interpreter.
const COMPILE_MEMORY_BY_BYTE: u64 = 100;

/// Bytes of native code: a few times as many as the largest component has.
pub(crate) const CODE_BYTES: usize = 512 << 20;

/// Linear memory of `describe`, whose answer serves every definition, so that none can set it:
/// twice what a Python element needs for its interpreter and its modules.
pub(crate) const DESCRIBE_MEMORY: u64 = 128 << 20;
/// Bytes of all texts of a description, and its entries (parameters, slots, requests, …): the
/// largest element that comes with dibhost has 8 KiB and 40.
pub(crate) const DESCRIPTION_BYTES: usize = 1 << 20;
pub(crate) const DESCRIPTION_ENTRIES: usize = 10_000;
/// What the host takes over of a description before it can be counted: wasmtime's own reckoning
/// of strings and lists, in which one text counts as often as it is said.
pub(crate) const DESCRIPTION_LIFTED: usize = 8 << 20;

/// Bytes that go through one call of a host function, either way: a `list<u8>` is copied twice.
pub(crate) const CALL_BYTES: usize = 16 << 20;
/// The same by wasmtime's reckoning, for all arguments of one call together: [`CHANGES`] small
/// files in one call need 20 MiB of it.
pub(crate) const LIFTED_BYTES: usize = 64 << 20;
/// Entries one `walk` answers.
pub(crate) const WALK_ENTRIES: usize = 4096;
/// Changes in one `apply`.
pub(crate) const CHANGES: usize = 65_536;
/// Bytes of one line of a log.
pub(crate) const LOG_LINE_BYTES: usize = 8 << 10;
/// Handles an element may hold at once.
pub(crate) const HANDLES: usize = 10_000;

/// The check that holds a limit.
pub(crate) fn check(limit: Limit) -> Check {
    match limit {
        Limit::Memory => Check::Memory,
        Limit::StepTime | Limit::PlanTime => Check::RunTime,
        Limit::Fuel => Check::Fuel,
        Limit::Written => Check::Written,
        Limit::Files => Check::Files,
        Limit::LogLines => Check::LogLines,
        Limit::Facts => Check::Facts,
        Limit::FactBytes => Check::FactBytes,
        Limit::Wishes => Check::Wishes,
        Limit::Blobs => Check::BlobBytes,
        Limit::Outputs => Check::OutputBytes,
        Limit::Programs => Check::Programs,
        Limit::ProgramMemory => Check::ProgramMemory,
    }
}

/// What of `limit` is in force: without a bound when its check is taken out.
pub(crate) fn in_force(limits: &Limits, limit: Limit) -> u64 {
    if check(limit).holds() { limits.get(limit) } else { u64::MAX }
}

/// A step went beyond a limit: it ends, whatever it would make of an error.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("beyond the limit `{}`", .0.key())]
pub(crate) struct Exceeded(pub(crate) Limit);

impl Exceeded {
    /// `made more than 7 files in the target in `run(install)``.
    pub(crate) fn sentence(self, limits: &Limits, call: &str) -> String {
        let limit = self.0;
        let most = limit.shown(limits.get(limit));
        let did = match limit {
            Limit::Memory => format!("asked for more than {most} of memory"),
            Limit::StepTime | Limit::PlanTime => format!("ran longer than {most}"),
            Limit::Fuel => format!("needed more than {most} units of fuel"),
            Limit::Written => format!("wrote more than {most} into the target"),
            Limit::Files => format!("made more than {most} files in the target"),
            Limit::LogLines => format!("logged more than {most} lines"),
            Limit::Facts => format!("provided more than {most} facts"),
            Limit::FactBytes => format!("provided facts of more than {most}"),
            Limit::Wishes => format!("made more than {most} wishes"),
            Limit::Blobs => format!("had the host hold more than {most} of blobs"),
            Limit::Outputs => format!("put more than {most} beside the image"),
            Limit::Programs => format!("ran more than {most} processes at once"),
            Limit::ProgramMemory => format!("ran programs of more than {most} of memory"),
        };
        format!("{did} in {call} and was stopped")
    }

    /// The lines of an image definition that allow twice as much.
    pub(crate) fn help(self, limits: &Limits, element: &str) -> String {
        let limit = self.0;
        let most = *limit.bounds().end();
        let set = limits.get(limit);
        if set >= most {
            return format!("no definition can allow more: `{limit}` is at its most");
        }
        let line = limit.line(set.max(1).saturating_mul(2).clamp(*limit.bounds().start(), most));
        format!(
            "if it is meant to, add this to the image definition:\n[limits.elements.{element}]\n{line}"
        )
    }
}

/// Counts the linear memories and tables of one store.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: u64,
    held: u64,
    /// What was asked for when the limit was hit.
    pub(crate) refused: Option<u64>,
}

impl Memory {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, held: 0, refused: None }
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
        let total = self.held.saturating_add(desired.saturating_sub(current) as u64);
        if total > self.limit {
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

/// `64 MiB`, `1 GiB`: to a tenth.
pub(crate) fn spoken_bytes(bytes: u64) -> String {
    let (unit, name) = match bytes {
        b if b >= 1 << 30 => (1_u64 << 30, "GiB"),
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
    fn sizes_are_said_as_people_say_them() {
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

    #[test]
    fn the_help_allows_more_as_far_as_a_definition_can() {
        let help = |limits: &Limits| Exceeded(Limit::Memory).help(limits, "motd");
        assert!(
            help(&Limits::default()).ends_with("[limits.elements.motd]\nmemory = \"128MiB\""),
            "{}",
            help(&Limits::default())
        );
        assert!(help(&Limits::default().with(Limit::Memory, 3 << 30)).ends_with("\"4GiB\""));
        let most = help(&Limits::default().with(Limit::Memory, 4 << 30));
        assert!(most.starts_with("no definition can allow more"), "{most}");
        assert!(
            Exceeded(Limit::Files)
                .help(&Limits::default().with(Limit::Files, 0), "x")
                .ends_with("files = 2")
        );
    }
}
