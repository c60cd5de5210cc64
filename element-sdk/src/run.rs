//! What a step may do while the image is built: the target, programs in it, observed facts.

use serde_json::Value;

use crate::blob::Blob;
use crate::command::{Command, Output};
use crate::description::Step;
use crate::error::Result;
use crate::exchange;
use crate::fact::{Fact, Provided};
use crate::input::Input;
use crate::phase::Phase;
use crate::secret::{Secret, SecretParameter};
use crate::tree::Tree;
use crate::wish::Machine;
use crate::{host, log};

/// The build while it runs.
#[derive(Debug)]
pub struct Run<'a> {
    pub(crate) step: &'a Step,
    pub(crate) build: host::Build<'a>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(step: &'a Step, build: host::Build<'a>) -> Self {
        Self { step, build }
    }

    /// The phase that runs.
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

    /// Provides a value of an observed slot.
    ///
    /// # Errors
    /// A slot the step did not declare, a value that does not fit its schema, or another value
    /// with the same key.
    pub fn provide<F: Fact>(&self, key: &str, fact: &F) -> Result<()> {
        exchange::provide(key, fact)
    }

    /// All values of a slot, planned or observed, ordered by provider and key.
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

    /// The target tree, as far as it was granted (`rootfs`).
    ///
    /// # Errors
    /// Nothing of it was granted.
    pub fn rootfs(&self) -> Result<Tree> {
        Tree::open()
    }

    /// A program in the target (`exec`), found on the target's `PATH` when it has no `/`. There
    /// is no shell.
    pub fn exec(&self, program: impl Into<String>) -> Exec {
        Exec(Command { program: program.into(), ..Command::default() })
    }

    /// The file at a URL, by its digest (`fetch` of the host): that file and no other. It is asked
    /// for once and then kept.
    ///
    /// # Errors
    /// Not granted, not there, or not what the digest says (`integrity`).
    pub fn fetch(&self, url: &str, digest: &str) -> Result<Blob> {
        host::fetch(url, Some(digest)).map(Blob)
    }

    /// The file at a URL, whatever it is (`fetch` of the host, and of `unpinned`). The first build
    /// writes its digest to `dib.lock`, and those after it take no other.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_unpinned(&self, url: &str) -> Result<Blob> {
        host::fetch(url, None).map(Blob)
    }

    /// The files of a commit of a git repository as a tar archive, the same bytes for the same
    /// commit (`fetch` of the host). A commit is named by its full hash; a branch or tag needs
    /// `fetch` of `unpinned` too, and the first build writes the commit that it is to `dib.lock`.
    ///
    /// # Errors
    /// Not granted, no such commit, branch or tag.
    pub fn fetch_commit(&self, url: &str, revision: &str) -> Result<Blob> {
        host::fetch_commit(url, revision).map(Blob)
    }

    /// Puts bytes beside the image, under its name plus `suffix` (`outputs`).
    ///
    /// # Errors
    /// Not granted.
    pub fn emit(&self, suffix: &str, content: &[u8]) -> Result<()> {
        host::emit(suffix, content)
    }

    /// The same of what the host holds, without its coming through the element.
    ///
    /// # Errors
    /// As [`Self::emit`].
    pub fn emit_blob(&self, suffix: &str, content: &Blob) -> Result<()> {
        host::emit_blob(suffix, &content.0)
    }

    /// Writes a line of the build's log.
    pub fn log(&self, message: impl AsRef<str>) {
        log::info(message);
    }

    /// Writes a warning to the build's log.
    pub fn warn(&self, message: impl AsRef<str>) {
        log::warn(message);
    }
}

/// A program about to run: `run.exec("grub-mkimage").args(["-O", "i386-pc"]).run()?`.
#[derive(Debug)]
#[must_use = "nothing runs before `.run()`"]
pub struct Exec(Command);

impl Exec {
    /// One more argument.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.0.args.push(arg.into());
        self
    }

    /// More arguments.
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.0.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// One more variable of the environment.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.env.push((name.into(), value.into()));
        self
    }

    /// The folder it runs in.
    pub fn workdir(mut self, folder: impl Into<String>) -> Self {
        self.0.workdir = Some(folder.into());
        self
    }

    /// Its standard input.
    pub fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.0.stdin = Some(content.into());
        self
    }

    /// Lets it reach the network (its own grant).
    pub fn network(mut self) -> Self {
        self.0.network = true;
        self
    }

    /// Takes a status that is not 0 for a result.
    pub fn allow_failure(mut self) -> Self {
        self.0.allow_failure = true;
        self
    }

    /// Keeps standard output; it is logged either way.
    pub fn capture(mut self) -> Self {
        self.0.capture = true;
        self
    }

    /// Says more than this version of the contract has words for; see [`crate::Extensions`].
    pub fn extension(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.extensions.set(key, value);
        self
    }

    /// Ends it after so many seconds.
    pub fn timeout_seconds(mut self, seconds: u32) -> Self {
        self.0.timeout_seconds = Some(seconds);
        self
    }

    /// Runs it and waits for it.
    ///
    /// # Errors
    /// Not granted, cannot be started, and a status that is not 0 unless
    /// [`Self::allow_failure`].
    pub fn run(self) -> Result<Output> {
        host::exec(self.0)
    }

    /// The same, with a secret on its standard input (`secret` of `place PARAMETER`).
    ///
    /// # Errors
    /// As [`Self::run`], and when the secret is not granted, not where the definition says, or
    /// [`Self::stdin`] was given too.
    pub fn run_with_secret(self, secret: &Secret) -> Result<Output> {
        host::exec_with_secret(self.0, &secret.0)
    }
}
