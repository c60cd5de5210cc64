//! Where elements are, and how they run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where elements are, and how they run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Elements")]
pub(crate) struct ElementOptions {
    /// A folder with elements (`NAME.wasm`); may be given several times, the first wins.
    ///
    /// Searched before the folders of `DIBHOST_ELEMENTS` (separated by `:`), and those before the
    /// elements that came with dibhost.
    #[arg(long = "elements", value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
    /// Where downloads and compiled elements are kept.
    ///
    /// Without it: `/var/cache/dibhost` for root, `~/.cache/dibhost` for others.
    #[arg(long, value_name = "DIR", env = "DIBHOST_CACHE")]
    pub(crate) cache: Option<PathBuf>,
    /// The policy of who is trusted for elements of registries.
    ///
    /// Without it: `~/.config/dibhost/trust.toml`, else `/etc/dibhost/trust.toml`; where neither is,
    /// nobody is trusted.
    #[arg(long, value_name = "FILE", env = "DIBHOST_TRUST")]
    pub(crate) trust: Option<PathBuf>,
    /// The compiler for elements: Winch starts faster, Cranelift makes faster code.
    #[arg(long, value_enum, default_value = "winch")]
    pub(crate) compiler: CompilerName,
    /// Seconds that one step of one element may take, the programs it starts included.
    ///
    /// Without it: `step-time` of the definition's `[limits]`, else 600. With it, that counts for
    /// nothing.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) step_timeout: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompilerName {
    Winch,
    Cranelift,
}
