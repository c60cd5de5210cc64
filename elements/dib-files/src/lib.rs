//! What the readers of diskimage-builder's files share: finding the files in an input, YAML, and DIB's
//! names of families.

pub mod yaml;

use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{Input, Kind, Result};

/// DIB's name of a system's family.
#[must_use]
pub fn family(system: &Distribution) -> &str {
    match system.family.as_str() {
        "fedora" | "rhel" => "redhat",
        other => other,
    }
}

/// The files of an input whose names are these, wherever in it they lie; of an input that is a file that
/// one, whatever it is called, by an empty path.
///
/// # Errors
/// The input is another one than it was.
pub fn named(input: &Input, is: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    if input.about()?.kind != Kind::Directory {
        return Ok(vec![String::new()]);
    }
    let files = input.nodes()?.into_iter().filter(|node| node.kind == Kind::File);
    let is = |path: &String| is(path.rsplit('/').next().unwrap_or_default());
    Ok(files.map(|node| node.path).filter(is).collect())
}
