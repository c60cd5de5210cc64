//! What a finished component says of itself without being run: what it imports and exports.

use std::collections::BTreeSet;

use wasmparser::{Encoding, Parser, Payload};

use crate::error::AuthorError;

/// The imports and exports of a component, as it names them: `dib:element/facts@0.1.0`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// What it imports.
    pub imports: BTreeSet<String>,
    /// What it exports.
    pub exports: BTreeSet<String>,
}

/// The major and minor number of a version; none: it is no version.
#[must_use]
pub fn minor_of(version: &str) -> Option<(u64, u64)> {
    let version = semver::Version::parse(version).ok()?;
    Some((version.major, version.minor))
}

/// Reads the imports and exports of a component; what is nested in it is its own affair.
///
/// # Errors
/// When the bytes are no component.
pub fn parts(bytes: &[u8]) -> Result<Parts, AuthorError> {
    let no = |why: &str| {
        AuthorError::wrong(
            format!("this is no component: {why}"),
            "`dibhost element build` makes components; a plain WebAssembly module is none",
        )
    };
    let mut parts = Parts::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|e| no(&e.to_string()))? {
            Payload::Version { encoding, .. } if depth == 0 && encoding == Encoding::Module => {
                return Err(no("it is a plain module"));
            }
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 1 => {
                for import in imports {
                    let import = import.map_err(|e| no(&e.to_string()))?;
                    parts.imports.insert(import.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if depth == 1 => {
                for export in exports {
                    let export = export.map_err(|e| no(&e.to_string()))?;
                    parts.exports.insert(export.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(parts)
}
