//! Signatures of repositories and of packages, by keys that a definition names and no others.
//!
//! ```text
//! FOLDER/keys.gpg     for gpgv, which checks a repository's index
//! FOLDER/rpm/         a database of rpm that holds nothing but the keys, which checks packages
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use data_encoding::BASE64_MIME_PERMISSIVE;
use dibhost_sys::{Cancel, Hold, Program, ProgramError};

use super::said;
use crate::error::PackageError;
use crate::files::{make_folder, write};
use crate::words::{check_key, invalid};

/// Packages that one run of `rpmkeys` checks: their names have to fit into its arguments.
const AT_ONCE: usize = 500;

/// The keys of one repository.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    folder: PathBuf,
    armoured: Vec<String>,
}

impl Keys {
    /// Writes them; the folder is this build's own.
    pub(crate) fn make(folder: PathBuf, armoured: &[String]) -> Result<Self, PackageError> {
        let armoured = armoured.iter().map(|key| check_key(key)).collect::<Result<Vec<_>, _>>()?;
        make_folder(&folder)?;
        let mut binary = Vec::new();
        for key in &armoured {
            binary.extend(dearmoured(key).map_err(invalid)?);
        }
        write(&folder.join("keys.gpg"), &binary)?;
        Ok(Self { folder, armoured })
    }

    /// Whether a file is signed by one of them, as a signature beside it says. The error is what is wrong.
    pub(crate) fn check_file(
        &self,
        file: &Path,
        signature: &Path,
        cancel: &Cancel,
    ) -> Result<Result<(), String>, PackageError> {
        let script = "exec gpgv --status-fd 2 --weak-digest SHA1 --keyring \"$@\"";
        let program = Program::new("sh")
            .args(["-c", script, "gpgv"])
            .arg(self.folder.join("keys.gpg"))
            .args([signature, file])
            .env("HOME", &self.folder)
            .held(Hold::new().read(&self.folder).read(file).read(signature));
        let said = match program.run(cancel) {
            Ok(said) => String::from_utf8_lossy(&said.stderr).into_owned(),
            Err(ProgramError::Failed { stderr, .. }) => stderr,
            Err(error) => return Err(not_run(error, "checking a signature", "gpgv")),
        };
        Ok(said::signature(&said))
    }

    /// Checks packages: each must be signed by one of them, whole. The error names the first that is not.
    pub(crate) fn check_packages(
        &self,
        packages: &[PathBuf],
        cancel: &Cancel,
    ) -> Result<Result<(), (PathBuf, String)>, PackageError> {
        let database = self.folder.join("rpm");
        if !database.is_dir() {
            make_folder(&database)?;
            for (index, key) in self.armoured.iter().enumerate() {
                let file = self.folder.join(format!("{index}.asc"));
                write(&file, key.as_bytes())?;
                let import = self.rpmkeys(&[]).arg("--import").arg(file);
                import.run(cancel).map_err(|e| not_run(e, "reading a key", "rpm"))?;
            }
        }
        for some in packages.chunks(AT_ONCE) {
            let program = self.rpmkeys(some).arg("--checksig").args(some);
            let said = match program.run(cancel) {
                Ok(said) => String::from_utf8_lossy(&said.stderr).into_owned(),
                Err(ProgramError::Failed { stderr, .. }) => stderr,
                Err(error) => return Err(not_run(error, "checking the packages", "rpm")),
            };
            for package in some {
                if let Err(why) = said::checked(&said, &package.to_string_lossy()) {
                    return Ok(Err((package.clone(), why)));
                }
            }
        }
        Ok(Ok(()))
    }

    /// It says on its standard error what it found, to be heard when it fails too.
    fn rpmkeys(&self, packages: &[PathBuf]) -> Program {
        let folders: BTreeSet<&Path> = packages.iter().filter_map(|file| file.parent()).collect();
        let own = Hold::new().read(&self.folder).write(self.folder.join("rpm"));
        let hold = folders.into_iter().fold(own, Hold::read);
        Program::new("sh")
            .args(["-c", "exec rpmkeys \"$@\" >&2", "rpmkeys", "--dbpath"])
            .arg(self.folder.join("rpm"))
            // A package without a signature is none, whatever the builder's own rpm would say.
            .args(["--define", "_pkgverify_level all"])
            .env("HOME", &self.folder)
            .held(hold)
    }
}

/// A program of the builder that could not be run.
pub(crate) fn not_run(error: ProgramError, doing: &str, package: &str) -> PackageError {
    let doing = doing.to_owned();
    match error {
        ProgramError::Cancelled(_) => PackageError::Cancelled,
        ProgramError::Start { .. } => PackageError::Rpm {
            doing,
            detail: format!("{error}; install the Debian package `{package}`"),
        },
        error => PackageError::Rpm { doing, detail: error.to_string() },
    }
}

/// The keys of an armoured text, as a keyring has them; several texts may follow each other.
fn dearmoured(text: &str) -> Result<Vec<u8>, String> {
    let mut keys = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line != "-----BEGIN PGP PUBLIC KEY BLOCK-----" {
            continue;
        }
        // Headers end with an empty line; there may be neither.
        let block: Vec<&str> =
            lines.by_ref().take_while(|l| *l != "-----END PGP PUBLIC KEY BLOCK-----").collect();
        let start = block.iter().position(|l| l.is_empty()).map_or(0, |at| at + 1);
        let body: String =
            block[start..].iter().take_while(|l| !l.starts_with('=')).copied().collect();
        let bytes = BASE64_MIME_PERMISSIVE.decode(body.as_bytes());
        keys.extend(bytes.map_err(|_| "a key of a repository is damaged".to_owned())?);
    }
    if keys.is_empty() {
        return Err("a key of a repository is empty".to_owned());
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn armour_comes_off() {
        let key = |body: &str| {
            format!(
                "-----BEGIN PGP PUBLIC KEY BLOCK-----\n{body}\n-----END PGP PUBLIC KEY BLOCK-----\n"
            )
        };
        assert_eq!(dearmoured(&key("\nAQID\nBAU=\n=abcd")).unwrap(), [1, 2, 3, 4, 5]);
        assert_eq!(dearmoured(&key("Version: x\n\nAQID\n=abcd")).unwrap(), [1, 2, 3]);
        assert_eq!(dearmoured(&key("AQID")).unwrap(), [1, 2, 3]);
        assert_eq!(dearmoured(&(key("\nAQID") + &key("\nBAUG"))).unwrap(), [1, 2, 3, 4, 5, 6]);
        assert!(dearmoured(&key("\n!!!!")).is_err());
        assert!(dearmoured("").is_err());
    }
}
