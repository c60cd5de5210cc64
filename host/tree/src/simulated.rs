//! A target without privileges, over a plain folder: what can be tested without root is tested
//! with it, by the same tests as the real one.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Program, ProgramError, ProgramOutput};
use tempfile::TempDir;

use crate::command::{Command, Line, Output};
use crate::error::{TargetError, os};
use crate::layered::Standing;
use crate::path::TargetPath;
use crate::rooted::Rooted;
use crate::rooted::split::{View, uncut};
use crate::tree::{
    Change, Entry, HostPrograms, LayerFiles, Layered, Laying, ListedNode, NotApplied, Programs,
    Room, Scope, Scoped, Stat, Tree, Walk, Written,
};

/// Answers for programs "run" in a simulated target.
pub type Answers =
    Box<dyn FnMut(&Command, &mut dyn FnMut(Line)) -> Result<Output, TargetError> + Send>;

/// A target without privileges over a temporary folder; programs are answered by a closure.
/// Owners are set when it runs as root and left alone otherwise.
pub struct SimulatedTarget {
    rooted: Rooted,
    answers: Answers,
    /// What was split last.
    view: Option<View>,
    standing: Standing,
    /// Removed when dropped.
    folder: TempDir,
}

impl SimulatedTarget {
    /// An empty tree in a temporary folder, removed when dropped. What is written bears the
    /// time `epoch` (seconds).
    ///
    /// # Errors
    /// No folder can be made.
    pub fn new(epoch: i64, answers: Answers) -> Result<Self, TargetError> {
        Self::new_in(&std::env::temp_dir(), epoch, answers)
    }

    /// The same, with its folder in this one.
    ///
    /// # Errors
    /// No folder can be made.
    pub fn new_in(above: &Path, epoch: i64, answers: Answers) -> Result<Self, TargetError> {
        let folder = TempDir::new_in(above).map_err(|e| os("making a temporary folder", e))?;
        let owners = rustix::process::geteuid().is_root();
        let rooted = Rooted::create(folder.path(), epoch, owners)?;
        Ok(Self { rooted, answers, view: None, standing: Standing::default(), folder })
    }

    /// The tree on the host.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }
}

impl fmt::Debug for SimulatedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedTarget").field("tree", &self.tree()).finish_non_exhaustive()
    }
}

impl Tree for SimulatedTarget {
    fn stat(&mut self, scope: &Scope, path: &TargetPath) -> Result<Option<Stat>, TargetError> {
        let stat = self.rooted.stat(scope, path)?;
        if rustix::process::geteuid().is_root() {
            return Ok(stat);
        }
        // Who cannot set owners has all of it as root's, which it would be.
        Ok(stat.map(|stat| Stat { uid: 0, gid: 0, ..stat }))
    }

    fn read(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError> {
        self.rooted.read(scope, path, offset, length)
    }

    fn walk(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        walk: Walk,
        start_after: Option<&TargetPath>,
        limit: usize,
    ) -> Result<Vec<Entry>, TargetError> {
        self.rooted.walk(scope, path, walk, start_after, limit)
    }

    fn apply_within(
        &mut self,
        scope: &Scope,
        changes: &[Change],
        room: Room,
    ) -> Result<Written, TargetError> {
        self.rooted.apply_within(scope, changes, room)
    }

    fn apply_each(&mut self, parts: &[Scoped]) -> Result<(), NotApplied> {
        self.rooted.apply_each(parts)
    }

    fn split(
        &mut self,
        mount_points: &[TargetPath],
    ) -> Result<BTreeMap<TargetPath, PathBuf>, TargetError> {
        let mut view = self.rooted.split(mount_points)?;
        let parts = TempDir::new_in(self.folder.path())
            .map_err(|e| os("making a folder for the parts of the tree", e))?;
        view.link(&self.tree(), &parts.keep())?;
        Ok(self.view.insert(view).folders())
    }

    fn list(&mut self, part: &Path, each: &mut dyn FnMut(ListedNode)) -> Result<(), TargetError> {
        let view = self.view.as_ref().ok_or_else(uncut)?;
        view.list(&self.rooted, part, &mut |nodes| nodes.into_iter().for_each(&mut *each))
    }

    fn read_part(
        &mut self,
        part: &Path,
        file: &Path,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError> {
        let view = self.view.as_ref().ok_or_else(uncut)?;
        view.read(&self.rooted, part, file, offset, length)
    }

    fn open_part(&self, part: &Path) -> Option<io::Result<OwnedFd>> {
        Some(File::open(part).map(OwnedFd::from))
    }

    fn clamp_times(&mut self, epoch: i64) -> Result<(), TargetError> {
        self.rooted.clamp_times(epoch)
    }

    fn lay_down(&mut self, archives: &[Program], laying: Laying) -> Result<(), TargetError> {
        let failed = |e: ProgramError| TargetError::Conflict(e.to_string());
        for archive in archives {
            let said = archive.run(&Cancel::new()).map_err(failed)?.stdout;
            let tar = TempDir::new().map_err(|e| os("making a temporary folder", e))?;
            let file = tar.path().join("archive.tar");
            std::fs::write(&file, said).map_err(|e| os("writing an archive", e))?;
            if laying == Laying::Over {
                give_way(&file, &self.tree()).map_err(|e| os("laying a layer over others", e))?;
            }
            let tar = Program::new("tar").arg("--extract").arg("--file").arg(&file);
            let tar = tar.arg("--exclude=.wh.*");
            tar.arg("--directory").arg(self.tree()).run(&Cancel::new()).map_err(failed)?;
        }
        Ok(())
    }
}

/// Takes away what a layer has in its place, or has whiteouts of.
fn give_way(layer: &Path, tree: &Path) -> io::Result<()> {
    let mut layer = tar::Archive::new(File::open(layer)?);
    for entry in layer.entries()? {
        let entry = entry?;
        let path = tree.join(entry.path()?);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
        let name = name.to_string_lossy().into_owned();
        let folders = path.is_dir() && !path.is_symlink() && entry.header().entry_type().is_dir();
        let gone: Vec<PathBuf> = match name.strip_prefix(".wh.") {
            Some(".wh..opq") => {
                let there = std::fs::read_dir(folder).into_iter().flatten();
                there.map(|e| e.map(|e| e.path())).collect::<io::Result<_>>()?
            }
            Some(gone) => vec![folder.join(gone)],
            None if folders => Vec::new(),
            None => vec![path],
        };
        for path in gone.into_iter().filter(|path| path.symlink_metadata().is_ok()) {
            match path.is_dir() && !path.is_symlink() {
                true => std::fs::remove_dir_all(path)?,
                false => std::fs::remove_file(path)?,
            }
        }
    }
    Ok(())
}

impl Programs for SimulatedTarget {
    fn exec(
        &mut self,
        command: &Command,
        line: &mut dyn FnMut(Line),
    ) -> Result<Output, TargetError> {
        (self.answers)(command, line)
    }

    fn exec_on(&mut self, command: &Command, mut terminal: File) -> Result<Output, TargetError> {
        self.exec(command, &mut |line| {
            // Whoever sits there no longer wants to know.
            let _ = writeln!(terminal, "{}", line.text);
        })
    }
}

impl HostPrograms for SimulatedTarget {
    fn run_on_host(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        program.run(&Cancel::new())
    }

    fn run_mounting(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        program.run(&Cancel::new())
    }
}

impl Layered for SimulatedTarget {
    fn mark(&mut self) -> Result<(), TargetError> {
        self.standing.mark(&self.rooted)
    }

    fn pack(&mut self, into: LayerFiles) -> Result<(), TargetError> {
        self.standing.pack(&self.rooted, into)
    }

    fn restore(&mut self, layers: Vec<LayerFiles>) -> Result<(), TargetError> {
        self.standing.restore(&self.rooted, layers)
    }
}
