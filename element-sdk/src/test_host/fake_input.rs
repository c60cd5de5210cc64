//! An input in memory.

use std::collections::BTreeMap;

use crate::change::{Attributes, Change};
use crate::error::{Error, ErrorCode, Result};
use crate::extensions::Extensions;
use crate::input::{InputAbout, InputNode, Placement};
use crate::stat::Kind;

/// A file, or the files of a folder by their paths in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeInput(BTreeMap<String, Vec<u8>>);

impl FakeInput {
    pub(super) fn file(content: Vec<u8>) -> Self {
        Self([(String::new(), content)].into())
    }

    pub(super) fn add(&mut self, path: &str, content: Vec<u8>) {
        self.0.insert(path.to_owned(), content);
    }

    fn is_file(&self) -> bool {
        self.0.contains_key("")
    }

    pub(crate) fn about(&self) -> InputAbout {
        InputAbout {
            kind: if self.is_file() { Kind::File } else { Kind::Directory },
            // Told apart by what is in it, and like no digest of a real host.
            digest: format!("sha256:{:064x}", self.0.values().map(Vec::len).sum::<usize>()),
            size: self.0.values().map(|content| content.len() as u64).sum(),
            nodes: self.nodes().len() as u64,
            extensions: Extensions::default(),
        }
    }

    pub(crate) fn nodes(&self) -> Vec<InputNode> {
        let node = |path: &str, kind, mode, size| InputNode {
            path: path.to_owned(),
            kind,
            mode,
            size,
            digest: None,
            link_target: None,
            extensions: Extensions::default(),
        };
        let mut nodes = BTreeMap::new();
        for (path, content) in &self.0 {
            for (at, _) in path.match_indices('/') {
                nodes.insert(&path[..at], node(&path[..at], Kind::Directory, 0o755, 0));
            }
            let size = content.len() as u64;
            nodes.insert(path, node(path, Kind::File, 0o644, size));
        }
        nodes.into_values().collect()
    }

    pub(crate) fn read(&self, path: &str) -> Result<&Vec<u8>> {
        self.0.get(path).ok_or_else(|| not_found(path))
    }

    /// What placing it changes.
    pub(crate) fn placed(&self, to: &str, placement: &Placement) -> Result<Vec<Change>> {
        let Placement { source, owner, group, file_mode, directory_mode, .. } = placement;
        let source = source.as_deref().unwrap_or_default();
        let attributes = |mode: Option<u32>, usual| Attributes {
            mode: Some(mode.unwrap_or(usual)),
            owner: owner.clone(),
            group: group.clone(),
            extensions: Extensions::default(),
        };
        if let Some(content) = self.0.get(source) {
            let (path, content) = (to.to_owned(), content.clone());
            let attributes = attributes(*file_mode, 0o644);
            return Ok(vec![Change::Write { path, content, attributes }]);
        }
        let folder = if source.is_empty() { String::new() } else { format!("{source}/") };
        let mut changes = vec![Change::directory(to)];
        for node in self.nodes() {
            let Some(rest) = node.path.strip_prefix(&folder).filter(|r| !r.is_empty()) else {
                continue;
            };
            let path = format!("{}/{rest}", to.trim_end_matches('/'));
            changes.push(match self.0.get(&node.path) {
                Some(content) => {
                    let attributes = attributes(*file_mode, 0o644);
                    Change::Write { path, content: content.clone(), attributes }
                }
                None => Change::Directory { path, attributes: attributes(*directory_mode, 0o755) },
            });
        }
        match changes.len() == 1 && !source.is_empty() {
            true => Err(not_found(source)),
            false => Ok(changes),
        }
    }
}

fn not_found(path: &str) -> Error {
    Error::with_code(ErrorCode::NotFound, format!("`{path}` of the input does not exist"))
}
