//! What `dibhost build` and `dibhost shell` are told.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};

use super::elements::ElementOptions;
use super::subject::Subject;
use super::trust::StockOptions;

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) subject: Subject,
    /// Tell of each action before it begins whether it is as it was when these outputs were built last,
    /// and the first thing that differs.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Make anew what this action makes, and all after it: an action by its name in `dibhost plan
    /// --verbose`, or the first step of an element by the name of the element.
    #[arg(long, value_name = "STEP")]
    pub(crate) rebuild_from: Option<String>,
    /// Make everything anew, and compare it with what an earlier build made of the very same: fail where
    /// the image is another, and name the action that made it so, for it reads what nobody told of.
    #[arg(long, conflicts_with = "rebuild_from")]
    pub(crate) check_cache: bool,
    /// What to do when an action fails, before the tree is gone.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) on_failure: Option<OnFailure>,
    #[command(flatten)]
    pub(crate) making: Making,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnFailure {
    /// Open a shell in the tree, on this terminal; the build fails when it ends.
    Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ShellArgs {
    #[command(flatten)]
    pub(crate) subject: Subject,
    /// Behind which action: by its name in `dibhost plan --verbose`, or the steps of an element by the
    /// name of the element. Steps of one phase run side by side, and count as one.
    ///
    /// Without it: behind the last one, in the finished tree.
    #[arg(long, value_name = "STEP")]
    pub(crate) at: Option<String>,
    /// Before that action instead.
    #[arg(long, requires = "at")]
    pub(crate) before: bool,
    /// What the tree's `sh` is to do, instead of a terminal: its lines go to standard output, and its exit
    /// code is this one.
    #[arg(long, value_name = "CMD")]
    pub(crate) command: Option<String>,
    /// Let what runs there reach the network.
    #[arg(long)]
    pub(crate) network: bool,
    #[command(flatten)]
    pub(crate) making: Making,
}

/// How a tree is made.
#[derive(Debug, Args)]
pub(crate) struct Making {
    /// Refuse any change of `dib.lock`, which says what each element was and asked for.
    ///
    /// Without it: a build writes the file when there is none, and renews it when elements changed
    /// and ask for nothing more. One that asks for more is refused either way, until `dibhost
    /// grant --write` agrees to it.
    #[arg(long)]
    pub(crate) locked: bool,
    /// Fetch no element of a registry: what the store has not is an error.
    ///
    /// Packages and what elements download are another matter: `--offline` is the word of
    /// diskimage-builder for those.
    #[arg(long)]
    pub(crate) no_fetch: bool,
    #[command(flatten)]
    pub(crate) stock: StockOptions,
    /// Make everything anew, and keep nothing of it for later builds but downloads.
    #[arg(
        long,
        env = "DIBHOST_NO_CACHE",
        value_parser = clap::builder::FalseyValueParser::new()
    )]
    pub(crate) no_cache: bool,
    /// How many steps that do not write the image may run at the same time.
    ///
    /// Without it: as many as the machine has processors. Whatever it is, the image and what is
    /// told are the same.
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Seconds that one program of this machine may take that reads the tree, a package or a disk
    /// (`mke2fs`, `mksquashfs`, `dpkg-deb`).
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub(crate) host_timeout: u64,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}
