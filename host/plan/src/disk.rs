//! The block device as far as it is planned: nodes that the definition states or elements wished
//! for (or the default), the definition's settings of the root filesystem, and what both come to.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_block_device::{
    Backend, Graph, GraphError, LayoutError, Node, NodeKind, layout_without_files,
};
use dibhost_definition::{Definition, Diagnostic, Location, RootFilesystem, Spanned};
use dibhost_text::{did_you_mean, quoted_list};
use serde_json::Value;

use crate::disk_size;
use crate::order::Key;
use crate::parameters;
use crate::plan::{PlanFinding, PlannedBlockDevice};

/// What DIB labels a root filesystem, and cloud images look for.
const DEFAULT_LABEL: &str = "cloudimg-rootfs";

/// What to do where the back-end `file` cannot.
const USE_LOOP: &str = "use the back-end `loop`: `--backend loop`, or\n[disks]\nbackend = \"loop\"";

/// Nodes as they were wished for, and by whom.
#[derive(Debug, Default)]
pub(crate) struct Wished {
    nodes: Vec<Node>,
    /// The step that added each node: element and name; none: the definition states it.
    added_by: BTreeMap<String, Option<Key>>,
    /// The element that replaced it.
    replaced_by: BTreeMap<String, String>,
}

impl Wished {
    /// The nodes that the definition states: there before any element's, and seen by all.
    pub(crate) fn stated(definition: &Definition) -> Self {
        let mut stated = Self::default();
        stated
            .restore(&definition.block_device.iter().map(|n| n.value.clone()).collect::<Vec<_>>());
        stated
    }

    /// Adds nodes of a step.
    pub(crate) fn add(&mut self, step: &Key, nodes: &[Node]) -> Result<(), String> {
        let element = &step.0;
        for node in nodes {
            if let Some(other) = self.added_by.get(&node.name) {
                let name = &node.name;
                return Err(match other {
                    None => format!(
                        "`{element}` adds a block-device node `{name}`, which the image definition states already"
                    ),
                    Some((other, _)) => {
                        format!("`{other}` and `{element}` both add a block-device node `{name}`")
                    }
                });
            }
            self.added_by.insert(node.name.clone(), Some(step.clone()));
            self.nodes.push(node.clone());
        }
        Ok(())
    }

    /// Replaces a node that the element sees: one of its own, or of an element it runs after.
    pub(crate) fn replace(
        &mut self,
        element: &str,
        node: &Node,
        sees: impl Fn(&Key) -> bool,
    ) -> Result<(), String> {
        let name = &node.name;
        if self.added_by.get(name).is_some_and(Option::is_none) {
            return Err(format!(
                "`{element}` replaces the block-device node `{name}`, which the image definition states"
            ));
        }
        let owner = self.added_by.get(name).and_then(Option::as_ref);
        let Some((owner, _)) = owner.filter(|owner| sees(owner)) else {
            return Err(format!(
                "`{element}` replaces the block-device node `{name}`, and no element that it runs after adds one"
            ));
        };
        if let Some(other) = self.replaced_by.get(name).filter(|other| *other != element) {
            return Err(format!(
                "`{other}` and `{element}` both replace the block-device node `{name}` of `{owner}`"
            ));
        }
        for there in self.nodes.iter_mut().filter(|n| n.name == *name) {
            there.clone_from(node);
        }
        self.replaced_by.insert(name.clone(), element.to_owned());
        Ok(())
    }

    /// The elements that added nodes, and whether the definition states some.
    pub(crate) fn adders(&self) -> (BTreeSet<&str>, bool) {
        let by = self.added_by.values();
        let stated = self.added_by.values().any(Option::is_none);
        (by.flatten().map(|(element, _)| element.as_str()).collect(), stated)
    }

    /// The nodes that a step sees.
    pub(crate) fn seen(&self, sees: impl Fn(&Key) -> bool) -> Vec<Node> {
        let shown = |by: &Option<Key>| by.as_ref().is_none_or(&sees);
        let by = |node: &&Node| self.added_by.get(&node.name).is_some_and(shown);
        self.nodes.iter().filter(by).cloned().collect()
    }

    /// The nodes as they were planned: what every step of the phases to come sees.
    pub(crate) fn restore(&mut self, nodes: &[Node]) {
        self.nodes = nodes.to_vec();
        self.added_by = nodes.iter().map(|n| (n.name.clone(), None)).collect();
    }
}

/// A disk of the size that `[disk]` wants, on which not even the layout has room.
fn too_small(error: LayoutError, at: Option<&Location>) -> Diagnostic {
    match error {
        LayoutError::Refused { node, problem, help } => {
            Diagnostic::new(format!("the block-device node `{node}`: {problem}"))
                .at(at)
                .with_help(help)
        }
        error @ LayoutError::Tree { .. } => Diagnostic::new(error.to_string()).at(at),
    }
}

/// The planned block device, the value of `dib:block-device/layout@1`, and what may go wrong later.
pub(crate) fn plan(
    definition: &Definition,
    mut wished: Wished,
    seed: String,
) -> Result<(PlannedBlockDevice, Value, Vec<PlanFinding>), Diagnostic> {
    let is_default = wished.nodes.is_empty();
    let mut nodes = std::mem::take(&mut wished.nodes);
    if is_default {
        nodes = default_nodes();
    }
    let stated = nodes.clone();
    let settings = apply(&definition.root_filesystem, &mut nodes)
        .and_then(|root| disk_size::apply(&definition.disk, &mut nodes).map(|()| root));
    let root = match settings {
        Ok(root) => root,
        // A node that stands nowhere is why a setting finds nothing: it is the node that is wrong.
        Err(wrong) => {
            return Err(match Graph::of_image(stated) {
                Err(error) => refused(error, "makes no sense", &wished, definition, None),
                Ok(_) => wrong,
            });
        }
    };
    let refused =
        |error: GraphError, why: &str| refused(error, why, &wished, definition, root.as_deref());
    known_secrets(definition)?;
    let graph = Graph::of_image(nodes.clone()).map_err(|error| refused(error, "makes no sense"))?;
    let (backend, chosen) = match definition.disks.backend {
        Some(backend) => (backend, None),
        None => Backend::of_image(&graph),
    };
    backend.check_image(&graph).map_err(|mut error| {
        USE_LOOP.clone_into(&mut error.help);
        refused(error, "cannot be made")
    })?;
    let mut planned = PlannedBlockDevice {
        seed,
        nodes,
        identities: Value::Null,
        is_default,
        backend,
        optimise: definition.disks.optimise,
    };
    let identities = graph.identities(&planned.seed_bytes());
    planned.identities = serde_json::to_value(&identities).map_err(|error| {
        Diagnostic::new(format!("the identities of the block device are no JSON: {error}"))
    })?;
    if let Some(size) = &definition.disk.size {
        // What no tree makes smaller is known before there is one.
        let laid_out = layout_without_files(&graph, &identities, planned.layout_options());
        laid_out.map_err(|error| too_small(error, size.location.as_ref()))?;
    }
    let place = |node: &str| definition.place_of_node(node, None).map(ToString::to_string);
    let remark = |node: &str, message: String, help: &str| PlanFinding {
        element: wished.added_by.get(node).cloned().flatten().map(|(element, _)| element),
        phase: None,
        location: place(node),
        message,
        help: Some(help.to_owned()),
    };
    let chosen = chosen.map(|(node, why)| {
        let message = format!(
            "the disks are made by the back-end `loop`, as root and with loop devices, for the \
             block-device node `{node}`: {why}"
        );
        remark(&node, message, "say so yourself: `--backend loop`, or\n[disks]\nbackend = \"loop\"")
    });
    let doubts = backend.doubts(&graph).map(|(node, why)| {
        let message =
            format!("the block-device node `{node}` may be refused when the tree is there: {why}");
        remark(node, message, USE_LOOP)
    });
    let meant = graph.doubts().into_iter().map(|doubt| {
        let message = format!("the block-device node `{}`: {}", doubt.node, doubt.problem);
        remark(&doubt.node, message, doubt.help)
    });
    let findings = chosen.into_iter().chain(doubts).chain(meant).collect();
    let fact = graph.layout_fact(&identities);
    Ok((planned, fact, findings))
}

/// One ext4 filesystem on the whole disk: what DIB makes where there is no `vm`.
fn default_nodes() -> Vec<Node> {
    let node = |name: &str, on: &[&str], kind: NodeKind| Node {
        name: name.to_owned(),
        on: on.iter().map(|n| (*n).to_owned()).collect(),
        kind,
    };
    vec![
        node("disk", &[], NodeKind::Disk { size: None, sector_size: 512 }),
        node(
            "root",
            &["disk"],
            NodeKind::Filesystem {
                kind: "ext4".to_owned(),
                label: Some(DEFAULT_LABEL.to_owned()),
                uuid: None,
                tuning: Vec::new(),
            },
        ),
        node(
            "mount-root",
            &["root"],
            NodeKind::Mount { at: "/".to_owned(), options: Vec::new(), in_fstab: true },
        ),
    ]
}

/// Applies `[root-filesystem]` to the filesystem that is mounted at `/`, and says which node that is.
fn apply(settings: &RootFilesystem, nodes: &mut [Node]) -> Result<Option<String>, Diagnostic> {
    let root = nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Mount { at, .. } if at == "/" => node.on.first(),
        _ => None,
    });
    // A subvolume stands on the filesystem that it is of.
    let subvolume = nodes.iter().find(|node| {
        matches!(&node.kind, NodeKind::Driver { name, .. } if name == "subvolume")
            && Some(&node.name) == root
    });
    let root = subvolume.map_or(root, |subvolume| subvolume.on.first()).cloned();
    let mut tunings = Vec::new();
    for (key, bytes) in
        [("max-online-resize", &settings.max_online_resize), ("free-space", &settings.free_space)]
    {
        tunings.extend(bytes.as_ref().map(|bytes| (key.to_owned(), bytes.value.to_string())));
    }
    tunings.extend(settings.tuning.iter().map(|(key, value)| (key.value.clone(), value.clone())));
    if settings.label.is_none() && tunings.is_empty() {
        return Ok(root);
    }
    let found = nodes.iter_mut().find(|node| Some(&node.name) == root.as_ref());
    let Some(NodeKind::Filesystem { label, tuning, .. }) = found.map(|node| &mut node.kind) else {
        return Err(Diagnostic::new(
            "`[root-filesystem]` has settings, and nothing is mounted at `/`",
        )
        .at(settings.location.as_ref())
        .with_help("add an element that mounts a filesystem at `/`, or take the section away"));
    };
    if let Some(wanted) = &settings.label {
        *label = Some(wanted.value.clone());
    }
    for (key, value) in tunings {
        tuning.retain(|(k, _)| *k != key);
        tuning.push((key, value));
    }
    Ok(root)
}

/// Where `[root-filesystem]` says what the key of a node came to.
fn place_of_setting<'d>(settings: &'d RootFilesystem, key: &str) -> Option<&'d Location> {
    let of_size = |size: &'d Option<Spanned<u64>>| size.as_ref()?.location.as_ref();
    match key.strip_prefix("tuning.") {
        None if key == "label" => settings.label.as_ref()?.location.as_ref(),
        None => None,
        Some("max-online-resize") if settings.max_online_resize.is_some() => {
            of_size(&settings.max_online_resize)
        }
        Some("free-space") if settings.free_space.is_some() => of_size(&settings.free_space),
        Some(name) => {
            let (name, _) = settings.tuning.iter().find(|(known, _)| known.value == name)?;
            name.location.as_ref()
        }
    }
}

/// The definition's own encryptions are opened by its own secrets.
fn known_secrets(definition: &Definition) -> Result<(), Diagnostic> {
    for node in &definition.block_device {
        let NodeKind::Encryption { secrets, .. } = &node.value.kind else { continue };
        if let Some(secret) = secrets.iter().find(|s| !definition.secrets.contains_key(*s)) {
            let secret = &secret.escape_debug().to_string();
            let (name, known) = (&node.name, definition.secrets.keys());
            let message = format!(
                "the block-device node `{name}` is opened by the secret `{secret}`, and `[secrets]` has none of that name"
            );
            let help = match definition.secrets.is_empty() {
                true => "say where it is\n[secrets]\ndisk-passphrase = { file = \"…\" }".to_owned(),
                false => {
                    did_you_mean(secret, known.clone().map(String::as_str)).unwrap_or_else(|| {
                        format!("the secrets of this definition are {}", quoted_list(known))
                    })
                }
            };
            let place = definition.place_of_node(name, Some("secrets"));
            return Err(Diagnostic::new(message).at(place).with_help(help));
        }
    }
    Ok(())
}

fn refused(
    error: GraphError,
    why: &str,
    wished: &Wished,
    definition: &Definition,
    root: Option<&str>,
) -> Diagnostic {
    let stated = definition.block_device.first().and_then(|node| node.location.as_ref());
    let Some(node) = &error.node else {
        return Diagnostic::new(format!("the block device {why}: {}", error.problem))
            .at(stated)
            .with_help(error.help);
    };
    let message = format!("the block-device node `{node}` {why}: {}", error.problem);
    let mut diagnostic = Diagnostic::new(message).with_help(&error.help);
    let settings = &definition.root_filesystem;
    let key = error.key.as_deref();
    if let Some(place) =
        key.filter(|_| root == Some(node.as_str())).and_then(|key| place_of_setting(settings, key))
    {
        return diagnostic.at(Some(place));
    }
    // An element's node is as a parameter says: its line is where it can be mended.
    let set = |by: &str| parameters::place_of_value(definition, by, &error.problem);
    match (wished.added_by.get(node), wished.replaced_by.get(node)) {
        (Some(None), _) => {
            diagnostic = diagnostic.at(definition.place_of_node(node, key));
        }
        (Some(Some((by, _))), None) => {
            diagnostic = diagnostic.at(set(by));
            let context = format!("putting together the nodes, of which `{by}` adds this one");
            diagnostic.context.push(context);
        }
        (Some(Some((by, _))), Some(again)) => {
            diagnostic = diagnostic.at(set(again).or_else(|| set(by)));
            diagnostic.context.push(format!(
                "putting together the nodes, of which `{by}` adds this one and `{again}` replaces it"
            ));
        }
        // Of the default nodes, only the settings can be wrong.
        _ => diagnostic = diagnostic.at(settings.location.as_ref()),
    }
    diagnostic
}
