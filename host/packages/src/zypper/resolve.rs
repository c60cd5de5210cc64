//! Which packages: what zypper would do, with what the indexes say of them.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_sys::Cancel;
use dibhost_tree::Workshop;

use super::build::Zypper;
use super::locks;
use super::solver::Shown;
use super::summary::{Act, ActKind, parse};
use crate::digest::hex;
use crate::error::PackageError;
use crate::manager::{LockedPackage, PackageSpec, Resolution, Wanted};
use crate::rpm::database;
use crate::rpm::primary::{Listed, Nevra};
use crate::rpm::resolution::{Chosen, Solution};

const DOING: &str = "resolving the packages";

/// How often versions that are locked are asked for by name, until nothing else comes with them.
const PATIENCE: usize = 5;

/// Most sentences of zypper's that an error repeats.
const SHOWN: usize = 4;

type Offered = BTreeMap<Nevra, (String, Listed)>;

impl Zypper {
    /// What is to be installed and removed.
    pub(super) fn choose(
        &mut self,
        tree: Option<&mut dyn Workshop>,
        wanted: &Wanted,
        locked: &[LockedPackage],
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        if let Some(module) = wanted.modules.first() {
            return Err(PackageError::Unresolvable(format!(
                "the module `{module}` is wished for, and zypper knows nothing of the kind"
            )));
        }
        let mut shown = Shown::default();
        let mut there = BTreeSet::new();
        let mut tree = tree.filter(|_| !wanted.bootstrap);
        if let Some(tree) = tree.as_deref_mut() {
            let (database, locks) = (database::read(tree)?, locks::read(tree)?);
            shown = Shown { database, locks, automatic: BTreeSet::new() };
            there = database::installed(tree)?.into_iter().map(|p| p.name).collect();
        }
        if !wanted.build_only.is_empty() {
            self.build.state.before_build_only.get_or_insert_with(|| there.clone());
        }
        let (install, requested) = self.build.asked_for(wanted, locked)?;
        let key = (&self.build.release, &self.build.arch, self.build.weak, &self.build.base);
        let repositories: Vec<_> =
            self.build.repositories.iter().map(|r| (&r.name, r.preference.priority)).collect();
        let key = format!("{key:?} {repositories:?} {wanted:?} {locked:?} {}", hex(&shown.locks));
        let resolution = self.build.kept_or_asked(&key, &shown.database, cancel, || {
            let offered = self.offered(cancel)?;
            let patterns = wanted.groups.iter().map(|id| pattern(id, &offered));
            let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
            let newer = there.difference(&locks::names(&shown.locks)).cloned().collect();
            let words = words(wanted, &install, patterns, &there, &newer);
            let acts = self.acts(tree, words, locked, &offered, &shown, cancel)?;
            let essential = match wanted.bootstrap {
                true => self.essential(cancel)?,
                false => BTreeSet::new(),
            };
            let solution = solution(acts, &offered, &essential)?;
            self.build.resolution(solution, wanted.bootstrap, &requested, Vec::new())
        })?;
        self.build.check_requested(&resolution, &requested, &there)?;
        if !locked.is_empty() {
            resolution.check_locked(locked)?;
        }
        Ok(resolution)
    }

    /// What it would do; locked packages as they are locked, where they can be had.
    fn acts(
        &self,
        mut tree: Option<&mut dyn Workshop>,
        mut words: Vec<String>,
        locked: &[LockedPackage],
        offered: &Offered,
        shown: &Shown,
        cancel: &Cancel,
    ) -> Result<Vec<Act>, PackageError> {
        for _ in 0..PATIENCE {
            let acts = self.would(again(&mut tree), &words, shown, cancel)?;
            let mut others = Vec::new();
            for act in acts.iter().filter(|act| act.kind != ActKind::Remove) {
                let lock = locked.iter().find(|p| p.name == act.name && p.version != act.version);
                let Some(lock) = lock else { continue };
                let nevra = (lock.name.clone(), lock.version.clone(), lock.arch.clone());
                let word = format!("{}={}", lock.name, lock.version);
                if offered.contains_key(&nevra) && !words.contains(&word) {
                    others.push((lock.name.clone(), word));
                }
            }
            if others.is_empty() {
                return Ok(acts);
            }
            for (name, word) in others {
                words.retain(|w| *w != name);
                words.push(word);
            }
        }
        self.would(tree, &words, shown, cancel)
    }

    fn would(
        &self,
        tree: Option<&mut dyn Workshop>,
        words: &[String],
        shown: &Shown,
        cancel: &Cancel,
    ) -> Result<Vec<Act>, PackageError> {
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let recommends = if self.build.weak { "--recommends" } else { "--no-recommends" };
        let mut all: Vec<String> = match words {
            [only] if only == UPDATE => vec![UPDATE.to_owned()],
            // A name is a name: nothing that provides it.
            _ => ["install", "--name", "--oldpackage"].map(str::to_owned).to_vec(),
        };
        all.extend(["--dry-run", recommends].map(str::to_owned));
        if words != [UPDATE.to_owned()] {
            all.push("--".to_owned());
            all.extend(words.iter().cloned());
        }
        let said = self.ask(tree, &all, shown, DOING, cancel)?;
        parse(&said).map_err(|problems| explain(&problems))
    }

    /// Names of what rpm is made of.
    fn essential(&self, cancel: &Cancel) -> Result<BTreeSet<String>, PackageError> {
        let acts = self.would(None, &self.build.base, &Shown::default(), cancel)?;
        Ok(acts.into_iter().map(|act| act.name).collect())
    }
}

/// A tree that is asked about more than once.
fn again<'a>(tree: &'a mut Option<&mut dyn Workshop>) -> Option<&'a mut dyn Workshop> {
    match tree {
        Some(tree) => Some(&mut **tree),
        None => None,
    }
}

/// What is to be brought up to date all at once; no name of a package is asked for alone by it.
const UPDATE: &str = "update";

/// What zypper is asked for: names, with versions or none, and with `-` before those that are to go.
/// `newer` is what may be brought up to date.
fn words(
    wanted: &Wanted,
    install: &[PackageSpec],
    patterns: Vec<String>,
    there: &BTreeSet<String>,
    newer: &BTreeSet<String>,
) -> Vec<String> {
    let mut words: Vec<String> = install
        .iter()
        // What is there stays as it is, unless it is to be another version.
        .filter(|spec| spec.version.is_some() || !there.contains(&spec.name))
        .map(|spec| match &spec.version {
            None => spec.name.clone(),
            Some(version) => format!("{}={version}", spec.name),
        })
        .collect();
    words.extend(patterns);
    words.extend(wanted.remove.iter().filter(|n| there.contains(*n)).map(|n| format!("-{n}")));
    // Beside other wishes each is asked for by name, which brings the newest.
    if wanted.upgrade_all && !wanted.bootstrap {
        if words.is_empty() {
            return vec![UPDATE.to_owned()];
        }
        words.extend(newer.iter().filter(|n| !wanted.remove.contains(n)).cloned());
    }
    words
}

/// The package that is a pattern. Whether zypper knows patterns depends on how its library was made.
fn pattern(id: &str, offered: &Offered) -> Result<String, PackageError> {
    let of_it =
        |(_, (_, listed)): &(&Nevra, &(String, Listed))| listed.pattern.as_deref() == Some(id);
    match offered.iter().find(of_it) {
        Some(((name, ..), _)) => Ok(name.clone()),
        None => Err(PackageError::Unresolvable(format!(
            "no repository has the group of packages `{id}`"
        ))),
    }
}

/// What zypper would do, with what the indexes say.
fn solution(
    acts: Vec<Act>,
    offered: &Offered,
    essential: &BTreeSet<String>,
) -> Result<Solution, PackageError> {
    let mut solution = Solution::default();
    for Act { name, version, arch, kind } in acts {
        if kind == ActKind::Remove {
            solution.removals.push(name);
            continue;
        }
        let nevra = (name, version, arch);
        let Some((repository, listed)) = offered.get(&nevra) else {
            return Err(PackageError::Rpm {
                doing: DOING.to_owned(),
                detail: format!("zypper chose `{}` {}, which no index has", nevra.0, nevra.1),
            });
        };
        let (name, version, arch) = nevra;
        if listed.release {
            solution.releases.push(version.clone());
        }
        solution.packages.push(Chosen {
            essential: essential.contains(&name),
            name,
            version,
            arch,
            repository: repository.clone(),
            location: listed.location.clone(),
            sha256: listed.sha256.clone(),
            size: listed.size,
            upgrade: kind == ActKind::Replace,
            replaces: Vec::new(),
        });
    }
    Ok(solution)
}

/// What cannot be had, and what to do.
fn explain(problems: &[String]) -> PackageError {
    let missing = problems.iter().find_map(|said| {
        let begin = ["Package '", "No provider of '"];
        let rest = begin.iter().find_map(|begin| said.strip_prefix(begin))?;
        rest.split_once("' ").map(|(name, _)| name)
    });
    if let Some(name) = missing {
        return PackageError::Unresolvable(format!(
            "no repository has a package `{name}`; see whether the name and the release are right"
        ));
    }
    let shown: Vec<&str> = problems.iter().take(SHOWN).map(String::as_str).collect();
    PackageError::Unresolvable(format!(
        "the packages cannot be installed together ({})",
        shown.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_asked_for_where_it_is_to_be_newer() {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>();
        let (there, newer) = (names(&["a", "b", "held"]), names(&["a", "b"]));
        let of = |wanted: &Wanted, patterns: &[&str]| {
            let patterns = patterns.iter().map(|n| (*n).to_owned()).collect();
            words(wanted, &wanted.install, patterns, &there, &newer)
        };
        let install = vec![PackageSpec::newest("a"), PackageSpec::newest("new")];
        let more = Wanted { install, remove: vec!["b".to_owned()], ..Wanted::default() };
        assert_eq!(of(&more, &[]), ["new", "-b"]);
        assert_eq!(of(&Wanted { upgrade_all: true, ..more }, &[]), ["new", "-b", "a"]);
        let all = Wanted { upgrade_all: true, ..Wanted::default() };
        assert_eq!(of(&all, &[]), [UPDATE]);
        assert_eq!(of(&all, &["patterns-x"]), ["patterns-x", "a", "b"]);
        assert!(of(&Wanted::default(), &[]).is_empty());
    }
}
