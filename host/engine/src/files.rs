//! Files that elements wished for, placed as one change of the tree: all of a phase or none.

use std::collections::BTreeSet;

use dibhost_definition::{Contents, scope_lines, toml_key};
use dibhost_plan::file::{FileAttributes, FileNode};
use dibhost_plan::grant::{Access, Right};
use dibhost_plan::{Phase, Plan, PlannedElement, PlannedFile};
use dibhost_tree::{Attributes, Change, Scope, Scoped, TargetError, TargetPath, Tree};

use crate::asked::asked_by;
use crate::failure::BuildFailure;

/// Places what is to be there before the steps of a phase.
pub(crate) fn place(plan: &Plan, phase: Phase, tree: &mut dyn Tree) -> Result<(), BuildFailure> {
    let files: Vec<&PlannedFile> = plan.files_of(phase).collect();
    let part = |file: &PlannedFile| -> Result<[Scoped; 2], TargetError> {
        let scope = scope(plan, file)?;
        let whose = if of_definition(plan, file) { Scope::all() } else { scope.clone() };
        let above = Scoped { scope: whose, changes: above(file)? };
        Ok([above, Scoped { scope, changes: vec![change(file)?] }])
    };
    let mut parts = Vec::with_capacity(2 * files.len());
    for file in &files {
        parts.extend(part(file).map_err(|error| failure(plan, file, error))?);
    }
    // Two of each file.
    let of = |at: usize| files.get(at / 2);
    tree.apply_each(&parts).map_err(|refused| match refused.at.and_then(of) {
        Some(file) => failure(plan, file, refused.error),
        None => BuildFailure::new(refused.error).doing(format!("placing the files of `{phase}`")),
    })
}

/// Where those who wish for it may write: each of them alone could have it placed.
fn scope(plan: &Plan, file: &PlannedFile) -> Result<Scope, TargetError> {
    let elements = file.wanted_by.iter().filter_map(|name| plan.element(name));
    let held: Vec<_> = elements.map(PlannedElement::held).collect();
    let folders: BTreeSet<&str> = held.iter().flat_map(|held| held.paths(Access::Write)).collect();
    let folders: Vec<TargetPath> = folders.into_iter().map(path).collect::<Result<_, _>>()?;
    Ok(Scope::within(folders.clone(), folders))
}

/// Whoever wrote a path into the definition wants the folders above it. An element makes those that
/// it may write.
fn of_definition(plan: &Plan, file: &PlannedFile) -> bool {
    let mut elements = file.wanted_by.iter().filter_map(|name| plan.element(name));
    elements.any(PlannedElement::is_definition)
}

fn path(text: &str) -> Result<TargetPath, TargetError> {
    TargetPath::new(text).map_err(|e| TargetError::Invalid(e.to_string()))
}

/// The folders above it. What is there already is within anybody's scope; what is not has to be
/// granted.
fn above(file: &PlannedFile) -> Result<Vec<Change>, TargetError> {
    if file.node == FileNode::Removed {
        return Ok(Vec::new());
    }
    let above = path(&file.path)?.split().map(|(folder, _)| Change::MakeDirectory {
        path: folder,
        attributes: Attributes::default(),
    });
    Ok(above.into_iter().collect())
}

fn change(file: &PlannedFile) -> Result<Change, TargetError> {
    let path = path(&file.path)?;
    Ok(match &file.node {
        FileNode::Removed => Change::Remove { path },
        FileNode::Directory { attributes } => {
            Change::MakeDirectory { path, attributes: of(attributes) }
        }
        FileNode::Symlink { to } => Change::Symlink { path, to: to.clone() },
        FileNode::File { content, attributes } => {
            let content = content.bytes().ok_or_else(|| {
                TargetError::Invalid(
                    "a plan that was read has no contents of files: plan again".to_owned(),
                )
            })?;
            Change::Write { path, content: content.to_vec(), attributes: of(attributes) }
        }
    })
}

fn of(attributes: &FileAttributes) -> Attributes {
    let FileAttributes { mode, owner, group, xattrs } = attributes.clone();
    Attributes { mode, owner, group, xattrs: xattrs.into_iter().collect() }
}

fn failure(plan: &Plan, file: &PlannedFile, error: TargetError) -> BuildFailure {
    let element = file.wanted_by.first().cloned().unwrap_or_default();
    let failure = match error {
        TargetError::OutOfScope { path, write: _ } => {
            let right = Right::Rootfs(Access::Write, path.clone());
            let lines = scope_lines(&[right.said()]);
            let why = match path == file.path || file.path.starts_with(&format!("{path}/")) {
                true => "",
                false => ", and a link of the tree leads there",
            };
            BuildFailure::new(format!("`{path}` is outside of what it may write{why}")).with_help(
                format!(
                    "when the element has to reach there, it requests it and the image definition \
                     grants it:\n[grants.{}]\n{}",
                    toml_key(&element),
                    lines.trim_end()
                ),
            )
        }
        error => BuildFailure::new(error),
    };
    let asked = asked_by(plan, &format!("file:{}", file.path), &file.wanted_by);
    let doing = format!("placing `{}`{asked}", file.path);
    // Of its own keys the definition says more by the line than by a name.
    let element = Some(element).filter(|element| element != Contents::ELEMENT);
    BuildFailure { element, ..failure }.doing(doing)
}
