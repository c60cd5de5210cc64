//! `dibhost plan`: everything a build would do, why it would, and what another build would not.

use std::path::{Path, PathBuf};

use dibhost_definition::Typed;
use dibhost_engine::last_plan;
use dibhost_image::Manifest;
use dibhost_plan::Plan;
use dibhost_plan::diff::Difference;
use dibhost_plan::explain::{explain, explained_text};
use dibhost_plan::why::NoSuchSubject;
use serde::Serialize;

use crate::cli::{PlanArgs, PlanFormat, Subject};
use crate::failure::Failure;
use crate::report::Reporter;
use crate::stock::Stock;
use crate::subject::Asked;
use crate::surroundings;

/// Plans, and shows the plan, an answer about it, or what is different in another one.
pub(crate) fn run(args: &PlanArgs, verbose: bool, reporter: &Reporter) -> Result<(), Failure> {
    if args.diff {
        let [before, after] = two(&args.subject)?;
        let (before, after) = (planned(&before, args, reporter)?, planned(&after, args, reporter)?);
        let difference = Difference::between(&before.plan, &after.plan);
        let told = if verbose { Difference::to_text } else { Difference::to_sentences };
        return formatted(args.format, &difference, told);
    }
    let Shown { plan, typed, stem, cache } = planned(&args.subject, args, reporter)?;
    if args.explain {
        let before = last_plan(&cache, &stem);
        let explained = explain(before.as_ref(), &plan);
        return formatted(args.format, &explained, |explained| explained_text(explained));
    }
    match (&args.why, args.format) {
        (Some(subject), format) => {
            let why = plan.why(subject).map_err(|none| unanswered(none, subject, &stem))?;
            formatted(format, &why, dibhost_plan::why::Why::to_text)
        }
        (None, PlanFormat::Svg) => super::show(&plan.to_svg()),
        (None, PlanFormat::Dot) => super::show(&plan.to_dot()),
        (None, PlanFormat::Text) => {
            let told = match verbose {
                true => plan.to_text(),
                false => plan.to_overview_of(&stem.to_string_lossy()),
            };
            super::show(&(told + &as_definition(&typed)))
        }
        (None, format) => formatted(format, &plan, Plan::to_text),
    }
}

/// What nothing in the plan wants, and of a package what the last build knows of it.
fn unanswered(none: NoSuchSubject, subject: &str, stem: &Path) -> Failure {
    let file = stem.with_added_extension("manifest.json");
    let built = dibhost_sys::read_written(&file).ok().and_then(|text| Manifest::parse(&text).ok());
    let name = subject.strip_prefix("package:").unwrap_or_default();
    let found = built.into_iter().flat_map(|built| built.packages).find(|p| p.name == name);
    let built = found.map(|package| {
        format!(
            "\n  `{}` says that {} {} came with the last build: another package depends on it",
            file.display(),
            package.name,
            package.version
        )
    });
    let NoSuchSubject { message, help } = none;
    Failure::wrong(format!("{message}{}\n  help: {help}", built.unwrap_or_default()))
}

/// A plan, and what was typed for it, as TOML.
struct Shown {
    plan: Plan,
    typed: Typed,
    /// Folder and name of the image files, without extension.
    stem: PathBuf,
    cache: PathBuf,
}

fn planned(subject: &Subject, args: &PlanArgs, reporter: &Reporter) -> Result<Shown, Failure> {
    let asked = Asked::of(subject, reporter)?;
    let elements = asked.elements(&args.elements);
    let library = super::library(&elements)?;
    let stock = Stock::offline(&elements);
    let resolved = asked.resolve(&library, &|d| stock.fill(d, &library), reporter)?;
    let inputs = super::inputs(&resolved.definition, &elements);
    let plan = super::planned(&resolved.definition, &library, &stock, inputs)?;
    let (typed, stem) = (resolved.typed, resolved.stem);
    let cache = surroundings::cache_folder(&elements);
    Ok(Shown { plan: plan.to_be_shown().map_err(Failure::failed)?, typed, stem, cache })
}

/// What was typed, as the TOML that says the same.
fn as_definition(typed: &Typed) -> String {
    // Elements alone stand above as they were typed.
    if !typed.says_more_than_image() {
        return String::new();
    }
    let typed = typed.to_toml();
    let lines: String =
        typed.lines().map(|line| format!("  {line}").trim_end().to_owned() + "\n").collect();
    format!("\nWhat was typed, as a definition says it:\n{lines}")
}

/// An answer in a format that is not a picture's.
fn formatted<T: Serialize>(
    format: PlanFormat,
    answer: &T,
    text: impl Fn(&T) -> String,
) -> Result<(), Failure> {
    match format {
        PlanFormat::Text => super::show(&text(answer)),
        PlanFormat::Json => super::show_json(answer),
        PlanFormat::Svg | PlanFormat::Dot => Err(Failure::wrong(
            "`--format svg` and `--format dot` draw a whole plan\n  help: leave `--why` or `--diff` away, or take `text` or `json`",
        )),
    }
}

/// The two definitions of `--diff`, each with what was typed beside them.
fn two(subject: &Subject) -> Result<[Subject; 2], Failure> {
    let [before, after] = subject.what.as_slice() else {
        return Err(Failure::wrong(format!(
            "`--diff` compares two definitions; the command line names {}\n  help: write `dibhost plan --diff before.toml after.toml`",
            subject.what.len()
        )));
    };
    Ok([before, after].map(|what| Subject { what: vec![what.clone()], ..subject.clone() }))
}
