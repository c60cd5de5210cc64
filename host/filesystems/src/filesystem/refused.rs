//! Why something cannot be told a filesystem.

/// Something is wrong: what, and what to do.
pub type Refused = (String, String);

pub(super) fn refuse<T>(problem: impl Into<String>, help: impl Into<String>) -> Result<T, Refused> {
    Err((problem.into(), help.into()))
}
