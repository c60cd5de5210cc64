//! What a component imports and exports, by the full names, read without compiling it.

use dibhost_plan::planner::ElementFailure;
use wasmparser::{Parser, Payload};

/// The names of a component, in its own order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// `dib:element/rootfs@0.1.0`.
    pub imports: Vec<String>,
    /// `dib:element/lifecycle@0.1.0`.
    pub exports: Vec<String>,
}

/// Reads them.
///
/// # Errors
/// It cannot be read as a component.
pub fn interfaces(bytes: &[u8]) -> Result<Interfaces, ElementFailure> {
    let odd = |error: wasmparser::BinaryReaderError| {
        ElementFailure::new(format!("reading what the component imports and exports: {error}"))
    };
    let mut found = Interfaces::default();
    // Components and modules lie in components: those of the outermost are meant.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(odd)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    found.imports.push(import.map_err(odd)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    found.exports.push(export.map_err(odd)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_outermost_component() {
        let bytes = wat::parse_str(
            r#"(component
                (import "a:b/c@0.1.0" (instance $c))
                (component (import "d:e/f@0.1.0" (instance)))
                (core module)
                (export "g:h/i@0.2.0" (instance $c)))"#,
        )
        .unwrap();
        let found = interfaces(&bytes).unwrap();
        assert_eq!(found.imports, ["a:b/c@0.1.0"]);
        assert_eq!(found.exports, ["g:h/i@0.2.0"]);
    }

    #[test]
    fn what_is_no_component_is_said() {
        let whole = wat::parse_str(r#"(component (import "a:b/c@0.1.0" (instance)))"#).unwrap();
        for bytes in [&b"#!/bin/sh"[..], &whole[..whole.len() - 1], b""] {
            assert!(interfaces(bytes).is_err(), "{bytes:?}");
        }
    }
}
