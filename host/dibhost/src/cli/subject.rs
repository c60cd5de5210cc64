//! What is built: a definition or elements, and what is typed beside them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dibhost_block_device::{Backend, Optimise};

use crate::dib_options::DibOptions;

#[derive(Debug, Clone, Args)]
pub(crate) struct Subject {
    /// An image definition (`….toml`), or the names of elements.
    #[arg(required = true, value_name = "DEFINITION | ELEMENT...")]
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) options: SubjectOptions,
}

/// What is typed beside a definition or elements.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SubjectOptions {
    /// The image's name, and with a folder before it where it goes: `out/debian.qcow2`.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Formats, separated by commas: `raw`, `qcow2`.
    #[arg(short = 't', long, value_name = "FORMATS")]
    pub(crate) formats: Option<String>,
    /// The machine the image is for, as Debian names it: `amd64`, `arm64`.
    #[arg(short, long)]
    pub(crate) arch: Option<String>,
    /// Who fills filesystems; without it what `[disks]` of the definition says, else `file`.
    #[arg(long, value_enum)]
    pub(crate) backend: Option<BackendName>,
    /// What the disks are laid out for, where their nodes leave it open; without it what `[disks]`
    /// of the definition says, else what is usual.
    #[arg(long, value_enum)]
    pub(crate) optimise: Option<Purpose>,
    /// A variant of the definition: `[variants.NAME]`.
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    /// Packages, separated by commas; `!NAME` is none of them. May be given several times.
    #[arg(short, long = "package", value_name = "PACKAGES", help_heading = "In the image")]
    pub(crate) packages: Vec<String>,
    /// A file or folder of this machine, by its path in the image; may be given several times.
    #[arg(long = "file", value_name = "DEST=SOURCE", help_heading = "In the image")]
    pub(crate) files: Vec<String>,
    /// A user, let in by a file of public keys, else by your own; may be given several times.
    #[arg(long = "user", value_name = "NAME[:KEYFILE]", help_heading = "In the image")]
    pub(crate) users: Vec<String>,
    /// A command for a shell in the image, after packages are installed; may be given several times.
    #[arg(long = "run", value_name = "CMD", help_heading = "In the image")]
    pub(crate) commands: Vec<String>,
    /// The file of a secret; may be given several times.
    #[arg(long = "secret", value_name = "NAME=FILE", help_heading = "In the image")]
    pub(crate) secrets: Vec<String>,
    /// A parameter of an element, or a key of a definition, whose lists it adds to; may be given
    /// several times.
    #[arg(long = "set", value_name = "ELEMENT.PARAMETER=VALUE", help_heading = "In the image")]
    pub(crate) settings: Vec<String>,
    /// The size of the whole disk, as `20GB` or `8GiB`; without it, from its content.
    #[arg(long, value_name = "SIZE", help_heading = "In the image")]
    pub(crate) size: Option<String>,
    #[command(flatten)]
    pub(crate) dib: DibOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendName {
    /// Tools and dibhost itself: no loop device, no root.
    File,
    /// The kernel, on loop devices: needs root, and holds all there can be in a tree.
    Loop,
}

impl From<BackendName> for Backend {
    fn from(name: BackendName) -> Self {
        match name {
            BackendName::File => Self::File,
            BackendName::Loop => Self::Loop,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Purpose {
    /// Everything begins at a multiple of 4 MiB.
    Speed,
    /// As few bytes as can be.
    Size,
}

impl From<Purpose> for Optimise {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Speed => Self::Speed,
            Purpose::Size => Self::Size,
        }
    }
}
