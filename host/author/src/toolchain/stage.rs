//! Copies of a project for tools that keep what they find: at one place for every project, without
//! what earlier builds left, and with no link that leads out of it.

use std::fs;
use std::path::Path;

use crate::error::AuthorError;

/// What of the project itself is in no component; a package of others may have such folders.
const LEFT_OVER: [&str; 6] = [".git", "target", "build", ".venv", "tests", "test"];

/// The most files and the deepest folder of one: beyond, it is no element.
const MOST: usize = 50_000;
const DEEPEST: usize = 40;

/// Copies a folder, following links.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), AuthorError> {
    let mut left = MOST;
    copy_below(from, to, &mut left, 0)
}

fn copy_below(from: &Path, to: &Path, left: &mut usize, depth: usize) -> Result<(), AuthorError> {
    if depth > DEEPEST {
        return Err(AuthorError::failed(format!("`{}` is too deep to be copied", from.display())));
    }
    fs::create_dir_all(to).map_err(|e| AuthorError::io("making", to, &e))?;
    let entries = fs::read_dir(from).map_err(|e| AuthorError::io("reading", from, &e))?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    for name in names {
        let (source, target) = (from.join(&name), to.join(&name));
        let own = |n: &str| depth == 0 && (LEFT_OVER.contains(&n) || n.ends_with(".wasm"));
        let odd = name.to_str().is_none_or(|n| n == "__pycache__" || own(n));
        let Ok(about) = fs::metadata(&source) else { continue };
        if odd {
            continue;
        }
        *left = left.checked_sub(1).ok_or_else(|| {
            AuthorError::failed(format!("`{}` has more than {MOST} files", from.display()))
        })?;
        if about.is_dir() {
            copy_below(&source, &target, left, depth + 1)?;
        } else if about.is_file() {
            fs::copy(&source, &target).map_err(|e| AuthorError::io("copying", &source, &e))?;
        }
    }
    Ok(())
}
