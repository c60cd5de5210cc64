//! `dibhost grant`: what elements ask for and why, and the TOML that grants it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use dibhost_definition::{Chosen, Definition, LOCK_FILE, add_grants, scope_lines, toml_key};
use dibhost_plan::ask::{Ask, Asking, ask};
use serde_json::json;

use crate::cli::{DataFormat, GrantArgs};
use crate::failure::Failure;
use crate::lock::{self, Kept};
use crate::stock::Stock;

/// Shows what is asked; with `--write`, grants it and agrees to what the elements are now.
pub(crate) fn run(args: &GrantArgs) -> Result<(), Failure> {
    let chosen = Chosen { variant: args.variant.as_deref(), ..Chosen::default() };
    let definition = Definition::load_chosen(&args.definition, chosen).map_err(Failure::wrong)?;
    let library = super::library(&args.elements)?;
    let stock = Stock::offline(&args.elements);
    stock.fill(&definition, &library)?;
    let kept = Kept::of(&definition)?;
    let known = kept.as_ref().and_then(Kept::image).cloned();
    let inputs =
        super::plan_inputs(&definition, known, &stock, super::inputs(&definition, &args.elements))?;
    let asking = ask(&definition, &library, &inputs).map_err(Failure::wrong)?;
    let missing: BTreeMap<_, _> = asking
        .iter()
        .map(|element| (element.name.clone(), element.missing()))
        .filter(|(_, missing)| !missing.is_empty())
        .collect();
    let text = match args.format {
        DataFormat::Json => {
            let grants: String = asking.iter().filter_map(lines).collect();
            let document = json!({ "elements": asking, "missing": grants, "written": args.write });
            format!("{document:#}\n")
        }
        DataFormat::Text => as_text(&asking, args),
    };
    if args.write {
        if !missing.is_empty() {
            let old = dibhost_sys::read_written(&args.definition).map_err(|error| {
                Failure::failed(format!("reading `{}`: {error}", args.definition.display()))
            })?;
            let new = add_grants(&old, &missing).map_err(Failure::wrong)?;
            lock::replace(&real(&args.definition), &new)?;
        }
        if let Some(kept) = kept {
            let image = asking.iter().map(|e| (e.name.clone(), e.locked())).collect();
            kept.renew(stock.complete(image))?;
        }
    }
    super::show(&text)
}

/// Behind a symbolic link: the file it leads to is the one to write.
fn real(path: &Path) -> std::path::PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The lines that are missing for an element; none: nothing is.
fn lines(element: &Asking) -> Option<String> {
    let missing = element.missing();
    let name = toml_key(&element.name);
    (!missing.is_empty()).then(|| format!("[grants.{name}]\n{}", scope_lines(&missing)))
}

fn as_text(asking: &[Asking], args: &GrantArgs) -> String {
    let mut text = String::new();
    for element in asking.iter().filter(|e| !e.trusted) {
        let Asking { name, version, reference, digest, .. } = element;
        let nothing = if element.asks.is_empty() { " asks for nothing" } else { "" };
        let _ = writeln!(text, "# {name} {version} (`{reference}`){nothing}\n#   {digest}");
        let mut last = "";
        for asked in &element.asks {
            if asked.meaning != last {
                let _ = writeln!(text, "#   it {}", asked.meaning);
                last = &asked.meaning;
            }
            let scope = if asked.scope.is_empty() { "" } else { &asked.scope };
            let state = match (asked.applies, asked.granted) {
                (false, _) => "not here",
                (true, true) => "granted",
                (true, false) => "not granted",
            };
            let only = match asked.when.as_str() {
                "" => String::new(),
                when => format!("; only where {when}"),
            };
            let Ask { capability, reason, .. } = asked;
            let _ = writeln!(text, "#     {capability} {scope} ({state}): {reason}{only}");
        }
        if !element.more.is_empty() {
            let _ = writeln!(text, "#   since `{LOCK_FILE}` was written it asks for more");
            for line in &element.more {
                let _ = writeln!(text, "#     {line}");
            }
        }
        text += "#\n";
    }
    let trusted: Vec<_> = asking.iter().filter(|e| e.trusted).map(|e| e.name.as_str()).collect();
    if !trusted.is_empty() {
        let _ = writeln!(text, "# shipped with this host, and so granted: {}", trusted.join(", "));
    }
    let wanted: Vec<String> = asking.iter().filter_map(lines).collect();
    let file = args.definition.display();
    let agreed = asking.iter().all(|e| e.more.is_empty());
    let _ = match (wanted.is_empty(), args.write) {
        (true, false) if agreed => writeln!(text, "# `{file}` grants all that is asked"),
        (true, false) => {
            writeln!(text, "# `{file}` grants all of it; `--write` agrees to the difference")
        }
        (false, false) => {
            writeln!(text, "# to grant it, put this into `{file}`, or give `--write`")
        }
        (true, true) => writeln!(
            text,
            "# `{file}` granted all of it; `{LOCK_FILE}` says what the elements are now"
        ),
        (false, true) => {
            writeln!(text, "# put into `{file}`; `{LOCK_FILE}` says what the elements are now")
        }
    };
    text + &wanted.iter().map(|section| format!("\n{section}")).collect::<String>()
}
