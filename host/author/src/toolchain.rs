//! Builds and tests projects: one module per language.

mod c;
mod javascript;
mod made;
mod python;
mod rust;
mod stage;

use std::path::{Path, PathBuf};

use crate::error::AuthorError;
use crate::kit;
use crate::language::Language;
use crate::name::check_name;
use crate::project::Project;
use crate::tool::Ear;

/// A component that was built.
#[derive(Debug)]
pub struct Built {
    /// Where it is: `NAME.wasm`.
    pub file: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What the author should know: that its digest is its own, say.
    pub notes: Vec<String>,
}

/// Builds a project's component into a folder.
///
/// # Errors
/// When a tool is missing, with how to install it; when the sources are wrong, in the words of the
/// tool or the SDK.
pub fn build(
    project: &Project,
    into: &Path,
    cache: &Path,
    ear: Ear<'_>,
) -> Result<Built, AuthorError> {
    check_name(&project.name)?;
    let cache = cache.join("author");
    let mut notes = Vec::new();
    let bytes = match project.language {
        Language::Rust => rust::build(project, &cache, ear)?,
        Language::Python => python::build(project, &cache, &mut notes, ear)?,
        Language::JavaScript => javascript::build(project, &cache, &mut notes, ear)?,
        Language::C => c::build(project, &cache, ear)?,
    };
    let file = into.join(format!("{}.wasm", project.name));
    // As a whole: a build that reads it meanwhile has the one or the other.
    let new = into.join(format!(".{}.wasm.new", project.name));
    kit::write(&new, &bytes)?;
    std::fs::rename(&new, &file).map_err(|e| AuthorError::io("writing", &file, &e))?;
    Ok(Built { file, bytes, notes })
}

/// Runs a project's tests natively.
///
/// # Errors
/// When a tool is missing, or a test fails: with the end of what it said.
pub fn test(project: &Project, cache: &Path, ear: Ear<'_>) -> Result<(), AuthorError> {
    check_name(&project.name)?;
    let cache = cache.join("author");
    match project.language {
        Language::Rust => rust::test(project, ear),
        Language::Python => python::test(project, &cache, ear),
        Language::JavaScript => javascript::test(project, &cache, ear),
        Language::C => c::test(project, &cache, ear),
    }
}
