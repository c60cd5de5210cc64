//! Components of scripting languages that were made before. Their tools keep the memory of an engine
//! that was started, and no two starts are the same byte for byte: so the same sources are made once
//! on a machine, and are the same component from then on.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::error::AuthorError;
use crate::kit;

/// The component of these sources, made where it was not.
pub(super) fn or_make(
    cache: &Path,
    tools: &[&str],
    folders: &[&Path],
    make: impl FnOnce() -> Result<Vec<u8>, AuthorError>,
) -> Result<Vec<u8>, AuthorError> {
    let mut all = Sha256::new();
    for tool in tools {
        add(&mut all, tool.as_bytes());
    }
    for folder in folders {
        add_folder(&mut all, folder, "")?;
    }
    let key: String = all.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let kept = cache.join("made").join(format!("{key}.wasm"));
    if let Ok(bytes) = std::fs::read(&kept)
        && crate::component::parts(&bytes).is_ok()
    {
        return Ok(bytes);
    }
    let bytes = make()?;
    let new = kept.with_extension(format!("new.{}", std::process::id()));
    kit::write(&new, &bytes)?;
    std::fs::rename(&new, &kept).map_err(|e| AuthorError::io("writing", &kept, &e))?;
    Ok(bytes)
}

fn add(all: &mut Sha256, bytes: &[u8]) {
    all.update((bytes.len() as u64).to_le_bytes());
    all.update(bytes);
}

fn add_folder(all: &mut Sha256, folder: &Path, name: &str) -> Result<(), AuthorError> {
    let entries = std::fs::read_dir(folder).map_err(|e| AuthorError::io("reading", folder, &e))?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    for file in names {
        let path = folder.join(&file);
        let below = format!("{name}/{}", file.to_string_lossy());
        if path.is_dir() {
            add_folder(all, &path, &below)?;
        } else {
            let bytes = std::fs::read(&path).map_err(|e| AuthorError::io("reading", &path, &e))?;
            add(all, below.as_bytes());
            add(all, &bytes);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_made_again_when_anything_of_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, source) = (folder.path().join("cache"), folder.path().join("source"));
        kit::write(&source.join("a/b"), b"one").unwrap();
        let count = std::cell::Cell::new(0);
        let make = |tool: &str| {
            or_make(&cache, &[tool], &[&source], || {
                count.set(count.get() + 1);
                // An empty component.
                Ok(b"\0asm\x0d\0\x01\0".to_vec())
            })
            .unwrap();
            count.get()
        };
        assert_eq!([make("x"), make("x"), make("y")], [1, 1, 2]);
        kit::write(&source.join("a/b"), b"two").unwrap();
        assert_eq!(make("x"), 3);
    }
}
