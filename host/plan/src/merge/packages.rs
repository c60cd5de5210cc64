//! Packages, repositories and the first tree, as transactions of the package manager.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_definition::{Diagnostic, Diagnostics};

use super::conflict::{By, conflict, note};
use crate::Phase;
use crate::render::wanted;
use crate::transaction::{
    BootstrapWant, DebconfAnswer, PackageWant, PlannedRepository, Transaction, WantedBy,
};
use crate::wish::{Bootstrap, PackageWish, Repository, Want, Wish, WishRecord};

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
    let mut merge = Merge { kept: kept(&packages), ..Merge::default() };
    for phase in Phase::ALL {
        let of_phase: Vec<&WishRecord> = wishes.iter().filter(|w| w.phase == phase).collect();
        merge.phase(phase, &of_phase, wrong);
        merge.seen |= touching.contains(&phase);
    }
    for transaction in &mut merge.done {
        transaction.install.sort();
        transaction.build_only.sort();
        transaction.remove.sort();
        transaction.hold.sort();
        transaction.answers.sort();
        transaction.repositories.sort_by(|a, b| a.repository.name.cmp(&b.repository.name));
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
        let mut answers: BTreeMap<&str, (By<'_>, &str, &str)> = BTreeMap::new();
        for (by, wish) in all {
            for (question, kind, value) in &wish.answers {
                let (first, first_kind, first_value) =
                    *answers.entry(question).or_insert((*by, kind, value));
                if (first_kind, first_value) != (kind, value) {
                    let subject = format!("the question `{question}` of the package `{name}`");
                    let (one, other) =
                        (format!("`{first_kind} {first_value}`"), format!("`{kind} {value}`"));
                    wrong.push(conflict(&subject, first, &one, *by, &other));
                }
            }
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
            Wish::Repository(r) => !self.repositories.contains_key(&r.name),
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
            Wish::Repository(repository) => self.repository(last, record, repository, wrong),
            Wish::Package(package) => {
                let key = (presence(package.want), package.name.clone());
                let at = *self.placed.entry(key).or_insert(last);
                self.package(at, record, package);
            }
            _ => {}
        }
    }

    fn repository(
        &mut self,
        last: usize,
        record: &WishRecord,
        wanted: &Repository,
        wrong: &mut Diagnostics,
    ) {
        let at = *self.repositories.entry(wanted.name.clone()).or_insert(last);
        let all = &mut self.done[at].repositories;
        match all.iter_mut().find(|r| r.repository.name == wanted.name) {
            None => all.push(PlannedRepository {
                phase: record.phase,
                repository: wanted.clone(),
                wanted_by: vec![record.element.clone()],
            }),
            Some(there) => {
                if there.repository != *wanted {
                    let first = there.wanted_by.first().cloned().unwrap_or_default();
                    let first = By { element: &first, step: None, phase: there.phase };
                    let by = By::of(record);
                    wrong.push(conflict(
                        &format!("the repository `{}`", wanted.name),
                        first,
                        "one",
                        by,
                        "another",
                    ));
                }
                note(&mut there.wanted_by, &record.element);
            }
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
        let wanted = WantedBy {
            element: record.element.clone(),
            phase: record.phase,
            step: record.step.clone(),
            reason: package.reason.clone(),
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
        if !there.wanted_by.contains(&wanted) {
            there.wanted_by.push(wanted);
        }
        for (question, kind, value) in &package.answers {
            let known = transaction
                .answers
                .iter()
                .any(|a| a.package == package.name && a.question == *question);
            if !known {
                transaction.answers.push(DebconfAnswer {
                    package: package.name.clone(),
                    question: question.clone(),
                    kind: kind.clone(),
                    value: value.clone(),
                    element: record.element.clone(),
                });
            }
        }
    }
}
