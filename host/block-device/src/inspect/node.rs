//! Nodes while they are found: they refer to one another by number, and get their names last.

use super::name::Names;
use super::types::{Facts, Inspected};
use crate::node::{Node, NodeKind};
use dibhost_filesystems::probe::Signature;
use dibhost_filesystems::{FilesystemKind, check_label, parse_uuid};

/// Numbers a node in [`Drafts`].
pub(super) type NodeAt = usize;

/// What a node would like to be called.
pub(super) enum Wish {
    /// What somebody calls the disk.
    Given(String),
    /// A name that is on the disk and means the node.
    OnDisk(String),
    /// A label that is on the disk.
    Label(String),
    /// By what it stands on: what comes before and behind that name.
    By(NodeAt, &'static str, String),
}

/// A node that was found, without a name yet.
pub(super) struct Draft {
    pub(super) on: Vec<NodeAt>,
    pub(super) wish: Wish,
    pub(super) kind: NodeKind,
    /// The pool of a thin volume.
    pub(super) pool: Option<NodeAt>,
    pub(super) facts: Facts,
    pub(super) unknown: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) problems: Vec<String>,
}

impl Draft {
    pub(super) fn new(on: Vec<NodeAt>, wish: Wish, kind: NodeKind) -> Self {
        let unknown: &[&str] = match &kind {
            NodeKind::Table { .. } => &["the alignment that was asked for"],
            NodeKind::Partition { .. } => {
                &["how its size was asked for", "whether it is to be preserved"]
            }
            NodeKind::LogicalVolume { .. } => &["how its size was asked for"],
            NodeKind::Filesystem { kind, .. } => match kind.as_str() {
                "swap" => &[],
                _ => &["its settings", "where it is mounted"],
            },
            _ => &[],
        };
        Self {
            on,
            wish,
            kind,
            pool: None,
            facts: Facts::default(),
            unknown: unknown.iter().map(|what| (*what).to_owned()).collect(),
            notes: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The filesystem that a signature tells of, on a node.
    pub(super) fn filesystem(on: NodeAt, kind: FilesystemKind, found: &Signature) -> Self {
        let mut notes = Vec::new();
        let mut fitting = |what: &str, text: &Option<String>, why_not: Option<String>| {
            let Some(text) = text else { return None };
            let Some(why_not) = why_not else { return Some(text.clone()) };
            notes.push(format!("a graph cannot have its {what}: {why_not}"));
            None
        };
        let refused = |label: &String| check_label(kind, label).err().map(|(problem, _)| problem);
        let label = fitting("label", &found.label, found.label.as_ref().and_then(refused));
        let refused = |uuid: &String| parse_uuid(kind, uuid).err().map(|(problem, _)| problem);
        let uuid = fitting("UUID", &found.uuid, found.uuid.as_ref().and_then(refused));
        let name = kind.name();
        let node = NodeKind::Filesystem { kind: name.to_owned(), label, uuid, tuning: Vec::new() };
        let mut draft = Self::new(vec![on], Wish::By(on, name, String::new()), node);
        draft.notes = notes;
        draft.facts = Facts {
            size: found.size,
            uuid: found.uuid.clone(),
            label: found.label.clone(),
            version: found.version.clone(),
            block_size: found.block_size,
            ..Facts::default()
        };
        draft
    }
}

/// Gives all nodes their names, but for the disks, which come first and have theirs.
pub(super) fn named(drafts: Vec<Draft>, mut names: Names, disks: &[String]) -> Vec<Inspected> {
    let mut given: Vec<Option<String>> = disks.iter().cloned().map(Some).collect();
    given.resize(drafts.len(), None);
    // What has a name is called by it, whatever comes before it.
    for rank in 0..3 {
        for (at, draft) in drafts.iter().enumerate() {
            let wished = match (&draft.wish, rank) {
                (Wish::OnDisk(name), 0) | (Wish::Label(name), 1) => name.clone(),
                (Wish::By(on, before, behind), 2) => {
                    let on = given.get(*on).cloned().flatten().unwrap_or_default();
                    match before.is_empty() {
                        true => format!("{on}{behind}"),
                        false => format!("{before}-{on}{behind}"),
                    }
                }
                _ => continue,
            };
            given[at] = Some(names.give(&wished));
        }
    }
    let name = |at: &NodeAt| given.get(*at).cloned().flatten().unwrap_or_default();
    let inspected = |(at, mut draft): (NodeAt, Draft)| {
        if let (NodeKind::LogicalVolume { thin_pool, .. }, Some(pool)) =
            (&mut draft.kind, &draft.pool)
        {
            *thin_pool = Some(name(pool));
        }
        let own = name(&at);
        match &draft.wish {
            Wish::OnDisk(wished) | Wish::Given(wished) if *wished != own => {
                draft.notes.push(format!("its name is `{}`", wished.escape_debug()));
            }
            _ => {}
        }
        let on = draft.on.iter().map(name).collect();
        Inspected {
            node: Node { name: own, on, kind: draft.kind },
            facts: draft.facts,
            unknown: draft.unknown,
            notes: draft.notes,
            problems: draft.problems,
        }
    };
    drafts.into_iter().enumerate().map(inspected).collect()
}
