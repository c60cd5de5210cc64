//! Twins that note what they are asked for, and fail where they are told to.
#![allow(unreachable_pub, reason = "all of it is for the modules beside it")]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use dibhost_element::{ReadyStep, RunCall, Runner, SimulatedRunner};
use dibhost_engine::simulated::{SimulatedBase, SimulatedOutput};
use dibhost_engine::{
    Base, BuildFailure, Files, Finished, FirstTree, Needs, Output, Source, System,
};
use dibhost_image::{Format, Output as ImageFile};
use dibhost_packages::{
    Applied, IndexFile, Indexes, InstalledPackage, LockedPackage, ManagerState, PackageError,
    PackageManager, PackageSource, Resolution, Selection, Surroundings, Wanted,
};
use dibhost_plan::planner::ElementFailure;
use dibhost_plan::wish::Bootstrap;
use dibhost_sys::{Cancel, Program, ProgramError, ProgramOutput};
use dibhost_tree::{
    Change, Command, Entry, HostPrograms, LayerFiles, Layered, Laying, Line, ListedNode,
    NotApplied, Programs, Room, Scope, Scoped, SimulatedTarget, Stat, Target, TargetError,
    TargetPath, Tree, Walk, Workshop, Written,
};

use crate::journal::{Shared, of_tree};
use crate::tree::memory;

/// A twin that notes what it is asked for, and fails where it is told to.
pub struct Watched<T> {
    pub inner: T,
    pub shared: Shared,
}

fn told(changes: &[Change]) -> String {
    let what = |change: &Change| match change {
        Change::Write { path, .. } => format!("write {path}"),
        other => format!("{other:?}").split(' ').next().unwrap_or_default().to_lowercase(),
    };
    changes.iter().map(what).collect::<Vec<_>>().join(", ")
}

impl Tree for Watched<SimulatedTarget> {
    fn stat(&mut self, scope: &Scope, path: &TargetPath) -> Result<Option<Stat>, TargetError> {
        self.shared.tree(format!("stat {path}"))?;
        self.inner.stat(scope, path)
    }

    fn read(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError> {
        self.shared.tree(format!("read {path}"))?;
        self.inner.read(scope, path, offset, length)
    }

    fn walk(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        walk: Walk,
        start_after: Option<&TargetPath>,
        limit: usize,
    ) -> Result<Vec<Entry>, TargetError> {
        self.shared.tree(format!("walk {path}"))?;
        self.inner.walk(scope, path, walk, start_after, limit)
    }

    fn apply_within(
        &mut self,
        scope: &Scope,
        changes: &[Change],
        room: Room,
    ) -> Result<Written, TargetError> {
        self.shared.tree(format!("apply {}", told(changes)))?;
        self.inner.apply_within(scope, changes, room)
    }

    fn apply_each(&mut self, parts: &[Scoped]) -> Result<(), NotApplied> {
        let names: Vec<_> = parts.iter().map(|part| told(&part.changes)).collect();
        self.shared.tree(format!("apply each {}", names.join(", ")))?;
        self.inner.apply_each(parts)
    }

    fn split(
        &mut self,
        mount_points: &[TargetPath],
    ) -> Result<BTreeMap<TargetPath, PathBuf>, TargetError> {
        self.shared.tree("split")?;
        self.inner.split(mount_points)
    }

    fn list(&mut self, part: &Path, each: &mut dyn FnMut(ListedNode)) -> Result<(), TargetError> {
        self.shared.tree("list")?;
        self.inner.list(part, each)
    }

    fn read_part(
        &mut self,
        part: &Path,
        file: &Path,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError> {
        self.shared.tree(format!("read part {}", file.display()))?;
        self.inner.read_part(part, file, offset, length)
    }

    fn open_part(&self, part: &Path) -> Option<std::io::Result<std::os::fd::OwnedFd>> {
        self.inner.open_part(part)
    }

    fn clamp_times(&mut self, epoch: i64) -> Result<(), TargetError> {
        self.shared.tree("clamp")?;
        self.inner.clamp_times(epoch)
    }

    fn lay_down(&mut self, archives: &[Program], laying: Laying) -> Result<(), TargetError> {
        self.shared.tree("lay down")?;
        self.inner.lay_down(archives, laying)
    }
}

impl Programs for Watched<SimulatedTarget> {
    fn exec(
        &mut self,
        command: &Command,
        line: &mut dyn FnMut(Line),
    ) -> Result<dibhost_tree::Output, TargetError> {
        let words: Vec<_> =
            std::iter::once(&command.program).chain(&command.args).map(String::as_str).collect();
        self.shared.tree(format!("exec {}", words.join(" ")))?;
        self.inner.exec(command, line)
    }

    fn exec_on(
        &mut self,
        command: &Command,
        terminal: File,
    ) -> Result<dibhost_tree::Output, TargetError> {
        self.shared.tree(format!("exec on a terminal {}", command.program))?;
        self.inner.exec_on(command, terminal)
    }
}

impl HostPrograms for Watched<SimulatedTarget> {
    fn run_on_host(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        self.inner.run_on_host(program)
    }

    fn run_mounting(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        self.inner.run_mounting(program)
    }
}

impl Layered for Watched<SimulatedTarget> {
    fn mark(&mut self) -> Result<(), TargetError> {
        self.shared.tree("mark")?;
        self.inner.mark()
    }

    fn pack(&mut self, into: LayerFiles) -> Result<(), TargetError> {
        self.shared.tree("pack")?;
        self.inner.pack(into)
    }

    fn restore(&mut self, layers: Vec<LayerFiles>) -> Result<(), TargetError> {
        self.shared.tree(format!("restore {}", layers.len()))?;
        // What the twin begins with, so that programs need no packages: a real tree is empty.
        let (tree, aside) = (self.inner.tree(), tempfile::tempdir_in(memory()).unwrap());
        let names = |of: &Path| -> Vec<_> {
            std::fs::read_dir(of).unwrap().map(|entry| entry.unwrap().file_name()).collect()
        };
        let all_to = |from: &Path, to: &Path| {
            names(from).iter().for_each(|n| std::fs::rename(from.join(n), to.join(n)).unwrap());
        };
        all_to(&tree, aside.path());
        self.inner.restore(layers).inspect_err(|_| all_to(aside.path(), &tree))
    }
}

impl PackageManager for Watched<Box<dyn PackageManager>> {
    fn surroundings(&self) -> Surroundings {
        self.inner.surroundings()
    }

    fn refresh(&mut self, cancel: &Cancel) -> Result<(), PackageError> {
        self.shared.packages("refresh")?;
        self.inner.refresh(cancel)
    }

    fn resolve(
        &mut self,
        tree: Option<&mut dyn Workshop>,
        wanted: &Wanted,
        locked: &[LockedPackage],
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        self.shared.packages("resolve")?;
        self.inner.resolve(tree, wanted, locked, cancel)
    }

    fn fetch(
        &mut self,
        resolution: &Resolution,
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), PackageError> {
        self.shared.packages("fetch")?;
        self.inner.fetch(resolution, cancel, progress)
    }

    fn apply(
        &mut self,
        tree: &mut dyn Target,
        resolution: &Resolution,
        selections: &[Selection],
        line: &mut dyn FnMut(Line),
    ) -> Result<Applied, PackageError> {
        self.shared.packages("install")?;
        self.inner.apply(tree, resolution, selections, line)
    }

    fn write_sources(&mut self, tree: &mut dyn Target) -> Result<(), PackageError> {
        self.shared.packages("sources")?;
        self.inner.write_sources(tree)
    }

    fn hold(&mut self, tree: &mut dyn Target, names: &[String]) -> Result<(), PackageError> {
        self.shared.packages(format!("hold {}", names.join(" ")))?;
        self.inner.hold(tree, names)
    }

    fn installed(&mut self, tree: &mut dyn Target) -> Result<Vec<InstalledPackage>, PackageError> {
        self.shared.packages("installed")?;
        self.inner.installed(tree)
    }

    fn remove_unneeded(
        &mut self,
        tree: &mut dyn Workshop,
        names: &[String],
        cancel: &Cancel,
        line: &mut dyn FnMut(Line),
    ) -> Result<Vec<String>, PackageError> {
        self.shared.packages(format!("unneeded {}", names.join(" ")))?;
        self.inner.remove_unneeded(tree, names, cancel, line)
    }

    fn indexes(&self) -> Result<Indexes, PackageError> {
        self.inner.indexes()
    }

    fn known_indexes(&self) -> Vec<IndexFile> {
        self.inner.known_indexes()
    }

    fn state(&self) -> &ManagerState {
        self.inner.state()
    }

    fn resume(&mut self, state: ManagerState) {
        self.inner.resume(state);
    }

    fn run_deferred(
        &mut self,
        tree: &mut dyn Target,
        line: &mut dyn FnMut(Line),
    ) -> Result<(), PackageError> {
        self.shared.packages("deferred")?;
        self.inner.run_deferred(tree, line)
    }
}

impl Base for Watched<SimulatedBase> {
    fn begin(
        &mut self,
        source: &Bootstrap,
        system: Option<&System>,
        sources: Vec<PackageSource>,
    ) -> Result<FirstTree, BuildFailure> {
        self.shared.build("base")?;
        let begun = self.inner.begin(source, system, sources)?;
        let watched = |inner| Box::new(Watched { inner, shared: self.shared.clone() }) as _;
        Ok(FirstTree { manager: begun.manager.map(watched), bootstrap: begun.bootstrap })
    }

    fn archives(
        &mut self,
        source: &Bootstrap,
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Vec<Program>, BuildFailure> {
        self.shared.build("archives")?;
        self.inner.archives(source, cancel, progress)
    }
}

impl Runner for Watched<SimulatedRunner> {
    fn prepare(&self, call: &RunCall<'_>) -> Result<Box<dyn ReadyStep>, ElementFailure> {
        let entered = self.shared.enter(format!("step {} {}", call.element, call.step));
        entered.map_err(|way| ElementFailure::new(of_tree(way).to_string()))?;
        self.inner.prepare(call)
    }
}

impl Output for Watched<SimulatedOutput> {
    fn needs(&self) -> Needs {
        self.inner.needs()
    }

    fn make(
        &mut self,
        source: Source<'_>,
        formats: &[Format],
    ) -> Result<Vec<ImageFile>, BuildFailure> {
        self.shared.build("make")?;
        self.inner.make(source, formats)
    }

    fn publish(&mut self, finished: Finished<'_>) -> Result<Files, BuildFailure> {
        self.shared.build("publish")?;
        self.inner.publish(finished)
    }
}
