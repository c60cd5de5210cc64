//! `dibhost update`: chooses the packages of an image anew, and locks them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use dibhost_definition::{Definition, LockedElement, LockedImage, LockedPackages, LockedVersion};
use dibhost_element::Library;
use dibhost_engine::choose_packages;
use dibhost_packages::Package;
use dibhost_plan::ask::ask;
use dibhost_sys::Cancel;

use crate::cli::{ElementOptions, UpdateArgs, Updated};
use crate::failure::Failure;
use crate::lock::Kept;
use crate::registries::registries;
use crate::report::Reporter;
use crate::stock::Stock;
use crate::subject::Asked;
use crate::surroundings;

/// Chooses, tells what changes, and writes it: first the elements, whose rights may grow.
pub(crate) fn run(args: &UpdateArgs, reporter: &Reporter) -> Result<(), Failure> {
    let asked = Asked::of(&args.subject, reporter)?;
    let elements = asked.elements(&args.elements);
    let library = super::library(&elements)?;
    let mut stock = Stock::online(&elements, &args.stock);
    stock.renew = args.only != Some(Updated::Packages);
    let resolved = asked.resolve(&library, &|d| stock.fill(d, &library), reporter)?;
    let definition = &resolved.definition;
    let from_registries = update_elements(args, definition, &library, &elements, &stock)?;
    if args.only == Some(Updated::Elements) {
        return match from_registries {
            true => Ok(()),
            false => Err(Failure::wrong("the definition names no element of a registry")),
        };
    }
    let inputs = super::inputs(definition, &elements);
    let plan = super::planned(definition, &library, &stock, inputs)?;
    let Some(kept) = Kept::of(definition)? else { return Err(typed()) };
    let cache = surroundings::cache_folder(&elements);
    let registries = registries(&args.stock.registries);
    let cancel = Cancel::new();
    super::build::cancelled_by_signals(&cancel)?;
    let chosen = choose_packages(&plan, &cache, &registries, &cancel, &mut |event| {
        reporter.event(&event);
    });
    let Some(chosen) = chosen.map_err(Failure::failed)? else {
        return match from_registries {
            true => Ok(()),
            false => Err(Failure::wrong(
                "the first tree of this image is not made of packages: nothing is to be locked",
            )),
        };
    };
    let before = kept.packages().cloned().unwrap_or_default();
    let after: LockedPackages = chosen.iter().map(locked).collect();
    let security = chosen.iter().filter(|p| is_security(&p.url)).map(|p| p.name.as_str());
    super::show(&changes(&before, &after, &security.collect()))?;
    if args.dry_run { Ok(()) } else { kept.renew_packages(after) }
}

fn typed() -> Failure {
    Failure::wrong(
        "an image that was typed has no lock file to write\n  help: put it into a definition: \
         `dibhost init` writes one of what is typed",
    )
}

/// Tells what changes of the elements of registries, rights first, and locks it where somebody agreed
/// to it; whether there are any.
fn update_elements(
    args: &UpdateArgs,
    definition: &Definition,
    library: &Library,
    elements: &ElementOptions,
    stock: &Stock,
) -> Result<bool, Failure> {
    let placed = stock.placed();
    if placed.is_empty() || !stock.renew {
        return Ok(!placed.is_empty());
    }
    let Some(kept) = Kept::of(definition)? else { return Err(typed()) };
    let before = kept.image().cloned().unwrap_or_default();
    let inputs = super::inputs(definition, elements);
    let inputs = super::plan_inputs(definition, Some(before.clone()), stock, inputs)?;
    let asking = ask(definition, library, &inputs).map_err(Failure::wrong)?;
    let mut now = before.clone();
    let (mut text, mut more) = (String::new(), false);
    for one in asking.iter().filter(|one| placed.contains_key(&one.name)) {
        let is = LockedImage::from([(one.name.clone(), one.locked())]);
        let Some(is) = stock.complete(is).remove(&one.name) else { continue };
        let then = before.get(&one.name);
        let changed = element_change(&one.name, then, &is, &one.more);
        more |= then.is_some() && (!one.more.is_empty() || other_key(then, &is));
        text += &changed;
        // What it fetched stays what it was, as far as it is the same component.
        let pins = then.filter(|then| then.digest == is.digest).map(|then| then.pins.clone());
        now.insert(one.name.clone(), LockedElement { pins: pins.unwrap_or_default(), ..is });
    }
    if text.is_empty() {
        text = "nothing changed of the elements of registries\n".to_owned();
    }
    super::show(&text)?;
    if args.dry_run {
        return Ok(true);
    }
    if more && !args.agree {
        let file = definition.file.as_deref().unwrap_or_default();
        return Err(Failure::wrong(format!(
            "nothing was updated: what is marked asks for more than it did, or another key signed it\n  \
             help: `dibhost update --agree {file}` agrees to it; `dibhost grant {file}` tells then what of it \
             has to be granted"
        )));
    }
    kept.renew(now)?;
    Ok(true)
}

fn other_key(then: Option<&LockedElement>, now: &LockedElement) -> bool {
    then.is_some_and(|then| then.key.is_some() && then.key != now.key)
}

/// What changes of an element: a line, and one for each right that it asks for beyond what it had.
fn element_change(
    name: &str,
    then: Option<&LockedElement>,
    now: &LockedElement,
    more: &[String],
) -> String {
    let mut text = match then {
        None => format!("+ {name}  {}\n", now.version),
        Some(then) if then.version != now.version => {
            format!("~ {name}  {} → {}\n", then.version, now.version)
        }
        Some(then) if then.manifest != now.manifest || then.digest != now.digest => {
            format!("~ {name}  {}: another component\n", now.version)
        }
        Some(then) if then.key != now.key => format!("~ {name}  {}\n", now.version),
        Some(_) => return String::new(),
    };
    for line in more {
        let _ = writeln!(text, "    asks for more: {line}");
    }
    if other_key(then, now) {
        let said = |key: Option<&String>| key.cloned().unwrap_or_else(|| "nobody".to_owned());
        let was = said(then.and_then(|then| then.key.as_ref()));
        let _ = writeln!(text, "    signed by {} instead of {was}", said(now.key.as_ref()));
    }
    text
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
    fn what_an_element_asks_for_beyond_is_told_below_it() {
        let locked = |version: &str, key: Option<&str>| LockedElement {
            version: version.to_owned(),
            digest: version.to_owned(),
            key: key.map(str::to_owned),
            ..LockedElement::default()
        };
        let (old, new) = (locked("1.2.0", Some("sha256:a")), locked("1.3.0", Some("sha256:a")));
        assert_eq!(element_change("motd", Some(&old), &old, &[]), "");
        assert_eq!(element_change("motd", None, &new, &[]), "+ motd  1.3.0\n");
        let more = ["+ exec [\"sh\"]".to_owned()];
        assert_eq!(
            element_change("motd", Some(&old), &new, &more),
            "~ motd  1.2.0 → 1.3.0\n    asks for more: + exec [\"sh\"]\n"
        );
        let unsigned = locked("1.2.0", None);
        assert!(other_key(Some(&old), &unsigned) && !other_key(Some(&unsigned), &old));
        assert_eq!(
            element_change("motd", Some(&old), &unsigned, &[]),
            "~ motd  1.2.0\n    signed by nobody instead of sha256:a\n"
        );
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
