//! `dibhost cache`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::format::DataFormat;

/// Where layers are.
#[derive(Debug, Args)]
pub(crate) struct CacheFolder {
    /// Where layers, downloads and compiled elements are kept.
    ///
    /// Without it: `/var/cache/dibhost` for root, `~/.cache/dibhost` for others.
    #[arg(long, value_name = "DIR", env = "DIBHOST_CACHE")]
    pub(crate) cache: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheVerb {
    /// List the layers: what each is of, how large it is, when it was used, and what holds it; and the
    /// elements that were pulled.
    List {
        /// How it is written to standard output.
        #[arg(long, value_enum, default_value = "text")]
        format: DataFormat,
        #[command(flatten)]
        folder: CacheFolder,
    },
    /// Read everything that is kept, and drop what is not what it was.
    ///
    /// Exit code 1: something was dropped.
    Verify {
        #[command(flatten)]
        folder: CacheFolder,
    },
    /// Remove layers, those first that were not used for the longest; say why each goes or stays.
    ///
    /// What a running build uses stays, and what the last two outputs of each image are made of. A
    /// build itself keeps at most 20 GiB. Elements that were pulled go by `--unused` alone.
    #[command(
        after_help = "Examples:\n  dibhost cache gc --size 5GiB\n  dibhost cache gc --unused 720h \
        --dry-run"
    )]
    Gc(CacheGcArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CacheGcArgs {
    /// The most that layers may have, as `5GiB`.
    #[arg(long, value_name = "SIZE", value_parser = dibhost_text::parse_size)]
    pub(crate) size: Option<u64>,
    /// How long a layer may be there unused, as `720h`.
    #[arg(long, value_name = "TIME", value_parser = dibhost_text::parse_duration)]
    pub(crate) unused: Option<u64>,
    /// How much is to be free where they are, as `10GiB`.
    #[arg(long, value_name = "SIZE", value_parser = dibhost_text::parse_size)]
    pub(crate) free: Option<u64>,
    /// Only say what would go.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) folder: CacheFolder,
}
