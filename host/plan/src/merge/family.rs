//! Wishes that only one family of package managers knows, against the one of the image.

use dibhost_definition::{Diagnostic, Diagnostics};
use dibhost_text::quoted_list;
use serde_json::Value;

use super::conflict::By;
use crate::fact::Fact;
use crate::label::label;
use crate::schema::DISTRIBUTION;
use crate::wish::{Bootstrap, Repository, Wish, WishRecord};

/// Package managers, as `bootstrap` and `dib:os/distribution@1` name them.
const DEB: &[&str] = &["apt"];
const RPM: &[&str] = &["dnf", "zypper"];
const DNF: &[&str] = &["dnf"];

/// Refuses what the image's package manager does not know, so that no wish is overlooked. Where
/// nothing says which one it is, nothing can be refused.
pub(crate) fn check(wishes: &[WishRecord], facts: &[Fact], wrong: &mut Diagnostics) {
    first_tree(wishes, wrong);
    let Some((manager, why)) = of_first_tree(wishes).or_else(|| of_system(facts)) else { return };
    for record in wishes {
        if let (true, Wish::Package(package)) = (DEB.contains(&manager), &record.wish) {
            debian_name(&package.name, &By::of(record), wrong);
        }
        for (managers, what) in only_for(&record.wish) {
            if managers.contains(&manager) {
                continue;
            }
            let by = By::of(record);
            wrong.push(
                Diagnostic::new(format!(
                    "{by} wishes for {what}, which `{manager}` knows nothing of, and {why}"
                ))
                .with_help(format!(
                    "that is for images of {}: leave `{}` out, or have it look at `{DISTRIBUTION}` before it wishes",
                    quoted_list(managers),
                    record.element
                )),
            );
        }
    }
}

/// Names of Debian's packages: Debian Policy 5.6.1. Those of RPM packages may have more.
fn debian_name(name: &str, by: &By<'_>, wrong: &mut Diagnostics) {
    if let Some(odd) = name.chars().find(|c| c.is_ascii_uppercase() || *c == '_') {
        // Its line stands before the sentence.
        let who = by.place.map_or_else(|| by.to_string(), |_| "the definition".to_owned());
        let problem = format!("{who} wishes for the package `{name}`, which has {odd:?} in it");
        let nearest = name.to_ascii_lowercase().replace('_', "-");
        wrong.push(
            Diagnostic::new(format!("{problem}: no package of Debian's has"))
                .with_help(format!("did you mean `{nearest}`?"))
                .at(by.place),
        );
    }
}

/// A first tree says what its package manager makes it of, and nothing of another family.
fn first_tree(wishes: &[WishRecord], wrong: &mut Diagnostics) {
    for record in wishes {
        let Wish::Bootstrap(Bootstrap::Distribution(first)) = &record.wish else { continue };
        let by = By::of(record);
        let manager = first.package_manager.as_str();
        let lacks = |what: &str| {
            Diagnostic::new(format!("{by} makes the first tree by `{manager}`, and names {what}"))
                .with_help(format!("that is for the author of `{}` to say", record.element))
        };
        match &first.rpm {
            Some(_) if !RPM.contains(&manager) => {
                wrong.push(lacks("repositories of RPM packages, which it knows nothing of"));
            }
            None if RPM.contains(&manager) => wrong.push(lacks("no repository to make it from")),
            Some(rpm) if rpm.origins.is_empty() => {
                wrong.push(lacks("no repository to make it from"));
            }
            Some(rpm) if rpm.base.is_empty() => wrong.push(lacks("no package to make it of")),
            Some(_) if first.mirror.is_some() || !first.keys.is_empty() => {
                wrong.push(lacks("a mirror or a key beside those of its repositories"));
            }
            _ => {}
        }
    }
}

fn of_first_tree(wishes: &[WishRecord]) -> Option<(&str, String)> {
    wishes.iter().find_map(|record| match &record.wish {
        Wish::Bootstrap(Bootstrap::Distribution(first)) => {
            let why = format!("{} makes the first tree by that", By::of(record));
            Some((first.package_manager.as_str(), why))
        }
        _ => None,
    })
}

fn of_system(facts: &[Fact]) -> Option<(&str, String)> {
    let fact = facts.iter().find(|fact| fact.slot == DISTRIBUTION)?;
    let manager = fact.value.get("package-manager").and_then(Value::as_str)?;
    let who = label(&fact.provider, fact.step.as_deref());
    Some((manager, format!("`{who}` says that it is the system's package manager")))
}

/// What of a wish only some package managers know, and which ones.
fn only_for(wish: &Wish) -> Vec<(&'static [&'static str], String)> {
    match wish {
        Wish::Debconf(answer) => {
            let what = format!(
                "an answer to the question `{}` of the package `{}`",
                answer.question, answer.package
            );
            vec![(DEB, what)]
        }
        Wish::Repository(Repository::Deb(deb)) => {
            vec![(DEB, format!("the repository `{}` of Debian packages", deb.name))]
        }
        Wish::Repository(Repository::Rpm(rpm)) => {
            let name = &rpm.name;
            let dnfs =
                [(rpm.cost.is_some(), "the cost"), (rpm.module_hotfixes, "hot fixes of modules")];
            let dnfs = dnfs.into_iter().filter(|(wanted, _)| *wanted);
            let mut all = vec![(RPM, format!("the repository `{name}` of RPM packages"))];
            all.extend(dnfs.map(|(_, what)| (DNF, format!("{what} of the repository `{name}`"))));
            all
        }
        Wish::Module(module) => {
            vec![(DNF, format!("the module `{}:{}`", module.name, module.stream))]
        }
        Wish::PackageGroup(group) => {
            vec![(DNF, format!("the group of packages `{}`", group.id))]
        }
        _ => Vec::new(),
    }
}
