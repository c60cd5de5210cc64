//! A block device as a file says it: our TOML, or DIB's YAML.

use std::path::Path;

use crate::convert::DibLayout;
use crate::diagnostic::Diagnostic;
use crate::file::Dib;
use crate::parameters::DibParameters;
use dibhost_block_device::config::{Config, ConfigError, DiskSettings};
use dibhost_block_device::{Doubt, Graph, GraphError};
use dibhost_block_device::{FileError, Position};
use dibhost_block_device::{Node, NodeKind};

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// `[[block-device]]`.
    Toml,
    /// diskimage-builder's, of which JSON is a part.
    DibYaml,
}

impl Syntax {
    /// By the file's name: `.toml` is TOML, all else is DIB's.
    #[must_use]
    pub fn of(file: &Path) -> Self {
        let toml = file.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
        if toml { Self::Toml } else { Self::DibYaml }
    }
}

/// The nodes of a file.
#[derive(Debug, Clone)]
pub struct Written {
    /// For [`Graph::new`].
    pub nodes: Vec<Node>,
    /// What a reader of the file should know, in its order.
    pub diagnostics: Vec<Diagnostic>,
    /// What it says of all disks; DIB's YAML says nothing.
    pub settings: DiskSettings,
    positions: Vec<Position>,
}

impl Written {
    /// Reads a file. Disks without a size take that of the parameters, in either syntax.
    ///
    /// # Errors
    /// What is wrong with it; of TOML, all of it.
    pub fn parse(
        text: &str,
        syntax: Syntax,
        parameters: &DibParameters,
    ) -> Result<Self, Vec<FileError>> {
        let mut written = match syntax {
            Syntax::Toml => {
                let told = |wrong: Vec<ConfigError>| {
                    wrong.into_iter().map(|e| e.of(text)).collect::<Vec<_>>()
                };
                let Config { nodes, spans, settings, .. } = Config::parse(text).map_err(told)?;
                let positions = spans.iter().map(|s| Position::of(text, s.start)).collect();
                Self { nodes, diagnostics: Vec::new(), settings, positions }
            }
            Syntax::DibYaml => {
                let one = |wrong| vec![wrong];
                Dib::parse(text, parameters).map_err(one)?.layout().map_err(one)?.into()
            }
        };
        for node in &mut written.nodes {
            if let NodeKind::Disk { size, .. } = &mut node.kind {
                *size = size.or(parameters.image_size);
            }
        }
        Ok(written)
    }

    /// Where each node is in the file.
    #[must_use]
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// The graph.
    ///
    /// # Errors
    /// The first node that is wrong, with its place in the file.
    pub fn graph(&self) -> Result<Graph, FileError> {
        Graph::new(self.nodes.clone()).map_err(|error| self.locate(&error))
    }

    /// The place in the file that a check of the graph found a fault in.
    #[must_use]
    pub fn locate(&self, why: &GraphError) -> FileError {
        match &why.node {
            Some(node) => self.at_node(node, &why.problem, &why.help),
            None => FileError::new(Position::START, why.problem.clone(), why.help.clone()),
        }
    }

    /// What is wrong with a node, with its place in the file: of a layout, say.
    #[must_use]
    pub fn at_node(&self, node: &str, problem: &str, help: &str) -> FileError {
        FileError::new(self.place(node), format!("node `{node}`: {problem}"), help)
    }

    /// What of the graph is hardly meant.
    #[must_use]
    pub fn doubts(&self, graph: &Graph) -> Vec<Diagnostic> {
        let told = |doubt: Doubt| {
            let problem = format!("node `{}`: {}", doubt.node, doubt.problem);
            Diagnostic::warning(self.place(&doubt.node), problem, doubt.help)
        };
        graph.doubts().into_iter().map(told).collect()
    }

    fn place(&self, node: &str) -> Position {
        let at = self.nodes.iter().position(|known| known.name == node);
        at.map_or(Position::START, |at| self.positions[at])
    }
}

impl From<DibLayout> for Written {
    fn from(dib: DibLayout) -> Self {
        let (nodes, diagnostics, positions) = (dib.nodes, dib.diagnostics, dib.positions);
        Self { nodes, diagnostics, settings: DiskSettings::default(), positions }
    }
}
