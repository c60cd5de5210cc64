//! What a step may do while planning: planned facts and wishes, no effects.

use std::cell::RefCell;

use crate::block_device::Node;
use crate::description::Step;
use crate::error::Result;
use crate::exchange;
use crate::fact::{Fact, Provided};
use crate::file::File;
use crate::input::Input;
use crate::phase::Phase;
use crate::secret::{Secret, SecretParameter};
use crate::wish::{
    Bootstrap, DebRepository, DebconfAnswer, DropIn, Finding, Machine, Module, Package,
    PackageGroup, Preset, Proxy, RpmRepository, UnitState, User,
};
use crate::{host, log};

/// The build while it is planned. Every wish needs its grant.
#[derive(Debug)]
pub struct Plan<'a> {
    pub(crate) step: &'a Step,
    pub(crate) build: host::Build<'a>,
    pub(crate) findings: RefCell<Vec<Finding>>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(step: &'a Step, build: host::Build<'a>) -> Self {
        Self { step, build, findings: RefCell::default() }
    }

    /// The phase that is planned.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.step.phase
    }

    /// The name of the step: its phase's, if it has none of its own.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.step.name
    }

    /// The machine the image is for.
    #[must_use]
    pub fn machine(&self) -> Machine {
        self.build.machine()
    }

    /// The secret that a parameter names, as a handle. Nothing is read by that.
    ///
    /// # Errors
    /// The parameter is not set.
    pub fn secret(&self, parameter: &SecretParameter) -> Result<Secret> {
        Ok(Secret(self.build.secret(&parameter.parameter)?))
    }

    /// An input of the image definition, by its name there (`inputs` of the name, or of `parameter
    /// PARAMETER` where a parameter of the element names it).
    ///
    /// # Errors
    /// Not granted, or the definition has none of that name.
    pub fn input(&self, name: &str) -> Result<Input> {
        host::Input::open(name).map(Input)
    }

    /// Provides a value of a planned slot. `key` tells the element's own values apart and orders
    /// them; a slot with one value needs none (`""`).
    ///
    /// # Errors
    /// A slot the step did not declare, a value that does not fit its schema, or another value
    /// with the same key.
    pub fn provide<F: Fact>(&self, key: &str, fact: &F) -> Result<()> {
        exchange::provide(key, fact)
    }

    /// All values of a planned slot, ordered by provider and key.
    ///
    /// # Errors
    /// A slot the step did not declare, or a value that is not of this type.
    pub fn consume<F: Fact>(&self) -> Result<Vec<Provided<F>>> {
        exchange::consume()
    }

    /// The value of a slot that takes exactly one.
    ///
    /// # Errors
    /// As [`Self::consume`], and when there is none.
    pub fn consume_one<F: Fact>(&self) -> Result<F> {
        exchange::consume_one()
    }

    /// The value of a slot that takes at most one.
    ///
    /// # Errors
    /// As [`Self::consume`].
    pub fn consume_optional<F: Fact>(&self) -> Result<Option<F>> {
        exchange::consume_optional()
    }

    /// Wishes for a package (`packages`).
    ///
    /// # Errors
    /// Not granted, or no sound name.
    pub fn package(&self, name: impl Into<String>, reason: impl Into<String>) -> Result<()> {
        self.packages([Package::new(name, reason)])
    }

    /// Wishes for packages (`packages`).
    ///
    /// # Errors
    /// Not granted, or no sound name.
    pub fn packages(&self, packages: impl IntoIterator<Item = Package>) -> Result<()> {
        host::request_packages(packages.into_iter().collect())
    }

    /// Answers questions that packages ask when they are configured, whoever wishes for them
    /// (`packages` of the package). An image of another family than Debian's refuses that.
    ///
    /// # Errors
    /// Not granted, or malformed.
    pub fn debconf(&self, answers: impl IntoIterator<Item = DebconfAnswer>) -> Result<()> {
        host::debconf(answers.into_iter().collect())
    }

    /// Wishes for a repository of Debian packages (`repositories`). An image of another family
    /// refuses that.
    ///
    /// # Errors
    /// Not granted, or malformed.
    pub fn deb_repository(&self, repository: DebRepository) -> Result<()> {
        host::add_deb_repository(repository)
    }

    /// Wishes for a repository of RPM packages (`repositories`). An image of another family
    /// refuses that.
    ///
    /// # Errors
    /// Not granted, or malformed.
    pub fn rpm_repository(&self, repository: RpmRepository) -> Result<()> {
        host::add_rpm_repository(repository)
    }

    /// Wishes that a module's stream be enabled (`packages` of `@NAME:STREAM`). Images without dnf
    /// refuse that.
    ///
    /// # Errors
    /// Not granted, or malformed.
    pub fn module(&self, module: Module) -> Result<()> {
        host::enable_module(module)
    }

    /// Wishes for a group of packages (`packages` of `@ID`). Images without dnf refuse that.
    ///
    /// # Errors
    /// Not granted, or malformed.
    pub fn package_group(&self, group: PackageGroup) -> Result<()> {
        host::install_group(group)
    }

    /// Wishes that every package be brought up to date.
    ///
    /// # Errors
    /// Not granted.
    pub fn upgrade_all(&self) -> Result<()> {
        host::upgrade_all()
    }

    /// Wishes for a unit's state (`services`); the unit's name has its suffix.
    ///
    /// # Errors
    /// Not granted, or no sound name.
    pub fn service(&self, unit: &str, state: UnitState) -> Result<()> {
        host::set_service(unit, state)
    }

    /// Wishes for a unit with this text (`services-define`).
    ///
    /// # Errors
    /// Not granted, or no sound name.
    pub fn define_unit(&self, unit: &str, content: &str) -> Result<()> {
        host::define_unit(unit, content)
    }

    /// Wishes for a file of root's with mode 0644 (`rootfs` of `write PATH`). Folders above it that
    /// are missing are made, as far as they are granted.
    ///
    /// # Errors
    /// Not granted, or no sound path.
    pub fn file(&self, path: impl Into<String>, content: impl Into<Vec<u8>>) -> Result<()> {
        self.files([File::new(path, content)])
    }

    /// Wishes for files, folders, links and removals (`rootfs` of `write PATH`). They are there
    /// before the steps of the phase run, after its packages and accounts.
    ///
    /// # Errors
    /// Not granted, or no sound path, mode or owner.
    pub fn files(&self, files: impl IntoIterator<Item = File>) -> Result<()> {
        host::request_files(files.into_iter().collect())
    }

    /// Wishes that a unit, whoever it comes from, have this drop-in (`services-define`).
    ///
    /// # Errors
    /// Not granted, or no sound name.
    pub fn drop_in(&self, drop_in: DropIn) -> Result<()> {
        host::add_drop_in(drop_in)
    }

    /// Wishes for a preset (`services`). Nothing is enabled or disabled by it while the image is
    /// built.
    ///
    /// # Errors
    /// Not granted, or neither a unit nor a pattern.
    pub fn preset(&self, preset: Preset) -> Result<()> {
        host::add_preset(preset)
    }

    /// Wishes for an account (`accounts`; with a rule of `sudo` also `accounts-sudo`).
    ///
    /// # Errors
    /// Not granted, or malformed.
    pub fn user(&self, user: User) -> Result<()> {
        host::ensure_user(user)
    }

    /// Wishes that a user have this password (`accounts`, and `secret` of `place PARAMETER`).
    ///
    /// # Errors
    /// Not granted, or no sound name.
    pub fn set_password(&self, user: &str, password: &Secret) -> Result<()> {
        host::set_password(user, &password.0)
    }

    /// Wishes for a group (`accounts`).
    ///
    /// # Errors
    /// Not granted, or no sound name.
    pub fn group(&self, name: &str, gid: Option<u32>) -> Result<()> {
        host::ensure_group(name, gid)
    }

    /// The block device's nodes wished so far by elements that this one runs after
    /// (`block-device`).
    ///
    /// # Errors
    /// Not granted.
    pub fn nodes(&self) -> Result<Vec<Node>> {
        host::nodes()
    }

    /// Wishes for nodes of the block device (`block-device`).
    ///
    /// # Errors
    /// Not granted, not in the phase `block-device`, or malformed.
    pub fn add_nodes(&self, nodes: impl IntoIterator<Item = Node>) -> Result<()> {
        host::add_nodes(nodes.into_iter().collect())
    }

    /// Wishes for a node instead of the one of the same name (`block-device`).
    ///
    /// # Errors
    /// Not granted, or there is no such node.
    pub fn replace_node(&self, node: Node) -> Result<()> {
        host::replace_node(node)
    }

    /// Wishes for the first tree (`bootstrap`), in the phase `root`.
    ///
    /// # Errors
    /// Not granted, or another element wished for one.
    pub fn bootstrap(&self, source: Bootstrap) -> Result<()> {
        host::bootstrap(source)
    }

    /// The public keys that the person who builds logs in with (`builder`).
    ///
    /// # Errors
    /// Not granted.
    pub fn builder_keys(&self) -> Result<Vec<String>> {
        host::builder_keys()
    }

    /// The builder's proxies (`builder`).
    ///
    /// # Errors
    /// Not granted.
    pub fn builder_proxies(&self) -> Result<Proxy> {
        host::builder_proxies()
    }

    /// Adds a remark about parameters or facts; a fatal one stops the build before it begins.
    pub fn find(&self, finding: Finding) {
        self.findings.borrow_mut().push(finding);
    }

    /// Adds a remark that does not stop the build.
    pub fn warn(&self, message: impl Into<String>) {
        self.find(Finding::warning(message));
    }

    /// Writes a line of the build's log.
    pub fn log(&self, message: impl AsRef<str>) {
        log::info(message);
    }
}
