//! A package manager without an archive, a network or privileges: what can be tested without them
//! is tested with it, by the same tests as the real ones.
//!
//! Packages are what a test says there is. What is installed is noted in the tree, a line for each
//! package; its files are a line that says its version; its script is a program of the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use dibhost_sys::Cancel;
use dibhost_tree::{
    Attributes, Change, Command, Line, Scope, StandIn, StandInPlace, Target, TargetError,
    TargetPath, Workshop,
};

use crate::error::PackageError;
use crate::manager::{
    Applied, Batch, Indexes, InstalledPackage, LockedPackage, ManagerState, Package,
    PackageManager, PackageSource, Resolution, Selection, Surroundings, Wanted,
};

/// A package that a simulated archive offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// Its version; of several the greatest is the newest.
    pub version: String,
    /// Names of what it needs.
    pub depends: Vec<String>,
    /// It belongs to every first tree.
    pub essential: bool,
}

impl Offer {
    /// A package that needs these.
    #[must_use]
    pub fn new(name: &str, version: &str, depends: &[&str]) -> Self {
        let depends = depends.iter().map(|name| (*name).to_owned()).collect();
        Self { name: name.to_owned(), version: version.to_owned(), depends, essential: false }
    }

    /// One that belongs to every first tree.
    #[must_use]
    pub fn essential(name: &str, version: &str) -> Self {
        Self { essential: true, ..Self::new(name, version, &[]) }
    }
}

/// An archive that packages are offered in. Clones are the same archive.
#[derive(Debug, Clone, Default)]
pub struct SimulatedArchive(Arc<Mutex<Vec<Offer>>>);

impl SimulatedArchive {
    /// One that offers these.
    #[must_use]
    pub fn new(offers: Vec<Offer>) -> Self {
        Self(Arc::new(Mutex::new(offers)))
    }

    /// Offers one more, to whoever asks from now on.
    pub fn offer(&self, offer: Offer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(offer);
    }

    fn offers(&self) -> Vec<Offer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Where the tree's packages are noted: name, version, `automatic`, `manual` or `held`.
pub const RECORD: &str = "/var/lib/packages";
/// Where their files are.
pub const FILES: &str = "/usr/share/packages";
/// Where sources are written.
pub const SOURCES: &str = "/etc/packages";
/// The program of the tree that configures a package; and what its scripts put off.
pub const CONFIGURE: &str = "configure";
/// See [`CONFIGURE`].
pub const DEFERRED: &str = "refresh-images";

#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    version: String,
    automatic: bool,
    held: bool,
}

type Notes = BTreeMap<String, Note>;

/// A package manager of a simulated archive.
#[derive(Debug, Clone, Default)]
pub struct SimulatedPackages {
    archive: SimulatedArchive,
    /// What the archive offered when it was asked last.
    offers: Vec<Offer>,
    sources: Vec<PackageSource>,
    asked: bool,
    fetched: BTreeSet<String>,
    state: ManagerState,
}

/// A `*` at the end of what is wanted stands for any rest.
fn is_version(version: &str, wanted: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => version.starts_with(start),
        None => version == wanted,
    }
}

impl SimulatedPackages {
    /// Of this archive.
    #[must_use]
    pub fn new(archive: SimulatedArchive, sources: Vec<PackageSource>) -> Self {
        Self { archive, sources, ..Self::default() }
    }

    fn newest(&self, name: &str, version: Option<&str>) -> Result<&Offer, PackageError> {
        let fits = |o: &&Offer| o.name == name && version.is_none_or(|v| is_version(&o.version, v));
        self.offers.iter().filter(fits).max_by_key(|o| &o.version).ok_or_else(|| {
            let version = version.map(|v| format!(" {v}")).unwrap_or_default();
            PackageError::Unresolvable(format!("there is no package `{name}`{version}"))
        })
    }

    /// Takes a package and what it needs, the latter first.
    fn choose<'a>(
        &'a self,
        name: &str,
        version: Option<&str>,
        locked: &[LockedPackage],
        there: &Notes,
        chosen: &mut Vec<&'a Offer>,
    ) -> Result<(), PackageError> {
        let lock = locked.iter().find(|package| package.name == name);
        let version = version.or(lock.map(|package| package.version.as_str()));
        if chosen.iter().any(|offer| offer.name == name) {
            return Ok(());
        }
        if let Some(note) = there.get(name)
            && version.is_none_or(|v| is_version(&note.version, v))
        {
            return Ok(());
        }
        let offer = self.newest(name, version)?;
        chosen.push(offer);
        let at = chosen.len() - 1;
        for needed in &offer.depends {
            self.choose(needed, None, locked, there, chosen)?;
        }
        let offer = chosen.remove(at);
        chosen.push(offer);
        Ok(())
    }

    /// All that these need, themselves included.
    fn closure<'a>(&self, of: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<String> = of.cloned().collect();
        while let Some(name) = waiting.pop() {
            if let Ok(offer) = self.newest(&name, None) {
                waiting.extend(offer.depends.iter().filter(|d| !found.contains(*d)).cloned());
            }
            found.insert(name);
        }
        found
    }

    /// What is marked as a dependency, and nothing needs.
    fn unneeded(&self, notes: &Notes) -> BTreeSet<String> {
        let needed = self.closure(notes.iter().filter(|(_, n)| !n.automatic).map(|(name, _)| name));
        notes.keys().filter(|name| !needed.contains(*name)).cloned().collect()
    }
}

fn path(text: &str) -> Result<TargetPath, PackageError> {
    TargetPath::new(text).map_err(|e| PackageError::Invalid(e.to_string()))
}

fn read(tree: &mut dyn Target) -> Result<Notes, PackageError> {
    let text = match tree.read(&Scope::all(), &path(RECORD)?, 0, u64::MAX) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(TargetError::NotFound(_)) => String::new(),
        Err(error) => return Err(error.into()),
    };
    let note = |line: &str| {
        let mut words = line.split(' ');
        let (name, version) = (words.next()?.to_owned(), words.next()?.to_owned());
        let marks: Vec<&str> = words.collect();
        let (automatic, held) = (marks.contains(&"automatic"), marks.contains(&"held"));
        Some((name, Note { version, automatic, held }))
    };
    Ok(text.lines().filter_map(note).collect())
}

fn record(notes: &Notes) -> Result<Change, PackageError> {
    let line = |(name, note): (&String, &Note)| {
        let mark = if note.automatic { "automatic" } else { "manual" };
        let held = if note.held { " held" } else { "" };
        format!("{name} {} {mark}{held}\n", note.version)
    };
    let content = notes.iter().map(line).collect::<String>().into_bytes();
    Ok(Change::Write { path: path(RECORD)?, content, attributes: Attributes::default() })
}

fn folder(text: &str) -> Result<Change, PackageError> {
    Ok(Change::MakeDirectory { path: path(text)?, attributes: Attributes::default() })
}

/// A digest that is another one for another version.
fn digest(offer: &Offer) -> String {
    let sum = format!("{}={}", offer.name, offer.version);
    let number = sum.bytes().fold(7_u64, |n, b| n.wrapping_mul(31).wrapping_add(b.into()));
    format!("{number:064x}")
}

impl PackageManager for SimulatedPackages {
    fn surroundings(&self) -> Surroundings {
        let at = StandInPlace::Path("start-service".to_owned());
        let stand_ins = vec![StandIn { at, script: "#!/bin/sh\nexit 0\n".to_owned() }];
        Surroundings { stand_ins, env: [("QUIET".to_owned(), "yes".to_owned())].into() }
    }

    fn refresh(&mut self, cancel: &Cancel) -> Result<(), PackageError> {
        cancel.check().map_err(|_| PackageError::Cancelled)?;
        self.offers = self.archive.offers();
        self.asked = true;
        Ok(())
    }

    fn resolve(
        &mut self,
        tree: Option<&mut dyn Workshop>,
        wanted: &Wanted,
        locked: &[LockedPackage],
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        cancel.check().map_err(|_| PackageError::Cancelled)?;
        wanted.refuse_modules_and_groups("this package manager")?;
        if !self.asked {
            return Err(PackageError::Invalid("nobody asked what the archive offers".to_owned()));
        }
        let there = match tree {
            Some(tree) if !wanted.bootstrap => read(tree)?,
            _ => Notes::new(),
        };
        if !wanted.build_only.is_empty() {
            self.state.before_build_only.get_or_insert_with(|| there.keys().cloned().collect());
        }
        let asked: Vec<_> = wanted.install.iter().chain(&wanted.build_only).collect();
        if let Some(both) = asked.iter().find(|spec| wanted.remove.contains(&spec.name)) {
            return Err(PackageError::Unresolvable(format!(
                "the package `{}` is to be installed and to be removed",
                both.name
            )));
        }
        let mut chosen = Vec::new();
        if wanted.bootstrap {
            for offer in self.offers.iter().filter(|offer| offer.essential) {
                self.choose(&offer.name, None, locked, &there, &mut chosen)?;
            }
        }
        for spec in &asked {
            self.choose(&spec.name, spec.version.as_deref(), locked, &there, &mut chosen)?;
        }
        if wanted.upgrade_all {
            let old = |name: &&String| {
                let note = &there[*name];
                let newer = self.newest(name, None).is_ok_and(|o| o.version > note.version);
                newer && !note.held && !wanted.remove.contains(name)
            };
            for name in there.keys().filter(old) {
                // What it needs and is there stays as it is, until its own turn comes.
                let mut others = there.clone();
                others.remove(name);
                self.choose(name, None, locked, &others, &mut chosen)?;
            }
            chosen.retain(|o| there.get(&o.name).is_none_or(|n| n.version != o.version));
        }
        let requested: Vec<String> = asked.iter().map(|spec| spec.name.clone()).collect();
        let package = |offer: &&Offer| Package {
            name: offer.name.clone(),
            version: offer.version.clone(),
            arch: "all".to_owned(),
            file: format!("{}_{}_all.pkg", offer.name, offer.version),
            url: format!("simulated:/{}", offer.name),
            sha256: digest(offer),
            size: 1000,
            essential: wanted.bootstrap && offer.essential,
            requested: requested.contains(&offer.name),
            upgrade: there.contains_key(&offer.name),
        };
        let packages: Vec<Package> = chosen.iter().map(package).collect();
        let other = packages.iter().find(|p| !locked.contains(&LockedPackage::from(*p)));
        if let (false, Some(other)) = (locked.is_empty(), other) {
            let (name, version) = (&other.name, &other.version);
            return Err(PackageError::Locked(format!(
                "`{name}` {version} is needed and not in it"
            )));
        }
        let removals = wanted.remove.iter().filter(|name| there.contains_key(*name)).cloned();
        let names = packages.iter().filter(|p| !p.essential).map(|p| p.name.clone()).collect();
        Ok(Resolution {
            bootstrap: wanted.bootstrap,
            removals: removals.collect(),
            order: vec![Batch::Unpack(names)],
            packages,
            requested,
            modules: Vec::new(),
        })
    }

    fn fetch(
        &mut self,
        resolution: &Resolution,
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), PackageError> {
        cancel.check().map_err(|_| PackageError::Cancelled)?;
        let mut done = 0;
        progress(done, resolution.size());
        for package in &resolution.packages {
            done += package.size;
            self.fetched.insert(package.sha256.clone());
            progress(done, resolution.size());
        }
        Ok(())
    }

    fn apply(
        &mut self,
        tree: &mut dyn Target,
        resolution: &Resolution,
        selections: &[Selection],
        line: &mut dyn FnMut(Line),
    ) -> Result<Applied, PackageError> {
        if let Some(missing) =
            resolution.packages.iter().find(|p| !self.fetched.contains(&p.sha256))
        {
            return Err(PackageError::Corrupt(format!("`{}` was not fetched", missing.file)));
        }
        let mut notes = read(tree)?;
        let mut changes = vec![folder("/var/lib")?, folder(FILES)?];
        for name in &resolution.removals {
            notes.remove(name);
            changes.push(Change::Remove { path: path(&format!("{FILES}/{name}"))? });
        }
        for package in &resolution.packages {
            let automatic = match notes.get(&package.name) {
                Some(note) => note.automatic && !package.requested,
                None => !package.requested && !package.essential,
            };
            let note = Note { version: package.version.clone(), automatic, held: false };
            notes.insert(package.name.clone(), note);
            let content = format!("{}\n", package.version).into_bytes();
            let path = path(&format!("{FILES}/{}", package.name))?;
            changes.push(Change::Write { path, content, attributes: Attributes::default() });
        }
        for name in &resolution.requested {
            if let Some(note) = notes.get_mut(name) {
                note.automatic = false;
            }
        }
        changes.push(record(&notes)?);
        tree.apply(&Scope::own(), &changes)?;
        let mut applied = Applied::default();
        let answers: String =
            selections.iter().map(|s| format!("{} {}\n", s.question, s.value)).collect();
        for package in &resolution.packages {
            let Surroundings { stand_ins, env } = self.surroundings();
            let command = Command {
                program: CONFIGURE.to_owned(),
                args: vec![package.name.clone()],
                stdin: (!answers.is_empty()).then(|| answers.clone().into_bytes()),
                stand_ins,
                env,
                defer: vec![DEFERRED.to_owned()],
                ..Command::default()
            };
            let output = tree.exec(&command, line)?;
            if output.status != 0 {
                return Err(PackageError::Install {
                    doing: format!("configuring `{}`", package.name),
                    detail: String::from_utf8_lossy(&output.stderr).into_owned(),
                });
            }
            for call in output.deferred {
                for noted in [&mut applied.deferred, &mut self.state.deferred] {
                    if !noted.contains(&call.program) {
                        noted.push(call.program.clone());
                    }
                }
            }
        }
        Ok(applied)
    }

    fn write_sources(&mut self, tree: &mut dyn Target) -> Result<(), PackageError> {
        let mut changes = vec![folder(SOURCES)?];
        for source in self.sources.iter().filter(|source| !source.build_only) {
            let path = path(&format!("{SOURCES}/{}", source.name))?;
            let content = format!("{}\n{}\n", source.url, source.key).into_bytes();
            changes.push(Change::Write { path, content, attributes: Attributes::default() });
        }
        Ok(tree.apply(&Scope::own(), &changes)?)
    }

    fn hold(&mut self, tree: &mut dyn Target, names: &[String]) -> Result<(), PackageError> {
        let mut notes = read(tree)?;
        for name in names {
            let note = notes.get_mut(name).ok_or_else(|| PackageError::Install {
                doing: "holding packages at their version".to_owned(),
                detail: format!("`{name}` is not installed"),
            })?;
            note.held = true;
        }
        Ok(tree.apply(&Scope::own(), &[record(&notes)?])?)
    }

    fn installed(&mut self, tree: &mut dyn Target) -> Result<Vec<InstalledPackage>, PackageError> {
        let package = |(name, note): (String, Note)| InstalledPackage {
            name,
            version: note.version,
            arch: "all".to_owned(),
        };
        Ok(read(tree)?.into_iter().map(package).collect())
    }

    fn remove_unneeded(
        &mut self,
        tree: &mut dyn Workshop,
        names: &[String],
        cancel: &Cancel,
        _line: &mut dyn FnMut(Line),
    ) -> Result<Vec<String>, PackageError> {
        cancel.check().map_err(|_| PackageError::Cancelled)?;
        let mut notes = read(tree)?;
        let before = self.unneeded(&notes);
        for name in names {
            if let Some(note) = notes.get_mut(name) {
                note.automatic = true;
            }
        }
        let old = self.state.before_build_only.clone().unwrap_or_default();
        let gone: Vec<String> = self
            .unneeded(&notes)
            .into_iter()
            .filter(|n| names.contains(n) || (!before.contains(n) && !old.contains(n)))
            .collect();
        let mut changes = Vec::new();
        for name in &gone {
            notes.remove(name);
            changes.push(Change::Remove { path: path(&format!("{FILES}/{name}"))? });
        }
        changes.push(record(&notes)?);
        tree.apply(&Scope::own(), &changes)?;
        Ok(gone)
    }

    fn indexes(&self) -> Result<Indexes, PackageError> {
        if !self.asked {
            return Err(PackageError::Invalid("nobody asked what the archive offers".to_owned()));
        }
        let offers: Vec<String> = self.offers.iter().map(digest).collect();
        Ok(Indexes { digest: offers.concat() })
    }

    fn state(&self) -> &ManagerState {
        &self.state
    }

    fn resume(&mut self, state: ManagerState) {
        self.state = state;
    }

    fn run_deferred(
        &mut self,
        tree: &mut dyn Target,
        line: &mut dyn FnMut(Line),
    ) -> Result<(), PackageError> {
        for program in self.state.deferred.clone() {
            let Surroundings { stand_ins, env } = self.surroundings();
            let command = Command { program, stand_ins, env, ..Command::default() };
            let output = tree.exec(&command, line)?;
            if output.status != 0 {
                return Err(PackageError::Install {
                    doing: format!("running `{}`", command.program),
                    detail: String::from_utf8_lossy(&output.stderr).into_owned(),
                });
            }
        }
        self.state.deferred.clear();
        Ok(())
    }
}
