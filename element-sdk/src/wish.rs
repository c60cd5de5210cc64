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
}

/// The answer to a question that a package asks when it is configured, whoever wishes for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct DebconfAnswer {
    /// The package that asks.
    pub package: String,
    /// `locales/default_environment_locale`.
    pub question: String,
    /// `string`, `boolean`, `select`, …
    pub kind: String,
    /// One line.
    pub value: String,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

impl DebconfAnswer {
    /// The answer to a question of `package`.
    pub fn new(
        package: impl Into<String>,
        question: impl Into<String>,
        kind: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        let (package, question) = (package.into(), question.into());
        let (kind, value, extensions) = (kind.into(), value.into(), Extensions::default());
        Self { package, question, kind, value, extensions }
    }
}

/// A repository of Debian packages. There are no unsigned ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// Armoured key that signs it.
    pub key: String,
    /// Packages come from it while the image is built; the image itself knows neither it nor its
    /// key.
    pub build_only: bool,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// What is at the URL of a repository of RPM packages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RpmLocation {
    /// The repository.
    #[default]
    Baseurl,
    /// A list of places that have it, with digests.
    Metalink,
    /// A list of places that have it.
    Mirrorlist,
}

impl RpmLocation {
    /// The word for it in the contract.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Baseurl => "baseurl",
            Self::Metalink => "metalink",
            Self::Mirrorlist => "mirrorlist",
        }
    }
}

/// A repository of RPM packages. There are no unsigned packages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RpmRepository {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// `http:` or `https:`.
    pub url: String,
    /// What is there.
    pub location: RpmLocation,
    /// Armoured keys that sign its packages, at least one.
    pub keys: Vec<String>,
    /// The lower the better; none: 99.
    pub priority: Option<u32>,
    /// The lower the better among those of one priority (dnf alone); none: 1000.
    pub cost: Option<u32>,
    /// Its packages come before those of modules (dnf alone).
    pub module_hotfixes: bool,
    /// As that of a [`DebRepository`].
    pub build_only: bool,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// A stream of a module, to be enabled (dnf alone).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Module {
    /// Its name.
    pub name: String,
    /// The stream.
    pub stream: String,
    /// Why, for the report.
    pub reason: String,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

impl Module {
    /// The stream `stream` of the module `name`, because of `reason`.
    pub fn new(
        name: impl Into<String>,
        stream: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        let (name, stream, reason) = (name.into(), stream.into(), reason.into());
        Self { name, stream, reason, extensions: Extensions::default() }
    }
}

/// A group of packages, to be installed (dnf alone).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct PackageGroup {
    /// Its id; of an environment with `^` in front.
    pub id: String,
    /// Why, for the report.
    pub reason: String,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

impl PackageGroup {
    /// The group `id`, because of `reason`.
    pub fn new(id: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { id: id.into(), reason: reason.into(), extensions: Extensions::default() }
    }
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

/// What a preset does to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresetAction {
    /// It is enabled.
    Enable,
    /// It is disabled.
    Disable,
}

impl PresetAction {
    /// The word for it in the contract.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
        }
    }
}

/// More of a unit, whoever it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct DropIn {
    /// The unit, with its suffix.
    pub unit: String,
    /// Its name without `.conf`, usually with a number in front.
    pub name: String,
    /// Its text.
    pub content: String,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

impl DropIn {
    /// The drop-in `name` of `unit`.
    pub fn new(
        unit: impl Into<String>,
        name: impl Into<String>,
        content: impl Into<String>,
    ) -> Self {
        let (unit, name, content) = (unit.into(), name.into(), content.into());
        Self { unit, name, content, extensions: Extensions::default() }
    }
}

/// What becomes of a unit, or of all that fit a pattern with `*`, where nobody sets a state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Preset {
    /// From 0 to 99: of all presets that fit a unit the one with the lowest number holds.
    pub number: u8,
    /// The unit, with its suffix, or the pattern.
    pub unit: String,
    /// What becomes of it.
    pub action: PresetAction,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

impl Preset {
    /// A preset under this number.
    pub fn new(number: u8, unit: impl Into<String>, action: PresetAction) -> Self {
        Self { number, unit: unit.into(), action, extensions: Extensions::default() }
    }
}

/// Whether a user may run anything as root by `sudo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sudo {
    /// No rule, and nobody is to wish for one.
    None,
    /// Once it typed its own password.
    Password,
    /// Without a password.
    Nopasswd,
}

impl Sudo {
    /// The word for it in the contract.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Password => "password",
            Self::Nopasswd => "nopasswd",
        }
    }
}

/// An account. What is none, or not said, is left as the distribution makes it or another wish has
/// it.
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
    /// Whose it is (the GECOS field).
    pub comment: Option<String>,
    /// Whether it may run anything as root, which needs the grant `accounts-sudo`, and `sudo` in the
    /// image.
    pub sudo: Option<Sudo>,
    /// Its password as crypt(3) hashes it, by yescrypt, scrypt, SHA-512, SHA-256 or bcrypt.
    pub password_hash: Option<String>,
    /// The day from which on nobody can log in with it: `YYYY-MM-DD`.
    pub expires: Option<String>,
    /// Its password has to be changed at the first login.
    pub change_password: bool,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// Where the first tree comes from.
#[expect(clippy::large_enum_variant, reason = "there is one of them in a plan")]
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
    /// `apt`, `dnf`, `zypper`.
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
    /// Of RPM packages; none of others.
    pub rpm: Option<RpmDistribution>,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// What a distribution of RPM packages has beside its release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RpmDistribution {
    /// Repositories that it is made from, at least one.
    pub origins: Vec<RpmOrigin>,
    /// What every tree of it is made of, with all that it needs; `rpm` must be among it.
    pub base: Vec<String>,
    /// What its modules are made for: `platform:el9`. None: as its packages say.
    pub module_platform: Option<String>,
    /// What packages recommend comes too.
    pub weak_dependencies: bool,
    /// Documentation is installed.
    pub documentation: bool,
    /// Of what belongs to a language, that of these alone is installed. None: all.
    pub languages: Option<Vec<String>>,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// A repository that a distribution of RPM packages is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RpmOrigin {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// Where its `repodata` is.
    pub url: String,
    /// Armoured keys, at least one: its packages and its index are signed by one of them.
    pub keys: Vec<String>,
    /// Its index is not signed, as Fedora's is not; its packages are.
    pub index_unsigned: bool,
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
