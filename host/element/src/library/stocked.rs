//! Elements of registries: somebody else fetched them and found that they may be used; here they are
//! read from where they were kept, and have to be what was found.

use std::path::PathBuf;
use std::sync::Arc;

use dibhost_plan::digest::sha256;
use dibhost_plan::planner::ElementFailure;
use dibhost_text::harmless;

use super::{Element, Library, lock, read};
use crate::component::refuse_others;

/// An element of a registry that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stocked {
    /// What it has to call itself.
    pub name: String,
    /// `sha256:…` of the component.
    pub digest: String,
    /// Where the component is kept.
    pub path: PathBuf,
}

/// Whether a definition names an element of a registry by it.
pub(super) fn is_elsewhere(reference: &str) -> bool {
    reference.starts_with("oci://")
}

impl Library {
    /// Takes in an element that a definition names by `reference`: it is found from now on.
    pub fn stock(&self, reference: &str, element: Stocked) {
        lock(&self.stocked).insert(reference.to_owned(), element);
    }

    pub(super) fn from_stock(&self, reference: &str) -> Result<Arc<Element>, ElementFailure> {
        let stocked = lock(&self.stocked).get(reference).cloned();
        let stocked = stocked.ok_or_else(|| {
            ElementFailure::new(format!("`{}` is not in the store", harmless(reference, 200)))
                .with_help("`dibhost fetch DEFINITION` gets what a definition names of registries")
        })?;
        let key = PathBuf::from(reference);
        if let Some(element) = lock(&self.known).by_path.get(&key) {
            return Ok(Arc::clone(element));
        }
        let bytes = read(&stocked.path, reference, self.load.component)?;
        let digest = sha256(&bytes);
        // Before anything of it is looked at.
        if digest != stocked.digest {
            return Err(ElementFailure::new(format!(
                "`{reference}` was changed in the store: it is {digest}, and {} was kept",
                stocked.digest
            ))
            .with_help(
                "somebody writes into the cache: look who may, and `dibhost fetch` it anew",
            ));
        }
        refuse_others(&bytes, reference)?;
        let mut element = self.examine(&bytes, digest, Some(&stocked.name), &stocked.path)?;
        // What is on a shelf of digests is told by what one typed.
        element.origin = reference.to_owned();
        let element = Arc::new(element);
        Ok(Arc::clone(lock(&self.known).by_path.entry(key).or_insert(element)))
    }
}
