//! A program of the target: what to run, and how it ended.

use crate::extensions::Extensions;

/// A program to run in the target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Its name or absolute path.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// On top of a small clean environment.
    pub env: Vec<(String, String)>,
    /// Where it runs; none: `/`.
    pub workdir: Option<String>,
    /// Its standard input; none: nothing.
    pub stdin: Option<Vec<u8>>,
    /// It may reach the network (its own grant).
    pub network: bool,
    /// A status that is not 0 is a result, not an error.
    pub allow_failure: bool,
    /// Standard output is kept for [`Output::stdout`].
    pub capture: bool,
    /// Ended after so many seconds.
    pub timeout_seconds: Option<u32>,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// How a program ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Its status.
    pub status: i32,
    /// What it wrote, with [`crate::Exec::capture`].
    pub stdout: Vec<u8>,
    /// The end of what it wrote to standard error.
    pub stderr: Vec<u8>,
    /// What the host says beyond this version of the contract.
    pub extensions: Extensions,
}

impl Output {
    /// Whether its status is 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status == 0
    }

    /// Standard output as text, bytes that are no UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}
