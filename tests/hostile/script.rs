//! Hostile components made of one: a description and a list of calls, written into a copy.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{repository, tool};
use serde_json::{Value, json};

/// What the component says when nothing stopped it.
pub(crate) const SUCCEEDED: &str = "the attack succeeded";
/// By this the place of the script is found in the component.
const MARK: &[u8] = b"(script of the attacker)";
/// In a script: the folder of the definition, as the host knows it.
pub(crate) const SCENE: &str = "(scene)";
/// Bytes for it.
const ROOM: usize = 1 << 20;

/// A hostile component.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// The file without its ending, in the folder of the definition.
    pub(crate) file: String,
    /// What it says of itself, as the contract's record.
    pub(crate) description: Value,
    parts: Vec<Value>,
    /// It holds the program of `tests/hostile/programs`.
    pub(crate) program: bool,
}

impl Script {
    pub(crate) fn new(file: &str) -> Self {
        let description = json!({
            "name": file.rsplit('/').next(), "version": "1.0.0", "summary": "Attacks.", "license": "Apache-2.0",
            "requires": [], "stands_in_for": [], "conflicts_with": [], "parameters": [],
            "steps": [], "requests": [], "extensions": [],
        });
        Self { file: file.to_owned(), description, parts: Vec::new(), program: false }
    }

    /// Its name, by its file.
    pub(crate) fn name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or(&self.file)
    }

    /// Adds what it asks for.
    pub(crate) fn request(&mut self, capability: &str, scope: &str) {
        let request = json!({
            "capability": capability, "scope": scope, "reason": "none of yours", "when": [], "extensions": [],
        });
        push(&mut self.description["requests"], request);
    }

    /// Its step in a phase, made when it has none.
    pub(crate) fn step(&mut self, phase: &str) -> &mut Value {
        let steps = self.description["steps"].as_array().map_or(&[][..], Vec::as_slice);
        let (there, count) = (steps.iter().position(|s| s["phase"] == phase), steps.len());
        let at = there.unwrap_or_else(|| {
            let step = json!({
                "name": kebab(phase), "phase": phase, "provides": [], "consumes": [], "after": [],
                "before": [], "plan_only": false, "extensions": [],
            });
            push(&mut self.description["steps"], step);
            count
        });
        &mut self.description["steps"][at]
    }

    /// Adds what it does in `plan` or `run` of a phase.
    pub(crate) fn part(&mut self, when: &str, phase: &str, calls: Vec<Value>, end: &str) {
        self.step(phase);
        self.parts.push(json!({"when": when, "phase": phase, "calls": calls, "end": end}));
    }

    /// Writes the component into a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<PathBuf> {
        let mut bytes = std::fs::read(component()?).context("reading the hostile component")?;
        let at = position(&bytes)?;
        let script = json!({"description": self.description, "parts": self.parts}).to_string();
        let here = text(folder)?;
        let script = script.replace(SCENE, &here);
        let program = match self.program {
            true => std::fs::read(attacker()?).context("reading the hostile program")?,
            false => Vec::new(),
        };
        let mut content = format!("{:010}{:010}", script.len(), program.len()).into_bytes();
        content.extend_from_slice(script.as_bytes());
        content.extend_from_slice(&program);
        ensure!(content.len() <= ROOM, "a script of {} bytes is too long", content.len());
        bytes[at..at + content.len()].copy_from_slice(&content);
        let path = folder.join(format!("{}.wasm", self.file));
        std::fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

/// `BlockDevice` → `block-device`, as a step of that phase is named.
fn kebab(phase: &str) -> String {
    let mut name = String::new();
    for c in phase.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

fn push(list: &mut Value, value: Value) {
    if let Some(list) = list.as_array_mut() {
        list.push(value);
    }
}

/// Where the script goes: behind the mark, which is there once.
fn position(bytes: &[u8]) -> Result<usize> {
    let mut found = bytes.windows(MARK.len()).enumerate().filter(|(_, w)| *w == MARK);
    // The mark is also a constant that the component compares with; the room follows the other.
    let zeros = |at: usize| bytes.get(at..at + 64).is_some_and(|b| b.iter().all(|b| *b == b'0'));
    let at = found.find_map(|(at, _)| Some(at + MARK.len()).filter(|at| zeros(*at)));
    at.context("the hostile component has no room for a script")
}

/// Where both were put for a user who can build nothing.
const PARTS: &str = "DIBHOST_TEST_PARTS";

fn part(name: &str) -> Option<PathBuf> {
    std::env::var_os(PARTS).map(|folder| Path::new(&folder).join(name))
}

/// The component of `tests/elements/hostile`, built once.
pub(crate) fn component() -> Result<&'static Path> {
    built(&COMPONENT, || {
        if let Some(part) = part("hostile.wasm") {
            return Ok(part);
        }
        let out = repository().join("out/test-elements");
        let made = out.join("hostile.wasm");
        if is_newer(&made, &["tests/elements/hostile", "wit"])? {
            return Ok(made);
        }
        let script = text(&repository().join("elements/build.sh"))?;
        let source = text(&repository().join("tests/elements/hostile"))?;
        tool::run("sh", &[&script, "--only", &source, "--out", &text(&out)?])?;
        Ok(made)
    })
}

/// A program of `tests/hostile/programs`, which needs no library of the tree it is put into.
pub(crate) fn attacker() -> Result<&'static Path> {
    built(&ATTACKER, || {
        if let Some(part) = part("attacker") {
            return Ok(part);
        }
        let made = repository().join("out/test-programs/attacker");
        if is_newer(&made, &["tests/hostile/programs"])? {
            return Ok(made);
        }
        std::fs::create_dir_all(repository().join("out/test-programs"))?;
        let source = repository().join("tests/hostile/programs/hostile.c");
        let args = ["-static", "-O1", "-s", "-w", "-o", &text(&made)?, &text(&source)?];
        tool::run("cc", &args)?;
        Ok(made)
    })
}

/// Whether a file is newer than all files in some folders of the repository: each test is a
/// process of its own, and even a build with nothing to do takes a second.
fn is_newer(file: &Path, than: &[&str]) -> Result<bool> {
    fn newest_in(folder: &Path) -> std::io::Result<std::time::SystemTime> {
        let mut newest = std::time::UNIX_EPOCH;
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let stat = entry.metadata()?;
            let time = if stat.is_dir() { newest_in(&entry.path())? } else { stat.modified()? };
            newest = newest.max(time);
        }
        Ok(newest)
    }
    let Ok(made) = file.metadata().and_then(|stat| stat.modified()) else { return Ok(false) };
    for folder in than {
        let folder = repository().join(folder);
        if newest_in(&folder).with_context(|| format!("looking at {}", folder.display()))? > made {
            return Ok(false);
        }
    }
    Ok(true)
}

type Built = OnceLock<Result<PathBuf, String>>;

static COMPONENT: Built = OnceLock::new();
static ATTACKER: Built = OnceLock::new();

fn built(once: &'static Built, build: fn() -> Result<PathBuf>) -> Result<&'static Path> {
    let built = once.get_or_init(|| build().map_err(|e| format!("{e:#}")));
    built.as_deref().map_err(|e| anyhow::Error::msg(e.clone()))
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).context("a path that is text")
}
