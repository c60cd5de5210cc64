//! DIB's block device YAML, in tree form, in graph form, and mixed.
//!
//! ```text
//! text ─► yaml ─► flatten ─► entries ─► nodes of DIB ─► DIB's graph and call order   (`Dib`)
//!        bounded   tree to    (graph     plugins'             │
//!                  graph      form)      checks               └─► our nodes, fstab  (`Dib::layout`)
//! ```
//!
//! The source of the rules is diskimage-builder 3.43.0, `diskimage_builder/block_device/`. What
//! differs is a fault there or a limit here, and listed in `docs/block-device.md`. Messages that
//! DIB has are DIB's, capital letters and all: people search for them.

mod convert;
mod flatten;
mod graph;
mod node;
mod option;
mod partition_code;
mod size;
mod yaml;

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;

pub use convert::{DibFstabLine, DibLayout};
pub use graph::{DibGraph, DibNode};
pub use node::DibKind;

use flatten::{Entry, Plugin};
use node::{Built, State, Table};
use yaml::{Data, Pair, Value};

pub use crate::position::{FileError as DibError, Position};

/// How much a [`Diagnostic`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Something written has no effect, or another one than DIB gives it.
    Warning,
    /// Something means what it says, which may not be what was thought.
    Note,
}

/// What a reader of the file should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// Where.
    #[serde(flatten)]
    pub at: Position,
    /// What.
    pub problem: String,
    /// What to do.
    pub help: String,
}

impl Diagnostic {
    fn warning(at: Position, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, at, problem: problem.into(), help: help.into() }
    }

    fn note(at: Position, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { severity: Severity::Note, at, problem: problem.into(), help: help.into() }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        write!(f, "{}: {word}: {}: {}", self.at, self.problem, self.help)
    }
}

/// What DIB takes from elsewhere than the file: `--params`, which `disk-image-create` makes of
/// options and environment variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DibParameters {
    /// `image-size`, in bytes: that of a `local_loop` without `size`. None: from its content.
    pub image_size: Option<u64>,
    /// `DIB_BLOCK_SIZE`, which goes before the file's `block_size`.
    pub block_size: Option<u32>,
    /// `root-fs-type` (`FS_TYPE`), for a `mkfs_root` without `type`. None: `ext4`, DIB's default.
    pub root_filesystem: Option<String>,
    /// `root-fs-opts` (`MKFS_OPTS`), for a `mkfs_root` without `opts`.
    pub root_options: Option<String>,
    /// `root-label` (`ROOT_LABEL`), for a `mkfs_root` without `label`. None: `cloudimg-rootfs`, or
    /// `img-rootfs` where that is too long.
    pub root_label: Option<String>,
}

/// The configuration that DIB uses where no element brings one.
pub const DIB_FALLBACK: &str = "\
- local_loop:
    name: image0
    mkfs:
      name: mkfs_root
      mount:
        mount_point: /
        fstab:
          options: defaults
          fsck-passno: 1
";

/// A file of DIB's that makes sense to DIB.
#[derive(Debug, Clone)]
pub struct Dib {
    entries: Vec<Entry>,
    nodes: Vec<Built>,
    tables: Vec<Table>,
    graph: DibGraph,
    diagnostics: Vec<Diagnostic>,
    block_size: Option<u32>,
}

impl Dib {
    /// Reads a file.
    ///
    /// # Errors
    /// The first fault in DIB's order of finding them. Bounded in time and memory whatever the
    /// file is.
    pub fn parse(text: &str, parameters: &DibParameters) -> Result<Self, DibError> {
        let mut entries = flatten::flatten(yaml::read(text)?)?;
        for entry in &mut entries {
            root_parameters(entry, parameters);
        }
        let mut state = State::new(parameters);
        let mut nodes = Vec::new();
        let mut names = HashSet::new();
        for entry in &entries {
            for node in node::nodes(entry, &mut state)? {
                // Here and not at the end: DIB finds faults in this order.
                if !names.insert(node.name.text.clone()) {
                    let problem =
                        format!("Duplicate node name: {}", yaml::escaped(&node.name.text));
                    let help = "disks, partitions, volumes, filesystems and mounts share one name \
                                space: rename one";
                    return Err(DibError::new(node.name.at, problem, help));
                }
                nodes.push(node);
            }
        }
        let graph = graph::order(&nodes)?;
        let State { tables, mut diagnostics, .. } = state;
        diagnostics.sort_by_key(|diagnostic| diagnostic.at);
        let block_size = parameters.block_size;
        Ok(Self { entries, nodes, tables, graph, diagnostics, block_size })
    }

    /// The file's entries in DIB's graph form, one JSON object each, in DIB's order. A file in
    /// graph form is the same list before and after.
    ///
    /// # Errors
    /// As [`Dib::parse`], but for what shows only when plugins are told of their entries.
    pub fn graph_form(text: &str) -> Result<Vec<serde_json::Value>, DibError> {
        Ok(flatten::flatten(yaml::read(text)?)?.iter().map(entry_json).collect())
    }

    /// As [`Dib::graph_form`], with what [`DibParameters`] add.
    #[must_use]
    pub fn entries(&self) -> Vec<serde_json::Value> {
        self.entries.iter().map(entry_json).collect()
    }

    /// DIB's graph, in call order.
    #[must_use]
    pub fn graph(&self) -> &DibGraph {
        &self.graph
    }

    /// What a reader of the file should know, in its order.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

/// DIB's `_merge_rootfs_params`: only the `mkfs` that is called `mkfs_root`.
fn root_parameters(entry: &mut Entry, parameters: &DibParameters) {
    let name = entry.get("name").map(|pair| &pair.value.data);
    if entry.plugin != Plugin::Mkfs || name != Some(&Data::Text("mkfs_root".into())) {
        return;
    }
    let at = entry.at;
    let add = |entry: &mut Entry, key: &str, text: &str| {
        let value = Value { at, data: Data::Text(text.to_owned()) };
        entry.values.push(Pair { key: key.to_owned(), at, value });
    };
    if entry.get("type").is_none() {
        add(entry, "type", parameters.root_filesystem.as_deref().unwrap_or("ext4"));
    }
    if entry.get("opts").is_none()
        && let Some(options) = &parameters.root_options
    {
        add(entry, "opts", options);
    }
    if entry.get("label").is_none() {
        let kind = entry.get("type").map(|pair| &pair.value.data);
        let label = match &parameters.root_label {
            Some(label) => label,
            // The other one, which cloud-init and others know, is too long for it.
            None if kind == Some(&Data::Text("xfs".into())) => "img-rootfs",
            None => "cloudimg-rootfs",
        };
        add(entry, "label", label);
    }
}

fn entry_json(entry: &Entry) -> serde_json::Value {
    fn value_json(value: &Value) -> serde_json::Value {
        match &value.data {
            Data::Null => serde_json::Value::Null,
            Data::Text(text) => text.as_str().into(),
            Data::List(list) => list.iter().map(value_json).collect(),
            Data::Map(pairs) => pairs_json(pairs),
        }
    }
    fn pairs_json(pairs: &[Pair]) -> serde_json::Value {
        pairs.iter().map(|pair| (pair.key.clone(), value_json(&pair.value))).collect()
    }
    std::iter::once((entry.plugin.name().to_owned(), pairs_json(&entry.values))).collect()
}
