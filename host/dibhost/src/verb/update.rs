//! `dibhost update`: chooses the packages of an image anew, and locks them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use dibhost_definition::{LockedPackages, LockedVersion};
use dibhost_engine::choose_packages;
use dibhost_packages::Package;
use dibhost_registry::Outside;
use dibhost_sys::Cancel;

use crate::cli::UpdateArgs;
use crate::failure::Failure;
use crate::lock::Kept;
use crate::report::Reporter;
use crate::subject::Asked;
use crate::surroundings;

/// Chooses, tells what changes, and writes it.
pub(crate) fn run(args: &UpdateArgs, reporter: &Reporter) -> Result<(), Failure> {
    let asked = Asked::of(&args.subject, reporter)?;
    let elements = asked.elements(&args.elements);
    let library = super::library(&elements)?;
    let resolved = asked.resolve(&library, reporter)?;
    let inputs = super::inputs(&resolved.definition, &elements);
    let plan = super::planned(&resolved.definition, &library, inputs)?;
    let Some(kept) = Kept::of(&resolved.definition)? else {
        return Err(Failure::wrong(
            "an image that was typed has no lock file to write\n  help: put it into a definition: \
             `dibhost init` writes one of what is typed",
        ));
    };
    let cache = surroundings::cache_folder(&elements);
    let outside = Outside::of(&surroundings::builder());
    let cancel = Cancel::new();
    super::build::cancelled_by_signals(&cancel)?;
    let chosen = choose_packages(&plan, &cache, outside, &cancel, &mut |event| {
        reporter.event(&event);
    });
    let chosen = chosen.map_err(Failure::failed)?.ok_or_else(|| {
        Failure::wrong(
            "the first tree of this image is not made of packages: nothing is to be locked",
        )
    })?;
    let before = kept.packages().cloned().unwrap_or_default();
    let after: LockedPackages = chosen.iter().map(locked).collect();
    let security = chosen.iter().filter(|p| is_security(&p.url)).map(|p| p.name.as_str());
    super::show(&changes(&before, &after, &security.collect()))?;
    if args.dry_run { Ok(()) } else { kept.renew_packages(after) }
}

fn locked(package: &Package) -> (String, LockedVersion) {
    let version = LockedVersion {
        version: package.version.clone(),
        arch: package.arch.clone(),
        sha256: package.sha256.clone(),
    };
    (package.name.clone(), version)
}

/// Whether a package comes from the archive of a distribution's security team: Debian's and Ubuntu's say
/// so in their addresses.
fn is_security(url: &str) -> bool {
    url.split('/').any(|part| part.starts_with("security.") || part.ends_with("-security"))
}

/// What is locked anew: a line for each package that comes, goes or is another.
fn changes(before: &LockedPackages, after: &LockedPackages, security: &BTreeSet<&str>) -> String {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let width = names.iter().map(|name| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    let mut changed = 0;
    for name in names {
        let mark = if security.contains(name.as_str()) { "  security" } else { "" };
        let line = match (before.get(name), after.get(name)) {
            (None, Some(now)) if !before.is_empty() => {
                format!("+ {name:width$}  {}{mark}", now.version)
            }
            (Some(then), None) => format!("- {name:width$}  {}", then.version),
            (Some(then), Some(now)) if then.version != now.version => {
                format!("~ {name:width$}  {} → {}{mark}", then.version, now.version)
            }
            (Some(then), Some(now)) if then != now => {
                format!("~ {name:width$}  {}: another file{mark}", now.version)
            }
            _ => continue,
        };
        changed += 1;
        let _ = writeln!(text, "{line}");
    }
    let _ = match (before.is_empty(), changed) {
        (true, _) => writeln!(text, "{} packages are locked", after.len()),
        (false, 0) => writeln!(text, "nothing changed: {} packages are locked", after.len()),
        (false, n) => writeln!(text, "{n} of {} packages changed", after.len()),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(list: &[(&str, &str)]) -> LockedPackages {
        let package = |(name, version): &(&str, &str)| {
            let (arch, sha256) = ("amd64".to_owned(), format!("{version:0>64}"));
            ((*name).to_owned(), LockedVersion { version: (*version).to_owned(), arch, sha256 })
        };
        list.iter().map(package).collect()
    }

    #[test]
    fn what_changes_is_a_line_each() {
        let before = packages(&[("bash", "1"), ("libssl3", "3.0.1"), ("old", "1")]);
        let after = packages(&[("bash", "1"), ("libssl3", "3.0.2"), ("new", "2")]);
        assert_eq!(
            changes(&before, &after, &["libssl3"].into()),
            "~ libssl3  3.0.1 → 3.0.2  security\n+ new      2\n- old      1\n3 of 3 packages changed\n"
        );
        let none = BTreeSet::new();
        assert_eq!(changes(&after, &after, &none), "nothing changed: 3 packages are locked\n");
        assert_eq!(changes(&packages(&[]), &after, &none), "3 packages are locked\n");
    }

    #[test]
    fn security_updates_are_known_by_where_they_come_from() {
        for (url, is) in [
            ("http://m.example/debian-security/pool/updates/main/o/openssl/a.deb", true),
            ("http://security.m.example/pool/a.deb", true),
            ("http://m.example/debian/pool/main/s/security-misc/a.deb", false),
        ] {
            assert_eq!(is_security(url), is, "{url}");
        }
    }
}
