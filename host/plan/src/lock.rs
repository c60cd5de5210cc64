//! What an element was when somebody last agreed to it (`dib.lock`), against what it is now.

use std::collections::BTreeSet;
use std::fmt;

use dibhost_check::Check;
use dibhost_definition::{
    Definition, FirstPartyTrust, LockedElement, LockedImage, Scoped, toml_text,
};

use crate::grant::{Grants, Right};
use crate::plan::{Plan, PlanFinding, PlannedElement};
use crate::planner::Described;

/// An element that changed and asks for more than it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// Its name.
    pub element: String,
    /// The version that was agreed to.
    pub was: String,
    /// The version it has now.
    pub is: String,
    /// What it did not ask for.
    pub more: BTreeSet<Scoped>,
}

impl Growth {
    /// What it asks for beside what was agreed to: a line each, `+ exec ["sh"]`.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.more.iter().map(|(capability, scope)| match capability.unscoped() {
            true => format!("+ {capability}"),
            false => format!("+ {capability} [{}]", toml_text(scope)),
        })
    }

    pub(crate) fn finding(&self) -> PlanFinding {
        PlanFinding {
            element: Some(self.element.clone()),
            phase: None,
            location: None,
            message: self.to_string(),
            help: Some("a build stops here; `dibhost grant DEFINITION` shows what it asks for, and with `--write` agrees to it".to_owned()),
        }
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { element, was, is, .. } = self;
        let lines: Vec<_> = self.lines().collect();
        write!(
            f,
            "`{element}` changed (version {was} then, {is} now) and asks for more than `dib.lock` has: {}",
            lines.join(", ")
        )
    }
}

/// The elements of a plan that changed and ask for more. Those shipped with this host may, unless
/// the definition puts them under the rule of all others.
#[must_use]
pub fn grown(lock: &LockedImage, definition: &Definition, plan: &Plan) -> Vec<Growth> {
    let shipped = definition.trust.first_party == FirstPartyTrust::Shipped;
    let trusted = |e: &PlannedElement| e.first_party && (shipped || e.is_definition());
    let elements = plan.elements.iter().filter(|e| !trusted(e));
    elements
        .filter_map(|e| {
            let requests = e.grants.iter().map(|g| g.right.clone());
            growth(lock.get(&e.name)?, &e.name, &e.version, &e.digest, requests.collect())
        })
        .collect()
}

/// As [`grown`], of one element that is not in a plan yet and asks for that.
pub(crate) fn growth_of(
    lock: &LockedImage,
    described: &Described,
    asked: BTreeSet<Right>,
) -> Option<Growth> {
    let about = &described.description;
    let locked = lock.get(&about.name)?;
    growth(locked, &about.name, &about.version, &described.digest, asked)
}

fn growth(
    locked: &LockedElement,
    name: &str,
    version: &str,
    digest: &str,
    requests: BTreeSet<Right>,
) -> Option<Growth> {
    if !Check::LockGrowth.holds() || locked.digest == digest {
        return None;
    }
    // What cannot be read was agreed to by nobody.
    let agreed = locked.requests.iter().filter_map(|(c, text)| Right::parse(*c, text).ok());
    let agreed: Grants = agreed.collect();
    // A scope within one that was agreed to is not more.
    let more = requests.iter().filter(|asked| !agreed.include(asked));
    let more: BTreeSet<_> = more.map(Right::said).collect();
    let (was, is) = (locked.version.clone(), version.to_owned());
    (!more.is_empty()).then(|| Growth { element: name.to_owned(), was, is, more })
}

/// What the lock file says of the elements of a plan.
#[must_use]
pub fn locked(plan: &Plan) -> LockedImage {
    let element = |e: &PlannedElement| LockedElement {
        from: e.reference.clone(),
        version: e.version.clone(),
        digest: e.digest.clone(),
        // Whoever found it in a registry adds what it was there.
        manifest: None,
        key: None,
        // What the definition says stands in the definition.
        requests: match e.is_definition() {
            true => BTreeSet::new(),
            false => e.grants.iter().map(|g| g.right.said()).collect(),
        },
        pins: e.pins.clone(),
    };
    plan.elements.iter().map(|e| (e.name.clone(), element(e))).collect()
}

/// What a change of the lock file is about, a line each, for those who allow none.
#[must_use]
pub fn differences(before: &LockedImage, after: &LockedImage) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let lines = names.into_iter().filter_map(|name| match (before.get(name), after.get(name)) {
        (None, Some(now)) => Some(format!("+ {name} {} {}", now.version, now.digest)),
        (Some(then), None) => Some(format!("- {name} {} {}", then.version, then.digest)),
        (Some(then), Some(now)) if then != now => Some(format!(
            "~ {name} {} {} (was {} {}){}",
            now.version,
            now.digest,
            then.version,
            then.digest,
            elsewhere(then, now)
        )),
        _ => None,
    });
    lines.collect()
}

/// What is different of an element of a registry beside version and component.
fn elsewhere(then: &LockedElement, now: &LockedElement) -> String {
    let said = |is: &Option<String>| is.clone().unwrap_or_else(|| "none".to_owned());
    let parts = [("manifest", &then.manifest, &now.manifest), ("key", &then.key, &now.key)];
    let parts = parts.into_iter().filter(|(_, then, now)| then != now);
    parts.map(|(what, then, now)| format!(", {what} {} (was {})", said(now), said(then))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn scopes(list: &[(&str, &str)]) -> BTreeSet<Right> {
        list.iter().map(|(c, s)| Right::of(c, s).unwrap()).collect()
    }

    fn locked_as(requests: &[(&str, &str)]) -> LockedElement {
        LockedElement {
            from: "./motd.wasm".to_owned(),
            version: "1.0.0".to_owned(),
            digest: "sha256:1".to_owned(),
            manifest: None,
            key: None,
            requests: scopes(requests).iter().map(Right::said).collect(),
            pins: BTreeMap::new(),
        }
    }

    #[test]
    fn more_is_what_was_not_within_what_was_agreed_to() {
        let locked = locked_as(&[("rootfs", "write /etc"), ("packages", "lib*")]);
        let asks =
            |digest, list: &[(&str, &str)]| growth(&locked, "motd", "1.1.0", digest, scopes(list));
        let less = [("rootfs", "read /etc/motd"), ("packages", "libc6")];
        assert_eq!(asks("sha256:2", &less), None);
        let more = [("rootfs", "write /"), ("exec", "sh"), ("bootstrap", ""), ("packages", "*")];
        // The same bytes ask for the same; what the file says beside that was changed by hand.
        assert_eq!(asks("sha256:1", &more), None);
        let growth = asks("sha256:2", &more).unwrap();
        assert_eq!(
            growth.lines().collect::<Vec<_>>(),
            ["+ bootstrap", "+ exec [\"sh\"]", "+ packages [\"*\"]", "+ rootfs [\"write /\"]"]
        );
        insta::assert_snapshot!(growth, @r#"`motd` changed (version 1.0.0 then, 1.1.0 now) and asks for more than `dib.lock` has: + bootstrap, + exec ["sh"], + packages ["*"], + rootfs ["write /"]"#);
    }

    #[test]
    fn every_difference_is_a_line() {
        let image = |list: &[(&str, &LockedElement)]| -> LockedImage {
            list.iter().map(|(n, e)| ((*n).to_owned(), (*e).clone())).collect()
        };
        let old = locked_as(&[]);
        let new = LockedElement { digest: "sha256:2".to_owned(), ..old.clone() };
        let before = image(&[("a", &old), ("b", &old), ("c", &old)]);
        let after = image(&[("a", &old), ("b", &new), ("d", &old)]);
        assert_eq!(
            differences(&before, &after),
            ["~ b 1.0.0 sha256:2 (was 1.0.0 sha256:1)", "- c 1.0.0 sha256:1", "+ d 1.0.0 sha256:1"]
        );
        assert_eq!(differences(&before, &before), <[String; 0]>::default());
    }
}
