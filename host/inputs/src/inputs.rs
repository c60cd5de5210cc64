//! All inputs of a definition.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::error::InputError;
use crate::input::Input;
use crate::known::Known;

/// The inputs of a definition by their names; of one that cannot be had, why.
#[derive(Debug, Clone, Default)]
pub struct Inputs(BTreeMap<String, Result<Arc<Input>, InputError>>);

impl Inputs {
    /// Opens and reads all of them: name and path of the builder.
    pub fn open<'a>(all: impl IntoIterator<Item = (&'a str, &'a Path)>, known: &mut Known) -> Self {
        let open = |(name, path): (&str, &Path)| {
            (name.to_owned(), Input::open(name, path, known).map(Arc::new))
        };
        Self(all.into_iter().map(open).collect())
    }

    /// The one of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Input>> {
        self.0.get(name)?.as_ref().ok()
    }

    /// Why the one of that name cannot be had.
    #[must_use]
    pub fn failure(&self, name: &str) -> Option<&InputError> {
        self.0.get(name)?.as_ref().err()
    }

    /// Those that can be had, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Input>> {
        self.0.values().filter_map(|input| input.as_ref().ok())
    }
}

/// Equal when what is in them is.
impl PartialEq for Inputs {
    fn eq(&self, other: &Self) -> bool {
        let digests = |inputs: &Self| {
            let digest = |(name, input): (&String, &Result<Arc<Input>, InputError>)| {
                let digest = input.as_ref().map(|i| i.manifest().digest().to_owned());
                (name.clone(), digest.map_err(Clone::clone))
            };
            inputs.0.iter().map(digest).collect::<Vec<_>>()
        };
        digests(self) == digests(other)
    }
}

impl Eq for Inputs {}
