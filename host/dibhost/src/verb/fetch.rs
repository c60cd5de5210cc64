//! `dibhost fetch`: what a definition names of registries, into the store.

use std::fmt::Write as _;

use dibhost_plan::ask::ask;
use serde_json::json;

use crate::cli::{DataFormat, FetchArgs};
use crate::failure::Failure;
use crate::lock::Kept;
use crate::report::Reporter;
use crate::stock::{Placed, Stock};
use crate::subject::Asked;

/// Fetches, and tells of each what it is and asks for.
pub(crate) fn run(args: &FetchArgs, reporter: &Reporter) -> Result<(), Failure> {
    let asked = Asked::of(&args.subject, reporter)?;
    let elements = asked.elements(&args.elements);
    let library = super::library(&elements)?;
    let mut stock = Stock::online(&elements, &args.stock);
    stock.locked = args.locked;
    let resolved = asked.resolve(&library, &|d| stock.fill(d, &library), reporter)?;
    let placed = stock.placed();
    if args.format == DataFormat::Json {
        let all: Vec<_> = placed.values().map(as_json).collect();
        return super::show_json(&all);
    }
    if placed.is_empty() {
        return super::show("the definition names no element of a registry\n");
    }
    // What is not right with the definition beside is told by who plans it.
    let known = Kept::of(&resolved.definition)?.and_then(|kept| kept.image().cloned());
    let inputs = super::inputs(&resolved.definition, &elements);
    let inputs = super::plan_inputs(&resolved.definition, known, &stock, inputs)?;
    let asking = ask(&resolved.definition, &library, &inputs).unwrap_or_default();
    let mut text = String::new();
    for (name, one) in &placed {
        text += &as_text(one);
        for line in asking.iter().filter(|asking| asking.name == *name).flat_map(|a| &a.more) {
            let _ = writeln!(text, "  more than `dib.lock` has: {line}");
        }
    }
    super::show(&text)
}

/// What one is, and what it asks for.
pub(super) fn as_text(placed: &Placed) -> String {
    let Placed { reference, kept, verdict, is, fetched } = placed;
    let description = &is.description;
    let here = if *fetched { "" } else { " (was there)" };
    let mut text = format!(
        "{} {}{here}  {reference}\n  manifest   {}\n  component  {}\n",
        description.name, description.version, kept.manifest, kept.component
    );
    let by = match (&verdict.key, &verdict.publisher) {
        (Some(key), Some(publisher)) => format!("{key} ({})", publisher.name),
        (Some(key), None) => key.clone(),
        (None, _) => "signed by nobody who counts; the policy allows that".to_owned(),
    };
    let _ = writeln!(text, "  key        {by}");
    for request in &description.requests {
        let line = format!("  asks for   {} {}", request.capability, request.scope);
        let _ = writeln!(text, "{}: {}", line.trim_end(), request.reason);
    }
    text
}

fn as_json(placed: &Placed) -> serde_json::Value {
    let Placed { reference, kept, verdict, is, fetched } = placed;
    json!({
        "name": is.description.name,
        "version": is.description.version,
        "reference": reference.to_string(),
        "manifest-digest": kept.manifest,
        "component-digest": kept.component,
        "key": verdict.key,
        "publisher": verdict.publisher.as_ref().map(|publisher| publisher.name.clone()),
        "requests": is.description.requests,
        "fetched": fetched,
    })
}
