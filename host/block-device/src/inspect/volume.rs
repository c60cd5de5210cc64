//! Encryptions and volume groups that were found.

use std::collections::{BTreeMap, BTreeSet};

use super::finder::{Finder, Physical};
use super::ground::{Group, Map, VolumeAt};
use super::node::{Draft, NodeAt, Wish};
use crate::check;
use crate::node::{NodeKind, Size};
use dibhost_filesystems::probe::Signature;
use dibhost_volumes::luks::{self, LuksError, LuksHeader, VolumeKey};
use dibhost_volumes::lvm::{self, LogicalVolumeKind, LvmId, VolumeGroup};

/// Segments, stripes and volumes of all groups together: a hundred megabytes of them.
const MOST_PARTS: usize = 1 << 20;

impl Finder<'_> {
    pub(super) fn luks(&mut self, volume: VolumeAt, found: &Signature) {
        if found.version.as_deref() != Some("2") {
            return self.note(volume, format!("it carries what graphs do not have: {found}"));
        }
        let header = match self.ground.read(volume, luks::read_header) {
            Ok(Ok(Some(header))) => header,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => return self.problem(volume, &"its encryption", &error),
            Err(error) => return self.problem(volume, &"its encryption", &error),
        };
        let on = self.node_of(volume);
        let mut notes = Vec::new();
        let label = header.label.clone().filter(|label| {
            let named = ["x".to_owned()];
            let fine = check::encryption("", &named, Some(label));
            fine.map_err(|wrong| {
                notes.push(format!("a graph cannot have its label: {}", wrong.problem))
            })
            .is_ok()
        });
        let kind = NodeKind::Encryption { secrets: Vec::new(), label };
        let mut draft = Draft::new(vec![on], Wish::By(on, "luks", String::new()), kind);
        draft.notes = notes;
        draft.facts.uuid = Some(header.uuid.to_string());
        draft.facts.label.clone_from(&header.label);
        draft.facts.block_size = Some(header.sector);
        let whole = self.drafts[on].facts.size.unwrap_or_default();
        let size = header.size.unwrap_or_else(|| whole.saturating_sub(header.offset));
        draft.facts.size = Some(size - size % u64::from(header.sector));

        let mut names = Vec::new();
        let key = self.open(volume, &header, &mut draft, &mut names);
        if let NodeKind::Encryption { secrets, .. } = &mut draft.kind {
            *secrets = names;
        }
        let node = self.add(draft);
        if let Some(key) = key {
            self.volume(node, Map::Luks { on: volume, header: Box::new(header), key });
        }
    }

    /// Tries the secrets on each key slot, and says by which name each is opened.
    fn open(
        &self,
        volume: VolumeAt,
        header: &LuksHeader,
        draft: &mut Draft,
        names: &mut Vec<String>,
    ) -> Option<VolumeKey> {
        let mut left: Vec<_> = self.secrets.iter().collect();
        let mut key = None;
        for (number, slot) in &header.slots {
            let mut one = header.clone();
            one.slots = BTreeMap::from([(*number, slot.clone())]);
            let mut opens = None;
            for (at, secret) in left.iter().enumerate() {
                let tried =
                    self.ground.read(volume, |medium| luks::open(medium, &one, &secret.bytes));
                match tried {
                    Ok(Ok(found)) => {
                        key.get_or_insert(found);
                        opens = Some(at);
                        break;
                    }
                    Ok(Err(LuksError::NoKey)) => {}
                    Ok(Err(error)) => {
                        draft.notes.push(format!("it cannot be opened: {error}"));
                        break;
                    }
                    Err(error) => {
                        draft.problems.push(format!("it cannot be read: {error}"));
                        break;
                    }
                }
            }
            names.push(match opens {
                Some(at) => left.remove(at).name.clone(),
                None => {
                    let called = format!("unknown-{number}");
                    let unknown =
                        format!("the secret of key slot {number}, here called `{called}`");
                    draft.unknown.push(unknown);
                    called
                }
            });
        }
        if names.is_empty() {
            draft.problems.push("it has no key slot: nothing opens it".to_owned());
            names.push("unknown".to_owned());
        } else if key.is_none() {
            draft.notes.push(match self.secrets.is_empty() {
                true => "what is in it is not known: no secret was given".to_owned(),
                false => "what is in it is not known: no secret that was given opens it".to_owned(),
            });
        }
        key
    }

    pub(super) fn physical_volume(&mut self, volume: VolumeAt) {
        let label = match self.ground.read(volume, lvm::read) {
            Ok(Ok(Some(label))) => label,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => return self.problem(volume, &"its physical volume", &error),
            Err(error) => return self.problem(volume, &"its physical volume", &error),
        };
        let on = self.node_of(volume);
        let wish = Wish::By(on, "pv", String::new());
        let mut draft = Draft::new(vec![on], wish, NodeKind::PhysicalVolume);
        draft.facts.uuid = Some(label.id.to_string());
        let group = label.volume_group.map(|(group, _)| group);
        let of = group.as_ref().map(|group| group.id);
        let twice = self.physical.iter().any(|physical| physical.id == label.id);
        let known = of.is_some_and(|of| self.groups_done.contains(&of));
        if twice || known {
            let id = label.id;
            draft.problems.push(format!("{id} is the identifier of another physical volume too"));
        } else if of.is_none() {
            draft.notes.push("it says of no volume group".to_owned());
        }
        let node = self.add(draft);
        if twice || known {
            return;
        }
        let group = group.filter(|_| self.room_for(node));
        self.physical.push(Physical { node, volume, id: label.id, of, group });
    }

    /// Metadata of the groups that are known, in parts that take some memory each.
    fn room_for(&mut self, node: NodeAt) -> bool {
        let parts = |group: &VolumeGroup| {
            let segments = group.logical_volumes.iter().map(|volume| match &volume.kind {
                LogicalVolumeKind::Extents(segments) => {
                    segments.iter().map(|segment| 1 + segment.stripes.len()).sum::<usize>()
                }
                _ => 1,
            });
            1 + group.physical_volumes.len() + segments.sum::<usize>()
        };
        let waiting = self.physical.iter().filter_map(|physical| physical.group.as_ref());
        let done = self.ground.groups.iter().map(|group| &group.group);
        if waiting.chain(done).map(parts).sum::<usize>() <= MOST_PARTS {
            return true;
        }
        let problem = "all volume groups together are too large to be looked into";
        self.drafts[node].problems.push(problem.to_owned());
        false
    }

    /// Puts groups together whose physical volumes are all there; whether there was one.
    pub(super) fn assemble_groups(&mut self) -> bool {
        let mut any = false;
        for at in 0..self.physical.len() {
            let Some(of) = self.physical[at].of else { continue };
            if self.groups_done.contains(&of) {
                continue;
            }
            let Some(group) = self.physical[at].group.take() else { continue };
            let by_id = |id: &LvmId| self.physical.iter().position(|p| p.id == *id);
            let found: Option<Vec<usize>> =
                group.physical_volumes.iter().map(|pv| by_id(&pv.id)).collect();
            match found {
                Some(found) => {
                    self.groups_done.insert(of);
                    any = true;
                    self.group(group, &found);
                }
                None => self.physical[at].group = Some(group),
            }
        }
        any
    }

    fn group(&mut self, group: VolumeGroup, physical: &[usize]) {
        let mut on = Vec::new();
        let mut volumes = Vec::new();
        let mut problems = Vec::new();
        for at in physical {
            let physical = &mut self.physical[*at];
            on.push(physical.node);
            volumes.push(physical.volume);
            let other = physical.group.take();
            if other.is_some_and(|other| other != group) {
                let problem = "its physical volumes do not say the same of it";
                problems = vec![problem.to_owned()];
            }
        }
        let kind = NodeKind::VolumeGroup { extent_size: group.extent_size };
        let mut draft = Draft::new(on, Wish::OnDisk(group.name.clone()), kind);
        draft.facts.uuid = Some(group.id.to_string());
        draft.problems = problems;
        let node = self.add(draft);
        let number = self.ground.groups.len();
        self.ground.groups.push(Group { group, on: volumes });
        self.logical_volumes(node, number);
    }

    fn logical_volumes(&mut self, group_node: NodeAt, number: usize) {
        let mut nodes: BTreeMap<String, NodeAt> = BTreeMap::new();
        let mut thin: Vec<(NodeAt, usize, String)> = Vec::new();
        for at in 0..self.ground.groups[number].group.logical_volumes.len() {
            let group = &self.ground.groups[number].group;
            let volume = &group.logical_volumes[at];
            let (name, size) = (volume.name.clone(), group.size_of(volume));
            if let LogicalVolumeKind::Other { segment_type, .. } = &volume.kind
                && volume.visible
            {
                let note = format!(
                    "its logical volume `{name}` is of the kind `{}`, which graphs do not have",
                    segment_type.escape_debug()
                );
                self.drafts[group_node].notes.push(note);
            }
            if !volume.visible || matches!(volume.kind, LogicalVolumeKind::Other { .. }) {
                continue;
            }
            let mut notes = Vec::new();
            let (is_thin_pool, is_plain) = match &volume.kind {
                LogicalVolumeKind::ThinPool { .. } => (true, false),
                LogicalVolumeKind::Thin { pool, .. } => {
                    thin.push((self.drafts.len(), at, pool.clone()));
                    (false, false)
                }
                _ => (false, true),
            };
            let mut stripes = BTreeSet::new();
            // A pool's data is striped, or not.
            let data = match &volume.kind {
                LogicalVolumeKind::ThinPool { data, .. } => group.logical_volume(data),
                _ => Some(volume),
            };
            if let Some(LogicalVolumeKind::Extents(segments)) = data.map(|data| &data.kind) {
                stripes = segments.iter().map(|segment| segment.stripes.len()).collect();
            }
            if stripes.len() > 1 {
                notes.push("its segments are not all striped alike".to_owned());
            }
            let stripes = stripes.last().and_then(|count| u32::try_from(*count).ok()).unwrap_or(1);
            let kind = NodeKind::LogicalVolume {
                size: Size::Bytes(size),
                thin_pool: None,
                is_thin_pool,
                stripes,
            };
            let mut draft = Draft::new(vec![group_node], Wish::OnDisk(name.clone()), kind);
            draft.facts.size = Some(size);
            draft.facts.uuid = Some(volume.id.to_string());
            draft.notes = notes;
            let node = self.add(draft);
            nodes.insert(name, node);
            if is_plain {
                self.volume(node, Map::Logical { group: number, volume: at });
            }
        }
        for (node, _, pool) in &thin {
            self.drafts[*node].pool = nodes.get(pool).copied();
        }
        self.thin_volumes(number, &thin);
    }

    /// Says what is missing of groups that are not whole.
    pub(super) fn incomplete_groups(&mut self) {
        let mut notes = Vec::new();
        for physical in &self.physical {
            let Some(group) = &physical.group else { continue };
            let here = |id: &LvmId| self.physical.iter().any(|physical| physical.id == *id);
            let missing = group.physical_volumes.iter().filter(|pv| !here(&pv.id));
            let missing: Vec<_> = missing.take(8).map(|pv| pv.id.to_string()).collect();
            let note = format!(
                "it belongs to volume group `{}`, of which {} are not here: give all disks that \
                 belong together",
                group.name,
                missing.join(", ")
            );
            notes.push((physical.node, note));
        }
        for (node, note) in notes {
            self.drafts[node].notes.push(note);
        }
    }
}
