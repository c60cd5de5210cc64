//! What an element says about itself.

use serde_json::Value;

use crate::extensions::Extensions;
use crate::fact::{Arity, Fact, Timing};
use crate::phase::Phase;
use crate::slots::Distribution;

/// All of it. Made by [`crate::description!`], which takes name, version, licence and summary
/// from the element's `Cargo.toml`; the parameters come from the element's type.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Description {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) license: String,
    pub(crate) requires: Vec<Requirement>,
    pub(crate) stands_in_for: Vec<String>,
    pub(crate) conflicts_with: Vec<String>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) steps: Vec<Step>,
    pub(crate) requests: Vec<Request>,
    pub(crate) extensions: Extensions,
}

/// Another element that has to be in the image too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Its name.
    pub name: String,
    /// Semver range.
    pub version: String,
    /// Absent is fine; if present it must match.
    pub optional: bool,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// Something the element asks the image definition to grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `rootfs`, `exec`, `packages`, …
    pub capability: String,
    /// What that capability's pattern means: a path, a program, a package.
    pub scope: String,
    /// Shown when the grant is asked for.
    pub reason: String,
    /// It asks only where all of these hold; none: always.
    pub when: Vec<Condition>,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// What has to be true of the system: a field of a fact that the steps of `root` provide while
/// planning.
///
/// ```
/// use dibhost_element_sdk::slots::Distribution;
/// use dibhost_element_sdk::{Condition, description};
///
/// let debian = Condition::of::<Distribution>("family", ["debian"]);
/// let others = Condition::of::<Distribution>("family", ["fedora", "suse"]);
/// let described = description!()
///     .request_when([debian], "services", "ssh.service", "the server is started")
///     .request_when([others], "services", "sshd.service", "the server is started");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// A planned slot that only steps of `root` provide.
    pub slot: String,
    /// The field, `/` between the names where it lies deeper; empty: the value itself.
    pub field: String,
    /// The field is one of these texts.
    pub one_of: Vec<String>,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

impl Condition {
    /// A field of this fact is one of these texts.
    pub fn of<F: Fact>(
        field: impl Into<String>,
        one_of: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            slot: F::SLOT.to_owned(),
            field: field.into(),
            one_of: one_of.into_iter().map(Into::into).collect(),
            extensions: Extensions::default(),
        }
    }

    /// The system in the image is of one of these families: `debian`, `fedora`, `suse`.
    pub fn family(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::of::<Distribution>("family", names)
    }
}

/// The kind of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterKind {
    /// A string.
    Text,
    /// A 64-bit signed integer.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list of strings.
    TextList,
    /// One of these.
    Choice(Vec<String>),
    /// The name of a secret: [`crate::SecretParameter`].
    Secret,
    /// Anything that fits this JSON Schema.
    Json(String),
}

/// A value the image definition may set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name: kebab-case.
    pub name: String,
    /// Its kind.
    pub kind: ParameterKind,
    /// A JSON document; `null` for a parameter that may be left out; none for one that must be set.
    pub default: Option<String>,
    /// What it is.
    pub doc: String,
    /// Environment variables an older definition set it by.
    pub aliases: Vec<String>,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// A slot that a step writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// How many values.
    pub arity: Arity,
    /// When they are known.
    pub timing: Timing,
    /// JSON Schema of one value.
    pub schema: Option<String>,
    /// One line.
    pub doc: String,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// A slot that a step reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotUse {
    /// Its name.
    pub name: String,
    /// How many values it expects.
    pub arity: Arity,
    /// Nobody providing it refuses the build.
    pub required: bool,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

/// One thing the element does in one phase. It may have several in a phase, each with a name of
/// its own ([`Step::named`]): two elements can then talk both ways in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Step {
    pub(crate) name: String,
    pub(crate) phase: Phase,
    pub(crate) provides: Vec<Slot>,
    pub(crate) consumes: Vec<SlotUse>,
    pub(crate) after: Vec<String>,
    pub(crate) before: Vec<String>,
    pub(crate) plan_only: bool,
    pub(crate) extensions: Extensions,
}

impl Step {
    /// Takes part in `phase`: plans, and runs. It is named as the phase is.
    pub fn new(phase: Phase) -> Self {
        Self {
            name: phase.name().to_owned(),
            phase,
            provides: Vec::new(),
            consumes: Vec::new(),
            after: Vec::new(),
            before: Vec::new(),
            plan_only: false,
            extensions: Extensions::default(),
        }
    }

    /// Takes part in planning `phase`, and has nothing to run: the host may then install in one
    /// transaction what is wished for before and after it.
    pub fn planning(phase: Phase) -> Self {
        Self { plan_only: true, ..Self::new(phase) }
    }

    /// With a name of its own (kebab-case, unique in the element), for an element that has several
    /// steps in one phase. The methods of the phase are called for each of them, and
    /// [`crate::Plan::step`] and [`crate::Run::step`] say for which.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// May write this slot. Everyone who reads it runs later. A slot of `dib:` has to be granted,
    /// for the host's elements carry it out: this asks for it, and [`Description::request`] of
    /// `facts` with the slot as its scope can say why.
    pub fn provides<F: Fact>(mut self) -> Self {
        self.provides.push(Slot {
            name: F::SLOT.to_owned(),
            arity: F::ARITY,
            timing: F::TIMING,
            schema: F::schema(),
            doc: F::DOC.to_owned(),
            extensions: Extensions::default(),
        });
        self
    }

    /// Reads this slot. Everyone who writes it runs earlier; the build is refused when nobody
    /// does and the slot takes exactly one value.
    pub fn consumes<F: Fact>(self) -> Self {
        self.uses::<F>(F::ARITY == Arity::One)
    }

    /// Reads this slot, and the build is refused when nobody provides it.
    pub fn needs<F: Fact>(self) -> Self {
        self.uses::<F>(true)
    }

    /// Reads this slot, and can do without: [`crate::Plan::consume_optional`].
    pub fn may_consume<F: Fact>(self) -> Self {
        self.uses::<F>(false)
    }

    /// Runs after the steps of this element (`ELEMENT`) in the same phase, or after this one of
    /// them (`ELEMENT/STEP`), for orders no data carries.
    pub fn after(mut self, step: impl Into<String>) -> Self {
        self.after.push(step.into());
        self
    }

    /// Runs before the steps of this element in the same phase, or before this one of them.
    pub fn before(mut self, step: impl Into<String>) -> Self {
        self.before.push(step.into());
        self
    }

    /// Says more of the step than this version of the contract has words for; see [`Extensions`].
    pub fn extension(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extensions.set(key, value);
        self
    }

    /// Says more of a slot that it provides or consumes, by the slot's name.
    pub fn slot_extension(
        mut self,
        slot: &str,
        key: impl Into<String>,
        value: impl Into<Value>,
    ) -> Self {
        let provided = self.provides.iter_mut().map(|s| (&*s.name, &mut s.extensions));
        let consumed = self.consumes.iter_mut().map(|s| (&*s.name, &mut s.extensions));
        if let Some((_, extensions)) = provided.chain(consumed).find(|(name, _)| *name == slot) {
            extensions.set(key, value);
        }
        self
    }

    fn uses<F: Fact>(mut self, required: bool) -> Self {
        let (name, extensions) = (F::SLOT.to_owned(), Extensions::default());
        self.consumes.push(SlotUse { name, arity: F::ARITY, required, extensions });
        self
    }
}

impl Description {
    /// Name (kebab-case) and semver; see [`crate::description!`].
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            summary: String::new(),
            license: String::new(),
            requires: Vec::new(),
            stands_in_for: Vec::new(),
            conflicts_with: Vec::new(),
            parameters: Vec::new(),
            steps: Vec::new(),
            requests: Vec::new(),
            extensions: Extensions::default(),
        }
    }

    /// One line on what it does.
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = summary.into();
        self
    }

    /// SPDX expression.
    pub fn license(mut self, license: impl Into<String>) -> Self {
        self.license = license.into();
        self
    }

    /// Another element of any version has to be in the image too. Selects, never orders.
    pub fn requires(self, name: impl Into<String>) -> Self {
        self.requirement(name, "*", false)
    }

    /// Another element of these versions (`^1.2`) has to be in the image too, or, when
    /// `optional`, has to be of these versions if it is.
    pub fn requirement(
        mut self,
        name: impl Into<String>,
        version: impl Into<String>,
        optional: bool,
    ) -> Self {
        let (name, version) = (name.into(), version.into());
        let extensions = Extensions::default();
        self.requires.push(Requirement { name, version, optional, extensions });
        self
    }

    /// Another name that this element satisfies (`operating-system`).
    pub fn stands_in_for(mut self, name: impl Into<String>) -> Self {
        self.stands_in_for.push(name.into());
        self
    }

    /// An element that may not be in the same image.
    pub fn conflicts_with(mut self, name: impl Into<String>) -> Self {
        self.conflicts_with.push(name.into());
        self
    }

    /// Takes part in a phase.
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Says more than this version of the contract has words for; see [`Extensions`].
    pub fn extension(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extensions.set(key, value);
        self
    }

    /// Asks for a grant, and says why.
    pub fn request(
        self,
        capability: impl Into<String>,
        scope: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        self.request_when([], capability, scope, reason)
    }

    /// Asks for a grant where the system is of some kind, so that nobody has to grant what does
    /// not apply: see [`Condition`]. Steps of `root`, which say what the system is, do not hold it.
    pub fn request_when(
        mut self,
        when: impl IntoIterator<Item = Condition>,
        capability: impl Into<String>,
        scope: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        self.requests.push(Request {
            capability: capability.into(),
            scope: scope.into(),
            reason: reason.into(),
            when: when.into_iter().collect(),
            extensions: Extensions::default(),
        });
        self
    }
}

/// A [`Description`] with name, version, licence and summary from the `Cargo.toml` of the crate
/// it is written in (`name`, `version`, `license`, `description`).
#[macro_export]
macro_rules! description {
    () => {
        $crate::Description::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
            .license(env!("CARGO_PKG_LICENSE"))
            .summary(env!("CARGO_PKG_DESCRIPTION"))
    };
}
