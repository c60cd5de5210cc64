//! Which file of a crate uses which, by what names, and where that goes round in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::module::{Definition, Module, Use};
use crate::source::words;

/// A module of a crate, with the file it stands in.
struct Room {
    above: Option<usize>,
    root: usize,
    file: PathBuf,
    within: BTreeMap<String, usize>,
    module: Module,
}

/// The modules of one crate that are there in every build.
#[derive(Default)]
pub(crate) struct Rooms(Vec<Room>);

/// What a path leads to.
enum Found {
    Module(usize),
    Item(usize, String),
}

/// Files that use one another in a loop, and the names that tie each to the next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Circle {
    pub(crate) files: BTreeSet<PathBuf>,
    pub(crate) ties: Vec<(PathBuf, PathBuf, BTreeSet<String>)>,
}

impl std::fmt::Display for Circle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let files: Vec<_> = self.files.iter().map(|f| f.display().to_string()).collect();
        write!(f, "a circle between files: {}", files.join(", "))?;
        for (from, to, names) in &self.ties {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            write!(f, "\n  {} uses {} of {}", from.display(), names.join(", "), to.display())?;
        }
        Ok(())
    }
}

impl Rooms {
    /// Reads a crate from the texts of its files, beginning with what cargo compiles.
    pub(crate) fn of(files: &BTreeMap<PathBuf, String>) -> Self {
        let mut rooms = Self::default();
        for file in files.keys() {
            let name = file.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            let folder = file.parent().and_then(Path::file_name).and_then(|n| n.to_str());
            if matches!((folder, name), (Some("src"), "lib.rs" | "main.rs") | (Some("bin"), _)) {
                let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
                rooms.enter(files, file, None, &folder, Module::parse(&words(&files[file])));
            }
        }
        rooms
    }

    fn enter(
        &mut self,
        files: &BTreeMap<PathBuf, String>,
        file: &Path,
        above: Option<usize>,
        folder: &Path,
        mut module: Module,
    ) -> usize {
        let at = self.0.len();
        let root = above.map_or(at, |above| self.0[above].root);
        let inline = std::mem::take(&mut module.inline);
        let declared = module.declared.clone();
        let within = BTreeMap::new();
        self.0.push(Room { above, root, file: file.to_owned(), within, module });
        for (name, module) in inline {
            let inner = self.enter(files, file, Some(at), &folder.join(&name), module);
            self.0[at].within.insert(name, inner);
        }
        for name in declared {
            let places = [folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")];
            // One that another platform or a build script has is no room of this house.
            let Some(place) = places.into_iter().find(|p| files.contains_key(p)) else { continue };
            let module = Module::parse(&words(&files[&place]));
            let inner = self.enter(files, &place, Some(at), &folder.join(&name), module);
            self.0[at].within.insert(name, inner);
        }
        at
    }

    /// Types and functions with the file that they stand in.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = (&Path, &Definition)> {
        self.0.iter().flat_map(|room| {
            room.module.defined.iter().map(|definition| (room.file.as_path(), definition))
        })
    }

    /// Names of other crates that begin paths in the code, with file and line.
    pub(crate) fn strangers(&self) -> impl Iterator<Item = (&str, &Path, usize)> {
        self.0.iter().flat_map(|room| {
            let all = room.module.uses.iter().chain(&room.module.paths);
            all.filter_map(|u| Some((u.path.first()?.as_str(), room.file.as_path(), u.line)))
        })
    }

    /// Which file uses which names of which other file.
    pub(crate) fn ties(&self) -> BTreeMap<(PathBuf, PathBuf), BTreeSet<String>> {
        let mut ties: BTreeMap<(PathBuf, PathBuf), BTreeSet<String>> = BTreeMap::new();
        for (at, room) in self.0.iter().enumerate() {
            for used in room.module.uses.iter().chain(&room.module.paths) {
                // What is only handed on is used by whoever takes it.
                let called = used.name.as_deref().unwrap_or_default();
                if used.public && !room.module.names.contains(called) {
                    continue;
                }
                let (file, name) = match self.find(at, &used.path, &mut BTreeSet::new()) {
                    Some(Found::Item(inner, name)) => (&self.0[inner].file, name),
                    Some(Found::Module(inner)) if used.glob && !used.public => {
                        let all = &self.0[inner];
                        if all.module.defined.is_empty() {
                            continue;
                        }
                        (&all.file, "*".to_owned())
                    }
                    // A module is used through the paths that begin with it.
                    _ => continue,
                };
                if *file != room.file {
                    ties.entry((room.file.clone(), file.clone())).or_default().insert(name);
                }
            }
        }
        ties
    }

    fn find(
        &self,
        at: usize,
        path: &[String],
        seen: &mut BTreeSet<(usize, String)>,
    ) -> Option<Found> {
        let mut names = path.iter();
        let mut here = match names.next()?.as_str() {
            "crate" => Found::Module(self.0[at].root),
            "self" => Found::Module(at),
            "super" => Found::Module(self.0[at].above?),
            name => self.named(at, name, seen)?,
        };
        for name in names {
            let Found::Module(module) = here else { return Some(here) };
            here = match name.as_str() {
                "super" => Found::Module(self.0[module].above?),
                name => match self.named(module, name, seen) {
                    Some(found) => found,
                    // A macro of the crate, which is exported at its root wherever it stands;
                    // else what a macro makes.
                    None => Found::Item(self.exported(module, name), name.to_owned()),
                },
            };
        }
        Some(here)
    }

    fn exported(&self, module: usize, name: &str) -> usize {
        let is = |d: &Definition| d.kind == "macro_rules" && d.name == name;
        let made = self.0.iter().position(|room| room.module.defined.iter().any(is));
        made.filter(|_| self.0[module].root == module).unwrap_or(module)
    }

    /// What a name means in a module.
    fn named(&self, at: usize, name: &str, seen: &mut BTreeSet<(usize, String)>) -> Option<Found> {
        if !seen.insert((at, name.to_owned())) {
            return None;
        }
        let room = &self.0[at];
        if let Some(inner) = room.within.get(name) {
            return Some(Found::Module(*inner));
        }
        if room.module.defined.iter().any(|d| d.name == name) {
            return Some(Found::Item(at, name.to_owned()));
        }
        let is = |u: &&Use| u.name.as_deref() == Some(name);
        let by_name = room.module.uses.iter().filter(is).find_map(|u| {
            // `use a::b;` beside `use b::c;`: a name that leads to itself is another crate's.
            let other = u.path.first().is_none_or(|first| first != name || u.path.len() == 1);
            other.then(|| self.find(at, &u.path, seen))?
        });
        by_name.or_else(|| {
            let globs = room.module.uses.iter().filter(|u| u.glob);
            globs.into_iter().find_map(|u| match self.find(at, &u.path, seen)? {
                Found::Module(inner) => self.named(inner, name, seen),
                Found::Item(..) => None,
            })
        })
    }

    /// The circles between files; each file is in one at most.
    pub(crate) fn circles(&self) -> Vec<Circle> {
        let ties = self.ties();
        let mut next: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
        for (from, to) in ties.keys() {
            next.entry(from).or_default().insert(to);
        }
        let reached = |from: &Path| {
            let mut reached: BTreeSet<&Path> = BTreeSet::new();
            let mut left: Vec<&Path> = next.get(from).into_iter().flatten().copied().collect();
            while let Some(file) = left.pop() {
                if reached.insert(file) {
                    left.extend(next.get(file).into_iter().flatten());
                }
            }
            reached
        };
        let all: BTreeMap<&Path, BTreeSet<&Path>> =
            next.keys().map(|from| (*from, reached(from))).collect();
        let mut circles: Vec<Circle> = Vec::new();
        for (file, reaches) in &all {
            let done = circles.iter().any(|circle| circle.files.contains(*file));
            if done || !reaches.contains(file) {
                continue;
            }
            let back = |other: &&&Path| all.get(**other).is_some_and(|r| r.contains(file));
            let files: BTreeSet<PathBuf> =
                reaches.iter().filter(back).map(|f| f.to_path_buf()).collect();
            let within =
                |(from, to): &(PathBuf, PathBuf)| files.contains(from) && files.contains(to);
            let ties = ties.iter().filter(|(pair, _)| within(pair));
            let ties = ties.map(|((from, to), names)| (from.clone(), to.clone(), names.clone()));
            circles.push(Circle { ties: ties.collect(), files });
        }
        circles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(files: &[(&str, &str)]) -> Rooms {
        Rooms::of(&files.iter().map(|(p, t)| (PathBuf::from(p), (*t).to_owned())).collect())
    }

    fn told(files: &[(&str, &str)]) -> String {
        let circles: Vec<_> = rooms(files).circles().iter().map(ToString::to_string).collect();
        circles.join("\n")
    }

    #[test]
    fn a_circle_is_told_with_its_files_and_the_names_that_tie_them() {
        let plan = ("x/src/plan.rs", "use crate::transaction::{Transaction, Want as W};");
        let files = [
            ("x/src/lib.rs", "mod plan; mod transaction; pub use plan::Plan;"),
            plan,
            ("x/src/transaction.rs", "fn a(p: &crate::Plan) {} pub struct Transaction;"),
        ];
        // `crate::Plan` is what `lib.rs` hands on from `plan.rs`, where a macro makes it.
        assert_eq!(
            told(&files),
            "a circle between files: x/src/plan.rs, x/src/transaction.rs\n  \
             x/src/plan.rs uses Transaction, Want of x/src/transaction.rs\n  \
             x/src/transaction.rs uses Plan of x/src/plan.rs"
        );
        let alone = [files[0], plan, ("x/src/transaction.rs", "pub struct Transaction;")];
        assert_eq!(told(&alone), "");
    }

    #[test]
    fn a_circle_goes_through_several_files() {
        let told = told(&[
            ("x/src/main.rs", "mod a; mod b; mod c; mod d; fn main() { a::f() }"),
            ("x/src/a.rs", "use super::b; pub fn f() { b::f() }"),
            ("x/src/b.rs", "use crate::{c::{self, G}, d}; pub fn f() { c::f(); d::f() }"),
            ("x/src/c.rs", "pub struct G; pub fn f() { crate::a::f() }"),
            ("x/src/d.rs", "pub fn f() {}"),
        ]);
        assert!(
            told.starts_with("a circle between files: x/src/a.rs, x/src/b.rs, x/src/c.rs\n"),
            "{told}"
        );
        assert!(told.contains("x/src/b.rs uses G, f of x/src/c.rs"), "{told}");
    }

    #[test]
    fn a_parent_that_only_declares_and_hands_on_is_in_no_circle() {
        let parent = ("x/src/a.rs", "mod b; mod c; pub use b::B; pub(crate) use c::C;");
        let root = ("x/src/lib.rs", "pub mod a;");
        let b = ("x/src/a/b.rs", "use super::C; use crate::a; pub struct B; fn f() { a::C; }");
        let c = ("x/src/a/c.rs", "pub struct C;");
        assert_eq!(told(&[root, parent, b, c]), "");
        let uses = ("x/src/a.rs", "mod b; mod c; pub use b::B; use c::C; pub fn f() -> B { C }");
        assert_eq!(told(&[root, uses, b, c]), "");
        let defines =
            ("x/src/a.rs", "mod b; mod c; pub use b::B; pub fn f() -> B {} pub struct C;");
        assert_eq!(
            told(&[root, defines, b, c]),
            "a circle between files: x/src/a/b.rs, x/src/a.rs\n  x/src/a/b.rs uses C of x/src/a.rs\n  \
             x/src/a.rs uses B of x/src/a/b.rs"
        );
    }

    #[test]
    fn tests_and_modules_in_braces_make_no_circle_of_their_own() {
        let told = told(&[
            ("x/src/lib.rs", "mod a; mod b;"),
            ("x/src/a.rs", "use crate::b::B; mod inner { use super::B; use crate::b::C; }"),
            (
                "x/src/b.rs",
                "pub struct B; pub struct C; #[cfg(test)] mod tests { use crate::a::A; }",
            ),
        ]);
        assert_eq!(told, "");
    }
}
