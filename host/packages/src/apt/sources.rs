//! The sources that an image finds more packages by.

use std::path::Path;

use dibhost_tree::{Attributes, Change, Scope, Target};

use super::archive::Apt;
use super::config;
use super::programs::path;
use crate::error::PackageError;
use crate::manager::PackageSource;

const SOURCES: &str = "/etc/apt/sources.list.d";
const KEYRINGS: &str = "/etc/apt/keyrings";
const PREFERENCES: &str = "/etc/apt/preferences.d";

impl Apt {
    /// That which its first tree came from, and those on top, each with its keys and its priority.
    pub(super) fn write_image_sources(&self, tree: &mut dyn Target) -> Result<(), PackageError> {
        let mut files = Vec::new();
        if let Some(text) = &self.image_source {
            files.push((SOURCES, "debian.sources".to_owned(), text.clone()));
        }
        for (source, preference) in self.sources.iter().filter(|(source, _)| of_an_image(source)) {
            files.extend(files_of(source, preference.as_deref()));
        }
        let mut changes = Vec::new();
        for (folder, name, content) in files {
            let attributes = Attributes::default();
            changes.push(Change::MakeDirectory { path: path(folder)?, attributes });
            let (path, content) = (path(&format!("{folder}/{name}"))?, content.into_bytes());
            changes.push(Change::Write { path, content, attributes: Attributes::default() });
        }
        if changes.is_empty() {
            return Ok(());
        }
        Ok(tree.apply(&Scope::own(), &changes)?)
    }
}

/// A folder of the builder is nothing that the image could reach, and what only the build may use
/// is nothing that it should.
fn of_an_image(source: &PackageSource) -> bool {
    !source.build_only && !["file:", "copy:"].iter().any(|local| source.url.starts_with(local))
}

/// Folder, name and text of each file.
fn files_of(
    source: &PackageSource,
    preference: Option<&str>,
) -> Vec<(&'static str, String, String)> {
    let name = &source.name;
    let keyring = Path::new(KEYRINGS).join(format!("{name}.asc"));
    let suites = source.suites.join(" ");
    let url = source.url.trim_end_matches('/');
    let text = config::deb822(url, &suites, &source.components, &keyring);
    let mut files = vec![
        (KEYRINGS, format!("{name}.asc"), format!("{}\n", source.key.trim())),
        (SOURCES, format!("{name}.sources"), text),
    ];
    files.extend(preference.map(|text| (PREFERENCES, format!("{name}.pref"), text.to_owned())));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_its_key_and_its_priority_beside_it() {
        let mut source = PackageSource {
            name: "tool".to_owned(),
            url: "https://tool.example/apt/".to_owned(),
            suites: vec!["bookworm".to_owned(), "extra".to_owned()],
            components: vec!["main".to_owned()],
            priority: Some(700),
            key: "KEY\n".to_owned(),
            cost: None,
            module_hotfixes: false,
            build_only: false,
        };
        let expected = [
            (KEYRINGS, "tool.asc", "KEY\n"),
            (
                SOURCES,
                "tool.sources",
                "Types: deb\nURIs: https://tool.example/apt\nSuites: bookworm extra\n\
                 Components: main\nSigned-By: /etc/apt/keyrings/tool.asc\n",
            ),
            (PREFERENCES, "tool.pref", "as it is"),
        ];
        let own = |(folder, name, text): (&'static str, &str, &str)| {
            (folder, name.to_owned(), text.to_owned())
        };
        assert_eq!(files_of(&source, Some("as it is")), expected.map(own));
        assert_eq!(files_of(&source, None).len(), 2);
        assert!(of_an_image(&source));
        assert!(!of_an_image(&PackageSource { build_only: true, ..source.clone() }));
        source.url = "file:/srv/archive".to_owned();
        assert!(!of_an_image(&source));
    }
}
