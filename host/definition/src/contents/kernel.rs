//! `[sysctl]` and `[kernel]`: settings of the kernel, when it runs and when it boots.

use std::collections::BTreeMap;

use toml::de::DeValue;

use crate::diagnostic::Diagnostic;
use crate::keys::KERNEL_KEYS;
use crate::location::Spanned;
use crate::reader::{Item, Reader, integer, kind};
use crate::rule;

impl Reader<'_> {
    /// `[sysctl]`: name → value, which stands where its name does.
    pub(crate) fn sysctl(&mut self, item: &Item<'_>) -> BTreeMap<String, Spanned<String>> {
        let mut settings = BTreeMap::new();
        let Some(table) = self.table(item, "sysctl") else { return settings };
        for (key, item) in table {
            let name = key.get_ref().to_string();
            let place = self.source.locate(&key.span());
            // `net.ipv4.ip_forward = 1` without quotes are three tables in one another.
            if let DeValue::Table(inner) = item.get_ref() {
                let whole = dotted(&name, inner);
                self.wrong.push(
                    Diagnostic::new(format!(
                        "the setting `{whole}` has to be in quotes: its dots are no tables"
                    ))
                    .at(Some(&place))
                    .with_help(format!("write {whole:?} = \"…\"")),
                );
                continue;
            }
            if let Err(why) = rule::sysctl_name(&name) {
                self.wrong.push(
                    Diagnostic::new(format!("the setting {name:?} {why}"))
                        .at(Some(&place))
                        .with_help(
                            "it is written as `sysctl` does: \"net.ipv4.ip_forward\" = \"1\"",
                        ),
                );
                continue;
            }
            let value = match item.get_ref() {
                DeValue::String(text) => text.to_string(),
                value if integer(value).is_some() => integer(value).unwrap_or_default().to_string(),
                value => {
                    let message = format!(
                        "`{name}` has to be a text or a whole number; this is {}",
                        kind(value)
                    );
                    self.refuse(
                        item,
                        Diagnostic::new(message).with_help(format!("write {name:?} = \"1\"")),
                    );
                    continue;
                }
            };
            if value.trim().is_empty() || rule::line(&value).is_err() {
                self.refuse(
                    item,
                    Diagnostic::new(format!(
                        "the value of `{name}` is empty, or more than one line"
                    )),
                );
                continue;
            }
            settings.insert(name, Spanned::new(value, place));
        }
        settings
    }

    /// `[kernel]`: arguments of its command line.
    pub(crate) fn kernel_arguments(&mut self, item: &Item<'_>) -> Vec<Spanned<String>> {
        let Some(table) = self.table(item, "kernel") else { return Vec::new() };
        self.known_keys(table, &KERNEL_KEYS, "`[kernel]`");
        let Some((_, item)) = table.iter().find(|(key, _)| key.get_ref() == "arguments") else {
            return Vec::new();
        };
        let mut arguments = Vec::new();
        for argument in self.texts(item, "arguments", "a list, as `[\"quiet\"]`") {
            match rule::kernel_argument(&argument) {
                Ok(()) => arguments.push(argument),
                Err(why) => {
                    let help = match argument.contains(' ') {
                        true => {
                            "one entry is one argument; a value with a space in it is in double quotes: 'x=\"a b\"'"
                        }
                        false => "it is written as the kernel reads it: \"console=ttyS0,115200\"",
                    };
                    self.wrong.push(
                        Diagnostic::new(format!("the kernel argument {:?} {why}", argument.value))
                            .at(argument.location.as_ref())
                            .with_help(help),
                    );
                }
            }
        }
        arguments
    }
}

/// The name that dotted keys were meant to be.
fn dotted(name: &str, table: &toml::de::DeTable<'_>) -> String {
    match table.iter().next() {
        Some((key, item)) => {
            let name = format!("{name}.{}", key.get_ref());
            match item.get_ref() {
                DeValue::Table(inner) => dotted(&name, inner),
                _ => name,
            }
        }
        None => name.to_owned(),
    }
}
