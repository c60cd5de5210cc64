//! The verbs for who writes elements.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use dibhost_author::{Kind, Language};

use super::{DataFormat, ElementOptions};

#[derive(Debug, Subcommand)]
pub(crate) enum AuthorVerb {
    /// Write the project of a new element: sources, a test that passes, and the SDK of its language.
    ///
    /// It is a folder of that name in the current one. Nothing else is needed to build it but the tools of
    /// its language: the SDK is in `sdk/`, and what is in no SDK comes from the language's registry.
    #[command(
        after_help = "Examples:\n  dibhost element new motd\n  dibhost element new proxy --lang python \
        --kind packages\n  dibhost element new disk --lang c --kind layout"
    )]
    New(NewArgs),
    /// Build the component of a project: `NAME.wasm`.
    ///
    /// In Rust and C the same sources and tools give the same bytes at every place; in Python and JavaScript
    /// on one machine, for the memory of an engine is in them. Tools that registries have are fetched once
    /// into the cache.
    #[command(
        after_help = "Examples:\n  dibhost element build\n  dibhost element build motd --out dist"
    )]
    Build(ProjectBuildArgs),
    /// Run the tests of a project: natively, on a host in memory, without root and without an image.
    Test(ProjectArgs),
    /// Look at a component as who is to grant would, and as a host does.
    ///
    /// Told are: requests that are wide, without a reason, or never used; what is imported and not requested;
    /// what is not documented; another version of the contract; a name that is none. Exit code 1: a
    /// host would refuse it.
    #[command(
        after_help = "Examples:\n  dibhost element check motd.wasm\n  dibhost element check \
        --format json motd.wasm"
    )]
    Check(CheckArgs),
    /// Test and build a project again whenever a file of it changes, until it is stopped.
    Watch(WatchArgs),
    /// Write the SDKs of all languages and the contract into a folder: crates, packages, a C header.
    ///
    /// For who publishes them in a registry, or keeps one copy for several projects: `dibhost element new
    /// --sdk FOLDER`.
    Sdk {
        /// The folder, made when it is not there.
        folder: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LanguageName {
    Rust,
    Python,
    Javascript,
    C,
}

impl From<LanguageName> for Language {
    fn from(name: LanguageName) -> Self {
        match name {
            LanguageName::Rust => Self::Rust,
            LanguageName::Python => Self::Python,
            LanguageName::Javascript => Self::JavaScript,
            LanguageName::C => Self::C,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KindName {
    /// Writes files, of parameters and of what other elements say.
    Files,
    /// Installs packages, and says whether their units are started.
    Packages,
    /// Runs a program of the image.
    Program,
    /// Says what is on the disk.
    Layout,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Files => Self::Files,
            KindName::Packages => Self::Packages,
            KindName::Program => Self::Program,
            KindName::Layout => Self::Layout,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// What it is called: lower-case words with `-` between them.
    pub(crate) name: String,
    /// What it is written in.
    #[arg(long, value_enum, default_value = "rust")]
    pub(crate) lang: LanguageName,
    /// What it begins as.
    #[arg(long, value_enum, default_value = "files")]
    pub(crate) kind: KindName,
    /// Where the SDK comes from: a folder that `dibhost element sdk` wrote, or a version of the language's
    /// registry; without it, from this program.
    #[arg(long, value_name = "FOLDER|VERSION")]
    pub(crate) sdk: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ProjectArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    pub(crate) project: PathBuf,
    /// Where tools of registries are kept.
    ///
    /// Without it: `/var/cache/dibhost` for root, `~/.cache/dibhost` for others.
    #[arg(long, value_name = "DIR", env = "DIBHOST_CACHE")]
    pub(crate) cache: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ProjectBuildArgs {
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// The folder that the component is put into; without it, the project's own.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// Test and build once, and end.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The component.
    pub(crate) file: PathBuf,
    /// How what was found is written.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: DataFormat,
    #[command(flatten)]
    pub(crate) elements: ElementOptions,
}
