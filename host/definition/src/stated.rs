//! What keys of the definition itself name elsewhere: files beside it, and secrets of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use dibhost_text::{did_you_mean, quoted_list};

use crate::contents::{StatedNode, StatedProgram, StatedText};
use crate::definition::{Definition, InputPlace};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::location::{Location, Spanned};

/// What the names of inputs begin with that no section `[inputs]` has.
pub(crate) const STATED: &str = "definition.";

impl InputPlace {
    /// A key of the definition itself names it, and no section `[inputs]`.
    #[must_use]
    pub fn is_stated(&self) -> bool {
        self.name.starts_with(STATED)
    }
}

impl Definition {
    /// Files and folders beside the definition that its own keys name (`source`, `script`, `key`):
    /// path as it is written → the input that it is.
    #[must_use]
    pub fn stated_inputs(&self) -> BTreeMap<String, InputPlace> {
        let contents = &self.contents;
        let files = contents.files.iter().filter_map(|file| match &file.node {
            StatedNode::Source(path) => Some(path),
            _ => None,
        });
        let units = contents.units.iter().filter_map(|unit| match &unit.text {
            Some(StatedText::Source(path)) => Some(path),
            _ => None,
        });
        let scripts = contents.commands.iter().filter_map(|command| match &command.program {
            StatedProgram::Script(path) => Some(path),
            StatedProgram::Run(_) => None,
        });
        let keys = contents.repositories.iter().flat_map(|repository| &repository.keys);
        let mut first: BTreeMap<&str, &Spanned<String>> = BTreeMap::new();
        for path in files.chain(units).chain(scripts).chain(keys) {
            first.entry(path).or_insert(path);
        }
        let mut taken = BTreeSet::new();
        let named = first.into_values().map(|path| {
            let plain =
                |c: char| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '-' };
            let name: String = path.chars().map(plain).take(70).collect();
            let plain = format!("{STATED}{}", name.trim_matches(['-', '.']));
            // Two paths may come to one name.
            let mut name = plain.clone();
            let mut turn = 1;
            while !taken.insert(name.clone()) {
                turn += 1;
                name = format!("{plain}-{turn}");
            }
            let place = || path.location.clone();
            let input = InputPlace {
                name: Spanned { value: name, location: place() },
                path: Spanned { value: PathBuf::from(&path.value), location: place() },
            };
            (path.value.clone(), input)
        });
        named.collect()
    }

    /// All inputs: those of `[inputs]`, and those that other keys name.
    #[must_use]
    pub fn all_inputs(&self) -> BTreeMap<String, InputPlace> {
        let stated =
            self.stated_inputs().into_values().map(|input| (input.name.value.clone(), input));
        self.inputs.clone().into_iter().chain(stated).collect()
    }

    /// Every password is a secret that is there.
    pub(crate) fn check_passwords(&self, wrong: &mut Diagnostics) {
        for password in self.contents.users.iter().filter_map(|user| user.password.as_ref()) {
            if self.secrets.contains_key(&password.value) {
                continue;
            }
            let known = self.secrets.keys();
            let help = did_you_mean(password, known.clone().map(String::as_str)).unwrap_or_else(|| {
                match self.secrets.is_empty() {
                    true => "`password` is the name of a secret; say where it is\n[secrets]\nNAME = { file = \"…\" }".to_owned(),
                    false => format!("the secrets of this definition are {}", quoted_list(known)),
                }
            });
            // Not shown with its line: it may be the secret itself.
            let place = password.location.clone().map(Location::without_excerpt);
            wrong.push(
                Diagnostic::new("`password` names a secret that `[secrets]` has not")
                    .at(place.as_ref())
                    .with_help(help),
            );
        }
    }
}
