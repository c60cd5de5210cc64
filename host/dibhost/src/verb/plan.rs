//! `dibhost plan`: everything a build would do, why it would, and what another build would not.

use std::path::Path;

use dibhost_image::Manifest;
use dibhost_plan::Plan;
use dibhost_plan::diff::Difference;
use dibhost_plan::why::NoSuchSubject;
use serde::Serialize;

use crate::cli::{PlanArgs, PlanFormat, Subject};
use crate::failure::Failure;
use crate::subject;

/// Plans, and shows the plan, an answer about it, or what is different in another one.
pub(crate) fn run(args: &PlanArgs) -> Result<(), Failure> {
    let library = super::library(&args.elements)?;
    let planned = |subject: &Subject| {
        let subject::Resolved { definition, stem } = subject::resolve(subject)?;
        let inputs = super::inputs(&definition, &args.elements);
        let plan = super::planned(&definition, &library, inputs)?;
        Ok((plan.to_be_shown().map_err(Failure::failed)?, stem))
    };
    if args.diff {
        let [before, after] = two(&args.subject)?;
        let difference = Difference::between(&planned(&before)?.0, &planned(&after)?.0);
        return super::show(&formatted(args.format, &difference, Difference::to_text)?);
    }
    let (plan, stem) = planned(&args.subject)?;
    let text = match (&args.why, args.format) {
        (Some(subject), format) => {
            let why = plan.why(subject).map_err(|none| unanswered(none, subject, &stem))?;
            formatted(format, &why, dibhost_plan::why::Why::to_text)?
        }
        (None, PlanFormat::Svg) => plan.to_svg(),
        (None, PlanFormat::Dot) => plan.to_dot(),
        (None, format) => formatted(format, &plan, Plan::to_text)?,
    };
    super::show(&text)
}

/// What nothing in the plan wants, and of a package what the last build knows of it.
fn unanswered(none: NoSuchSubject, subject: &str, stem: &Path) -> Failure {
    let file = stem.with_added_extension("manifest.json");
    let built = std::fs::read_to_string(&file).ok().and_then(|text| Manifest::parse(&text).ok());
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

/// An answer in a format that is not a picture's.
fn formatted<T: Serialize>(
    format: PlanFormat,
    answer: &T,
    text: impl Fn(&T) -> String,
) -> Result<String, Failure> {
    match format {
        PlanFormat::Text => Ok(text(answer)),
        PlanFormat::Json => {
            let json = serde_json::to_string_pretty(answer).map_err(Failure::failed)?;
            Ok(format!("{json}\n"))
        }
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
