//! `[secrets]`: where secrets are. Their values never stand in a definition, which is kept and
//! shared.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::de::DeValue;

use crate::definition::{Secret, SecretSource};
use crate::diagnostic::Diagnostic;
use crate::location::Spanned;
use crate::reader::{Item, Reader, is_name, kind};

const KEYS: [&str; 3] = ["file", "environment", "command"];

/// How a secret is written.
const EXAMPLE: &str = "{ file = \"…\" }, { environment = \"…\" } or { command = [\"…\"] }";

impl Reader<'_> {
    pub(crate) fn secrets(&mut self, item: &Item<'_>) -> BTreeMap<String, Secret> {
        let mut all = BTreeMap::new();
        let Some(table) = self.table(item, "secrets") else { return all };
        for (key, item) in table {
            let name = key.get_ref().to_string();
            let place = self.source.locate(&key.span());
            if !is_name(&name) {
                self.wrong.push(
                    Diagnostic::new(format!("`{}` is no name of a secret", name.escape_debug()))
                        .at(Some(&place))
                        .with_help("a name has letters, digits, `.`, `_` and `-`"),
                );
                continue;
            }
            if let Some(source) = self.secret(&name, item) {
                all.insert(name.clone(), Secret { name: Spanned::new(name, place), source });
            }
        }
        all
    }

    fn secret(&mut self, name: &str, item: &Item<'_>) -> Option<SecretSource> {
        let DeValue::Table(table) = item.get_ref() else {
            // Not shown with its line: it may be the secret itself.
            let place = self.source.locate(&item.span()).without_excerpt();
            let message =
                format!("the secret `{name}` has to say where it is; this is {}", kind_of(item));
            self.wrong.push(Diagnostic::new(message).at(Some(&place)).with_help(format!(
                "a secret never stands in a definition: write\n{name} = {EXAMPLE}"
            )));
            return None;
        };
        let all_known = self.known_keys(table, &KEYS, "a secret");
        let known: Vec<_> =
            table.iter().filter(|(key, _)| KEYS.contains(&key.get_ref().as_ref())).collect();
        // Where a key was misspelt, it is that.
        if known.is_empty() && !all_known {
            return None;
        }
        let [(key, value)] = known.as_slice() else {
            let message = format!(
                "the secret `{name}` {}",
                match known.len() {
                    0 => "has to say where it is",
                    _ => "is in more than one place",
                }
            );
            self.refuse(
                item,
                Diagnostic::new(message).with_help(format!("write {name} = {EXAMPLE}")),
            );
            return None;
        };
        match key.get_ref().as_ref() {
            "file" => {
                let path = self.text(value, "file", "the path of a file")?;
                self.sound(value, !path.is_empty() && !path.contains('\0'), "no path of a file")?;
                Some(SecretSource::File(PathBuf::from(path.value)))
            }
            "environment" => {
                let variable = self.text(value, "environment", "the name of a variable")?;
                let sound = !variable.is_empty()
                    && variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                self.sound(value, sound, "no name of a variable")?;
                Some(SecretSource::Environment(variable.value))
            }
            _ => {
                let words =
                    self.texts(value, "command", "a list, as `[\"pass\", \"show\", \"x\"]`");
                let sound = words.first().is_some_and(|p| !p.is_empty())
                    && words.iter().all(|w| !w.contains('\0'));
                self.sound(value, sound, "no command")?;
                Some(SecretSource::Command(words.into_iter().map(|w| w.value).collect()))
            }
        }
    }

    fn sound(&mut self, item: &Item<'_>, sound: bool, what: &str) -> Option<()> {
        if !sound {
            self.refuse(item, Diagnostic::new(format!("this is {what}")));
        }
        sound.then_some(())
    }
}

/// What a value is, without what it says.
fn kind_of(item: &Item<'_>) -> String {
    match item.get_ref() {
        DeValue::Integer(_) | DeValue::Float(_) => "a number".to_owned(),
        value => kind(value),
    }
}
