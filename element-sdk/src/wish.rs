//! Wishes: what an element asks of the host while planning.

use serde_json::Value;

use crate::extensions::Extensions;

/// What to do with a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl Want {
    /// The word for it in the contract.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::BuildOnly => "build-only",
            Self::Remove => "remove",
            Self::Hold => "hold",
        }
    }
}

/// A package. [`crate::Plan::package`] is the short way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Package {
    /// The distribution's own name, or a neutral one that the host maps.
    pub name: String,
    /// None: the newest.
    pub version: Option<String>,
    /// What to do with it.
    pub want: Want,
    /// Why, for the report.
    pub reason: String,
    /// Answers for the package's own questions (debconf): question, type, value.
    pub answers: Vec<(String, String, String)>,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

impl Package {
    /// The newest version of `name`, installed, because of `reason`.
    pub fn new(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: None,
            want: Want::Install,
            reason: reason.into(),
            answers: Vec::new(),
            extensions: Extensions::default(),
        }
    }

    /// Says more than this version of the contract has words for; see [`Extensions`].
    pub fn extension(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extensions.set(key, value);
        self
    }

    /// Of this version.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Something else than to install it.
    pub fn want(mut self, want: Want) -> Self {
        self.want = want;
        self
    }

    /// Answers one of the package's questions.
    pub fn answer(
        mut self,
        question: impl Into<String>,
        kind: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        self.answers.push((question.into(), kind.into(), value.into()));
        self
    }
}

/// A package repository. There are no unsigned ones.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Armoured key that signs it.
    pub key: String,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// What becomes of a unit of the init system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitState {
    /// Started at boot.
    Enabled,
    /// Not started at boot.
    Disabled,
    /// Cannot be started.
    Masked,
}

impl UnitState {
    /// The word for it in the contract.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Masked => "masked",
        }
    }
}

/// An account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// Login name.
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
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// Where the first tree comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bootstrap {
    /// A distribution's own package manager.
    Distribution(BootstrapDistribution),
    /// A container image by reference.
    Container(String),
    /// A tar archive.
    Archive(RemoteFile),
    /// The root partition inside a disk image.
    DiskImage(RemoteFile),
}

/// A tree made by a distribution's own package manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BootstrapDistribution {
    /// `apt`.
    pub package_manager: String,
    /// Suite or release as that package manager names it.
    pub release: String,
    /// None: what the builder's own configuration names.
    pub mirror: Option<String>,
    /// `main`, …
    pub components: Vec<String>,
    /// Armoured keys that sign it; none: the builder's keyring for this distribution.
    pub keys: Vec<String>,
    /// On top of what the distribution calls essential.
    pub packages: Vec<String>,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// A file that the host fetches, checks and caches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Where it is.
    pub url: String,
    /// `sha256:…`.
    pub digest: String,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// The builder's proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxy {
    /// For `http:`.
    pub http: Option<String>,
    /// For `https:`.
    pub https: Option<String>,
    /// Hosts that go without.
    pub no_proxy: Vec<String>,
    /// What the host says beyond this version of the contract.
    pub extensions: Extensions,
}

/// The machine the image is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// `amd64`, `arm64`, … as Debian names them.
    pub arch: String,
    /// The image's name.
    pub image_name: String,
    /// Seconds since the epoch that every timestamp is clamped to.
    pub source_date_epoch: u64,
    /// What the host says beyond this version of the contract.
    pub extensions: Extensions,
}

/// A remark about the parameters or the facts, before anything runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Finding {
    /// The parameter it is about.
    pub parameter: Option<String>,
    /// One sentence.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Stops the build.
    pub fatal: bool,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

impl Finding {
    /// A remark that does not stop the build.
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            parameter: None,
            message: message.into(),
            help: None,
            fatal: false,
            extensions: Extensions::default(),
        }
    }

    /// A remark that stops the build.
    pub fn refusal(message: impl Into<String>) -> Self {
        Self { fatal: true, ..Self::warning(message) }
    }

    /// The parameter it is about.
    pub fn about(mut self, parameter: impl Into<String>) -> Self {
        self.parameter = Some(parameter.into());
        self
    }

    /// What to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
