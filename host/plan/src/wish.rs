//! Wishes: what an element asks of the host while planning. The host merges them and carries
//! them out before the steps of their phase.

use dibhost_block_device::Node;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Phase;

/// What to do with a package.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Want {
    /// Have it in the image.
    Install,
    /// Installed for the build, removed at its end.
    BuildOnly,
    /// Not in the image.
    Remove,
    /// Kept at its version.
    Hold,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackageWish {
    /// The distribution's own name; validated.
    pub name: String,
    /// None: the newest.
    pub version: Option<String>,
    /// What to do.
    pub want: Want,
    /// Why, for the report.
    pub reason: String,
    /// Answers for debconf: question, type, value.
    pub answers: Vec<(String, String, String)>,
}

/// A package repository. There are no unsigned ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// `http:` or `https:`.
    pub url: String,
    /// Suites.
    pub suites: Vec<String>,
    /// Components.
    pub components: Vec<String>,
    /// Pin priority.
    pub priority: Option<i32>,
    /// Armoured key.
    pub key: String,
}

/// What becomes of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnitState {
    /// Started at boot.
    Enabled,
    /// Not started at boot.
    Disabled,
    /// Cannot be started.
    Masked,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Login name; validated.
    pub name: String,
    /// None: the next free one.
    pub uid: Option<u32>,
    /// None: a group of its own.
    pub gid: Option<u32>,
    /// None: `/home/NAME`.
    pub home: Option<String>,
    /// None: the distribution's default.
    pub shell: Option<String>,
    /// Groups it is in besides.
    pub groups: Vec<String>,
    /// A system account.
    pub system: bool,
    /// Lines for `authorized_keys`.
    pub authorized_keys: Vec<String>,
}

/// The first tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Bootstrap {
    /// By a distribution's own package manager.
    Distribution(Distribution),
    /// From a container image.
    Container(String),
    /// From a tar archive: URL, digest.
    Archive(String, String),
    /// From the root partition of a disk image: URL, digest.
    DiskImage(String, String),
}

/// A tree made by a distribution's own package manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// `apt`.
    pub package_manager: String,
    /// The suite.
    pub release: String,
    /// None: what the builder's own configuration says.
    pub mirror: Option<String>,
    /// `main`, …
    pub components: Vec<String>,
    /// Armoured keys; none: the builder's keyring for this distribution.
    pub keys: Vec<String>,
    /// On top of what the distribution calls essential.
    pub packages: Vec<String>,
}

/// What an element asks of the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// The first tree.
    Bootstrap(Bootstrap),
    /// A package.
    Package(PackageWish),
    /// A repository.
    Repository(Repository),
    /// Everything up to date.
    UpgradeAll,
    /// A unit's state.
    Service {
        /// The unit, with its suffix.
        unit: String,
        /// What becomes of it.
        state: UnitState,
    },
    /// A unit's text.
    ServiceDefinition {
        /// The unit, with its suffix.
        unit: String,
        /// The text of the unit file.
        content: String,
    },
    /// An account.
    User(User),
    /// A group.
    Group {
        /// Its name.
        name: String,
        /// None: the next free one.
        gid: Option<u32>,
    },
    /// A user's password.
    Password {
        /// Its login name.
        user: String,
        /// The parameter of the element that names the secret.
        parameter: String,
    },
    /// Nodes of the block device.
    Nodes(Vec<Node>),
    /// One node instead of the one of that name.
    ReplaceNode(Node),
}

/// A wish and who made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WishRecord {
    /// The element.
    pub element: String,
    /// The phase it was made for.
    pub phase: Phase,
    /// The step that made it; none: the element's only one of the phase, named as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What it asks.
    pub wish: Wish,
}
