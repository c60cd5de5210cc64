//! A file of DIB's, as DIB reads it.

use std::collections::HashSet;

use dibhost_block_device::FileError as DibError;

use crate::diagnostic::Diagnostic;
use crate::flatten::{self, Entry, Plugin};
use crate::graph::{self, DibGraph};
use crate::node::{self, Built, State, Table};
use crate::parameters::DibParameters;
use crate::yaml::{self, Data, Pair, Value};

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
    pub(crate) entries: Vec<Entry>,
    pub(crate) nodes: Vec<Built>,
    pub(crate) tables: Vec<Table>,
    pub(crate) graph: DibGraph,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) block_size: Option<u32>,
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
