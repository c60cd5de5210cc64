//! `block-device = "layout.yaml"`: a layout in a file of its own, in DIB's YAML or ours.

use std::path::Path;

use dibhost_block_device::{FileError, Node};
use dibhost_dib::{DibParameters, Syntax, Written};
use toml::de::{DeTable, DeValue};

use crate::compose::Files;
use crate::definition::Definition;
use crate::diagnostic::Diagnostic;
use crate::location::{Location, Spanned};
use crate::reader::Reader;

impl Reader<'_> {
    /// Reads the layout that a definition names a file for.
    pub(crate) fn layout_file(
        &mut self,
        root: &DeTable<'_>,
        definition: &mut Definition,
        files: Files<'_>,
    ) {
        let Some(item) = root.get::<str>("block-device") else { return };
        let DeValue::String(name) = item.get_ref() else { return };
        let path = definition.base.join(&**name);
        let file = path.strip_prefix(".").unwrap_or(&path).display().to_string();
        let text = match files(&path) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("`{file}` cannot be read: {error}");
                let help = "`block-device` is the path of a layout, relative to the definition, or \
                            `[[block-device]]` before each node";
                self.refuse(item, Diagnostic::new(message).with_help(help));
                return;
            }
        };
        let parameters = DibParameters::default();
        let written = Written::parse(&text, Syntax::of(Path::new(&**name)), &parameters);
        match written {
            Ok(written) => {
                definition.block_device = spanned(&written, &file);
                definition.remarks.extend(written.diagnostics.iter().map(|said| {
                    let at = Location::new(file.as_str(), said.at.line, said.at.column);
                    Diagnostic::new(&said.problem).at(Some(&at)).with_help(&said.help)
                }));
            }
            Err(wrong) => {
                for FileError { at, problem, help } in wrong {
                    let at = Location::new(file.as_str(), at.line, at.column);
                    self.wrong.push(Diagnostic::new(problem).at(Some(&at)).with_help(help));
                }
            }
        }
    }
}

fn spanned(written: &Written, file: &str) -> Vec<Spanned<Node>> {
    let place = |(node, at): (&Node, dibhost_block_device::Position)| {
        Spanned::new(node.clone(), Location::new(file, at.line, at.column))
    };
    written.nodes.iter().zip(written.positions().iter().copied()).map(place).collect()
}
