//! DIB's own graph and its call order (`create_graph` in `block_device/config.py`).

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Serialize;

use super::node::{Built, Detail, DibKind, Text};
use super::yaml::escaped;
use dibhost_block_device::{FileError as DibError, Position};

/// A node of DIB's graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DibNode {
    /// DIB's name of it.
    pub name: String,
    /// What it is.
    pub kind: DibKind,
    /// Where its name stands, or the entry that it is named after.
    #[serde(flatten)]
    pub at: Position,
    /// The nodes that come before it.
    pub after: Vec<String>,
}

/// DIB's graph in the order in which DIB creates it; it takes it down in the reverse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DibGraph {
    /// The call order.
    pub nodes: Vec<DibNode>,
}

impl DibGraph {
    /// Names in call order.
    #[must_use]
    pub fn call_order(&self) -> Vec<&str> {
        self.nodes.iter().map(|node| node.name.as_str()).collect()
    }

    /// Edges, from what comes before to what comes after, sorted.
    #[must_use]
    pub fn edges(&self) -> Vec<(&str, &str)> {
        let mut edges = Vec::new();
        for node in &self.nodes {
            edges.extend(node.after.iter().map(|before| (before.as_str(), node.name.as_str())));
        }
        edges.sort_unstable();
        edges
    }
}

impl fmt::Display for DibGraph {
    /// A line for each node, in call order: its name, what it is, what comes before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &str| name.escape_debug().to_string();
        let widest = self.nodes.iter().map(|node| shown(&node.name).chars().count()).max();
        let widest = widest.unwrap_or_default().min(40);
        for node in &self.nodes {
            let kind = node.kind.name();
            if node.after.is_empty() {
                writeln!(f, "{:<widest$}  {kind}", shown(&node.name))?;
            } else {
                let after: Vec<String> = node.after.iter().map(|name| shown(name)).collect();
                let after = after.join(", ");
                writeln!(f, "{:<widest$}  {kind:<10}  after {after}", shown(&node.name))?;
            }
        }
        Ok(())
    }
}

fn kind(detail: &Detail) -> DibKind {
    match detail {
        Detail::LocalLoop { .. } => DibKind::LocalLoop,
        Detail::Partition(_) => DibKind::Partition,
        Detail::PhysicalVolume { .. } => DibKind::PhysicalVolume,
        Detail::VolumeGroup { .. } => DibKind::VolumeGroup,
        Detail::LogicalVolume(_) => DibKind::LogicalVolume,
        Detail::Lvm { .. } => DibKind::Lvm,
        Detail::Mkfs(_) => DibKind::Mkfs,
        Detail::Mount { .. } => DibKind::Mount,
        Detail::Fstab { .. } => DibKind::Fstab,
    }
}

/// The graph of nodes, whose names are unique.
pub(super) fn order(nodes: &[Built]) -> Result<DibGraph, DibError> {
    let names: HashMap<&str, usize> =
        nodes.iter().enumerate().map(|(i, node)| (node.name.text.as_str(), i)).collect();
    // Mounts go one after another in the string order of their mount points. The sort is stable,
    // so that swap spaces, all of them at `none`, stay in the file's order.
    let point = |built: &Built| match &built.detail {
        Detail::Mount { point, .. } => Some(point.text.clone()),
        _ => None,
    };
    let mut mounts: Vec<(String, usize)> =
        nodes.iter().enumerate().filter_map(|(i, node)| Some((point(node)?, i))).collect();
    mounts.sort_by(|a, b| a.0.cmp(&b.0));
    let before: HashMap<usize, usize> =
        mounts.windows(2).map(|pair| (pair[1].1, pair[0].1)).collect();

    let mut edges = Edges::new(nodes.len());
    for (i, node) in nodes.iter().enumerate() {
        let find = |base: &Text| {
            names.get(base.text.as_str()).copied().ok_or_else(|| {
                let (from, to) = (escaped(&base.text), escaped(&node.name.text));
                let problem = format!("Edge not defined: {from}->{to}");
                DibError::new(base.at, problem, format!("no node is called `{from}`"))
            })
        };
        match &node.detail {
            Detail::LocalLoop { .. } | Detail::PhysicalVolume { .. } => {}
            Detail::Partition(partition) => {
                edges.add(find(&partition.base)?, i);
                if let Some(previous) = &partition.previous {
                    edges.add(find(previous)?, i);
                }
            }
            Detail::VolumeGroup { base, .. } => {
                for base in base {
                    edges.add(find(base)?, i);
                }
            }
            Detail::LogicalVolume(volume) => edges.add(find(&volume.base)?, i),
            Detail::Lvm { bases, volumes } => {
                for base in bases {
                    edges.add(find(base)?, i);
                }
                for volume in volumes {
                    edges.add(i, find(volume)?);
                }
            }
            Detail::Mkfs(mkfs) => edges.add(find(&mkfs.base)?, i),
            Detail::Mount { base, .. } => {
                if let Some(before) = before.get(&i) {
                    edges.add(*before, i);
                }
                edges.add(find(base)?, i);
            }
            Detail::Fstab { base, .. } => edges.add(find(base)?, i),
        }
    }
    let order = edges.sorted().map_err(|left| {
        let first = &nodes[left[0]].name;
        let names: Vec<String> =
            left.iter().take(9).map(|i| escaped(&nodes[*i].name.text)).collect();
        let problem = format!("these nodes wait for one another: `{}`", names.join("`, `"));
        DibError::new(first.at, problem, "let one of them stand on what is not above it")
    })?;
    let node = |i: usize| DibNode {
        name: nodes[i].name.text.clone(),
        kind: kind(&nodes[i].detail),
        at: nodes[i].name.at,
        after: edges.before[i].iter().map(|b| nodes[*b].name.text.clone()).collect(),
    };
    Ok(DibGraph { nodes: order.into_iter().map(node).collect() })
}

/// A directed graph whose nodes and edges keep the order in which they came, as networkx's do:
/// DIB's call order depends on it.
struct Edges {
    after: Vec<Vec<usize>>,
    before: Vec<Vec<usize>>,
    seen: HashSet<(usize, usize)>,
}

impl Edges {
    fn new(nodes: usize) -> Self {
        let none = || vec![Vec::new(); nodes];
        Self { after: none(), before: none(), seen: HashSet::new() }
    }

    fn add(&mut self, from: usize, to: usize) {
        if self.seen.insert((from, to)) {
            self.after[from].push(to);
            self.before[to].push(from);
        }
    }

    /// `networkx.topological_sort`: those that wait for nothing in the order they came, then, one
    /// by one, whatever the next of them was the last to hold back. Else those in a cycle, and
    /// those that wait for them.
    fn sorted(&self) -> Result<Vec<usize>, Vec<usize>> {
        let mut waits: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut order: Vec<usize> = (0..waits.len()).filter(|i| waits[*i] == 0).collect();
        let mut next = 0;
        while let Some(&node) = order.get(next) {
            next += 1;
            for &after in &self.after[node] {
                waits[after] -= 1;
                if waits[after] == 0 {
                    order.push(after);
                }
            }
        }
        if order.len() == waits.len() {
            return Ok(order);
        }
        Err((0..waits.len()).filter(|i| waits[*i] > 0).collect())
    }
}
