//! SHA-256 of files.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use dibhost_sys::Cancel;
use sha2::{Digest as _, Sha256};

use crate::ImageError;

/// Large enough that reading costs nothing beside hashing, small enough for a cache.
const CHUNK: usize = 1 << 18;

/// The SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// When it cannot be read, or the build is cancelled.
pub fn sha256_of(path: &Path, cancel: &Cancel) -> Result<String, ImageError> {
    let file = File::open(path).map_err(ImageError::io("reading", path))?;
    sha256_of_file(file, path, cancel)
}

/// The same of an open file; `path` is what it is called.
pub(crate) fn sha256_of_file(
    mut file: File,
    path: &Path,
    cancel: &Cancel,
) -> Result<String, ImageError> {
    let mut digest = Sha256::new();
    let mut chunk = vec![0u8; CHUNK];
    loop {
        cancel.check()?;
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hexadecimal(&digest.finalize())),
            Ok(length) => digest.update(&chunk[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ImageError::io("reading", path)(error)),
        }
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_abc() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let digest = sha256_of(&path, &Cancel::new()).unwrap();
        assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let cancel = Cancel::new();
        cancel.cancel();
        assert!(matches!(sha256_of(&path, &cancel), Err(ImageError::Cancelled(_))));
    }
}
