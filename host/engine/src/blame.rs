//! Whose wish it was that a package manager could not carry out: it knows names of packages and of
//! repositories, and nothing of elements.

use dibhost_packages::PackageError;
use dibhost_plan::wish::Bootstrap;
use dibhost_plan::{Plan, Transaction, WantedBy};

use crate::asked::asked_by;
use crate::failure::BuildFailure;

/// The failure of a transaction, with what was wished for that it complains of, and who wished for it;
/// `doing` is what was being done then.
pub(crate) fn of(
    plan: &Plan,
    transaction: &Transaction,
    doing: Option<&str>,
    error: PackageError,
) -> BuildFailure {
    let cancelled = matches!(
        error,
        PackageError::Cancelled | PackageError::Target(dibhost_tree::TargetError::Cancelled)
    );
    // A mirror that has one address for all has no name either.
    let of_the_mirror = matches!(
        error,
        PackageError::NotOnMirror { .. }
            | PackageError::Unreachable(_)
            | PackageError::Signature(_)
            | PackageError::Expired(_)
    );
    let failure = BuildFailure { cancelled, ..BuildFailure::new(error) };
    if cancelled {
        return failure;
    }
    let said = failure.message.clone();
    let told = packages(plan, transaction, &said);
    let told = if told.is_empty() { repositories(plan, &said) } else { told };
    let told = match first_tree(plan) {
        Some(first) if told.is_empty() && of_the_mirror => vec![first],
        _ => told,
    };
    let doing = doing.filter(|_| !told.is_empty()).map(|what| format!("carrying out `{what}`"));
    told.into_iter().chain(doing).fold(failure, BuildFailure::doing)
}

/// Packages, groups and modules that were wished for and that are complained of.
fn packages(plan: &Plan, transaction: &Transaction, said: &str) -> Vec<String> {
    let lists = [
        (&transaction.install, "having"),
        (&transaction.build_only, "having for the build"),
        (&transaction.remove, "removing"),
        (&transaction.hold, "holding"),
    ];
    let wanted = lists.into_iter().flat_map(|(list, doing)| {
        list.iter().map(move |p| (p.name.as_str(), p.name.clone(), doing, &p.wanted_by))
    });
    let groups = transaction.groups.iter();
    let groups = groups
        .map(|g| (g.id.trim_start_matches('^'), format!("@{}", g.id), "having", &g.wanted_by));
    let modules = transaction.modules.iter();
    let modules = modules
        .map(|m| (m.name.as_str(), format!("@{}:{}", m.name, m.stream), "having", &m.wanted_by));
    let named = wanted.chain(groups).chain(modules).filter(|(name, ..)| names(said, name));
    named.map(|(_, subject, doing, by)| told(plan, &subject, doing, by)).collect()
}

fn told(plan: &Plan, subject: &str, doing: &str, wanted_by: &[WantedBy]) -> String {
    let mut elements: Vec<String> = wanted_by.iter().map(|by| by.element.clone()).collect();
    elements.dedup();
    let asked = asked_by(plan, &format!("package:{subject}"), &elements);
    format!("{doing} the package `{subject}`{asked}")
}

/// Repositories that are complained of.
fn repositories(plan: &Plan, said: &str) -> Vec<String> {
    let named = |name: &str| said.contains(&format!("repository `{name}`"));
    let added = plan.transactions.iter().flat_map(|t| &t.repositories);
    let mut told: Vec<String> = added
        .filter(|planned| named(planned.repository.name()))
        .map(|planned| {
            let name = planned.repository.name();
            let asked = asked_by(plan, &format!("repository:{name}"), &planned.wanted_by);
            format!("taking packages from the repository `{name}`{asked}")
        })
        .collect();
    let first = plan.transactions.iter().find_map(|t| t.bootstrap.as_ref());
    let origins = first.and_then(|first| match &first.source {
        Bootstrap::Distribution(distribution) => distribution.rpm.as_ref(),
        _ => None,
    });
    if origins.is_some_and(|rpm| rpm.origins.iter().any(|origin| named(&origin.name))) {
        told.extend(first_tree(plan));
    }
    told
}

fn first_tree(plan: &Plan) -> Option<String> {
    let first = plan.transactions.iter().find_map(|t| t.bootstrap.as_ref())?;
    Some(format!("making the first tree, which `{}` wishes for", first.element))
}

/// Whether a text is about a package of this name: by itself, or with its version behind it, as files are
/// called.
fn names(said: &str, name: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || "+._-".contains(c);
    said.match_indices(name).any(|(at, _)| {
        let (before, after) = (&said[..at], &said[at + name.len()..]);
        let mut next = after.chars();
        let ends = match next.next() {
            Some('-' | '_') => next.next().is_some_and(|c| c.is_ascii_digit()),
            Some('.') => next.next().is_none_or(|c| !part(c)),
            Some(c) => !part(c),
            None => true,
        };
        ends && before.chars().next_back().is_none_or(|c| !part(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_a_part_of_another() {
        for (said, name, is) in [
            ("no repository has a package `vim`; see", "vim", true),
            ("the package file `altered-1-1.noarch.rpm` is", "altered", true),
            ("the package file `altered_1_all.deb` is", "altered", true),
            ("no repository has the package `vim=9`", "vim", true),
            ("package vim-minimal-9-1.x86_64 requires b", "vim", false),
            ("package gvim-9-1.x86_64 requires b", "vim", false),
            ("nothing provides python3.11 needed by x-1-1", "python3", false),
            ("unable to locate vim.", "vim", true),
            ("E: vim", "vim", true),
        ] {
            assert_eq!(names(said, name), is, "{said}");
        }
    }
}
