//! The house stands: no crate uses one above it, no file one that uses it, none is too long, and
//! one noun is one thing. What is read is what stands in the crates' `Cargo.toml` and in their
//! `use` lines and paths; a method that is called without being named in one is not seen.

mod allowed;
mod arrows;
mod floors;
mod module;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::repository;

use crate::arrows::{Circle, Rooms};
use crate::floors::{arrow_up, wrong_in_picture};

/// The most lines of a file in `src`: what is longer is two things.
const LINES: usize = 700;

/// Things that there were several of under one name.
const NOUNS: [&str; 6] = ["Place", "Answer", "Scratch", "Format", "Compression", "Repository"];

/// A crate of the house.
struct Krate {
    /// `plan`; of the SDK `element-sdk`.
    name: String,
    /// The texts in `src`, by their path in the repository.
    files: BTreeMap<PathBuf, String>,
    /// Crates of the house that it cannot be built without.
    uses: BTreeSet<String>,
}

/// All crates of the house.
fn house() -> Result<Vec<Krate>> {
    let top = repository();
    let mut folders = vec![top.join("element-sdk"), top.join("element-sdk/derive")];
    for entry in fs::read_dir(top.join("host")).context("reading `host`")? {
        folders.push(entry?.path());
    }
    folders.retain(|folder| folder.join("Cargo.toml").is_file());
    folders.sort();
    let crates: Vec<Krate> =
        folders.iter().map(|folder| read(&top, folder)).collect::<Result<_>>()?;
    ensure!(crates.len() > 10, "the house has {} crates only: is it read?", crates.len());
    Ok(crates)
}

fn read(top: &Path, folder: &Path) -> Result<Krate> {
    let place = folder.join("Cargo.toml");
    let text = fs::read_to_string(&place)?;
    let manifest: toml::Table =
        text.parse().with_context(|| format!("reading {}", place.display()))?;
    let relative = folder.strip_prefix(top)?;
    let name = relative.strip_prefix("host").unwrap_or(relative);
    let name = if name.starts_with("element-sdk") { Path::new("element-sdk") } else { name };
    let mut files = BTreeMap::new();
    texts(top, &folder.join("src"), &mut files)?;
    let name = name.to_str().context("a crate's folder is no text")?.to_owned();
    let uses = uses(&manifest);
    Ok(Krate { uses: uses.into_iter().filter(|used| *used != name).collect(), name, files })
}

/// Crates of the house that a manifest names. Those of `dev-dependencies` are of tests alone, which
/// may use what stands above.
fn uses(manifest: &toml::Table) -> BTreeSet<String> {
    let tables = ["dependencies", "build-dependencies"].into_iter();
    let named = tables.filter_map(|t| manifest.get(t)?.as_table()).flat_map(toml::Table::keys);
    named.filter_map(|name| of_house(name)).collect()
}

/// `block-device` of `dibhost-block-device` and `dibhost_block_device`.
fn of_house(name: &str) -> Option<String> {
    let name = name.replace('_', "-");
    match name.strip_prefix("dibhost-")? {
        "element-sdk-derive" => Some("element-sdk".to_owned()),
        short => Some(short.to_owned()),
    }
}

fn texts(top: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, String>) -> Result<()> {
    let list = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in list {
        let path = entry?.path();
        if path.is_dir() {
            texts(top, &path, files)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.insert(path.strip_prefix(top)?.to_owned(), fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

fn told(wrong: &[String]) -> Result<()> {
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Arrows up of one crate: by its manifest, and by its paths with their places.
fn arrows_up(krate: &Krate) -> Vec<String> {
    let named = krate.uses.iter().filter_map(|used| {
        let why = arrow_up(&krate.name, used)?;
        Some(format!("{why} (by its Cargo.toml)"))
    });
    let rooms = Rooms::of(&krate.files);
    let written = rooms.strangers().filter_map(|(name, file, line)| {
        let used = of_house(name).filter(|used| *used != krate.name)?;
        let why = arrow_up(&krate.name, &used)?;
        Some(format!("{why} ({}:{line})", file.display()))
    });
    named.chain(written).collect()
}

#[test]
fn no_crate_uses_one_that_does_not_stand_below_it() -> Result<()> {
    told(&house()?.iter().flat_map(arrows_up).collect::<Vec<_>>())
}

#[test]
fn the_pictures_of_the_house_have_its_floors() -> Result<()> {
    let crates: BTreeSet<String> = house()?.into_iter().map(|krate| krate.name).collect();
    let host = crates.into_iter().filter(|name| name != "element-sdk").collect();
    let mut wrong = Vec::new();
    for file in ["Cargo.toml", "docs/architecture.md"] {
        let text = fs::read_to_string(repository().join(file))?;
        let lines = text.lines().skip_while(|line| !line.contains("dibhost ─►"));
        let picture = lines.take_while(|line| !line.starts_with("```") && !line.starts_with('['));
        let picture: Vec<&str> = picture.collect();
        let said = wrong_in_picture(&picture.join("\n"), &host);
        wrong.extend(said.into_iter().map(|said| format!("{file}: {said}")));
    }
    told(&wrong)
}

/// Circles that nobody allowed, and allowances that nothing needs.
fn circles(found: &[Circle], allowed: &[(&[&str], &str)]) -> Vec<String> {
    let is = |circle: &Circle, files: &[&str]| {
        circle.files.iter().all(|file| files.iter().any(|place| file.starts_with(place)))
    };
    let new = found.iter().filter(|c| !allowed.iter().any(|(files, _)| is(c, files)));
    let new = new
        .map(|circle| format!("{circle}\n  put what both use into a file of its own, below both"));
    let open = allowed.iter().filter(|(files, _)| !found.iter().any(|c| is(c, files)));
    let open = open.map(|(files, _)| {
        format!("a circle that is allowed is none: {}: take it out of the list", files.join(", "))
    });
    new.chain(open).collect()
}

#[test]
fn no_file_uses_a_file_that_uses_it() -> Result<()> {
    let found: Vec<Circle> =
        house()?.iter().flat_map(|krate| Rooms::of(&krate.files).circles()).collect();
    told(&circles(&found, &allowed::CIRCLES))
}

#[test]
fn no_file_is_longer_than_can_be_read() -> Result<()> {
    let crates = house()?;
    let files = crates.iter().flat_map(|krate| &krate.files);
    let long = files.map(|(file, text)| (file, text.lines().count())).filter(|(_, n)| *n > LINES);
    let said =
        long.map(|(file, n)| format!("{} has {n} lines; {LINES} are the most", file.display()));
    told(&said.collect::<Vec<_>>())
}

/// Nouns that are several visible types, and allowances that nothing needs.
fn nouns(crates: &[Krate], allowed: &[(&str, &str, &str)]) -> Vec<String> {
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for krate in crates {
        for (file, definition) in Rooms::of(&krate.files).definitions() {
            let noun = match definition.kind.as_str() {
                "struct" | "enum" | "trait" | "type" => NOUNS.contains(&definition.name.as_str()),
                "fn" => definition.name == "harmless",
                _ => false,
            };
            if noun && definition.visible {
                let files = places.entry(definition.name.clone()).or_default();
                files.insert(file.display().to_string());
            }
        }
    }
    let mut wrong = Vec::new();
    for (noun, file, _) in allowed {
        let there = places.get(*noun).map_or(0, BTreeSet::len);
        if let Some(files) = places.get_mut(*noun) {
            files.retain(|other| !Path::new(other).starts_with(file));
        }
        if places.get(*noun).map_or(0, BTreeSet::len) == there {
            wrong.push(format!("{file} has no `{noun}` that others see: take it out of the list"));
        }
    }
    for (noun, files) in places.iter().filter(|(_, files)| files.len() > 1) {
        let files: Vec<_> = files.iter().map(String::as_str).collect();
        wrong.push(format!(
            "`{noun}` is several things: in {}: make it one, or call each what it is",
            files.join(" and in ")
        ));
    }
    wrong
}

#[test]
fn one_noun_is_one_thing() -> Result<()> {
    told(&nouns(&house()?, &allowed::NOUNS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(name: &str, uses: &[&str], files: &[(&str, &str)]) -> Krate {
        Krate {
            name: name.to_owned(),
            files: files.iter().map(|(p, t)| (PathBuf::from(p), (*t).to_owned())).collect(),
            uses: uses.iter().map(|u| (*u).to_owned()).collect(),
        }
    }

    #[test]
    fn an_arrow_up_is_told_with_its_place() {
        let text = "use dibhost_text::size;\nfn a() { dibhost_engine::build() }";
        let plan = krate("plan", &["text", "element"], &[("host/plan/src/lib.rs", text)]);
        assert_eq!(
            arrows_up(&plan),
            [
                "`plan` uses `element`, which stands above it (by its Cargo.toml)",
                "`plan` uses `engine`, which stands above it (host/plan/src/lib.rs:2)",
            ]
        );
    }

    #[test]
    fn dependencies_of_tests_are_no_arrows() {
        let text = "[dependencies]\ndibhost-sys.workspace = true\nserde = \"1\"\n\
                    [build-dependencies]\ndibhost-element-sdk-derive = { path = \"x\" }\n\
                    [dev-dependencies]\ndibhost-engine.workspace = true";
        let uses: Vec<_> = uses(&text.parse().unwrap()).into_iter().collect();
        assert_eq!(uses, ["element-sdk", "sys"]);
    }

    #[test]
    fn a_noun_twice_is_refused_unless_it_is_allowed_and_an_empty_allowance_too() {
        let crates = [
            krate("tree", &[], &[("a/src/lib.rs", "pub(crate) struct Place; struct Scratch;")]),
            krate("plan", &[], &[("b/src/lib.rs", "pub enum Place {} pub struct Scratch;")]),
        ];
        assert_eq!(
            nouns(&crates, &[]),
            [
                "`Place` is several things: in a/src/lib.rs and in b/src/lib.rs: make it one, or call each what it is"
            ]
        );
        assert_eq!(nouns(&crates, &[("Place", "a/src/lib.rs", "")]), <[String; 0]>::default());
        let wrong =
            nouns(&crates, &[("Place", "a/src/lib.rs", ""), ("Scratch", "a/src/lib.rs", "")]);
        assert_eq!(
            wrong,
            ["a/src/lib.rs has no `Scratch` that others see: take it out of the list"]
        );
    }

    #[test]
    fn an_allowed_circle_passes_until_it_is_open() {
        let of = |b| {
            let root = ("x/src/lib.rs", "mod a; mod b;");
            let a = ("x/src/a.rs", "use crate::b::B; pub struct A;");
            Rooms::of(&krate("x", &[], &[root, a, ("x/src/b.rs", b)]).files).circles()
        };
        let allowed: [(&[&str], &str); 1] = [(&["x/src/a.rs", "x/src/b.rs"], "somebody opens it")];
        let circle = of("use crate::a::A; pub struct B;");
        assert_eq!(circles(&circle, &allowed), <[String; 0]>::default());
        assert!(
            circles(&circle, &[])[0].starts_with("a circle between files: x/src/a.rs, x/src/b.rs")
        );
        let open = circles(&of("pub struct B;"), &allowed);
        assert_eq!(
            open,
            ["a circle that is allowed is none: x/src/a.rs, x/src/b.rs: take it out of the list"]
        );
    }
}
