//! `dibhost convert`: what diskimage-builder is told, as a definition.

use std::path::Path;

use dibhost_block_device::{FileError, Node, NodeKind};
use dibhost_definition::{Definition, Typed};
use dibhost_dib::words::{Here, element, line};
use dibhost_dib::{DibParameters, Syntax, Written};
use dibhost_engine::{Event, Level};
use dibhost_inputs::Inputs;
use dibhost_plan::planner::Planner as _;
use serde_json::{Value, json};

use crate::cli::{ConvertArgs, SubjectOptions};
use crate::dib_options::DibOptions;
use crate::failure::Failure;
use crate::report::Reporter;
use crate::stock::Stock;
use crate::subject::{self, Asked};

/// The variable that a layout may be in.
const LAYOUT: &str = "DIB_BLOCK_DEVICE_CONFIG";

/// What a layout is put on, where nobody says it.
const ELEMENTS: [&str; 2] = ["debian", "vm"];

/// Writes the definition.
pub(crate) fn run(args: &ConvertArgs, reporter: &Reporter) -> Result<(), Failure> {
    match args.what.as_slice() {
        [] => {
            let text = std::env::var(LAYOUT).map_err(|_| {
                Failure::wrong(format!(
                    "nothing to convert was named, and `{LAYOUT}` is not set\n  help: name a layout \
                     (`layout.yaml`), an element `block-device-…`, or write a command line of \
                     `disk-image-create`"
                ))
            })?;
            match text.strip_prefix("file://") {
                Some(file) => layout_file(file, reporter),
                None => layout(&text, LAYOUT, "image", reporter),
            }
        }
        [file] if is_layout(file) => layout_file(file, reporter),
        [file] if Path::new(file).extension().is_some_and(|e| e == "toml") => {
            Err(Failure::wrong(format!(
                "`{file}` is written as a definition already\n  help: `dibhost plan {file}` shows \
                 what it makes"
            )))
        }
        [name] if name.starts_with("block-device-") => preset(name, args, reporter),
        words => command_line(words, args, reporter),
    }
}

fn is_layout(file: &str) -> bool {
    let known = ["yaml", "yml", "json"];
    Path::new(file)
        .extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| known.contains(&extension.to_ascii_lowercase().as_str()))
}

fn layout_file(file: &str, reporter: &Reporter) -> Result<(), Failure> {
    let text = dibhost_sys::read_written(Path::new(file))
        .map_err(|error| Failure::wrong(format!("reading `{file}`: {error}")))?;
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or("image");
    layout(&text, file, stem, reporter)
}

/// A layout in DIB's YAML; `name` is what places are told with.
fn layout(text: &str, name: &str, image: &str, reporter: &Reporter) -> Result<(), Failure> {
    let told = |wrong: Vec<FileError>| {
        let told = |FileError { at, problem, help }: &FileError| {
            format!("{name}:{at}: {problem}\n  help: {help}")
        };
        Failure::Wrong(wrong.iter().map(told).collect::<Vec<_>>().join("\n"))
    };
    let written = Written::parse(text, Syntax::DibYaml, &DibParameters::default()).map_err(told)?;
    written.graph().map_err(|wrong| told(vec![wrong]))?;
    for said in &written.diagnostics {
        warn(reporter, &format!("{name}:{}", said.at), &format!("{}: {}", said.problem, said.help));
    }
    let typed = of_nodes(image, &written.nodes);
    super::show(&format!(
        "# The layout of `{name}`; what is on the disk is for `elements` to say.\n\n{}",
        typed.to_toml()
    ))
}

/// An image with a layout.
fn of_nodes(image: &str, nodes: &[Node]) -> Typed {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name: String = image.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    let name = name.trim_start_matches(['-', '.']).to_owned();
    let mut typed = Typed::default();
    typed.set(&["image", "name"], if name.is_empty() { "image".to_owned() } else { name });
    typed.add(&["image", "elements"], ELEMENTS.map(Value::from));
    let secrets = nodes.iter().filter_map(|node| match &node.kind {
        NodeKind::Encryption { secrets, .. } => Some(secrets),
        _ => None,
    });
    for secret in secrets.flatten() {
        typed.set(&["secrets", secret], json!({ "file": format!("{secret}.txt") }));
    }
    typed.set_nodes(nodes);
    typed
}

/// The layout of an element, which is planned for this machine.
fn preset(name: &str, args: &ConvertArgs, reporter: &Reporter) -> Result<(), Failure> {
    let library = super::library(&args.elements)?;
    let stock = Stock::offline(&args.elements);
    let mut typed = Typed::default();
    typed.set(&["image", "name"], "layout");
    typed.add(&["image", "elements"], [Value::from(name)]);
    let described = library.describe(name, Path::new(".")).map_err(super::wrong_element)?;
    for parameter in &described.description.parameters {
        if matches!(parameter.kind, dibhost_plan::description::ParameterKind::Secret) {
            typed.set(&["parameters", name, &parameter.name], parameter.name.as_str());
            let file = json!({ "file": format!("{}.txt", parameter.name) });
            typed.set(&["secrets", &parameter.name], file);
        }
    }
    let definition = Definition::of_typed(&typed, Path::new(".")).map_err(Failure::wrong)?;
    let plan = super::planned(&definition, &library, &stock, Inputs::default())?;
    if plan.block_device.is_default {
        return Err(Failure::wrong(format!("`{name}` adds no layout")));
    }
    let arch = &plan.image.arch;
    reporter.event(&Event::Line {
        level: Level::Info,
        source: name.to_owned(),
        text: format!("its layout for `{arch}`"),
    });
    let typed = of_nodes(name.trim_start_matches("block-device-"), &plan.block_device.nodes);
    super::show(&format!("# The layout of `{name}` for `{arch}`.\n\n{}", typed.to_toml()))
}

/// A command line of `disk-image-create`.
fn command_line(words: &[String], args: &ConvertArgs, reporter: &Reporter) -> Result<(), Failure> {
    let line = line(words).map_err(Failure::wrong)?;
    let mut variables = subject::environment();
    variables.extend(line.variables);
    let dib = DibOptions { given: line.given };
    let options = SubjectOptions { dib, ..SubjectOptions::default() };
    let asked = Asked::with(&line.elements, &options, &variables, reporter)?;
    let library = super::library(&asked.elements(&args.elements))?;
    let known = library.known_names();
    for name in line.elements.iter().filter(|name| !known.contains(name) && !name.contains('/')) {
        match element(name).map(|element| element.here) {
            Some(here @ Here::Fate(fate)) if fate.refuses() => {
                warn(reporter, name, &here.in_words());
            }
            Some(_) => {}
            None => warn(reporter, name, "no element of that name is here, nor in DIB"),
        }
    }
    let resolved = asked.resolve(&library, &|_| Ok(()), reporter)?;
    super::show(&resolved.typed.to_toml())
}

fn warn(reporter: &Reporter, source: &str, text: &str) {
    let (source, text) = (source.to_owned(), text.to_owned());
    reporter.event(&Event::Line { level: Level::Warning, source, text });
}
