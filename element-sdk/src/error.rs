//! Failures: one sentence, the trail that led to it, and what to do.

use std::fmt;

/// What every fallible call of an element returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed, for programs. People read the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorCode {
    /// The image definition does not grant this.
    Denied,
    /// The element did not declare this slot, parameter or phase.
    Undeclared,
    /// The named thing does not exist.
    NotFound,
    /// The named thing exists already, with another content.
    Conflict,
    /// An argument is malformed.
    InvalidArgument,
    /// The host cannot do this here.
    Unsupported,
    /// A digest or signature did not match.
    Integrity,
    /// A program in the target exited with this status.
    ExitStatus(i32),
    /// A program in the target was ended by this signal.
    Killed(i32),
    /// The build was cancelled, or the step ran out of its time.
    Cancelled,
    /// An operating-system error, by its symbolic name (`ENOSPC`).
    Os(String),
    /// Anything else.
    Other(Option<String>),
}

/// A failure of an element, or of the host on its behalf.
///
/// `?` makes one of the errors of `std` and `serde_json`, and of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong, for people: one sentence, no trailing newline.
    pub message: String,
    /// What was being done, innermost first.
    pub context: Vec<String>,
    /// What the reader could do about it.
    pub help: Option<String>,
    /// Keys and JSON documents beyond this version of the contract.
    pub extensions: Vec<(String, String)>,
}

impl Error {
    /// A failure of the element itself.
    pub fn new(message: impl Into<String>) -> Self {
        Self::with_code(ErrorCode::Other(None), message)
    }

    /// A failure with a code for programs.
    pub fn with_code(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            context: Vec::new(),
            help: None,
            extensions: Vec::new(),
        }
    }

    /// Adds what was being done: a lower-case gerund, `reading the release file`.
    #[must_use]
    pub fn context(mut self, doing: impl Into<String>) -> Self {
        self.context.push(doing.into());
        self
    }

    /// Says what the reader could do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for doing in self.context.iter().rev() {
            write!(f, "{doing}: ")?;
        }
        f.write_str(&self.message)
    }
}

// One by one: a blanket over `std::error::Error` would take the contract's own error too, and lose
// its code, context and help.
macro_rules! from {
    ($($error:ty),*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        })*
    };
}

from!(
    std::fmt::Error,
    std::io::Error,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
    serde_json::Error,
    String,
    &str
);

/// Adds context and help to whatever can fail.
pub trait Context<T> {
    /// Adds what was being done.
    ///
    /// # Errors
    /// The one that was there.
    fn context(self, doing: impl Into<String>) -> Result<T>;

    /// Adds what was being done, made only when it failed.
    ///
    /// # Errors
    /// The one that was there.
    fn with_context(self, doing: impl FnOnce() -> String) -> Result<T>;

    /// Says what the reader could do.
    ///
    /// # Errors
    /// The one that was there.
    fn help(self, help: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for Result<T, E> {
    fn context(self, doing: impl Into<String>) -> Result<T> {
        self.map_err(|e| e.into().context(doing))
    }

    fn with_context(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| e.into().context(doing()))
    }

    fn help(self, help: impl Into<String>) -> Result<T> {
        self.map_err(|e| e.into().help(help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_reads_from_the_outside_in() {
        let number: Result<i32> = "x".parse::<i32>().context("reading the size");
        let error = number.with_context(|| "planning `vm`".to_owned()).help("Set it.").unwrap_err();
        assert_eq!(
            error.to_string(),
            "planning `vm`: reading the size: invalid digit found in string"
        );
        assert_eq!(error.help.as_deref(), Some("Set it."));
        assert_eq!(error.context, ["reading the size", "planning `vm`"]);
    }
}
