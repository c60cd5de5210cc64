//! Why LUKS2 cannot be made, read or opened.

use dibhost_sys::ProgramError;

/// LUKS2 that cannot be made, read or opened.
#[derive(Debug, thiserror::Error)]
pub enum LuksError {
    /// What was asked for cannot be made.
    #[error("{0}")]
    Unfit(String),
    /// What is on the medium is no LUKS2 header, or none that is known here.
    #[error("the LUKS2 header {0}")]
    Header(String),
    /// None of the key slots opens with it.
    #[error("no key slot opens with this passphrase or keyfile")]
    NoKey,
    /// `cryptsetup` is not there or refused.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
