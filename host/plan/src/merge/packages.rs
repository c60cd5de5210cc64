//! Packages, repositories and the first tree, as transactions of the package manager.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_definition::{Diagnostic, Diagnostics};

use super::conflict::{By, conflict};
use super::wanted::note_with_reason;
use super::{answers, repositories};
use crate::Phase;
use crate::phrases::wanted;
use crate::transaction::{
    BootstrapWant, DebconfAnswer, GroupWant, ModuleWant, PackageWant, Transaction,
};
use crate::wish::{Bootstrap, ModuleStream, PackageGroup, PackageWish, Want, Wish, WishRecord};

/// What two wishes for a package have to agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Presence {
    /// In the tree, for the build at least.
    Present,
    Absent,
    Held,
}

fn presence(want: Want) -> Presence {
    match want {
        Want::Install | Want::BuildOnly => Presence::Present,
        Want::Remove => Presence::Absent,
        Want::Hold => Presence::Held,
    }
}

/// The transactions of a build. `touching` are the phases in which some step can see or change
/// the target: what is wished for after one of them cannot be carried out before it.
pub(crate) fn transactions(
    wishes: &[WishRecord],
    touching: &BTreeSet<Phase>,
    wrong: &mut Diagnostics,
) -> Vec<Transaction> {
    let packages = packages(wishes);
    contradictions(&packages, wishes, wrong);
    bootstraps(wishes, wrong);
    streams(wishes, wrong);
    let answers = answers::answers(wishes, wrong);
    let mut merge = Merge { kept: kept(&packages), ..Merge::default() };
    for phase in Phase::ALL {
        let of_phase: Vec<&WishRecord> = wishes.iter().filter(|w| w.phase == phase).collect();
        merge.phase(phase, &of_phase, wrong);
        merge.seen |= touching.contains(&phase);
    }
    merge.answers(answers);
    for transaction in &mut merge.done {
        transaction.install.sort();
        transaction.build_only.sort();
        transaction.remove.sort();
        transaction.hold.sort();
        transaction.answers.sort();
        transaction.modules.sort();
        transaction.groups.sort();
        transaction.repositories.sort_by(|a, b| a.repository.name().cmp(b.repository.name()));
    }
    if let (Some(first), None) =
        (merge.done.first(), merge.done.iter().find(|t| t.bootstrap.is_some()))
    {
        let phase = first.before;
        wrong.push(
            Diagnostic::new(format!("packages are wished for in the phase `{phase}`, and no element makes the first tree"))
                .with_help("add an element that does, such as `debian-minimal`"),
        );
    }
    merge.done
}

type Packages<'a> = BTreeMap<&'a str, Vec<(By<'a>, &'a PackageWish)>>;

fn packages(wishes: &[WishRecord]) -> Packages<'_> {
    let mut packages = Packages::new();
    for record in wishes {
        if let Wish::Package(wish) = &record.wish {
            let by = By::of(record);
            packages.entry(&wish.name).or_default().push((by, wish));
        }
    }
    packages
}

/// Packages that stay in the image, though somebody wants them for the build only.
fn kept<'a>(packages: &Packages<'a>) -> BTreeSet<&'a str> {
    let stays = packages.iter().filter(|(_, all)| all.iter().any(|(_, w)| w.want == Want::Install));
    stays.map(|(name, _)| *name).collect()
}

fn contradictions(packages: &Packages<'_>, wishes: &[WishRecord], wrong: &mut Diagnostics) {
    for (name, all) in packages {
        let subject = format!("the package `{name}`");
        let removes = all.iter().filter(|(_, w)| w.want == Want::Remove);
        let others = all.iter().filter(|(_, w)| w.want != Want::Remove);
        // An element may remove later what it installed itself; nobody else's.
        let at_odds = removes.clone().find_map(|(remover, _)| {
            let other = others
                .clone()
                .find(|(by, _)| by.element != remover.element || by.phase >= remover.phase)?;
            Some((remover, other))
        });
        if let Some((remover, (by, wish))) = at_odds {
            wrong.push(conflict(&subject, *by, wanted(wish.want), *remover, "it removed"));
        }
        if let (Some((remover, _)), Some(by)) =
            (removes.clone().next(), in_first_tree(wishes, name))
        {
            wrong.push(conflict(&subject, by, "it in the first tree", *remover, "it removed"));
        }
        let mut versions = all.iter().filter_map(|(by, w)| w.version.as_ref().map(|v| (by, v)));
        if let Some((first, version)) = versions.next()
            && let Some((other, another)) = versions.find(|(_, v)| *v != version)
        {
            wrong.push(conflict(
                &subject,
                *first,
                &format!("the version {version}"),
                *other,
                &format!("the version {another}"),
            ));
        }
    }
}

fn in_first_tree<'a>(wishes: &'a [WishRecord], package: &str) -> Option<By<'a>> {
    wishes.iter().find_map(|record| match &record.wish {
        Wish::Bootstrap(Bootstrap::Distribution(d)) if d.packages.iter().any(|p| p == package) => {
            Some(By::of(record))
        }
        _ => None,
    })
}

/// A module has one stream at a time.
fn streams(wishes: &[WishRecord], wrong: &mut Diagnostics) {
    let mut streams: BTreeMap<&str, (By<'_>, &str)> = BTreeMap::new();
    for record in wishes {
        let Wish::Module(ModuleStream { name, stream, .. }) = &record.wish else { continue };
        let by = By::of(record);
        let (first, other) = *streams.entry(name).or_insert((by, stream));
        if other != stream {
            wrong.push(conflict(
                &format!("the module `{name}`"),
                first,
                &format!("its stream `{other}`"),
                by,
                &format!("its stream `{stream}`"),
            ));
        }
    }
}

fn bootstraps(wishes: &[WishRecord], wrong: &mut Diagnostics) {
    let mut all = wishes.iter().filter(|w| matches!(w.wish, Wish::Bootstrap(_)));
    let by = |record: &WishRecord| format!("`{}`", record.element);
    if let (Some(first), Some(second)) = (all.next(), all.next()) {
        let message = if first.element == second.element {
            format!("{} makes the first tree twice", by(first))
        } else {
            format!("both {} and {} make the first tree", by(first), by(second))
        };
        wrong.push(
            Diagnostic::new(message)
                .with_help("an image starts from one tree: leave one of the elements out"),
        );
    }
}

#[derive(Default)]
struct Merge<'a> {
    done: Vec<Transaction>,
    /// A step ran since the last transaction that could tell the difference.
    seen: bool,
    kept: BTreeSet<&'a str>,
    /// The transaction that puts a package in its place.
    placed: BTreeMap<(Presence, String), usize>,
    repositories: BTreeMap<String, usize>,
    modules: BTreeMap<String, usize>,
    groups: BTreeMap<String, usize>,
}

impl Merge<'_> {
    fn phase(&mut self, phase: Phase, wishes: &[&WishRecord], wrong: &mut Diagnostics) {
        let bootstrap = wishes.iter().find(|w| matches!(w.wish, Wish::Bootstrap(_)));
        let news = wishes.iter().any(|w| self.is_news(&w.wish));
        if news {
            let undoes = wishes.iter().any(|w| self.undoes(&w.wish));
            match self.done.last_mut() {
                // The first tree comes before everything.
                Some(open) if !self.seen && bootstrap.is_none() && !undoes => {
                    open.phases.push(phase)
                }
                _ => {
                    self.done.push(Transaction::before(phase));
                    self.seen = false;
                }
            }
        }
        for record in wishes {
            self.wish(record, wrong);
        }
    }

    /// Whether a wish needs anything that no transaction does yet.
    fn is_news(&self, wish: &Wish) -> bool {
        match wish {
            Wish::Bootstrap(_) | Wish::UpgradeAll => true,
            Wish::Package(p) => !self.placed.contains_key(&(presence(p.want), p.name.clone())),
            Wish::Repository(r) => !self.repositories.contains_key(r.name()),
            Wish::Module(m) => !self.modules.contains_key(&m.name),
            Wish::PackageGroup(g) => !self.groups.contains_key(&g.id),
            // It joins whichever there is, so it asks for none but where there is none at all.
            Wish::Debconf(_) => self.done.is_empty(),
            _ => false,
        }
    }

    /// Whether a wish is the opposite of one in the open transaction.
    fn undoes(&self, wish: &Wish) -> bool {
        let Wish::Package(PackageWish { name, want: Want::Remove, .. }) = wish else {
            return false;
        };
        let there = self.placed.get(&(Presence::Present, name.clone()));
        there.is_some_and(|at| at + 1 == self.done.len())
    }

    fn wish(&mut self, record: &WishRecord, wrong: &mut Diagnostics) {
        let Some(last) = self.done.len().checked_sub(1) else { return };
        match &record.wish {
            Wish::Bootstrap(source) => {
                let want =
                    BootstrapWant { source: source.clone(), element: record.element.clone() };
                self.done[last].bootstrap.get_or_insert(want);
            }
            Wish::UpgradeAll => self.done[last].upgrade_all = true,
            Wish::Repository(repository) => {
                let name = repository.name().to_owned();
                let at = *self.repositories.entry(name).or_insert(last);
                repositories::add(&mut self.done[at].repositories, record, repository, wrong);
            }
            Wish::Module(module) => {
                let at = *self.modules.entry(module.name.clone()).or_insert(last);
                self.module(at, record, module);
            }
            Wish::PackageGroup(group) => {
                let at = *self.groups.entry(group.id.clone()).or_insert(last);
                self.group(at, record, group);
            }
            Wish::Package(package) => {
                let key = (presence(package.want), package.name.clone());
                let at = *self.placed.entry(key).or_insert(last);
                self.package(at, record, package);
            }
            _ => {}
        }
    }

    fn package(&mut self, at: usize, record: &WishRecord, package: &PackageWish) {
        let transaction = &mut self.done[at];
        let list = match package.want {
            Want::BuildOnly if !self.kept.contains(package.name.as_str()) => {
                &mut transaction.build_only
            }
            Want::Install | Want::BuildOnly => &mut transaction.install,
            Want::Remove => &mut transaction.remove,
            Want::Hold => &mut transaction.hold,
        };
        let index = list.iter().position(|p| p.name == package.name).unwrap_or_else(|| {
            list.push(PackageWant {
                name: package.name.clone(),
                version: None,
                wanted_by: Vec::new(),
            });
            list.len() - 1
        });
        let there = &mut list[index];
        there.version = there.version.take().or_else(|| package.version.clone());
        note_with_reason(&mut there.wanted_by, record, &package.reason);
    }

    fn module(&mut self, at: usize, record: &WishRecord, module: &ModuleStream) {
        let ModuleStream { name, stream, reason } = module;
        let modules = &mut self.done[at].modules;
        let index = modules.iter().position(|m| m.name == *name).unwrap_or_else(|| {
            let (name, stream) = (name.clone(), stream.clone());
            modules.push(ModuleWant { name, stream, wanted_by: Vec::new() });
            modules.len() - 1
        });
        note_with_reason(&mut modules[index].wanted_by, record, reason);
    }

    fn group(&mut self, at: usize, record: &WishRecord, group: &PackageGroup) {
        let PackageGroup { id, reason } = group;
        let groups = &mut self.done[at].groups;
        let index = groups.iter().position(|g| g.id == *id).unwrap_or_else(|| {
            groups.push(GroupWant { id: id.clone(), wanted_by: Vec::new() });
            groups.len() - 1
        });
        note_with_reason(&mut groups[index].wanted_by, record, reason);
    }

    /// Gives each answer to the transaction that puts its package in its place; to the first, where
    /// nobody names the package: it may come with any.
    fn answers(&mut self, answers: Vec<DebconfAnswer>) {
        for answer in answers {
            let placed = self.placed.get(&(Presence::Present, answer.package.clone()));
            if let Some(transaction) = self.done.get_mut(placed.copied().unwrap_or_default()) {
                transaction.answers.push(answer);
            }
        }
    }
}
