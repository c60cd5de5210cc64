//! Lines for the person who waits.

use crate::host;
pub use crate::level::Level;

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
