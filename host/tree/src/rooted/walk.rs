//! Walking a tree in path order, in slices.

use std::cmp::Ordering;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{self, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::Rooted;
use super::node::{allowed, stat_at};
use crate::error::{TargetError, os};
use crate::path::TargetPath;
use crate::tree::{Entry, Kind, Scope, Walk};

/// One folder on the way down.
struct Level {
    folder: OwnedFd,
    path: TargetPath,
    /// Names still to come, the last one first.
    names: Vec<String>,
}

impl Rooted {
    /// Entries below a folder: each folder before what is in it, names in byte order. Names that
    /// are no UTF-8 cannot be told and are left out.
    pub(crate) fn walk(
        &self,
        scope: &Scope,
        path: &TargetPath,
        walk: Walk,
        start_after: Option<&TargetPath>,
        limit: usize,
    ) -> Result<Vec<Entry>, TargetError> {
        let folder = self
            .open(path.as_str(), OFlags::PATH | OFlags::DIRECTORY)
            .map_err(|e| self.explain(e, path, path.as_str()))?;
        let at = self.location(folder.as_fd()).map_err(|e| self.explain(e, path, path.as_str()))?;
        allowed(scope, &at, false)?;
        let names = names_of(&folder).map_err(|e| os(format!("reading the folder `{path}`"), e))?;
        let mut levels = vec![Level { folder, path: path.clone(), names }];
        let mut found = Vec::new();
        while found.len() < limit {
            let Some(level) = levels.last_mut() else { break };
            let Some(name) = level.names.pop() else {
                levels.pop();
                continue;
            };
            // Deeper than a path can be long: it has no name to be told by.
            let Ok(entry) = level.path.join(&name) else { continue };
            let ahead = start_after.map_or(Ahead::Wanted, |start| ahead(&entry, start));
            if ahead == Ahead::Skip {
                continue;
            }
            let stat = match stat_at(level.folder.as_fd(), &name) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(os(format!("looking at `{entry}`"), error)),
            };
            if walk.recursive && stat.kind == Kind::Directory {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let below = fs::openat(&level.folder, &name, flags, Mode::empty())
                    .and_then(|folder| Ok((names_of(&folder)?, folder)))
                    .map_err(|e| os(format!("reading the folder `{entry}`"), e))?;
                let (names, folder) = below;
                levels.push(Level { folder, path: entry.clone(), names });
            }
            if ahead == Ahead::Wanted {
                found.push(Entry { path: entry, stat });
            }
        }
        Ok(found)
    }
}

#[derive(PartialEq, Eq)]
enum Ahead {
    /// After the start.
    Wanted,
    /// The start itself or a folder above it: told already, but what is in it may not be.
    Told,
    /// Before the start, with all that is in it.
    Skip,
}

fn ahead(entry: &TargetPath, start: &TargetPath) -> Ahead {
    let mut left = entry.as_str().split('/');
    let mut right = start.as_str().split('/');
    loop {
        match (left.next(), right.next()) {
            (None, _) => return Ahead::Told,
            (Some(_), None) => return Ahead::Wanted,
            (Some(l), Some(r)) => match l.cmp(r) {
                Ordering::Less => return Ahead::Skip,
                Ordering::Greater => return Ahead::Wanted,
                Ordering::Equal => (),
            },
        }
    }
}

/// Names in a folder held by `O_PATH`, the last one first.
fn names_of(folder: &OwnedFd) -> Result<Vec<String>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = fs::openat(folder, ".", flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::new(folder)? {
        let entry = entry?;
        match entry.file_name().to_str() {
            Ok("." | "..") | Err(_) => (),
            Ok(name) => names.push(name.to_owned()),
        }
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}
