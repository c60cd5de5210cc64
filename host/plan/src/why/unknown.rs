//! A subject that the plan does not have: what could have been meant.

use dibhost_text::{closest, quoted_list};

use super::subject::{Kind, NoSuchSubject, Subjects};
use crate::parameters::one_line;
use crate::plan::Plan;

pub(super) fn without_kind(subject: &str, subjects: &Subjects) -> NoSuchSubject {
    let same: Vec<String> = subjects
        .keys()
        .filter(|(_, name)| name == subject)
        .map(|(kind, name)| format!("`{}:{name}`", kind.name()))
        .collect();
    let kinds = Kind::ALL.map(|(kind, _)| kind.name());
    let word = subject.split(':').next().unwrap_or_default();
    NoSuchSubject {
        message: format!("`{}` does not say what kind of thing it is", one_line(subject)),
        help: if !same.is_empty() {
            format!("did you mean {}?", same.join(" or "))
        } else if let (true, Some(kind)) = (subject.contains(':'), closest(word, kinds)) {
            format!("did you mean `{kind}:{}`?", one_line(&subject[word.len() + 1..]))
        } else {
            format!(
                "write the kind before it, as in `package:openssh-server`; kinds are {}",
                quoted_list(kinds)
            )
        },
    }
}

pub(super) fn unknown(
    (kind, name): &(Kind, String),
    subjects: &Subjects,
    plan: &Plan,
) -> NoSuchSubject {
    let of_kind = || subjects.keys().filter(|(k, _)| k == kind).map(|(_, n)| n.as_str());
    let elsewhere = subjects.keys().find(|(k, n)| k != kind && n == name);
    let help = match (closest(name, of_kind()), elsewhere, of_kind().count()) {
        (Some(near), _, _) => format!("did you mean `{}:{near}`?", kind.name()),
        (None, Some((other, _)), _) => format!("did you mean `{}:{name}`?", other.name()),
        (None, None, 0) => format!("the plan has no {}", kind.name()),
        (None, None, 1..=20) => format!("those of the plan are {}", quoted_list(of_kind())),
        (None, None, n) => format!("the plan has {n} of them: see `dibhost plan`"),
    };
    if *kind == Kind::Package && elsewhere.is_none() && !plan.transactions.is_empty() {
        return nobody_wants(name, closest(name, of_kind()), plan);
    }
    NoSuchSubject {
        message: format!("nothing in the plan is called `{}:{}`", kind.name(), one_line(name)),
        help,
    }
}

/// A package that may come all the same, because another one depends on it.
fn nobody_wants(name: &str, near: Option<&str>, plan: &Plan) -> NoSuchSubject {
    let name = one_line(name);
    let near =
        near.map(|near| format!("did you mean `package:{near}`? Else: ")).unwrap_or_default();
    NoSuchSubject {
        message: format!(
            "no element wishes for the package `{name}`; what packages depend on is known when they \
             are resolved, while building"
        ),
        help: format!(
            "{near}a build lists all that is installed in `{}.manifest.json`; in the image, `{}` says \
             what needs it",
            plan.image.name,
            needs(&name, plan)
        ),
    }
}

/// How a package manager of the image is asked who needs a package.
fn needs(name: &str, plan: &Plan) -> String {
    let system = plan.facts_of("dib:os/distribution@1").next();
    match system.and_then(|fact| fact.value["package-manager"].as_str()) {
        Some("dnf") => format!("dnf repoquery --installed --whatrequires {name}"),
        Some("zypper") => format!("zypper search --installed-only --requires {name}"),
        _ => format!("apt-cache rdepends --installed {name}"),
    }
}
