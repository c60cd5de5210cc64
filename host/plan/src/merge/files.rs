//! Files: what is to be at each path, phase by phase.
//!
//! Equal wishes are one, in the first phase that has it. An element may want something else at its
//! own path in a later phase; two elements may not contradict one another in any. Nothing can be below
//! a file or a link, nor below what another element takes away.

use std::collections::BTreeMap;

use dibhost_definition::Diagnostics;

use super::conflict::{By, conflict, note};
use crate::file::{FileAttributes, FileNode};
use crate::plan::PlannedFile;
use crate::wish::{Wish, WishRecord};

type Wanted<'a> = (By<'a>, FileNode);
type Paths<'a> = BTreeMap<&'a str, Vec<Wanted<'a>>>;

/// What is placed in each phase, in the order in which it is: what goes, folders from the top, then
/// files and links.
pub(crate) fn files(wishes: &[WishRecord], wrong: &mut Diagnostics) -> Vec<PlannedFile> {
    let mut paths = Paths::new();
    for record in wishes {
        if let Wish::File(file) = &record.wish {
            let wanted = (By::of(record), file.node.normal());
            paths.entry(&file.path).or_default().push(wanted);
        }
    }
    for (path, wanted) in &paths {
        if let Some(((one, node), (other, node_other))) = contradiction(wanted) {
            let (wants, wants_other) = difference(node, node_other);
            wrong.push(conflict(&format!("the path `{path}`"), *one, &wants, *other, &wants_other));
        }
        if let Some((below, one, other, node)) = beneath(path, wanted, &paths) {
            let wants = format!("`{path}`, above it, to be {}", node.kind());
            wrong.push(conflict(
                &format!("the path `{below}`"),
                *one,
                "something there",
                *other,
                &wants,
            ));
        }
    }
    let mut planned: Vec<PlannedFile> =
        paths.into_iter().flat_map(|(path, wanted)| in_turn(path, wanted)).collect();
    planned.sort_by(|a, b| (a.phase, rank(a), &a.path).cmp(&(b.phase, rank(b), &b.path)));
    planned
}

fn rank(file: &PlannedFile) -> u8 {
    match file.node {
        FileNode::Removed => 0,
        FileNode::Directory { .. } => 1,
        FileNode::File { .. } | FileNode::Symlink { .. } => 2,
    }
}

/// What a path is to be, one after another: an entry for each phase that changes it.
fn in_turn(path: &str, wanted: Vec<Wanted<'_>>) -> Vec<PlannedFile> {
    let mut turns: Vec<PlannedFile> = Vec::new();
    for (by, node) in wanted {
        match turns.last_mut() {
            Some(last) if last.node == node => note(&mut last.wanted_by, by.element),
            _ => {
                let wanted_by = vec![by.element.to_owned()];
                let path = path.to_owned();
                turns.push(PlannedFile { phase: by.phase, path, node, wanted_by });
            }
        }
    }
    turns
}

/// Whether two wishes for one path stand beside one another: an element changes its mind from phase
/// to phase, and no other element's.
fn stand_together(one: By<'_>, other: By<'_>) -> bool {
    one.element != other.element || one.phase == other.phase
}

fn contradiction<'w, 'a>(wanted: &'w [Wanted<'a>]) -> Option<(&'w Wanted<'a>, &'w Wanted<'a>)> {
    let pairs = wanted.iter().enumerate().flat_map(|(i, a)| {
        // Most wish for the same; an element alone may have many phases.
        wanted[i + 1..].iter().map(move |b| (a, b))
    });
    pairs.into_iter().find(|((one, a), (other, b))| a != b && stand_together(*one, *other))
}

/// The first wish for something below `path` where there can be nothing: its path, who wants it, and
/// who wants what at `path`.
fn beneath<'w, 'a>(
    path: &'a str,
    wanted: &'w [Wanted<'a>],
    paths: &'w Paths<'a>,
) -> Option<(&'a str, &'w By<'a>, &'w By<'a>, &'w FileNode)> {
    let ends = |(_, node): &&Wanted<'_>| !matches!(node, FileNode::Directory { .. });
    if !wanted.iter().any(|w| ends(&w)) {
        return None;
    }
    let folder = format!("{path}/");
    // Between them lie names that begin alike: `/x-y` of `/x`.
    let below = paths.range(path..).skip_while(|(p, _)| !p.starts_with(&folder));
    let below = below.take_while(|(p, _)| p.starts_with(&folder));
    for (place, there) in below {
        for (one, _) in there.iter().filter(|(_, node)| *node != FileNode::Removed) {
            let stops = |(other, node): &&Wanted<'_>| match node {
                // An element empties a folder of its own before it fills it.
                FileNode::Removed => other.element != one.element,
                _ => stand_together(*one, *other),
            };
            if let Some((other, node)) = wanted.iter().filter(ends).find(stops) {
                return Some((place, one, other, node));
            }
        }
    }
    None
}

/// In what two wishes for one path differ, as both say it.
fn difference(one: &FileNode, other: &FileNode) -> (String, String) {
    match (one, other) {
        (FileNode::Symlink { to }, FileNode::Symlink { to: elsewhere }) => {
            (format!("a link to `{to}`"), format!("a link to `{elsewhere}`"))
        }
        (
            FileNode::File { content, attributes },
            FileNode::File { content: another, attributes: others },
        ) => match content == another {
            true => of_attributes(attributes, others),
            false => (format!("a file with {content}"), format!("a file with {another}")),
        },
        (FileNode::Directory { attributes }, FileNode::Directory { attributes: others }) => {
            of_attributes(attributes, others)
        }
        _ => (one.kind().to_owned(), other.kind().to_owned()),
    }
}

fn of_attributes(one: &FileAttributes, other: &FileAttributes) -> (String, String) {
    let mode = |a: &FileAttributes| match a.mode {
        Some(mode) => format!("the mode {mode:04o}"),
        None => "the usual mode".to_owned(),
    };
    let named = |what: &str, who: &Option<String>| match who {
        Some(who) => format!("the {what} `{who}`"),
        None => format!("the usual {what}"),
    };
    let says: [&dyn Fn(&FileAttributes) -> String; 3] =
        [&mode, &|a: &FileAttributes| named("owner", &a.owner), &|a: &FileAttributes| {
            named("group", &a.group)
        }];
    for say in says {
        let (said, said_other) = (say(one), say(other));
        if said != said_other {
            return (said, said_other);
        }
    }
    let names = |a: &FileAttributes| match a.xattrs.is_empty() {
        true => "no extended attributes".to_owned(),
        false => {
            let names = dibhost_text::quoted_list(a.xattrs.keys());
            format!("extended attributes of its own ({names})")
        }
    };
    (names(one), names(other))
}
