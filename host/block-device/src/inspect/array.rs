//! Arrays that were found: put together of all members, or of a mirror's that are there.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::finder::{Finder, Member};
use super::ground::{Map, VolumeAt};
use super::node::{Draft, NodeAt, Wish};
use crate::driver::{Driver, MD_NAME};
use crate::node::{Node, NodeKind};
use dibhost_volumes::md::{self, MdMetadata, MdSuperblock, RaidLevel};

/// Members that are named where some are missing.
const MOST_NAMED: usize = 8;

/// The members of an array that were found, by their roles.
struct Found {
    uuid: Uuid,
    members: Vec<usize>,
}

/// Numbers in a row, the first of so many: `1`, `0 and 2`, `0, 1 and 7 more`.
fn listed(numbers: &[u32], count: usize) -> String {
    let mut words: Vec<String> = numbers.iter().take(MOST_NAMED).map(u32::to_string).collect();
    if count > words.len() {
        words.push(format!("{} more", count - words.len()));
    }
    match words.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => words.concat(),
    }
}

/// Which members are missing, of so many, and the verb behind them. A superblock says any number of
/// members.
fn missing(members: u32, roles: &[u32]) -> String {
    let numbers: Vec<u32> =
        (0..members).filter(|role| !roles.contains(role)).take(MOST_NAMED).collect();
    let count = (members as usize).saturating_sub(roles.len());
    format!("{} {}", listed(&numbers, count), if count == 1 { "is" } else { "are" })
}

impl Finder<'_> {
    pub(super) fn member(&mut self, volume: VolumeAt) {
        match self.ground.read(volume, md::read_superblock) {
            Ok(Ok(Some(superblock))) => self.members.push(Member { volume, superblock }),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => self.problem(volume, &"its array", &error),
            Err(error) => self.problem(volume, &"its array", &error),
        }
    }

    /// Arrays that were not put together yet.
    fn arrays_left(&self) -> Vec<Found> {
        let mut by_array: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
        for (at, member) in self.members.iter().enumerate() {
            if !self.arrays_done.contains(&member.superblock.uuid) {
                by_array.entry(member.superblock.uuid).or_default().push(at);
            }
        }
        let sorted = |(uuid, mut members): (Uuid, Vec<usize>)| {
            members.sort_by_key(|at| self.members[*at].superblock.role);
            Found { uuid, members }
        };
        by_array.into_iter().map(sorted).collect()
    }

    fn roles(&self, found: &Found) -> Vec<u32> {
        found.members.iter().map(|at| self.members[*at].superblock.role).collect()
    }

    /// Puts arrays together whose members are all there; whether there was one.
    pub(super) fn assemble_arrays(&mut self) -> bool {
        let mut any = false;
        for found in self.arrays_left() {
            let members = self.members[found.members[0]].superblock.members;
            // A role that is there twice, or is missing, is told of in the end.
            if members >= 2 && self.roles(&found).into_iter().eq(0..members) {
                any = true;
                self.assemble(&found, Vec::new());
            }
        }
        any
    }

    /// Puts a mirror together of which members are missing; whether there was one. Only when nothing
    /// else is found any more: a member may lie in what is.
    pub(super) fn assemble_degraded(&mut self) -> bool {
        for found in self.arrays_left() {
            let MdSuperblock { members, level, .. } = self.members[found.members[0]].superblock;
            let mut roles = self.roles(&found);
            let here = listed(&roles, roles.len());
            let count = roles.len();
            roles.dedup();
            if level != RaidLevel::Raid1 || members < 2 || roles.len() != count {
                continue;
            }
            let note = format!(
                "of its {members} members, {} not here: it is read through {here}",
                missing(members, &roles)
            );
            self.assemble(&found, vec![note]);
            return true;
        }
        false
    }

    fn assemble(&mut self, found: &Found, mut notes: Vec<String>) {
        let Found { uuid, members } = found;
        self.arrays_done.insert(*uuid);
        let first = self.members[members[0]].superblock.clone();
        let unlike = members.iter().find(|at| {
            let other = &self.members[**at].superblock;
            (other.level, other.members, other.metadata)
                != (first.level, first.members, first.metadata)
                || (other.data_offset, other.used_size) != (first.data_offset, first.used_size)
        });
        if let Some(unlike) = unlike {
            let volume = self.members[*unlike].volume;
            let why = "its superblock is unlike that of another member";
            return self.problem(volume, &format!("array {uuid}"), &why);
        }
        // What was written while a member was away is not on it. The kernel takes one event less, too.
        let events = |at: &usize| self.members[*at].superblock.events;
        let last = members.iter().map(events).max().unwrap_or_default();
        let is_fresh =
            |at: &&usize| first.level != RaidLevel::Raid1 || events(at).saturating_add(1) >= last;
        for stale in members.iter().filter(|at| !is_fresh(at)) {
            let MdSuperblock { role, events, .. } = &self.members[*stale].superblock;
            notes.push(format!(
                "member {role} was left behind (its superblock was written {events} times, another's \
                 {last}): it is not read"
            ));
        }
        let volumes = |members: Vec<&usize>| -> Vec<VolumeAt> {
            members.into_iter().map(|at| self.members[*at].volume).collect()
        };
        let fresh = volumes(members.iter().filter(is_fresh).collect());
        let all = volumes(members.iter().collect());
        self.array(&first, &all, fresh, notes);
    }

    fn array(
        &mut self,
        array: &MdSuperblock,
        volumes: &[VolumeAt],
        fresh: Vec<VolumeAt>,
        notes: Vec<String>,
    ) {
        let fine = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        let name: String = array.name.chars().map(fine).take(MD_NAME).collect();
        let mut settings = match array.level {
            RaidLevel::Raid0 { chunk } => serde_json::json!({"level": 0, "chunk": chunk}),
            RaidLevel::Raid1 => serde_json::json!({"level": 1}),
        };
        if array.metadata == MdMetadata::End {
            settings["metadata"] = array.metadata.name().into();
        }
        if !name.is_empty() {
            settings["name"] = name.clone().into();
        }
        let kind = NodeKind::Driver { name: "raid".to_owned(), settings: settings.to_string() };
        let on: Vec<NodeAt> = volumes.iter().map(|at| self.node_of(*at)).collect();
        let wish = match name.is_empty() {
            true => Wish::By(on[0], "raid", String::new()),
            false => Wish::Label(name.clone()),
        };
        let mut draft = Draft::new(on, wish, kind);
        draft.notes = notes;
        draft.facts.uuid = Some(array.uuid.to_string());
        draft.facts.label = Some(array.name.clone()).filter(|name| !name.is_empty());
        draft.facts.version = Some(array.metadata.name().to_owned());
        if name != array.name {
            draft.notes.push("a graph cannot have its name".to_owned());
        }
        let node = Node { name: "raid".to_owned(), on: Vec::new(), kind: draft.kind.clone() };
        if let Err(wrong) = Driver::of(&node) {
            draft.notes.push(format!("a graph cannot have it: {}", wrong.problem));
        }
        if !array.clean {
            draft.notes.push("its members are not in step: the kernel makes them so".to_owned());
        }
        let node = self.add(draft);
        let (level, data_offset) = (array.level, array.data_offset);
        let map = Map::Raid { on: fresh, level, data_offset, used_size: array.used_size };
        self.volume(node, map);
    }

    /// Says what is missing of arrays that were not put together.
    pub(super) fn incomplete_arrays(&mut self) {
        let mut notes = Vec::new();
        for found in self.arrays_left() {
            let roles = self.roles(&found);
            for at in &found.members {
                let MdSuperblock { uuid, role, members, name, level, .. } =
                    &self.members[*at].superblock;
                let why = if *members < 2 {
                    "a graph has arrays of two members or more".to_owned()
                } else if roles.windows(2).any(|pair| pair[0] == pair[1]) {
                    "a member is here twice: give each disk once".to_owned()
                } else if *level == RaidLevel::Raid1 {
                    "its members do not say the same of it".to_owned()
                } else {
                    format!(
                        "of them, {} not here, and a RAID 0 has nothing whole without all: give all \
                         disks that belong together",
                        missing(*members, &roles)
                    )
                };
                let note = format!(
                    "it is member {role} of the {members} of array `{}`, {uuid}: {why}",
                    name.escape_debug()
                );
                notes.push((self.node_of(self.members[*at].volume), note));
            }
        }
        for (node, note) in notes {
            self.drafts[node].notes.push(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row() {
        let all: Vec<u32> = (0..11).collect();
        let said = [&all[..1], &all[..2], &all[..3], &all].map(|all| listed(all, all.len()));
        assert_eq!(said, ["0", "0 and 1", "0, 1 and 2", "0, 1, 2, 3, 4, 5, 6, 7 and 3 more"]);
        assert_eq!(missing(3, &[0, 2]), "1 is");
        assert_eq!(missing(3, &[1]), "0 and 2 are");
        let many = "0, 2, 3, 4, 5, 6, 7, 8 and 4294967286 more are";
        assert_eq!(missing(u32::MAX, &[1]), many);
    }
}
