//! Where a solver of the builder's is asked.
//!
//! Of an empty tree it is told nothing but what indexes say, and runs where it sees nothing but those.
//! The database of a tree that is there is what scripts of packages and programs of elements had in their
//! hands: whoever reads it does so as programs of the builder do that read a tree, in the worker's box, with
//! no network and nothing of the builder's in sight but programs and a folder that it cannot write to. It works
//! on a copy of that, which is gone when it has answered.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Hold, Program, ProgramError, ProgramOutput};
use dibhost_tree::Workshop;

use super::build::Build;
use super::repository::Offers;
use crate::error::PackageError;
use crate::files::{make_folder, write};

/// Where the copy lies in the box.
const COPY: &str = "/tmp/dibhost-solver";

/// Copies what is asked, then runs what follows.
const IN_THE_BOX: &str = r#"cp -R "$1" /tmp/dibhost-solver && shift && exec "$@""#;

/// One question's folder.
pub(crate) struct Desk<'a> {
    folder: PathBuf,
    /// What it is called where the solver runs.
    pub(crate) seen: PathBuf,
    /// The solver's caches, as it sees them.
    pub(crate) cache: PathBuf,
    tree: Option<&'a mut dyn Workshop>,
    /// What holds a solver that no tree holds.
    hold: Hold,
}

impl Build {
    /// A folder for a question. A tree: its database is to be read.
    pub(crate) fn desk<'a>(
        &self,
        tree: Option<&'a mut dyn Workshop>,
    ) -> Result<Desk<'a>, PackageError> {
        let boxed = tree.is_some();
        let folder = match self.downloads.placed.parent() {
            // Beside the packages, where the worker sees it.
            Some(seen) if boxed => seen.join("solver"),
            _ => self.own.join("root"),
        };
        let _ = std::fs::remove_dir_all(&folder);
        let (seen, cache) = if boxed {
            (PathBuf::from(COPY), Path::new(COPY).join("cache"))
        } else {
            (folder.clone(), self.solver.join(self.manager))
        };
        if !boxed {
            make_folder(&cache)?;
        }
        let offers = self.repositories.iter().map(Offers::offered);
        let hold = offers.fold(Hold::new().write(&folder).write(&cache), Hold::read);
        let desk = Desk { folder, seen, cache, tree, hold };
        desk.make("")?;
        Ok(desk)
    }
}

impl Desk<'_> {
    /// Makes a folder below it.
    pub(crate) fn make(&self, name: &str) -> Result<PathBuf, PackageError> {
        let mut at = self.folder.clone();
        make_folder(&at)?;
        readable(&at, 0o755)?;
        for part in Path::new(name) {
            at.push(part);
            make_folder(&at)?;
            readable(&at, 0o755)?;
        }
        Ok(self.seen.join(name))
    }

    /// Writes a file below it.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, PackageError> {
        let at = self.folder.join(name);
        write(&at, content)?;
        readable(&at, 0o644)?;
        Ok(self.seen.join(name))
    }

    /// What a repository offers, where the solver can read it.
    pub(crate) fn offered(&self, repository: &Offers) -> Result<PathBuf, PackageError> {
        if self.tree.is_none() {
            return Ok(repository.offered());
        }
        let name = format!("repositories/{}", repository.name);
        let seen = self.make(&name)?;
        copy(&repository.offered(), &self.folder.join(&name))?;
        Ok(seen)
    }

    /// Runs it, and takes the folder away again.
    pub(crate) fn run(
        self,
        program: &Program,
        cancel: &Cancel,
    ) -> Result<ProgramOutput, ProgramError> {
        let Some(tree) = self.tree else { return program.clone().held(self.hold).run(cancel) };
        let (name, args, env) = program.parts();
        let mut boxed = Program::new("sh")
            .args(["-c", IN_THE_BOX, "sh"])
            .arg(&self.folder)
            .arg(name)
            .args(args);
        for (name, value) in env {
            boxed = boxed.env(name, value);
        }
        let said = tree.run_on_host(&boxed);
        let _ = std::fs::remove_dir_all(&self.folder);
        said
    }
}

/// Lets the worker's programs read it, who are nobody on this machine.
fn readable(path: &Path, mode: u32) -> Result<(), PackageError> {
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).map_err(|source| PackageError::Io {
        doing: format!("letting the worker's programs read `{}`", path.display()),
        source,
    })
}

fn copy(from: &Path, to: &Path) -> Result<(), PackageError> {
    let doing =
        |source| PackageError::Io { doing: format!("copying `{}`", from.display()), source };
    for entry in std::fs::read_dir(from).map_err(doing)? {
        let entry = entry.map_err(doing)?;
        let at = to.join(entry.file_name());
        if entry.file_type().map_err(doing)?.is_dir() {
            make_folder(&at)?;
            readable(&at, 0o755)?;
            copy(&entry.path(), &at)?;
        } else {
            std::fs::copy(entry.path(), &at).map_err(doing)?;
            readable(&at, 0o644)?;
        }
    }
    Ok(())
}
