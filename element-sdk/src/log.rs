//! Lines for the person who waits.

use crate::host;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every detail.
    Trace,
    /// What helps in finding a fault.
    Debug,
    /// What happens.
    Info,
    /// What should be looked at.
    Warn,
    /// What failed.
    Error,
}

/// Writes a line with fields.
pub fn write(level: Level, message: impl AsRef<str>, fields: &[(&str, &str)]) {
    host::log(level, message.as_ref(), fields);
}

/// Writes what helps in finding a fault.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message, &[]);
}

/// Writes what happens.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message, &[]);
}

/// Writes what should be looked at.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message, &[]);
}
