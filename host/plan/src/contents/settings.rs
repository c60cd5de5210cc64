//! The definition's own keys as parameters of the element that carries them out.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_definition::{
    Contents, Definition, Diagnostic, Diagnostics, ElementParameters, InputPlace, Location,
    Setting, Spanned, StatedCommand, StatedFile, StatedFormat, StatedNode, StatedPackage,
    StatedProgram, StatedRepository, StatedText, StatedUnit, StatedUser,
};
use dibhost_inputs::Inputs;
use serde_json::{Map, Value, json};

use super::source;

/// The longest first line of a script that the kernel reads.
const FIRST_LINE: usize = 255;

/// The parameter that names a user's password.
pub(super) fn password_of(user: &str) -> String {
    format!("password-{user}")
}

/// The names of the inputs that paths beside the definition are.
type Names = BTreeMap<String, InputPlace>;

/// All of them, each with the place of the first entry.
pub(super) fn of(
    definition: &Definition,
    inputs: &Inputs,
    wrong: &mut Diagnostics,
) -> ElementParameters {
    let Contents {
        packages,
        hostname,
        locale,
        timezone,
        files,
        users,
        units,
        repositories,
        commands,
        sysctl,
        kernel_arguments,
    } = &definition.contents;
    let names = definition.stated_inputs();
    let placed: BTreeSet<&str> =
        source::placed(definition, inputs).map(|file| file.path.as_str()).collect();
    let mut settings = BTreeMap::new();
    let mut set = |name: &str, value: Value, place: Option<&Location>| {
        let name = Spanned { value: name.to_owned(), location: place.cloned() };
        let value = Spanned { value, location: place.cloned() };
        settings.insert(name.value.clone(), Setting { name, value });
    };
    let all = packages.iter().map(|p| package(p));
    set_all(&mut set, "packages", all, packages);
    set_all(&mut set, "files", files.iter().map(|f| file(f, &names, &placed)), files);
    set_all(&mut set, "users", users.iter().map(|u| user(u)), users);
    set_all(&mut set, "units", units.iter().map(|u| unit(u, &names)), units);
    set_all(
        &mut set,
        "repositories",
        repositories.iter().map(|r| repository(r, &names)),
        repositories,
    );
    let written = commands.iter().filter_map(|c| match command(c, &names, inputs) {
        Ok(value) => Some(value),
        Err(diagnostic) => {
            wrong.push(*diagnostic);
            None
        }
    });
    set_all(&mut set, "commands", written, commands);
    for (name, text) in [("hostname", hostname), ("timezone", timezone)] {
        if let Some(text) = text {
            set(name, json!(text.value), text.location.as_ref());
        }
    }
    if let Some(locale) = locale {
        set("locale", json!(locale.as_str()), locale.location.as_ref());
    }
    if let Some(first) = sysctl.values().next() {
        let settings = sysctl.iter().map(|(name, value)| (name.clone(), json!(value.value)));
        set("sysctl", Value::Object(settings.collect()), first.location.as_ref());
    }
    if let Some(first) = kernel_arguments.first() {
        let arguments: Vec<&str> = kernel_arguments.iter().map(|a| a.as_str()).collect();
        set("kernel-arguments", json!(arguments), first.location.as_ref());
    }
    for user in users {
        if let Some(secret) = &user.password {
            set(&password_of(&user.name), json!(secret.value), secret.location.as_ref());
        }
    }
    let element = Spanned::unplaced(Contents::ELEMENT.to_owned());
    ElementParameters { element, settings }
}

fn set_all<T>(
    set: &mut impl FnMut(&str, Value, Option<&Location>),
    name: &str,
    values: impl Iterator<Item = Value>,
    entries: &[Spanned<T>],
) {
    let values: Vec<Value> = values.collect();
    if let Some(first) = entries.first() {
        set(name, Value::Array(values), first.location.as_ref());
    }
}

/// An object of those that are said.
fn object(fields: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let said = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(said.collect::<Map<_, _>>())
}

fn texts(all: &[Spanned<String>]) -> Option<Value> {
    let texts: Vec<&str> = all.iter().map(|text| text.as_str()).collect();
    (!texts.is_empty()).then(|| json!(texts))
}

fn yes(said: bool) -> Option<Value> {
    said.then_some(Value::Bool(true))
}

fn input(names: &Names, path: &str) -> Option<Value> {
    names.get(path).map(|input| json!(input.name.value))
}

fn package(package: &StatedPackage) -> Value {
    let StatedPackage { name, version, remove } = package;
    object([
        ("name", Some(json!(name))),
        ("version", version.as_ref().map(|v| json!(v))),
        ("remove", yes(*remove)),
    ])
}

fn file(file: &StatedFile, names: &Names, placed: &BTreeSet<&str>) -> Value {
    let StatedFile { path, node, mode, owner, group } = file;
    let (what, value) = match node {
        StatedNode::Content(text) => ("content", Some(json!(text))),
        StatedNode::Source(source) => ("source", input(names, source)),
        StatedNode::Link(to) => ("link", Some(json!(to))),
        StatedNode::Directory => ("directory", yes(true)),
        StatedNode::Removed => ("remove", yes(true)),
    };
    object([
        ("path", Some(json!(path.value))),
        (what, value),
        ("placed", yes(placed.contains(path.as_str()))),
        ("mode", mode.map(|mode| json!(mode))),
        ("owner", owner.as_ref().map(|o| json!(o))),
        ("group", group.as_ref().map(|g| json!(g))),
    ])
}

fn user(user: &StatedUser) -> Value {
    let StatedUser {
        name,
        authorized_keys,
        groups,
        sudo,
        password,
        shell,
        home,
        uid,
        gid,
        system,
        comment,
        expires,
        change_password,
    } = user;
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    object([
        ("name", Some(json!(name.value))),
        ("authorized-keys", texts(authorized_keys)),
        ("groups", texts(groups)),
        ("sudo", text(sudo)),
        ("password", password.as_ref().map(|_| json!(password_of(name)))),
        ("shell", text(shell)),
        ("home", text(home)),
        ("uid", uid.map(|uid| json!(uid))),
        ("gid", gid.map(|gid| json!(gid))),
        ("system", yes(*system)),
        ("comment", text(comment)),
        ("expires", text(expires)),
        ("change-password", yes(*change_password)),
    ])
}

fn unit(unit: &StatedUnit, names: &Names) -> Value {
    let StatedUnit { name, text, drop_in, state } = unit;
    let (what, value) = match text {
        Some(StatedText::Source(path)) => ("source", input(names, path)),
        Some(StatedText::Content(text)) => ("content", Some(json!(text))),
        None => ("content", None),
    };
    object([
        ("name", Some(json!(name.value))),
        (what, value),
        ("drop-in", drop_in.as_ref().map(|d| json!(d))),
        ("state", state.as_ref().map(|s| json!(s))),
    ])
}

fn repository(repository: &StatedRepository, names: &Names) -> Value {
    let StatedRepository { name, url, format, keys, priority, build_only } = repository;
    let keys: Vec<Value> = keys.iter().filter_map(|key| input(names, key)).collect();
    let common = [
        ("name", Some(json!(name.value))),
        ("url", Some(json!(url.value))),
        ("keys", Some(Value::Array(keys))),
        ("priority", priority.map(|p| json!(p))),
        ("build-only", yes(*build_only)),
    ];
    let own: Vec<(&'static str, Option<Value>)> = match format {
        StatedFormat::Deb { suites, components } => vec![
            ("suites", Some(json!(suites))),
            ("components", (!components.is_empty()).then(|| json!(components))),
        ],
        StatedFormat::Rpm { location, cost, module_hotfixes } => vec![
            ("location", Some(json!(location))),
            ("cost", cost.map(|c| json!(c))),
            ("module-hotfixes", yes(*module_hotfixes)),
        ],
    };
    object(common.into_iter().chain(own))
}

fn command(
    command: &StatedCommand,
    names: &Names,
    inputs: &Inputs,
) -> Result<Value, Box<Diagnostic>> {
    let StatedCommand { phase, program, environment, network } = command;
    let (run, script) = match program {
        StatedProgram::Run(words) => (words.clone(), None),
        StatedProgram::Script(path) => (interpreter(path, names, inputs)?, input(names, path)),
    };
    Ok(object([
        ("phase", Some(json!(phase))),
        ("run", Some(json!(run))),
        ("script", script),
        ("environment", (!environment.is_empty()).then(|| json!(environment))),
        ("network", yes(*network)),
    ]))
}

/// The interpreter that the first line of a script names, with its argument: as the kernel reads it.
/// Of a script that cannot be read the failure of the input is told, and nothing here.
pub(super) fn interpreter(
    path: &Spanned<String>,
    names: &Names,
    inputs: &Inputs,
) -> Result<Vec<String>, Box<Diagnostic>> {
    let wrong = |why: &str| {
        Box::new(
            Diagnostic::new(format!("the script `{}` {why}", path.value))
                .at(path.location.as_ref())
                .with_help("its first line names its interpreter in the image: `#!/bin/sh`"),
        )
    };
    let Some(input) = names.get(&path.value).and_then(|place| inputs.get(&place.name)) else {
        return Ok(Vec::new());
    };
    if !input.manifest().is_file() {
        return Err(wrong("is a folder"));
    }
    let start = input.read("", 0, FIRST_LINE + 1).map_err(|changed| {
        Box::new(Diagnostic::new(changed.to_string()).at(path.location.as_ref()))
    })?;
    let line = start.split(|b| *b == b'\n').next().unwrap_or_default();
    let Some(line) = line.strip_prefix(b"#!") else {
        return Err(wrong("does not begin with `#!`"));
    };
    let line = std::str::from_utf8(line).map_err(|_| wrong("has a first line that is no text"))?;
    if line.len() + 2 > FIRST_LINE {
        return Err(wrong("has a first line that is too long for the kernel"));
    }
    if line.ends_with('\r') {
        return Err(wrong("has lines that end as on Windows, and no such interpreter is anywhere"));
    }
    let line = line.trim();
    let (program, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    if !program.starts_with('/') || program.contains('*') || program.chars().any(char::is_control) {
        return Err(wrong("names no interpreter by its path"));
    }
    let argument = argument.trim();
    let argument = (!argument.is_empty()).then(|| argument.to_owned());
    Ok([program.to_owned()].into_iter().chain(argument).collect())
}
