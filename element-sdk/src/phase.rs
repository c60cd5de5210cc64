//! The ten phases of a build.

use std::fmt;

/// A step of the build, in the order in which the host runs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// What about the disk depends on the finished tree. Planned after `root`, before all others.
    BlockDevice,
    /// Work on the finished tree from outside, before it is written.
    PreFinalise,
    /// Work on the finished tree from inside: initramfs, boot loader.
    Finalise,
    /// Remove what only the build needed.
    Cleanup,
}

impl Phase {
    /// The one of this name.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [
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
        all.into_iter().find(|phase| phase.name() == name)
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

/// Its name: that of a step which has no name of its own.
impl AsRef<str> for Phase {
    fn as_ref(&self) -> &str {
        self.name()
    }
}
