//! Elements for tests: a description and a closure instead of a component.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use dibhost_block_device::{Node, NodeKind};
use dibhost_definition::{Definition, Diagnostics};
use dibhost_plan::description::{
    Arity, Condition, Description, Parameter, ParameterKind, Request, Requirement, Slot, SlotUse,
    StepDeclaration, Timing,
};
use dibhost_plan::file::{Content, FileAttributes, FileNode, FileWish};
use dibhost_plan::planner::{Described, ElementFailure, Planner, StepAnswer, StepCall};
use dibhost_plan::wish::{
    Bootstrap, DebRepository, Debconf, Distribution, PackageWish, Repository, Sudo, UnitState,
    User, Want, Wish,
};
use dibhost_plan::{Phase, Plan, PlanInputs};
use serde_json::{Value, json};

type Answer = Arc<dyn Fn(&StepCall<'_>) -> Result<StepAnswer, ElementFailure> + Send + Sync>;

/// An element that is being put together.
#[derive(Clone)]
pub(crate) struct Element {
    pub(crate) description: Description,
    pub(crate) first_party: bool,
    answer: Answer,
}

pub(crate) fn element(name: &str) -> Element {
    Element {
        description: Description {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            summary: format!("The element {name}"),
            license: "Apache-2.0".to_owned(),
            requires: Vec::new(),
            stands_in_for: Vec::new(),
            conflicts_with: Vec::new(),
            parameters: Vec::new(),
            steps: Vec::new(),
            requests: Vec::new(),
            extensions: Vec::new(),
        },
        first_party: true,
        answer: Arc::new(|_| Ok(StepAnswer::default())),
    }
}

pub(crate) fn schema() -> Value {
    json!({"type": "string"})
}

impl Element {
    pub(crate) fn version(mut self, version: &str) -> Self {
        self.description.version = version.to_owned();
        self
    }

    pub(crate) fn third_party(mut self) -> Self {
        self.first_party = false;
        self
    }

    pub(crate) fn requires(mut self, name: &str, version: &str) -> Self {
        let requirement =
            Requirement { name: name.to_owned(), version: version.to_owned(), optional: false };
        self.description.requires.push(requirement);
        self
    }

    pub(crate) fn stands_in_for(mut self, name: &str) -> Self {
        self.description.stands_in_for.push(name.to_owned());
        self
    }

    pub(crate) fn conflicts_with(mut self, name: &str) -> Self {
        self.description.conflicts_with.push(name.to_owned());
        self
    }

    pub(crate) fn parameter(
        mut self,
        name: &str,
        kind: ParameterKind,
        default: Option<Value>,
    ) -> Self {
        self.description.parameters.push(Parameter {
            name: name.to_owned(),
            kind,
            default,
            doc: format!("what {name} is"),
            aliases: Vec::new(),
        });
        self
    }

    pub(crate) fn requests(self, capability: &str, scope: &str) -> Self {
        self.requests_when(capability, scope, &[])
    }

    /// Only where this field of `dib:os/distribution@1` is one of these.
    pub(crate) fn requests_where(
        self,
        capability: &str,
        scope: &str,
        field: &str,
        is: &[&str],
    ) -> Self {
        let one_of = is.iter().map(|text| (*text).to_owned()).collect();
        let slot = "dib:os/distribution@1".to_owned();
        self.requests_when(
            capability,
            scope,
            &[Condition { slot, field: field.to_owned(), one_of }],
        )
    }

    pub(crate) fn requests_when(
        mut self,
        capability: &str,
        scope: &str,
        when: &[Condition],
    ) -> Self {
        self.description.requests.push(Request {
            capability: capability.to_owned(),
            scope: scope.to_owned(),
            reason: format!("for {capability}"),
            when: when.to_vec(),
        });
        self
    }

    pub(crate) fn step(self, phase: Phase) -> Self {
        let there = self.description.steps_of(phase).next().is_some();
        if there { self } else { self.named(phase, phase.name()) }
    }

    /// A step with this name; what is said of a phase afterwards is said of the last one there.
    pub(crate) fn named(mut self, phase: Phase, name: &str) -> Self {
        if self.description.step(name).is_none() {
            self.description.steps.push(StepDeclaration {
                name: name.to_owned(),
                phase,
                provides: Vec::new(),
                consumes: Vec::new(),
                after: Vec::new(),
                before: Vec::new(),
                plan_only: false,
            });
        }
        self
    }

    fn declaration(&mut self, phase: Phase) -> &mut StepDeclaration {
        self.description.steps.iter_mut().rfind(|s| s.phase == phase).unwrap()
    }

    pub(crate) fn after(self, phase: Phase, name: &str) -> Self {
        let mut element = self.step(phase);
        element.declaration(phase).after.push(name.to_owned());
        element
    }

    pub(crate) fn before(self, phase: Phase, name: &str) -> Self {
        let mut element = self.step(phase);
        element.declaration(phase).before.push(name.to_owned());
        element
    }

    /// Slots of `dib:` are declared as the host has them, others as asked.
    pub(crate) fn provides_as(
        self,
        phase: Phase,
        name: &str,
        arity: Arity,
        timing: Timing,
        schema: Option<Value>,
    ) -> Self {
        let mut element = self.step(phase);
        element.declaration(phase).provides.push(Slot {
            name: name.to_owned(),
            arity,
            timing,
            schema,
            doc: "a slot".to_owned(),
        });
        element
    }

    pub(crate) fn provides(self, phase: Phase, name: &str) -> Self {
        match dibhost_plan::schema::host_slot(name) {
            Some(slot) => self.provides_as(phase, name, slot.arity, slot.timing, None),
            None => self.provides_as(phase, name, Arity::Many, Timing::Planned, Some(schema())),
        }
    }

    pub(crate) fn reads_as(self, phase: Phase, name: &str, arity: Arity, required: bool) -> Self {
        let mut element = self.step(phase);
        let declaration = element.declaration(phase);
        declaration.consumes.push(SlotUse { name: name.to_owned(), arity, required });
        element
    }

    pub(crate) fn reads(self, phase: Phase, name: &str) -> Self {
        let arity = dibhost_plan::schema::host_slot(name).map_or(Arity::Many, |s| s.arity);
        self.reads_as(phase, name, arity, true)
    }

    /// What it does in a phase is done when it is planned.
    pub(crate) fn plan_only(self, phase: Phase) -> Self {
        let mut element = self.step(phase);
        element.declaration(phase).plan_only = true;
        element
    }

    pub(crate) fn answers(
        mut self,
        answer: impl Fn(&StepCall<'_>) -> Result<StepAnswer, ElementFailure> + Send + Sync + 'static,
    ) -> Self {
        self.answer = Arc::new(answer);
        self
    }

    /// In each phase, the same facts: slot, key, value. Declares nothing.
    pub(crate) fn gives(self, facts: &[(&str, &str, Value)]) -> Self {
        let facts: Vec<(String, String, Value)> = facts
            .iter()
            .map(|(slot, key, value)| ((*slot).to_owned(), (*key).to_owned(), value.clone()))
            .collect();
        let before = Arc::clone(&self.answer);
        self.answers(move |call| {
            let mut answer = before(call)?;
            answer.facts.extend(facts.iter().cloned());
            Ok(answer)
        })
    }

    /// Wishes in a phase, in which it takes part then; with the grants that they need.
    pub(crate) fn wishes(self, phase: Phase, wishes: &[Wish]) -> Self {
        let mut element = self.step(phase);
        for wish in wishes {
            let (capability, scope) = match wish {
                Wish::Bootstrap(_) => ("bootstrap", ""),
                Wish::Package(_)
                | Wish::Debconf(_)
                | Wish::Module(_)
                | Wish::PackageGroup(_)
                | Wish::UpgradeAll => ("packages", "*"),
                Wish::Repository(_) => ("repositories", "* key:*"),
                Wish::Service { .. } | Wish::Preset { .. } => ("services", "*"),
                Wish::ServiceDefinition { .. } | Wish::DropIn { .. } => ("services-define", "*"),
                Wish::File(_) => ("rootfs", "write /"),
                Wish::User(_) | Wish::Group { .. } | Wish::Password { .. } => ("accounts", "*"),
                Wish::Nodes(_) | Wish::ReplaceNode(_) => ("block-device", ""),
            };
            if matches!(wish, Wish::User(user) if user.sudo.is_some_and(Sudo::is_root)) {
                element = element.requests("accounts-sudo", "*");
            }
            if !element.description.requests.iter().any(|r| r.capability == capability) {
                element = element.requests(capability, scope);
            }
        }
        let wishes = wishes.to_vec();
        let before = Arc::clone(&element.answer);
        element.answers(move |call| {
            let mut answer = before(call)?;
            if call.phase == phase {
                answer.wishes.extend(wishes.iter().cloned());
            }
            Ok(answer)
        })
    }
}

/// The elements that there are.
pub(crate) struct Shelf(BTreeMap<String, Element>);

impl Shelf {
    pub(crate) fn new(elements: impl IntoIterator<Item = Element>) -> Self {
        Self(elements.into_iter().map(|e| (e.description.name.clone(), e)).collect())
    }
}

impl Planner for Shelf {
    fn describe(&self, reference: &str, _base: &Path) -> Result<Described, ElementFailure> {
        let name = reference.rsplit('/').next().unwrap().trim_end_matches(".wasm");
        let element = self.0.get(name).ok_or_else(|| {
            ElementFailure::new(format!("there is no element `{reference}`"))
                .with_help("see `dibhost element list`")
        })?;
        let digest = dibhost_plan::digest::digest_of(&json!([name, element.description.version]));
        Ok(Described {
            description: Arc::new(element.description.clone()),
            digest: format!("sha256:{digest}"),
            origin: format!("/shelf/{name}.wasm"),
            first_party: element.first_party,
            imports: Vec::new(),
        })
    }

    fn known_names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn plan_step(&self, call: &StepCall<'_>) -> Result<StepAnswer, ElementFailure> {
        (self.0[call.element].answer)(call)
    }
}

/// Plans `text`, a definition; one without `[image]` gets one with all `elements`.
pub(crate) fn plan_text(text: &str, elements: &[Element]) -> Result<Plan, Diagnostics> {
    let names: Vec<String> = elements.iter().map(|e| format!("{:?}", e.description.name)).collect();
    let text = if text.contains("[image]") {
        text.to_owned()
    } else {
        format!("[image]\nname = \"test\"\nelements = [{}]\n{text}", names.join(", "))
    };
    let definition = Definition::parse(&text, "image.toml", Path::new("."))?;
    dibhost_plan::plan(
        &definition,
        &Shelf::new(elements.iter().cloned()),
        &PlanInputs::for_arch("amd64"),
    )
}

pub(crate) fn plan_of(elements: &[Element]) -> Result<Plan, Diagnostics> {
    plan_text("", elements)
}

/// What is wrong with a plan, as a person reads it.
pub(crate) fn refused(elements: &[Element]) -> String {
    plan_of(elements).map(|plan| plan.to_text()).unwrap_err().to_string()
}

pub(crate) fn refused_text(text: &str, elements: &[Element]) -> String {
    plan_text(text, elements).map(|plan| plan.to_text()).unwrap_err().to_string()
}

/// An element that makes the first tree and tells what it is.
pub(crate) fn debian() -> Element {
    element("debian-minimal")
        .stands_in_for("operating-system")
        .wishes(
            Phase::Root,
            &[Wish::Bootstrap(Bootstrap::Distribution(Distribution {
                package_manager: "apt".to_owned(),
                release: "bookworm".to_owned(),
                mirror: None,
                components: vec!["main".to_owned()],
                keys: Vec::new(),
                packages: vec!["dbus".to_owned()],
                rpm: None,
            }))],
        )
        .provides(Phase::Root, "dib:os/distribution@1")
        .gives(&[(
            "dib:os/distribution@1",
            "",
            json!({
                "id": "debian", "version-id": "12", "codename": "bookworm", "family": "debian",
                "package-manager": "apt", "init": "systemd", "default-user": "debian"
            }),
        )])
}

pub(crate) fn package_wish(name: &str, want: Want) -> PackageWish {
    PackageWish { name: name.to_owned(), version: None, want, reason: format!("{name} is needed") }
}

pub(crate) fn install(name: &str) -> Wish {
    Wish::Package(package_wish(name, Want::Install))
}

pub(crate) fn answer(package: &str, question: &str, value: &str) -> Wish {
    Wish::Debconf(Debconf {
        package: package.to_owned(),
        question: question.to_owned(),
        kind: "string".to_owned(),
        value: value.to_owned(),
    })
}

pub(crate) fn deb_repository(name: &str) -> DebRepository {
    DebRepository {
        name: name.to_owned(),
        url: "https://repository.example/debian".to_owned(),
        suites: vec!["bookworm".to_owned()],
        components: vec!["main".to_owned()],
        priority: None,
        key: include_str!("../debian-release-bookworm.asc").to_owned(),
        build_only: false,
    }
}

pub(crate) fn repository(name: &str) -> Wish {
    Wish::Repository(Repository::Deb(deb_repository(name)))
}

pub(crate) fn remove(name: &str) -> Wish {
    Wish::Package(package_wish(name, Want::Remove))
}

pub(crate) fn version(name: &str, version: &str) -> Wish {
    Wish::Package(PackageWish {
        version: Some(version.to_owned()),
        ..package_wish(name, Want::Install)
    })
}

pub(crate) fn service(unit: &str, state: UnitState) -> Wish {
    Wish::Service { unit: unit.to_owned(), state }
}

/// What is to be at a path.
pub(crate) fn at(path: &str, node: FileNode) -> Wish {
    Wish::File(FileWish { path: path.to_owned(), node })
}

pub(crate) fn file(path: &str, text: &str) -> Wish {
    let content = Content::new(text.as_bytes());
    at(path, FileNode::File { content, attributes: FileAttributes::default() })
}

pub(crate) fn folder(path: &str) -> Wish {
    at(path, FileNode::Directory { attributes: FileAttributes::default() })
}

pub(crate) fn user(name: &str) -> User {
    User { name: name.to_owned(), ..User::default() }
}

/// A disk with one filesystem: `NAME`, `NAME-root`, `NAME-mount`.
pub(crate) fn whole_disk(name: &str, at: &str) -> Vec<Node> {
    let node = |name: String, on: &[&str], kind| Node {
        name,
        on: on.iter().map(|n| (*n).to_owned()).collect(),
        kind,
    };
    let (root, mount) = (format!("{name}-root"), format!("{name}-mount"));
    let filesystem = NodeKind::Filesystem {
        kind: "ext4".to_owned(),
        label: None,
        uuid: None,
        tuning: Vec::new(),
    };
    let disk = NodeKind::Disk { size: Some(1 << 30), sector_size: 512 };
    let mounted = NodeKind::Mount { at: at.to_owned(), options: Vec::new(), in_fstab: true };
    vec![
        node(name.to_owned(), &[], disk),
        node(root.clone(), &[name], filesystem),
        node(mount, &[&root], mounted),
    ]
}
