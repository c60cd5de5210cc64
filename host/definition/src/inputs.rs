//! `[inputs.NAME]`: files and folders of the builder that elements may be given.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::de::DeValue;

use crate::definition::InputPlace;
use crate::diagnostic::Diagnostic;
use crate::location::Spanned;
use crate::reader::{Item, Reader, is_name, kind};
use crate::stated::STATED;

const KEYS: [&str; 1] = ["path"];

impl Reader<'_> {
    pub(crate) fn inputs(&mut self, item: &Item<'_>) -> BTreeMap<String, InputPlace> {
        let mut all = BTreeMap::new();
        let Some(table) = self.table(item, "inputs") else { return all };
        for (key, item) in table {
            let name = key.get_ref().to_string();
            let place = self.source.locate(&key.span());
            if !is_name(&name) {
                self.wrong.push(
                    Diagnostic::new(format!("`{}` is no name of an input", name.escape_debug()))
                        .at(Some(&place))
                        .with_help("a name has letters, digits, `.`, `_` and `-`"),
                );
                continue;
            }
            if name.starts_with(STATED) {
                self.wrong.push(
                    Diagnostic::new(format!("the input `{name}` begins with `{STATED}`, as those do that keys of the definition name"))
                        .at(Some(&place))
                        .with_help("give it another name"),
                );
                continue;
            }
            if let Some(path) = self.input(&name, item) {
                all.insert(name.clone(), InputPlace { name: Spanned::new(name, place), path });
            }
        }
        all
    }

    fn input(&mut self, name: &str, item: &Item<'_>) -> Option<Spanned<PathBuf>> {
        let example = format!("[inputs.{name}]\npath = \"files/{name}\"");
        let DeValue::Table(table) = item.get_ref() else {
            let message = format!(
                "the input `{name}` has to say where it is; this is {}",
                kind(item.get_ref())
            );
            self.refuse(item, Diagnostic::new(message).with_help(format!("write\n{example}")));
            return None;
        };
        let all_known = self.known_keys(table, &KEYS, "an input");
        let Some((_, value)) = table.iter().find(|(key, _)| key.get_ref() == "path") else {
            // It is the key that was misspelt.
            if !all_known {
                return None;
            }
            let message = format!("the input `{name}` has no `path`");
            self.refuse(item, Diagnostic::new(message).with_help(format!("write\n{example}")));
            return None;
        };
        let path = self.text(value, "path", "the path of a file or a folder")?;
        if path.is_empty() || path.contains('\0') {
            self.refuse(value, Diagnostic::new("this is no path of a file or a folder"));
            return None;
        }
        Some(self.spanned(value, PathBuf::from(path.value)))
    }
}
