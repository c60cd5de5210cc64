//! What a folder holds: an element's project, of one language.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::AuthorError;
use crate::language::Language;

/// The file that a project in C has, which no tool of that language brings.
pub(crate) const C_FILE: &str = "element.toml";

/// The most bytes of a file that says what a project is.
const LONGEST: u64 = 1 << 20;

/// An element's project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its folder, without links.
    pub folder: PathBuf,
    /// What it is written in.
    pub language: Language,
    /// What it is called.
    pub name: String,
    /// Interfaces of the contract that it wants beside those that its requests are of: `cache`.
    pub(crate) imports: Vec<String>,
    /// In C: the files that are compiled.
    pub(crate) sources: Vec<String>,
    /// In Python: the packages that it needs.
    pub(crate) packages: Vec<String>,
}

impl Project {
    /// Reads what a folder says of itself.
    ///
    /// # Errors
    /// When it holds no project, or one that says something wrong.
    pub fn open(folder: &Path) -> Result<Self, AuthorError> {
        let there = fs::canonicalize(folder).map_err(|e| {
            AuthorError::wrong(
                format!("there is no folder `{}`: {e}", folder.display()),
                "name the folder of an element's project; `dibhost element new NAME` makes one",
            )
        })?;
        let has = |file: &str| there.join(file).is_file();
        if has("Cargo.toml") {
            Self::rust(there)
        } else if has("pyproject.toml") {
            Self::python(there)
        } else if has("package.json") {
            Self::javascript(there)
        } else if has(C_FILE) {
            Self::c(there)
        } else {
            Err(AuthorError::wrong(
                format!("`{}` holds no element's project", folder.display()),
                format!(
                    "a project has a `Cargo.toml` (Rust), `pyproject.toml` (Python), `package.json` (JavaScript) or `{C_FILE}` (C); `dibhost element new NAME` makes one"
                ),
            ))
        }
    }

    fn of(folder: PathBuf, language: Language, name: String) -> Self {
        let empty = Vec::new;
        Self { folder, language, name, imports: empty(), sources: empty(), packages: empty() }
    }

    fn rust(folder: PathBuf) -> Result<Self, AuthorError> {
        let file = folder.join("Cargo.toml");
        let manifest = toml_of(&file)?;
        let package = manifest.get("package");
        let name = text(package.and_then(|p| p.get("name")), &file, "package.name")?;
        let library = manifest.get("lib").and_then(|l| l.get("crate-type"));
        let types = library.and_then(toml::Value::as_array).into_iter().flatten();
        if !types.filter_map(toml::Value::as_str).any(|kind| kind == "cdylib") {
            return Err(AuthorError::wrong(
                format!("`{}` makes no component", file.display()),
                "an element is a library of two types: write `[lib]` and `crate-type = [\"cdylib\", \"rlib\"]`",
            ));
        }
        Ok(Self::of(folder, Language::Rust, name))
    }

    fn python(folder: PathBuf) -> Result<Self, AuthorError> {
        let file = folder.join("pyproject.toml");
        let manifest = toml_of(&file)?;
        let project = manifest.get("project");
        let name = text(project.and_then(|p| p.get("name")), &file, "project.name")?;
        let packages =
            strings(project.and_then(|p| p.get("dependencies")), &file, "project.dependencies")?;
        let imports =
            manifest.get("tool").and_then(|t| t.get("dibhost")).and_then(|d| d.get("imports"));
        let imports = strings(imports, &file, "tool.dibhost.imports")?;
        Ok(Self { imports, packages, ..Self::of(folder, Language::Python, name) })
    }

    fn javascript(folder: PathBuf) -> Result<Self, AuthorError> {
        let file = folder.join("package.json");
        let manifest: Value = serde_json::from_str(&read(&file)?).map_err(|e| {
            AuthorError::wrong(format!("`{}` is no JSON: {e}", file.display()), "mend it")
        })?;
        let name =
            manifest.get("name").and_then(Value::as_str).ok_or_else(|| missing(&file, "name"))?;
        let imports = manifest.pointer("/dibhost/imports").and_then(Value::as_array);
        let imports = imports.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        Ok(Self {
            imports: imports.collect(),
            ..Self::of(folder, Language::JavaScript, name.to_owned())
        })
    }

    fn c(folder: PathBuf) -> Result<Self, AuthorError> {
        let file = folder.join(C_FILE);
        let manifest = toml_of(&file)?;
        let element = manifest.get("element");
        let name = text(element.and_then(|e| e.get("name")), &file, "element.name")?;
        let sources = strings(element.and_then(|e| e.get("sources")), &file, "element.sources")?;
        if sources.is_empty() {
            return Err(missing(&file, "element.sources"));
        }
        let odd = |s: &&String| Path::new(s).is_absolute() || s.split('/').any(|part| part == "..");
        if let Some(source) = sources.iter().find(odd) {
            return Err(AuthorError::wrong(
                format!("`{}` names `{source}`, which is not in the project", file.display()),
                "name files of this folder",
            ));
        }
        Ok(Self { sources, ..Self::of(folder, Language::C, name) })
    }
}

fn read(file: &Path) -> Result<String, AuthorError> {
    let size = fs::metadata(file).map_err(|e| AuthorError::io("reading", file, &e))?.len();
    if size > LONGEST {
        return Err(AuthorError::failed(format!(
            "`{}` has {size} bytes, which is too long",
            file.display()
        )));
    }
    fs::read_to_string(file).map_err(|e| AuthorError::io("reading", file, &e))
}

fn toml_of(file: &Path) -> Result<toml::Table, AuthorError> {
    read(file)?.parse().map_err(|e: toml::de::Error| {
        AuthorError::wrong(format!("`{}` is no TOML: {}", file.display(), e.message()), "mend it")
    })
}

fn missing(file: &Path, key: &str) -> AuthorError {
    AuthorError::wrong(
        format!("`{}` has no `{key}`", file.display()),
        "compare it with that of a new project: `dibhost element new NAME` in another folder",
    )
}

fn text(value: Option<&toml::Value>, file: &Path, key: &str) -> Result<String, AuthorError> {
    value.and_then(toml::Value::as_str).map(str::to_owned).ok_or_else(|| missing(file, key))
}

fn strings(
    value: Option<&toml::Value>,
    file: &Path,
    key: &str,
) -> Result<Vec<String>, AuthorError> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let items = value.as_array().ok_or_else(|| missing(file, key))?;
    items.iter().map(|item| text(Some(item), file, key)).collect()
}
