//! A file that somebody names and that is not there, and the one beside it that was probably meant.

use std::path::Path;

use crate::name::did_you_mean;

/// ``did you mean `x`?``, when nothing is at a path and something with a near name is in its folder.
#[must_use]
pub fn near_file(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    if path.exists() {
        return None;
    }
    let folder = match path.parent()? {
        here if here == Path::new("") => Path::new("."),
        folder => folder,
    };
    let entries = std::fs::read_dir(folder).ok()?;
    let there = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    // What is hidden, or has a sign in its name that nobody sees, is not offered.
    let there: Vec<String> =
        there.filter(|name| !name.starts_with('.') && !name.contains(char::is_control)).collect();
    did_you_mean(name, there.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beside_it_is_offered() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let near = |name: &str| near_file(&here.join(name));
        assert_eq!(near("neighbor.rs").as_deref(), Some("did you mean `neighbour.rs`?"));
        assert_eq!(near("neighbour.rs"), None, "it is there");
        assert_eq!(near("elephant.rs"), None);
        assert_eq!(near_file(&here.join("nowhere/neighbor.rs")), None);
    }
}
