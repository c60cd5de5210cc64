//! Packages that stay at their version: `excludepkgs` of the tree's `/etc/dnf/dnf.conf`, which every dnf
//! reads, with no plug-in.

use std::collections::BTreeSet;

use dibhost_tree::{Attributes, Change, Scope, Target};

use crate::error::PackageError;
use crate::rpm::database;
use crate::rpm::programs::path;

const FOLDER: &str = "/etc/dnf";
const FILE: &str = "/etc/dnf/dnf.conf";

/// What the tree holds, by name; patterns are not looked at.
pub(super) fn read(tree: &mut dyn Target) -> Result<BTreeSet<String>, PackageError> {
    let text = database::file(tree, FILE)?.unwrap_or_default();
    Ok(excluded(&String::from_utf8_lossy(&text)))
}

/// Holds these too.
pub(super) fn add(tree: &mut dyn Target, names: &[String]) -> Result<(), PackageError> {
    let text = database::file(tree, FILE)?.unwrap_or_default();
    let text = with(&String::from_utf8_lossy(&text), names);
    let attributes = Attributes::default();
    let folder = Change::MakeDirectory { path: path(FOLDER)?, attributes };
    let (content, attributes) = (text.into_bytes(), Attributes::default());
    let file = Change::Write { path: path(FILE)?, content, attributes };
    Ok(tree.apply(&Scope::own(), &[folder, file])?)
}

/// The value of the setting, on a line of the section `main`.
fn value(line: &str) -> Option<&str> {
    let (name, value) = line.split_once('=')?;
    (name.trim() == "excludepkgs").then(|| value.trim())
}

fn main_section(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().skip_while(|line| line.trim() != "[main]").skip(1);
    lines.take_while(|line| !line.trim_start().starts_with('['))
}

fn excluded(text: &str) -> BTreeSet<String> {
    let values = main_section(text).filter_map(value);
    let names = values.flat_map(|value| value.split([',', ' '])).filter(|name| !name.is_empty());
    names.filter(|name| !name.contains(['*', '?', '['])).map(str::to_owned).collect()
}

fn with(text: &str, names: &[String]) -> String {
    let mut all: Vec<String> = main_section(text)
        .filter_map(value)
        .flat_map(|value| value.split([',', ' ']))
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    all.extend(names.iter().filter(|name| !all.contains(name)).cloned().collect::<Vec<_>>());
    let setting = format!("excludepkgs={}\n", all.join(","));
    let mut new = String::new();
    let (mut main, mut written) = (false, false);
    for line in text.lines() {
        if line.trim_start().starts_with('[') {
            main = line.trim() == "[main]";
        } else if main && value(line).is_some() {
            continue;
        }
        new.push_str(line);
        new.push('\n');
        if main && !written {
            new.push_str(&setting);
            written = true;
        }
    }
    if !written {
        new.push_str("[main]\n");
        new.push_str(&setting);
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_added_to_what_was() {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(with("", &names(&["a"])), "[main]\nexcludepkgs=a\n");
        let text =
            "# mine\n[main]\ngpgcheck=1\nexcludepkgs = b, c*\nbest=True\n[x]\nexcludepkgs=y\n";
        let new = with(text, &names(&["a", "b"]));
        assert_eq!(
            new,
            "# mine\n[main]\nexcludepkgs=b,c*,a\ngpgcheck=1\nbest=True\n[x]\nexcludepkgs=y\n"
        );
        assert_eq!(excluded(&new), ["a".to_owned(), "b".to_owned()].into());
        assert_eq!(excluded("excludepkgs=a\n[x]\nexcludepkgs=a\n"), BTreeSet::new());
    }
}
