//! The capabilities a grant can name. What their scopes mean is said in `dibhost-plan`'s `grant`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a grant is of. In the order of their names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Users and groups.
    Accounts,
    /// Users who are root, by a rule of `sudo`.
    AccountsSudo,
    /// Nodes of the disk.
    BlockDevice,
    /// The first tree.
    Bootstrap,
    /// What the builder's own surroundings are.
    Builder,
    /// Bytes kept between builds.
    Cache,
    /// Other elements: brought along, and stood in for.
    Elements,
    /// Programs in the target.
    Exec,
    /// Values of slots: of `dib:`, and of `dibhost:`.
    Facts,
    /// Downloads.
    Fetch,
    /// Files and folders of the builder.
    Inputs,
    /// Files beside the image.
    Outputs,
    /// Packages.
    Packages,
    /// Package repositories.
    Repositories,
    /// The target tree.
    Rootfs,
    /// Secrets.
    Secret,
    /// States and presets of units.
    Services,
    /// Texts and drop-ins of units.
    ServicesDefine,
}

impl Capability {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 18] = [
        Self::Accounts,
        Self::AccountsSudo,
        Self::BlockDevice,
        Self::Bootstrap,
        Self::Builder,
        Self::Cache,
        Self::Elements,
        Self::Exec,
        Self::Facts,
        Self::Fetch,
        Self::Inputs,
        Self::Outputs,
        Self::Packages,
        Self::Repositories,
        Self::Rootfs,
        Self::Secret,
        Self::Services,
        Self::ServicesDefine,
    ];

    /// As definitions and descriptions name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::AccountsSudo => "accounts-sudo",
            Self::BlockDevice => "block-device",
            Self::Bootstrap => "bootstrap",
            Self::Builder => "builder",
            Self::Cache => "cache",
            Self::Elements => "elements",
            Self::Exec => "exec",
            Self::Facts => "facts",
            Self::Fetch => "fetch",
            Self::Inputs => "inputs",
            Self::Outputs => "outputs",
            Self::Packages => "packages",
            Self::Repositories => "repositories",
            Self::Rootfs => "rootfs",
            Self::Secret => "secret",
            Self::Services => "services",
            Self::ServicesDefine => "services-define",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.name() == name)
    }

    /// Its scope is empty: in a definition it is `true` instead of a list of scopes.
    #[must_use]
    pub const fn unscoped(self) -> bool {
        matches!(self, Self::BlockDevice | Self::Bootstrap | Self::Cache)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A capability and a scope of it, as definitions and lock files say it.
pub type Scoped = (Capability, String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn their_order_is_that_of_their_names_and_each_is_found_by_its_own() {
        let mut sorted = Capability::ALL;
        sorted.sort_by_key(|capability| capability.name());
        assert_eq!(sorted, Capability::ALL);
        for capability in Capability::ALL {
            assert_eq!(Capability::named(capability.name()), Some(capability));
            assert_eq!(serde_json::to_value(capability).unwrap(), capability.name());
        }
        assert_eq!(Capability::named("exce"), None);
    }
}
