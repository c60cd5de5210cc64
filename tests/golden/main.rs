//! Golden plans: what `dibhost plan` says of every example and of the elements that stand alone,
//! as text and as JSON, beside the JSON Schema of the latter and the picture of one of them.
//!
//! `make golden` writes all of them anew; a change of a plan is then seen, and read, in the
//! diff of a commit. What changes with the compiler (digests of components and all that derives
//! from them) is left out.

mod catalogue;
mod slots;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use dibhost_tests::cases::{Case, cases};
use dibhost_tests::{dibhost, repository};
use serde_json::Value;

/// The variable that has files written instead of compared.
const REFRESH: &str = "DIBHOST_GOLDEN";

/// The example whose picture the documentation shows.
const PICTURE: &str = "examples/debian-vm.toml";

fn planned(case: &Case, format: &str) -> Result<String> {
    let mut arguments = vec!["plan".to_owned(), "--format".to_owned(), format.to_owned()];
    arguments.extend(case.arguments.iter().cloned());
    let outcome = dibhost()?.run(&arguments)?.expect_code(0);
    Ok(outcome.with_context(|| format!("planning {}", case.name))?.stdout)
}

/// Strings that change with the compiler, and what stands for them.
fn derived(plan: &Value) -> Vec<(String, String)> {
    fn identities(at: &str, value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::String(text) => found.push((text.clone(), format!("({at})"))),
            Value::Object(map) => {
                map.iter().for_each(|(key, v)| identities(&format!("{at} {key}"), v, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    let mut add = |value: &Value, to: &str| {
        found.extend(value.as_str().map(|text| (text.to_owned(), to.to_owned())));
    };
    add(&plan["digest"], "sha256:(of the plan)");
    add(&plan["block-device"]["seed"], "(seed)");
    for element in plan["elements"].as_array().into_iter().flatten() {
        let name = element["name"].as_str().unwrap_or_default();
        add(&element["digest"], &format!("sha256:(of {name})"));
        add(&element["origin"], &format!("(elements)/{name}.wasm"));
        add(
            &element["reference"],
            &element["reference"].as_str().map_or_else(String::new, |r| {
                Path::new(r)
                    .file_name()
                    .map_or_else(String::new, |f| f.to_string_lossy().into_owned())
            }),
        );
    }
    // Where the definition says something, whoever reads it has it somewhere else.
    for place in plan["places"].as_object().into_iter().flat_map(|places| places.values()) {
        let name = place.as_str().and_then(|place| place.rsplit('/').next());
        add(place, name.unwrap_or_default());
    }
    identities("derived:", &plan["block-device"]["identities"], &mut found);
    // Keys derive from the components; what the inputs are stands elsewhere in the plan.
    for action in plan["actions"].as_array().into_iter().flatten() {
        if let Some(key) = action["key"].as_str() {
            found.push((key.to_owned(), "(key)".to_owned()));
            found.extend(key.get(..12).map(|begun| (begun.to_owned(), "(key)".to_owned())));
        }
        for input in action["inputs"].as_array().into_iter().flatten() {
            found.extend(input["digest"].as_str().map(|d| (d.to_owned(), "(digest)".to_owned())));
        }
    }
    // Longest first: an origin has the reference in it.
    found.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
    found.retain(|(from, to)| from != to);
    found
}

/// A plan without what changes with the compiler.
fn filtered(text: &str, derived: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in derived {
        text = text.replace(from, to);
        // The text form cuts long values, in the middle of a UUID too.
        if text.contains('…') {
            let cuts = from.char_indices().map(|(i, _)| i).filter(|i| *i >= 4);
            for cut in cuts {
                text = text.replace(&format!("\"{}…", &from[..cut]), &format!("\"{to}…"));
            }
        }
    }
    text
}

/// Compares a file with what it should be, or writes it.
fn pinned(path: &Path, now: &str, wrong: &mut Vec<String>) -> Result<()> {
    if std::env::var_os(REFRESH).is_some_and(|v| v == "write") {
        return fs::write(path, now).with_context(|| format!("writing {}", path.display()));
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    if committed == now {
        return Ok(());
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (committed.lines().collect(), now.lines().collect());
    let at = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let line = |lines: &[&str]| lines.get(at).map_or("(the end)", |l| l).to_owned();
    wrong.push(format!(
        "{}, line {}:\n  committed: {}\n  now:       {}",
        path.strip_prefix(repository()).unwrap_or(path).display(),
        at + 1,
        line(&old),
        line(&new)
    ));
    Ok(())
}

fn told(wrong: Vec<String>) -> Result<()> {
    ensure!(
        wrong.is_empty(),
        "{}\nif this is meant, write them anew with `make golden` and commit what changed",
        wrong.join("\n")
    );
    Ok(())
}

fn golden() -> PathBuf {
    repository().join("tests/golden")
}

fn schema_path() -> PathBuf {
    repository().join("docs/plan.schema.json")
}

fn pretty(value: &Value) -> Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?))
}

#[test]
fn every_plan_is_as_committed() -> Result<()> {
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for case in cases()? {
        let json: Value = serde_json::from_str(&planned(&case, "json")?)?;
        let derived = derived(&json);
        let mut forms = vec![("txt", planned(&case, "text")?), ("json", pretty(&json)?)];
        if case.name.starts_with("example-") {
            let mut case = Case { name: case.name.clone(), arguments: case.arguments.clone() };
            case.arguments.insert(0, "--verbose".to_owned());
            forms.push(("verbose.txt", planned(&case, "text")?));
        }
        for (extension, text) in forms {
            let name = format!("{}.{extension}", case.name);
            pinned(&golden().join(&name), &filtered(&text, &derived), &mut wrong)?;
            names.insert(name);
        }
    }
    for entry in fs::read_dir(golden())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        if path.is_dir() || name.ends_with(".rs") || names.contains(&name) {
            continue;
        }
        if std::env::var_os(REFRESH).is_some() {
            fs::remove_file(&path)?;
        } else {
            wrong.push(format!("tests/golden/{name} is of no example and no combination"));
        }
    }
    told(wrong)
}

#[test]
fn the_schema_of_the_json_form_is_as_committed_and_fits_every_plan() -> Result<()> {
    let schema = dibhost_plan::schema_of_plan();
    let mut wrong = Vec::new();
    pinned(&schema_path(), &pretty(&schema)?, &mut wrong)?;
    told(wrong)?;
    let validator = jsonschema::draft202012::new(&schema)?;
    for case in cases()? {
        let plan: Value = serde_json::from_str(&planned(&case, "json")?)?;
        let errors: Vec<String> = validator
            .iter_errors(&plan)
            .map(|e| format!("{} at {}", e, e.instance_path()))
            .collect();
        ensure!(errors.is_empty(), "{}: {}", case.name, errors.join("; "));
        // And it is no schema that everything fits.
        for part in ["steps", "wishes", "block-device", "digest"] {
            let mut less = plan.clone();
            less.as_object_mut().context("a plan is an object")?.remove(part);
            ensure!(!validator.is_valid(&less), "a plan without `{part}` fits the schema");
        }
        let mut other = plan;
        other["steps"][0]["phase"] = Value::from("later");
        ensure!(!validator.is_valid(&other), "a step in no phase fits the schema");
    }
    Ok(())
}

#[test]
fn the_schema_of_definitions_is_as_committed() -> Result<()> {
    let schema = dibhost()?.run(&["schema"])?.expect_code(0)?.stdout;
    let mut wrong = Vec::new();
    pinned(&repository().join("docs/definition.schema.json"), &schema, &mut wrong)?;
    told(wrong)
}

#[test]
fn every_shipped_element_is_in_a_plan() -> Result<()> {
    let mut seen = BTreeSet::new();
    for case in cases()? {
        let plan: Value = serde_json::from_str(&planned(&case, "json")?)?;
        let names = plan["elements"].as_array().into_iter().flatten();
        seen.extend(names.filter_map(|e| e["name"].as_str().map(str::to_owned)));
    }
    let listed = dibhost()?.run(&["element", "list", "--format", "json"])?.expect_code(0)?.stdout;
    let listed: Value = serde_json::from_str(&listed)?;
    let mut shipped = 0;
    for element in listed.as_array().context("a list")? {
        if element["element"]["first-party"] == true {
            let name = element["name"].as_str().context("a name")?;
            shipped += 1;
            if !seen.contains(name) {
                bail!("`{name}` is in no golden plan: add a combination with it");
            }
        }
    }
    ensure!(shipped > 5, "{listed}");
    Ok(())
}

/// Where the table of the host's slots begins in the documentation, and where it ends.
const TABLE: (&str, &str) = ("<!-- slots: written by `make golden` -->\n", "<!-- slots end -->\n");

#[test]
fn the_table_of_slots_is_as_the_schemas_and_the_elements_have_it() -> Result<()> {
    let path = repository().join("docs/slots.md");
    let page = fs::read_to_string(&path).context("reading docs/slots.md")?;
    let (before, rest) = page.split_once(TABLE.0).context("the page has no place for a table")?;
    let (_, after) = rest.split_once(TABLE.1).context("the table of the page does not end")?;
    let listed = dibhost()?.run(&["element", "list", "--format", "json"])?.expect_code(0)?.stdout;
    let table = slots::table(&serde_json::from_str(&listed)?)?;
    let now = format!("{before}{}{table}{}{after}", TABLE.0, TABLE.1);
    let mut wrong = Vec::new();
    pinned(&path, &now, &mut wrong)?;
    told(wrong)
}

#[test]
fn the_catalogue_of_elements_is_as_they_describe_themselves() -> Result<()> {
    let listed = dibhost()?.run(&["element", "list", "--format", "json"])?.expect_code(0)?.stdout;
    let page = catalogue::page(&serde_json::from_str(&listed)?)?;
    let mut wrong = Vec::new();
    pinned(&repository().join("docs/catalogue.md"), &page, &mut wrong)?;
    told(wrong)
}

#[test]
fn the_picture_in_the_documentation_is_as_committed() -> Result<()> {
    let typed = repository().join(PICTURE).to_string_lossy().into_owned();
    let case = Case { name: PICTURE.to_owned(), arguments: vec![typed] };
    let mut wrong = Vec::new();
    pinned(&repository().join("docs/debian-vm.svg"), &planned(&case, "svg")?, &mut wrong)?;
    told(wrong)
}

/// What `dibhost verify` writes is a script, whatever is promised.
#[test]
fn each_plan_has_a_script_that_a_shell_reads() -> Result<()> {
    for case in cases()? {
        let arguments = std::iter::once("verify".to_owned()).chain(case.arguments);
        let dibhost = dibhost()?;
        let script = dibhost.run(&arguments.collect::<Vec<_>>())?.expect_code(0)?.stdout;
        let path = dibhost.write("verify.sh", &script)?;
        let read = Command::new("dash").arg("-n").arg(&path).output()?;
        ensure!(read.status.success(), "{}: {script}", case.name);
        // Each of them promises a package and a mount.
        for what in ["\nhas 'package ", "\nlook 'mount /"] {
            ensure!(script.contains(what), "{}: no {what} in {script}", case.name);
        }
    }
    Ok(())
}
