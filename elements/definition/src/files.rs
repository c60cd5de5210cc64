//! Files, folders and links.

use std::collections::BTreeMap;

use dibhost_element_sdk::{Error, ErrorCode, File, Kind, Placement, Plan, Result, Run};
use schemars::JsonSchema;
use serde::Deserialize;

/// An entry of `[[files]]`: one of `content`, `source`, `link`, `directory` and `remove`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Entry {
    path: String,
    #[serde(default)]
    content: Option<String>,
    /// An input.
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    directory: bool,
    #[serde(default)]
    remove: bool,
    /// The source is too large to be wished for: it is placed.
    #[serde(default)]
    placed: bool,
    #[serde(default)]
    mode: Option<u32>,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    group: Option<String>,
}

/// What a folder is made with where nobody says: one of that mode needs no wish of its own.
const USUAL: u32 = 0o755;

/// Wishes for them. What is said of a path comes before what a folder above it brings along.
pub(crate) fn plan(plan: &Plan<'_>, entries: &[Entry]) -> Result<()> {
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    for entry in entries {
        let Some(source) = &entry.source else { continue };
        for file in entry.of_source(plan, source)? {
            files.insert(file.path.clone(), file);
        }
    }
    for entry in entries.iter().filter(|entry| entry.source.is_none()) {
        files.insert(entry.path.clone(), entry.file()?);
    }
    plan.files(files.into_values())
}

/// Places the sources that are too large to be wished for.
pub(crate) fn place(run: &Run<'_>, entries: &[Entry]) -> Result<()> {
    let tree = run.rootfs()?;
    for entry in entries.iter().filter(|entry| entry.placed) {
        let Some(source) = &entry.source else { continue };
        let placement = Placement {
            owner: entry.owner.clone(),
            group: entry.group.clone(),
            file_mode: entry.mode,
            ..Placement::default()
        };
        tree.place_input_as(&run.input(source)?, &entry.path, placement)?;
    }
    Ok(())
}

impl Entry {
    /// What an entry without a source says.
    fn file(&self) -> Result<File> {
        Ok(match (&self.content, &self.link) {
            (Some(content), _) => self.owned(File::new(&self.path, content.as_str()), self.mode),
            (_, Some(to)) => File::symlink(&self.path, to),
            _ if self.remove => File::removed(&self.path),
            _ if self.directory => self.owned(File::directory(&self.path), self.mode),
            _ => {
                let message = format!("nothing says what `{}` is", self.path);
                return Err(Error::with_code(ErrorCode::InvalidArgument, message));
            }
        })
    }

    fn owned(&self, mut file: File, mode: Option<u32>) -> File {
        file.attributes.mode = mode;
        file.attributes.owner.clone_from(&self.owner);
        file.attributes.group.clone_from(&self.group);
        file
    }

    /// What is in a source, each at its own path.
    fn of_source(&self, plan: &Plan<'_>, source: &str) -> Result<Vec<File>> {
        let input = plan.input(source)?;
        let folder = input.about()?.kind == Kind::Directory;
        if self.placed {
            // So that it has a place, with the folders above it.
            let place =
                if folder { File::directory(&self.path) } else { File::new(&self.path, "") };
            return Ok(vec![self.owned(place, None)]);
        }
        let nodes = input.nodes()?;
        let mut files = Vec::new();
        let whose = self.owner.is_some() || self.group.is_some();
        if folder && (whose || nodes.is_empty()) {
            files.push(self.owned(File::directory(&self.path), None));
        }
        for node in &nodes {
            let path = match node.path.as_str() {
                "" => self.path.clone(),
                below => format!("{}/{below}", self.path),
            };
            let start = format!("{}/", node.path);
            let empty = || !nodes.iter().any(|other| other.path.starts_with(&start));
            match node.kind {
                Kind::Symlink => {
                    files.push(File::symlink(path, node.link_target.clone().unwrap_or_default()));
                }
                Kind::Directory => {
                    if whose || node.mode != USUAL || empty() {
                        files.push(self.owned(File::directory(path), Some(node.mode)));
                    }
                }
                _ => {
                    let mode = self.mode.unwrap_or(node.mode);
                    files.push(self.owned(File::new(path, input.read(&node.path)?), Some(mode)));
                }
            }
        }
        Ok(files)
    }
}
