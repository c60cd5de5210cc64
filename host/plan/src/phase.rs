//! The ten phases of a build, as DIB has them.

use std::fmt;
use std::str::FromStr;

use dibhost_text::{did_you_mean, quoted_list};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A step of the build, in the order in which the host runs them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Create the initial root filesystem.
    Root,
    /// Bring data from outside into the build.
    ExtraData,
    /// Prepare package sources before anything is installed.
    PreInstall,
    /// Install packages and files.
    Install,
    /// Configure what was installed.
    PostInstall,
    /// Work on the tree from outside, once it is populated.
    PostRoot,
    /// What about the disk depends on the finished tree.
    BlockDevice,
    /// Work on the finished tree from outside, before it is written.
    PreFinalise,
    /// Work on the finished tree from inside: initramfs, boot loader.
    Finalise,
    /// Remove what only the build needed.
    Cleanup,
}

impl Phase {
    /// All of them, as they run.
    pub const ALL: [Self; 10] = [
        Self::Root,
        Self::ExtraData,
        Self::PreInstall,
        Self::Install,
        Self::PostInstall,
        Self::PostRoot,
        Self::BlockDevice,
        Self::PreFinalise,
        Self::Finalise,
        Self::Cleanup,
    ];

    /// All of them, as they are planned: `root` first, so that a layout can depend on the system
    /// that is in the image, then `block-device`, since the others read the layout.
    pub fn in_planning_order() -> impl Iterator<Item = Self> {
        let first = [Self::Root, Self::BlockDevice];
        let rest = Self::ALL.into_iter().filter(move |phase| !first.contains(phase));
        first.into_iter().chain(rest)
    }

    /// The name in a definition, a log and the contract: `pre-install`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::ExtraData => "extra-data",
            Self::PreInstall => "pre-install",
            Self::Install => "install",
            Self::PostInstall => "post-install",
            Self::PostRoot => "post-root",
            Self::BlockDevice => "block-device",
            Self::PreFinalise => "pre-finalise",
            Self::Finalise => "finalise",
            Self::Cleanup => "cleanup",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Phase {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|p| p.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            let help = did_you_mean(text, names)
                .unwrap_or_else(|| format!("phases are {}", quoted_list(names)));
            format!("`{}` is no phase; {help}", text.escape_debug())
        })
    }
}
