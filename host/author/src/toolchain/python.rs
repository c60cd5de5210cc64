//! Python: componentize-py, from PyPI, in an environment of its own in the cache.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{made, stage};
use crate::error::AuthorError;
use crate::project::Project;
use crate::tool::{Ear, Tool, found, hold};
use crate::{kit, world};

/// The version that the contract's components in Python are tested with.
const COMPONENTIZE: &str = "componentize-py==0.25.1";

/// What the author of a component with an engine in it should know.
pub(super) const NOTE: &str = "another machine makes another digest of the same sources, for the memory of an engine is in it: share the component that was tested";

/// What an element says of itself when it is asked natively.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    pub(super) name: String,
    pub(super) requests: Vec<SaidRequest>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SaidRequest {
    pub(super) capability: String,
}

impl Said {
    /// Reads it, and holds its name to the project's.
    pub(super) fn read(text: &str, project: &Project) -> Result<Self, AuthorError> {
        let said: Self = serde_json::from_str(text.trim()).map_err(|e| {
            AuthorError::failed(format!(
                "what `{}` says of itself is not understood: {e}",
                project.name
            ))
        })?;
        if said.name != project.name {
            return Err(AuthorError::wrong(
                format!("the element is called `{}` and its project `{}`", said.name, project.name),
                "give both the same name: the component's file is called so, too",
            ));
        }
        Ok(said)
    }

    pub(super) fn interfaces<'a>(
        &'a self,
        project: &'a Project,
    ) -> Result<std::collections::BTreeSet<&'a str>, AuthorError> {
        let capabilities = self.requests.iter().map(|r| r.capability.as_str());
        world::interfaces(capabilities, &project.imports)
    }
}

/// A virtual environment with these packages, made once.
pub(super) fn environment(
    cache: &Path,
    packages: &[String],
    ear: Ear<'_>,
) -> Result<PathBuf, AuthorError> {
    let wanted = packages.join("\n");
    let digest = Sha256::digest(wanted.as_bytes());
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let folder = cache.join(format!("python-{short}"));
    let _held = hold(&cache.join(format!("python-{short}.held")))?;
    if std::fs::read_to_string(folder.join("packages")).is_ok_and(|there| there == wanted) {
        return Ok(folder);
    }
    let python = found("python3").ok_or_else(|| {
        AuthorError::failed("there is no Python here")
            .help("install Python 3.10 or newer with its module `venv`; on Debian `apt-get install python3-venv`")
    })?;
    let _ = std::fs::remove_dir_all(&folder);
    Tool::new(python).args(["-m", "venv"]).args([&folder]).run(ear).map_err(|error| {
        error.help("install the module `venv` of Python; on Debian `apt-get install python3-venv`")
    })?;
    if !packages.is_empty() {
        let pip = Tool::new(folder.join("bin/python")).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]);
        pip.args(packages).run(ear).map_err(|error| {
            error.help("the packages come from PyPI, or the index that pip is configured for: it has to be reached once")
        })?;
    }
    kit::write(&folder.join("packages"), wanted.as_bytes())?;
    Ok(folder)
}

/// Where a project's modules, the SDK in it and its packages are.
fn paths(project: &Project, folder: &Path, environment: &Path) -> Vec<PathBuf> {
    let mut paths = vec![folder.to_owned()];
    if project.folder.join("sdk/python").is_dir() {
        paths.push(folder.join("sdk/python"));
    }
    let packages = std::fs::read_dir(environment.join("lib")).into_iter().flatten().flatten();
    if !project.packages.is_empty() {
        paths.extend(packages.map(|entry| entry.path().join("site-packages")));
    }
    paths
}

fn joined(paths: &[PathBuf]) -> Result<std::ffi::OsString, AuthorError> {
    std::env::join_paths(paths).map_err(|e| {
        AuthorError::failed(format!("the project's folder cannot be a path of Python: {e}"))
            .help("move it to a folder without `:` in its name")
    })
}

pub(super) fn build(
    project: &Project,
    cache: &Path,
    notes: &mut Vec<String>,
    ear: Ear<'_>,
) -> Result<Vec<u8>, AuthorError> {
    let tools = environment(cache, &[COMPONENTIZE.to_owned()], ear)?;
    let own = environment(cache, &project.packages, ear)?;
    let work =
        tempfile::tempdir().map_err(|e| AuthorError::failed(format!("making a folder: {e}")))?;
    let source = work.path().join("source");
    stage::copy(&project.folder, &source)?;
    let paths = paths(project, &source, &own);
    // Natively first: a mistake is then a sentence, and no trace through the tool.
    let said = Tool::new(own.join("bin/python"))
        .args(["-B", "-m", "dibhost_element", "element"])
        .env("PYTHONPATH", joined(&paths)?)
        .within(&source)
        .run(ear)?;
    let said = Said::read(&said, project)?;
    let wit = work.path().join("wit");
    world::write(&said.interfaces(project)?, &wit)?;
    notes.push(NOTE.to_owned());
    let packages = project.packages.join(" ");
    made::or_make(cache, &[COMPONENTIZE, &packages], &[&source, &wit], || {
        let made = work.path().join("element.wasm");
        let mut tool = Tool::new(tools.join("bin/componentize-py"))
            .args([
                "--wit-path".as_ref(),
                wit.as_os_str(),
                "--world".as_ref(),
                world::MADE.as_ref(),
            ])
            // Without WASI: it would find nothing there but its log, which is the contract's.
            .args(["componentize", "--stub-wasi"]);
        for path in &paths {
            tool = tool.args(["--python-path".as_ref(), path.as_os_str()]);
        }
        let tool = tool
            .args(["element", "--output"])
            .args([&made])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .within(work.path());
        tool.run(ear)?;
        std::fs::read(&made).map_err(|e| AuthorError::io("reading", &made, &e))
    })
}

pub(super) fn test(project: &Project, cache: &Path, ear: Ear<'_>) -> Result<(), AuthorError> {
    let own = environment(cache, &project.packages, ear)?;
    let paths = paths(project, &project.folder, &own);
    let tool = Tool::new(own.join("bin/python"))
        .args(["-B", "-m", "unittest", "discover", "-s", "tests", "-v"])
        .env("PYTHONPATH", joined(&paths)?)
        .within(&project.folder);
    tool.run(ear).map(drop)
}
