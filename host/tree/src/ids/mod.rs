//! Whose ids the tree's worker has.
//!
//! ```text
//! of the machine                          in the worker
//! 0            root, who builds           -          nobody: what is root's is seen and not had
//! 1000         a user, who builds         -          nobody
//! FIRST        the first subordinate id   0          root of the tree, its worker and its programs
//! FIRST + 33                              33         `www-data`
//! ```
//!
//! What reads a hostile tree is then nobody on the machine, whoever builds. Root writes the map itself,
//! everybody else by `newuidmap` and `newgidmap`, for the ids that `/etc/subuid` and `/etc/subgid` give
//! them. Owners come out as they are in the image, for the map has all ids that an image has.

pub(crate) mod enter;
mod refused;

use std::fmt;

use dibhost_check::Check;
use serde::{Deserialize, Serialize};

use crate::error::TargetError;

/// As many as Debian's accounts have: `nobody` is 65534, and some images have 65535.
const COUNT: u32 = 65_536;

/// Root's where `/etc/subuid` has no line for it: systemd's table of ids has these as unused, between
/// those of its containers and the foreign ones, and `useradd` gives none of them.
const FIRST_OF_ROOT: u32 = 1_879_048_192;

/// Whose ids the worker has, and all that it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ids {
    /// The machine's: root is root. For what only the machine's root may do: mounting filesystems.
    Machine,
    /// Those of a user namespace of its own, in which nobody is who builds.
    Mapped(IdMap),
}

/// Which ids of the machine are those of the namespace, from 0 on, one run after another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMap {
    users: Vec<Run>,
    groups: Vec<Run>,
}

/// Ids that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    first: u32,
    count: u32,
}

/// Who builds.
struct Caller {
    id: u32,
    name: String,
}

impl Ids {
    /// Mapped ids for whoever runs this. Root of a container whose ids are mapped already, and too few
    /// to give some of them away, has those of its container: that is no root of the machine.
    ///
    /// # Errors
    /// There are none for this user, and what to do about it.
    pub fn mapped() -> Result<Self, TargetError> {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let id = rustix::process::geteuid().as_raw();
        let name = dibhost_sys::own_name().unwrap_or_else(|| id.to_string());
        let caller = Caller { id, name };
        let (users, groups) = (read("/etc/subuid"), read("/etc/subgid"));
        if id == 0 && !Check::ProgramIds.holds() {
            return Ok(Self::Machine);
        }
        if id != 0 {
            return of_user(&caller, &users, &groups).map(Self::Mapped);
        }
        let map = of_root(&caller, &users, &groups);
        let (own_users, own_groups) = (read("/proc/self/uid_map"), read("/proc/self/gid_map"));
        let has = has_all(&own_users, &map.users) && has_all(&own_groups, &map.groups);
        Ok(if has { Self::Mapped(map) } else { Self::Machine })
    }

    /// The ids of the machine that are root's of the worker; none: root's.
    pub(crate) fn root(&self) -> Option<(u32, u32)> {
        match self {
            Self::Machine => None,
            Self::Mapped(map) => {
                let first = |runs: &[Run]| runs.first().map(|run| run.first);
                Some((first(&map.users)?, first(&map.groups)?))
            }
        }
    }
}

impl fmt::Display for IdMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |runs: &[Run]| {
            let run = |run: &Run| {
                let last = u64::from(run.first) + u64::from(run.count).saturating_sub(1);
                format!("{}-{last}", run.first)
            };
            runs.iter().map(run).collect::<Vec<_>>().join(", ")
        };
        write!(f, "users {}, groups {}", told(&self.users), told(&self.groups))
    }
}

/// The lines of `/etc/subuid` or `/etc/subgid`, `NAME:FIRST:COUNT`, whosever they are.
fn lines(text: &str) -> impl Iterator<Item = (&str, Run)> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let who = fields.next()?;
        let (first, count) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some((who, Run { first, count }))
    })
}

/// All that a user has, by name or by number, in the order of the file.
fn runs(caller: &Caller, text: &str) -> Vec<Run> {
    let number = caller.id.to_string();
    let theirs = lines(text).filter(|(who, run)| {
        (*who == caller.name || *who == number) && run.count > 0 && run.first > 0
    });
    theirs.map(|(_, run)| run).collect()
}

fn enough(runs: &[Run]) -> bool {
    runs.iter().map(|run| u64::from(run.count)).sum::<u64>() >= u64::from(COUNT)
}

fn of_user(caller: &Caller, subuid: &str, subgid: &str) -> Result<IdMap, TargetError> {
    let map = IdMap { users: runs(caller, subuid), groups: runs(caller, subgid) };
    for (file, runs, texts) in [
        ("/etc/subuid", &map.users, [subuid, subgid]),
        ("/etc/subgid", &map.groups, [subuid, subgid]),
    ] {
        if !enough(runs) {
            return Err(TargetError::Unsupported(no_ids(&caller.name, file, runs, texts)));
        }
    }
    Ok(map)
}

/// The sentence for somebody without ids, with free ones to take.
fn no_ids(name: &str, file: &str, runs: &[Run], texts: [&str; 2]) -> String {
    let has = if runs.is_empty() {
        format!("`{file}` has no line for `{name}`")
    } else {
        let count: u64 = runs.iter().map(|run| u64::from(run.count)).sum();
        format!("`{file}` has {count} ids for `{name}`, and an image has {COUNT}")
    };
    // Behind all that are given away, and where `useradd` begins.
    let taken = texts.iter().flat_map(|text| lines(text));
    let free = taken.map(|(_, run)| run.first.saturating_add(run.count)).max().unwrap_or(0);
    let first = free.max(100_000);
    let last = first.saturating_add(COUNT - 1);
    format!(
        "{has}: without root, a build needs ids of its own for the users of the image; \
         `sudo usermod --add-subuids {first}-{last} --add-subgids {first}-{last} {name}` gives them"
    )
}

fn of_root(caller: &Caller, subuid: &str, subgid: &str) -> IdMap {
    let first = |text: &str| {
        let line = runs(caller, text).into_iter().find(|run| run.count >= COUNT);
        vec![Run { first: line.map_or(FIRST_OF_ROOT, |run| run.first), count: COUNT }]
    };
    IdMap { users: first(subuid), groups: first(subgid) }
}

/// Whether a process with this map (`/proc/self/uid_map`) has all these ids to give away.
fn has_all(map: &str, runs: &[Run]) -> bool {
    let own: Vec<(u64, u64)> = map
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let first = fields.next()?.parse().ok()?;
            Some((first, fields.nth(1)?.parse().ok()?))
        })
        .collect();
    runs.iter().all(|run| {
        let (first, end) = (u64::from(run.first), u64::from(run.first) + u64::from(run.count));
        own.iter().any(|(at, count)| *at <= first && end <= at + count)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Caller {
        Caller { id: 1000, name: "alice".to_owned() }
    }

    fn root() -> Caller {
        Caller { id: 0, name: "root".to_owned() }
    }

    fn run(first: u32, count: u32) -> Run {
        Run { first, count }
    }

    #[test]
    fn a_user_has_all_that_the_files_give_by_name_and_by_number() {
        let users = "bob:100000:65536\nalice:165536:65536\n# alice:1:65536\n1000:300000:10\n";
        let map = of_user(&alice(), users, "alice:231072:65536\n").unwrap();
        assert_eq!(map.users, [run(165_536, 65_536), run(300_000, 10)]);
        assert_eq!(map.groups, [run(231_072, 65_536)]);
        assert_eq!(map.to_string(), "users 165536-231071, 300000-300009, groups 231072-296607");
        assert_eq!(Ids::Mapped(map).root(), Some((165_536, 231_072)));
    }

    #[test]
    fn who_has_no_ids_is_told_how_to_get_some() {
        let said =
            |users: &str, groups: &str| of_user(&alice(), users, groups).unwrap_err().to_string();
        let none = said("bob:100000:65536\n", "");
        assert!(none.starts_with("`/etc/subuid` has no line for `alice`: "), "{none}");
        assert!(
            none.contains(
                "`sudo usermod --add-subuids 165536-231071 --add-subgids 165536-231071 alice`"
            ),
            "{none}"
        );
        let no_groups = said("alice:100000:65536\n", "");
        assert!(no_groups.starts_with("`/etc/subgid` has no line for `alice`: "), "{no_groups}");
        let few = said("alice:100000:1000\n", "alice:100000:65536\n");
        assert!(
            few.starts_with("`/etc/subuid` has 1000 ids for `alice`, and an image has 65536: "),
            "{few}"
        );
        // What the kernel's own root has is nobody's to give.
        assert!(of_user(&alice(), "alice:0:65536\n", "alice:0:65536\n").is_err());
    }

    #[test]
    fn root_has_its_line_or_ids_that_nobody_else_has() {
        let map = of_root(&root(), "root:500000:65536\n", "alice:100000:65536\n");
        assert_eq!(map.users, [run(500_000, COUNT)]);
        assert_eq!(map.groups, [run(FIRST_OF_ROOT, COUNT)]);
    }

    #[test]
    fn a_container_with_few_ids_has_none_to_give() {
        let map = of_root(&root(), "", "");
        assert!(has_all("         0          0 4294967295\n", &map.users));
        assert!(!has_all("         0     100000      65536\n", &map.users));
        assert!(!has_all("", &map.users));
    }
}
