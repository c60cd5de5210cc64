//! A host in memory: an element's own `cargo test` plans and runs its steps without wasm.

mod call;
pub(crate) mod fake_input;
mod fake_tree;
pub(crate) mod host;
pub(crate) mod outside;
mod state;

use std::fmt;

use serde_json::Value;

use call::Call;
use fake_input::FakeInput;
pub use fake_tree::FakeTree;
use outside::Outside;
pub use state::Planned;
use state::{State, typed};

use crate::block_device::Node;
use crate::change::Change;
use crate::command::{Command, Output};
use crate::description::Description;
use crate::element::Element;
use crate::error::{Error, ErrorCode, Result};
use crate::extensions::Extensions;
use crate::fact::{Fact, Provided};
use crate::host as backend;
use crate::level::Level;
use crate::outcome::Outcome;
use crate::phase::Phase;
use crate::slots::Distribution;
use crate::stat::Stat;
use crate::step as calls;
use crate::wish::{Machine, Proxy};

/// A host in memory, for an element's own tests.
///
/// It holds the element to its own description: a slot it did not declare, a package, path or
/// program it did not request, an effect while planning and a wish while running are errors, as
/// on a real host. Facts that one element provides stay for the next one that is planned or run
/// on the same `TestHost`.
///
/// ```
/// use dibhost_element_sdk::{
///     Description, Element, Outcome, Parameters, Phase, Result, Run, Step, TestHost, description,
/// };
///
/// #[derive(Parameters)]
/// struct Motd {
///     /// What people read.
///     text: String,
/// }
///
/// impl Element for Motd {
///     fn describe() -> Description {
///         description!()
///             .step(Step::new(Phase::Install))
///             .request("rootfs", "write /etc/motd", "to write the message")
///     }
///
///     fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
///         run.rootfs()?.write("/etc/motd", &*self.text)?;
///         Ok(Outcome::Done)
///     }
/// }
///
/// let mut host = TestHost::new().parameter("text", "Hello.\n");
/// host.run::<Motd>(Phase::Install).unwrap();
/// assert_eq!(host.text("/etc/motd"), "Hello.\n");
/// ```
#[derive(Default)]
pub struct TestHost {
    state: State,
}

/// What running one step came to.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub outcome: Outcome,
    /// Facts: slot and value.
    pub facts: Vec<(String, Provided<String>)>,
    /// Changes of the tree, in order.
    pub changes: Vec<Change>,
    /// Programs that ran, in order.
    pub commands: Vec<Command>,
    /// Lines of the log.
    pub log: Vec<(Level, String)>,
    /// Files beside the image: suffix and content.
    pub outputs: Vec<(String, Vec<u8>)>,
}

impl fmt::Debug for TestHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestHost")
            .field("parameters", &self.state.parameters)
            .field("facts", &self.state.facts)
            .finish_non_exhaustive()
    }
}

impl TestHost {
    /// A machine of `amd64`, no parameter set, no facts, and the bare folders of a Debian tree.
    #[must_use]
    pub fn new() -> Self {
        Self { state: State { tree: FakeTree::bare(), ..State::default() } }
    }

    /// An image for this architecture.
    #[must_use]
    pub fn arch(mut self, arch: &str) -> Self {
        self.state.machine = Some(Machine { arch: arch.to_owned(), ..self.state.machine() });
        self
    }

    /// An image of this name.
    #[must_use]
    pub fn image_name(mut self, name: &str) -> Self {
        self.state.machine = Some(Machine { image_name: name.to_owned(), ..self.state.machine() });
        self
    }

    /// Sets a parameter of the element.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.state.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a parameter that names a secret, to one with this value.
    #[must_use]
    pub fn secret(mut self, parameter: &str, value: impl Into<Vec<u8>>) -> Self {
        self.state.secrets.insert(parameter.to_owned(), value.into());
        self.parameter(parameter, parameter)
    }

    /// The same of a parameter that the element does not declare and the host adds:
    /// [`crate::SecretParameter::named`].
    #[must_use]
    pub fn added_secret(mut self, parameter: &str, value: impl Into<Vec<u8>>) -> Self {
        self.state.added_secrets.insert(parameter.to_owned());
        self.state.secrets.insert(parameter.to_owned(), value.into());
        self
    }

    /// An input of the image definition that is a file.
    #[must_use]
    pub fn input(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.state.inputs.insert(name.to_owned(), FakeInput::file(content.into()));
        self
    }

    /// A file in an input of the image definition that is a folder: `site`, `etc/motd`.
    #[must_use]
    pub fn input_file(mut self, name: &str, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.state.inputs.entry(name.to_owned()).or_default().add(path, content.into());
        self
    }

    /// Forgets the parameters: before another element is planned on the same host.
    pub fn forget_parameters(&mut self) {
        self.state.parameters.clear();
        self.state.secrets.clear();
    }

    /// A fact that another element provides.
    ///
    /// # Panics
    /// When it does not serialise.
    #[must_use]
    pub fn fact<F: Fact>(mut self, provider: &str, key: &str, value: &F) -> Self {
        let value = serde_json::to_string(value).expect("a fact serialises");
        let (provider, key) = (provider.to_owned(), key.to_owned());
        let (phase, extensions) = (Phase::Install, Extensions::default());
        let step = phase.name().to_owned();
        let fact = Provided { provider, step, phase, key, value, extensions };
        self.state.add_fact(F::SLOT, fact);
        self
    }

    /// A Debian in the image, as `debian-minimal` says it: `bookworm`.
    #[must_use]
    pub fn debian(self, codename: &str) -> Self {
        self.system("debian", codename)
    }

    /// A system of another family in the image.
    #[must_use]
    pub fn system(self, family: &str, codename: &str) -> Self {
        let package_manager = match family {
            "debian" => "apt",
            "suse" => "zypper",
            _ => "dnf",
        };
        let version_id = match codename {
            "bullseye" => "11",
            "bookworm" => "12",
            "trixie" => "13",
            other => other,
        };
        let distribution = Distribution {
            id: family.to_owned(),
            version_id: version_id.to_owned(),
            codename: codename.to_owned(),
            family: family.to_owned(),
            package_manager: package_manager.to_owned(),
            init: "systemd".to_owned(),
            default_user: family.to_owned(),
        };
        self.fact(&format!("{family}-minimal"), "", &distribution)
    }

    /// Nodes that another element wished for.
    #[must_use]
    pub fn nodes(mut self, nodes: impl IntoIterator<Item = Node>) -> Self {
        self.state.nodes.extend(nodes);
        self
    }

    /// A file in the tree, with the folders above it.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.state.tree.put_file(path, content);
        self
    }

    /// A folder in the tree, with those above it.
    #[must_use]
    pub fn directory(mut self, path: &str) -> Self {
        self.state.tree.put_directory(path);
        self
    }

    /// A symbolic link in the tree, with the folders above it.
    #[must_use]
    pub fn symlink(mut self, path: &str, to: &str) -> Self {
        self.state.tree.put_symlink(path, to);
        self
    }

    /// How a program in the target ends, and what it does to the tree. A program without an
    /// answer cannot be started.
    #[must_use]
    pub fn answer(
        mut self,
        program: &str,
        answer: impl FnMut(&Command, &mut FakeTree) -> Output + 'static,
    ) -> Self {
        self.state.answers.insert(program.to_owned(), Box::new(answer));
        self
    }

    /// A file outside, at a URL and with a digest (`sha256:…`), which is taken at its word.
    #[must_use]
    pub fn outside(mut self, url: &str, digest: &str, content: impl Into<Vec<u8>>) -> Self {
        self.state.outside.insert(url.to_owned(), Outside::file(digest, content));
        self
    }

    /// An archive outside, of these files.
    #[must_use]
    pub fn outside_archive<N: Into<String>, C: Into<Vec<u8>>>(
        mut self,
        url: &str,
        digest: &str,
        files: impl IntoIterator<Item = (N, C)>,
    ) -> Self {
        self.state.outside.insert(url.to_owned(), Outside::archive(digest, files));
        self
    }

    /// A commit, branch or tag of a git repository outside, of these files.
    #[must_use]
    pub fn outside_commit<N: Into<String>, C: Into<Vec<u8>>>(
        mut self,
        url: &str,
        revision: &str,
        files: impl IntoIterator<Item = (N, C)>,
    ) -> Self {
        let digest = format!("sha256:{}", "0".repeat(64));
        let commit = Outside::archive(&digest, files);
        self.state.outside.insert(format!("{url} {revision}"), commit);
        self
    }

    /// A public key of the person who builds.
    #[must_use]
    pub fn builder_key(mut self, key: &str) -> Self {
        self.state.builder_keys.push(key.to_owned());
        self
    }

    /// The builder's proxies.
    #[must_use]
    pub fn builder_proxy(mut self, proxy: Proxy) -> Self {
        self.state.proxy = proxy;
        self
    }

    /// What the element says about itself, parameters included.
    pub fn describe<E: Element>() -> Description {
        calls::describe::<E>()
    }

    /// Plans a step of the element: by its name, or by its phase if it is named so.
    ///
    /// # Errors
    /// The element's own, and what a real host would refuse.
    pub fn plan<E: Element>(&mut self, step: impl AsRef<str>) -> Result<Planned> {
        let step = step.as_ref();
        let (findings, mut call) =
            self.call::<E, _>(step, true, |build| calls::plan::<E>(step, build))?;
        call.planned.findings = findings;
        call.planned.facts = call.facts;
        call.planned.log = call.log;
        Ok(call.planned)
    }

    /// Runs a step of the element: by its name, or by its phase if it is named so.
    ///
    /// # Errors
    /// The element's own, and what a real host would refuse.
    pub fn run<E: Element>(&mut self, step: impl AsRef<str>) -> Result<Ran> {
        let step = step.as_ref();
        let (outcome, call) =
            self.call::<E, _>(step, false, |build| calls::run::<E>(step, build))?;
        let Call { facts, changes, commands, log, outputs, .. } = call;
        Ok(Ran { outcome, facts, changes, commands, log, outputs })
    }

    /// A file's text.
    ///
    /// # Panics
    /// When it is not there, or is no text.
    #[must_use]
    pub fn text(&self, path: &str) -> String {
        let content = self.state.tree.read(path).unwrap_or_else(|e| panic!("{e}"));
        String::from_utf8(content).expect("the file is UTF-8 text")
    }

    /// What is at a path, a symbolic link not followed; none: nothing.
    #[must_use]
    pub fn stat(&self, path: &str) -> Option<Stat> {
        self.state.tree.stat(path).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Whether something is at a path.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.stat(path).is_some()
    }

    /// Makes this host the one of the thread while `body` runs.
    fn call<E: Element, T>(
        &mut self,
        name: &str,
        planning: bool,
        body: impl FnOnce(backend::Build<'_>) -> Result<T>,
    ) -> Result<(T, Call)> {
        let description = calls::describe::<E>();
        let step = description.steps.iter().find(|s| s.name == name).cloned();
        let Some(step) = step else {
            let message = format!("`{}` declares no step `{name}`", description.name);
            return Err(Error::with_code(ErrorCode::Undeclared, message));
        };
        if step.plan_only && !planning {
            let message = format!("the step `{name}` of `{}` only plans", description.name);
            return Err(Error::with_code(ErrorCode::Undeclared, message));
        }
        for name in self.state.parameters.keys() {
            if !description.parameters.iter().any(|p| p.name == *name) {
                let message = format!("`{}` has no parameter `{name}`", description.name);
                return Err(Error::with_code(ErrorCode::Undeclared, message));
            }
        }
        let state = std::mem::take(&mut self.state);
        let call = Call::new(state, description, step, planning);
        let (result, call) = host::enter(call, || body(backend::Build::current()));
        let mut call = call;
        self.state = std::mem::take(&mut call.host);
        let element = call.description.name.clone();
        result.map(|value| (value, call)).map_err(|e| {
            let doing = if planning { "planning" } else { "running" };
            e.context(format!("{doing} `{name}` of `{element}`"))
        })
    }
}

impl Ran {
    /// The values of a slot that were provided.
    ///
    /// # Panics
    /// When one is not of this type.
    #[must_use]
    pub fn provided<F: Fact>(&self) -> Vec<F> {
        typed::<F>(&self.facts, F::SLOT)
    }
}
