//! The tree of a build, whose programs are run with what its package manager asks for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use dibhost_packages::Surroundings;
use dibhost_sys::{Program, ProgramError, ProgramOutput};
use dibhost_tree::{
    Change, Command, Entry, HostPrograms, LayerFiles, Layered, Laying, Line, ListedNode,
    NotApplied, Output, Programs, Room, Scope, Scoped, Stat, TargetError, TargetPath, Tree, Walk,
    Workshop, Written,
};
use zeroize::Zeroize as _;

/// A tree, and what each of its programs is run with, whoever starts it.
pub(crate) struct Furnished<'a> {
    tree: &'a mut dyn Workshop,
    surroundings: Surroundings,
}

impl<'a> Furnished<'a> {
    pub(crate) fn new(tree: &'a mut dyn Workshop) -> Self {
        Self { tree, surroundings: Surroundings::default() }
    }

    /// From now on programs are run with this.
    pub(crate) fn furnish(&mut self, surroundings: Surroundings) {
        self.surroundings = surroundings;
    }
}

impl Furnished<'_> {
    /// A command with all that programs of the tree are run with.
    fn furnished(&self, command: &Command) -> Command {
        let mut command = command.clone();
        for stand_in in &self.surroundings.stand_ins {
            if !command.stand_ins.iter().any(|there| there.at == stand_in.at) {
                command.stand_ins.push(stand_in.clone());
            }
        }
        for (name, value) in &self.surroundings.env {
            command.env.entry(name.clone()).or_insert_with(|| value.clone());
        }
        command
    }
}

impl Programs for Furnished<'_> {
    fn exec(
        &mut self,
        command: &Command,
        line: &mut dyn FnMut(Line),
    ) -> Result<Output, TargetError> {
        let mut command = self.furnished(command);
        let done = self.tree.exec(&command, line);
        // It may be a password, and whoever handed it over wipes no copy of it.
        command.stdin.zeroize();
        done
    }

    fn exec_on(&mut self, command: &Command, terminal: File) -> Result<Output, TargetError> {
        let command = self.furnished(command);
        self.tree.exec_on(&command, terminal)
    }
}

impl Tree for Furnished<'_> {
    fn stat(&mut self, scope: &Scope, path: &TargetPath) -> Result<Option<Stat>, TargetError> {
        self.tree.stat(scope, path)
    }

    fn read(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError> {
        self.tree.read(scope, path, offset, length)
    }

    fn walk(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        walk: Walk,
        start_after: Option<&TargetPath>,
        limit: usize,
    ) -> Result<Vec<Entry>, TargetError> {
        self.tree.walk(scope, path, walk, start_after, limit)
    }

    fn apply_within(
        &mut self,
        scope: &Scope,
        changes: &[Change],
        room: Room,
    ) -> Result<Written, TargetError> {
        self.tree.apply_within(scope, changes, room)
    }

    fn apply_each(&mut self, parts: &[Scoped]) -> Result<(), NotApplied> {
        self.tree.apply_each(parts)
    }

    fn split(
        &mut self,
        mount_points: &[TargetPath],
    ) -> Result<BTreeMap<TargetPath, PathBuf>, TargetError> {
        self.tree.split(mount_points)
    }

    fn list(&mut self, part: &Path, each: &mut dyn FnMut(ListedNode)) -> Result<(), TargetError> {
        self.tree.list(part, each)
    }

    fn read_part(
        &mut self,
        part: &Path,
        file: &Path,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError> {
        self.tree.read_part(part, file, offset, length)
    }

    fn open_part(&self, part: &Path) -> Option<io::Result<OwnedFd>> {
        self.tree.open_part(part)
    }

    fn clamp_times(&mut self, epoch: i64) -> Result<(), TargetError> {
        self.tree.clamp_times(epoch)
    }

    fn lay_down(&mut self, archives: &[Program], laying: Laying) -> Result<(), TargetError> {
        self.tree.lay_down(archives, laying)
    }
}

impl HostPrograms for Furnished<'_> {
    fn run_on_host(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        self.tree.run_on_host(program)
    }

    fn are_nobody(&self) -> bool {
        self.tree.are_nobody()
    }

    fn run_mounting(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        self.tree.run_mounting(program)
    }
}

impl Layered for Furnished<'_> {
    fn mark(&mut self) -> Result<(), TargetError> {
        self.tree.mark()
    }

    fn pack(&mut self, into: LayerFiles) -> Result<(), TargetError> {
        self.tree.pack(into)
    }

    fn restore(&mut self, layers: Vec<LayerFiles>) -> Result<(), TargetError> {
        self.tree.restore(layers)
    }
}
