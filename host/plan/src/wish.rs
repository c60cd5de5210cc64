//! Wishes: what an element asks of the host while planning. The host merges them and carries
//! them out before the steps of their phase.

use dibhost_block_device::Node;
use dibhost_definition::Location;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Phase;
use crate::file::FileWish;
use crate::password_hash::PasswordHash;

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
}

/// An answer to a question that a package asks when it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Debconf {
    /// The package that asks.
    pub package: String,
    /// `locales/default_environment_locale`.
    pub question: String,
    /// `select`, `string`, …
    pub kind: String,
    /// One line.
    pub value: String,
}

/// A package repository. There are no unsigned ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Repository {
    /// Of Debian packages.
    Deb(DebRepository),
    /// Of RPM packages.
    Rpm(RpmRepository),
}

impl Repository {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Deb(deb) => &deb.name,
            Self::Rpm(rpm) => &rpm.name,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Deb(deb) => &deb.url,
            Self::Rpm(rpm) => &rpm.url,
        }
    }

    /// Armoured keys, each of which is trusted for it.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        match self {
            Self::Deb(deb) => std::slice::from_ref(&deb.key),
            Self::Rpm(rpm) => &rpm.keys,
        }
    }

    /// The image itself is not to know it.
    #[must_use]
    pub fn build_only(&self) -> bool {
        match self {
            Self::Deb(deb) => deb.build_only,
            Self::Rpm(rpm) => rpm.build_only,
        }
    }

    /// The same, for the build only or in the image.
    #[must_use]
    pub(crate) fn with_build_only(mut self, build_only: bool) -> Self {
        match &mut self {
            Self::Deb(deb) => deb.build_only = build_only,
            Self::Rpm(rpm) => rpm.build_only = build_only,
        }
        self
    }
}

/// A repository of Debian packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DebRepository {
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
    /// The image itself is not to know it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub build_only: bool,
}

/// What is at the URL of a repository of RPM packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RpmLocation {
    /// The repository.
    Baseurl,
    /// A list of places that have it, with digests.
    Metalink,
    /// A list of places that have it.
    Mirrorlist,
}

impl RpmLocation {
    /// The word for it, here and in `.repo` files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseurl => "baseurl",
            Self::Metalink => "metalink",
            Self::Mirrorlist => "mirrorlist",
        }
    }
}

/// A repository of RPM packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RpmRepository {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// `http:` or `https:`.
    pub url: String,
    /// What is there.
    pub location: RpmLocation,
    /// Armoured keys that sign its packages; never empty.
    pub keys: Vec<String>,
    /// The lower the better; none: 99.
    pub priority: Option<u32>,
    /// The lower the better among those of one priority; none: 1000.
    pub cost: Option<u32>,
    /// Its packages come before those of modules.
    pub module_hotfixes: bool,
    /// The image itself is not to know it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub build_only: bool,
}

/// A stream of a module, to be enabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModuleStream {
    /// The module.
    pub name: String,
    /// Its stream.
    pub stream: String,
    /// Why, for the report.
    pub reason: String,
}

/// A group of packages, to be installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackageGroup {
    /// Its id, or `^` and that of an environment.
    pub id: String,
    /// Why, for the report.
    pub reason: String,
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

/// What a preset does to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PresetAction {
    /// It is enabled.
    Enable,
    /// It is disabled.
    Disable,
}

impl PresetAction {
    /// The word for it, here and in preset files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
        }
    }
}

/// Whether a user may run anything as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sudo {
    /// No rule, and nobody is to wish for one.
    None,
    /// With its own password.
    Password,
    /// Without one.
    Nopasswd,
}

impl Sudo {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Password => "password",
            Self::Nopasswd => "nopasswd",
        }
    }

    /// It makes the user root.
    #[must_use]
    pub fn is_root(self) -> bool {
        self != Self::None
    }
}

/// An account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Whose it is: the GECOS field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether it may run anything as root; none: nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo: Option<Sudo>,
    /// Its password, hashed; shown by its method and digest alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<PasswordHash>,
    /// `YYYY-MM-DD`: the day from which on nobody can log in with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Its password has to be changed at the first login.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub change_password: bool,
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// `apt`, `dnf`, `zypper`.
    pub package_manager: String,
    /// The suite or the release.
    pub release: String,
    /// None: what the builder's own configuration says.
    pub mirror: Option<String>,
    /// `main`, …
    pub components: Vec<String>,
    /// Armoured keys; none: the builder's keyring for this distribution.
    pub keys: Vec<String>,
    /// On top of what the distribution calls essential.
    pub packages: Vec<String>,
    /// Of RPM packages; of Debian's, the four above say it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpm: Option<RpmDistribution>,
}

/// What a distribution of RPM packages has beside its release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RpmDistribution {
    /// Repositories that it is made from; never empty.
    pub origins: Vec<RpmOrigin>,
    /// What every tree of it is made of, `rpm` among it.
    pub base: Vec<String>,
    /// What its modules are made for; none: as its packages say.
    pub module_platform: Option<String>,
    /// What packages recommend comes too.
    pub weak_dependencies: bool,
    /// Documentation is installed.
    pub documentation: bool,
    /// Of what belongs to a language, that of these alone; none: all.
    pub languages: Option<Vec<String>>,
}

/// A repository that a distribution of RPM packages is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RpmOrigin {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// `http:` or `https:`.
    pub url: String,
    /// Armoured keys that sign its packages and its index; never empty.
    pub keys: Vec<String>,
    /// Its index is not signed.
    pub index_unsigned: bool,
}

/// What an element asks of the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// The first tree.
    Bootstrap(Bootstrap),
    /// A package.
    Package(PackageWish),
    /// An answer for debconf.
    Debconf(Debconf),
    /// A repository.
    Repository(Repository),
    /// A module's stream.
    Module(ModuleStream),
    /// A group of packages.
    PackageGroup(PackageGroup),
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
    /// More of a unit, whoever it comes from.
    DropIn {
        /// The unit, with its suffix.
        unit: String,
        /// The drop-in, without its `.conf`.
        name: String,
        /// Its text.
        content: String,
    },
    /// What becomes of units that nobody sets the state of.
    Preset {
        /// From 0 to 99; the lowest that fits a unit holds.
        number: u8,
        /// A unit, or a pattern with `*`.
        unit: String,
        /// What becomes of it.
        action: PresetAction,
    },
    /// What is to be at a path.
    File(FileWish),
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

impl Wish {
    /// Bytes of content that it has the host hold.
    #[must_use]
    pub fn content(&self) -> u64 {
        if let Self::File(file) = self { file.node.size() } else { 0 }
    }
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
    /// The line of the definition that asks, where that does. No part of a plan that is written.
    #[serde(skip)]
    pub location: Option<Location>,
}
