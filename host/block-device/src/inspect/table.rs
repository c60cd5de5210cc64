//! Partition tables that were found.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::finder::Finder;
use super::ground::{Map, VolumeAt};
use super::node::{Draft, NodeAt, Wish};
use crate::node::{NodeKind, Size, TableKind};
use crate::partition_type::{PARTITION_ATTRIBUTES, partition_type_name};
use crate::stack::Part;
use dibhost_filesystems::probe::{Signature, SignatureKind, signatures};
use dibhost_volumes::Extent;
use dibhost_volumes::Medium;
use dibhost_volumes::gpt::{self, Gpt, GptPartition};
use dibhost_volumes::mbr::{self, Found, Table};

/// What both kinds of tables say of a partition.
struct Entry {
    number: u32,
    /// What the graph's numbering would give it.
    counted: u32,
    label: String,
    type_id: String,
    attributes: Vec<String>,
    extent: Extent,
    partuuid: String,
}

impl Finder<'_> {
    /// Whether a boot record has no partition in it.
    pub(super) fn is_no_table(&self, volume: VolumeAt) -> bool {
        let found = self.ground.read(volume, |medium| mbr::read(medium, 512));
        match found {
            Ok(Ok(Some(Found::Table(table)))) => {
                table.partitions.is_empty() && table.extended.is_none()
            }
            _ => false,
        }
    }

    pub(super) fn table(&mut self, volume: VolumeAt, found: &Signature) {
        if !matches!(self.ground.map(volume), Map::Disk(_) | Map::Raid { .. }) {
            let note = format!(
                "it carries a partition table ({found}), which a graph has on disks and RAIDs \
                 alone: it is not looked into"
            );
            return self.note(volume, note);
        }
        if found.kind == SignatureKind::Gpt {
            self.gpt(volume);
        } else {
            self.mbr(volume);
        }
    }

    fn broken(&mut self, volume: VolumeAt, error: &dyn Display) {
        self.problem(volume, &"its partition table cannot be read", error);
    }

    fn table_node(&mut self, volume: VolumeAt, kind: TableKind, uuid: String) -> NodeAt {
        let name = if kind == TableKind::Gpt { "gpt" } else { "mbr" };
        let on = self.node_of(volume);
        let node = NodeKind::Table { kind, alignment: None };
        let mut draft = Draft::new(vec![on], Wish::By(on, name, String::new()), node);
        draft.facts.uuid = Some(uuid);
        self.add(draft)
    }

    fn gpt(&mut self, volume: VolumeAt) {
        let table = match self.ground.read(volume, gpt::read) {
            Ok(Ok(Some(table))) => table,
            Ok(Ok(None)) => return self.broken(volume, &"neither copy of the GPT is one"),
            Ok(Err(error)) => return self.broken(volume, &error),
            Err(error) => return self.broken(volume, &error),
        };
        if let Some(sector) = self.sector(volume).filter(|sector| *sector != table.sector) {
            let have = table.sector;
            let note = format!("its GPT counts sectors of {have} bytes, and they have {sector}");
            self.note(volume, note);
        }
        self.has_sector(volume, table.sector);
        let node = self.table_node(volume, TableKind::Gpt, table.id.to_string());
        self.drafts[node].problems.extend(table.damage.iter().cloned());
        let named = self.named_by_hybrid(volume, node, &table);
        for (counted, partition) in (1..).zip(&table.partitions) {
            let mut entry = gpt_entry(counted, partition);
            if named.contains(&partition.number) {
                entry.0.attributes.push("hybrid".to_owned());
            }
            self.partition(volume, node, entry.0, entry.1);
        }
    }

    /// The numbers of partitions that stand in the MBR too.
    fn named_by_hybrid(&mut self, volume: VolumeAt, node: NodeAt, table: &Gpt) -> BTreeSet<u32> {
        let found = self.ground.read(volume, |medium| mbr::read(medium, table.sector));
        let problem = match found {
            Ok(Ok(Some(Found::Protective))) => return BTreeSet::new(),
            Ok(Ok(Some(Found::Hybrid(hybrid)))) => {
                let extents = hybrid.partitions.iter().map(|partition| partition.extent);
                let number = |extent: Extent| {
                    table.partitions.iter().find(|p| p.extent == extent).map(|p| p.number)
                };
                let numbers: Vec<_> = extents.map(number).collect();
                if numbers.contains(&None) {
                    let problem = "its hybrid MBR names a partition that the GPT does not";
                    self.drafts[node].problems.push(problem.to_owned());
                }
                return numbers.into_iter().flatten().collect();
            }
            Ok(Ok(_)) => "there is none".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        self.drafts[node].problems.push(format!("the protective MBR: {problem}"));
        BTreeSet::new()
    }

    fn mbr(&mut self, volume: VolumeAt) {
        let known = self.sector(volume);
        let sizes: &[u32] = match known {
            Some(4096) => &[4096],
            Some(_) => &[512],
            None => &[512, 4096],
        };
        // A table does not say what it counts. What is found where it points to does.
        let read = self.ground.read(volume, |medium| {
            let mut best: Option<(usize, u32, Found)> = None;
            let mut wrong = None;
            for sector in sizes {
                match mbr::read(medium, *sector) {
                    Ok(Some(found)) => {
                        let count = recognised(medium, &found);
                        if best.as_ref().is_none_or(|(most, ..)| count > *most) {
                            best = Some((count, *sector, found));
                        }
                    }
                    Ok(None) => {}
                    Err(error) => {
                        wrong.get_or_insert(error);
                    }
                }
            }
            (best, wrong)
        });
        let (count, sector, table) = match read {
            Ok((Some((count, sector, Found::Table(table))), _)) => (count, sector, table),
            Ok((Some(_), _)) => {
                return self.broken(volume, &"its MBR protects a GPT, and there is none");
            }
            Ok((None, Some(error))) => return self.broken(volume, &error),
            Ok((None, None)) => return self.broken(volume, &"the MBR is none"),
            Err(error) => return self.broken(volume, &error),
        };
        if count > 0 {
            self.has_sector(volume, sector);
        }
        let signature = format!("{:08x}", table.signature);
        let node = self.table_node(volume, TableKind::Mbr, signature.clone());
        let (mut primary, mut logical) = (0, 4);
        for partition in &table.partitions {
            let is_logical = partition.ebr.is_some();
            let counter = if is_logical { &mut logical } else { &mut primary };
            *counter += 1;
            let mut attributes = Vec::new();
            if partition.active {
                attributes.push("active".to_owned());
            }
            if is_logical {
                attributes.push("logical".to_owned());
            }
            let entry = Entry {
                number: partition.number,
                counted: *counter,
                label: String::new(),
                type_id: format!("{:02x}", partition.type_id),
                attributes,
                extent: partition.extent,
                partuuid: format!("{signature}-{:02x}", partition.number),
            };
            self.partition(volume, node, entry, Vec::new());
        }
    }

    fn partition(&mut self, volume: VolumeAt, table: NodeAt, entry: Entry, notes: Vec<String>) {
        let Entry { number, counted, label, type_id, attributes, extent, partuuid } = entry;
        let wish = match label.is_empty() {
            true => Wish::By(self.node_of(volume), "", format!("-{number}")),
            false => Wish::Label(label.clone()),
        };
        let mut notes = notes;
        if number != counted {
            notes.push(format!("its number is {number}, and a graph would number it {counted}"));
        }
        let fine = !label.chars().any(char::is_control);
        let in_graph = if fine { label.clone() } else { String::new() };
        if !fine {
            notes.push("a graph cannot have its label: it has a control character".to_owned());
        }
        let kind = NodeKind::Partition {
            label: in_graph,
            type_id,
            size: Size::Bytes(extent.size),
            attributes,
            preserve: false,
        };
        let mut draft = Draft::new(vec![table], wish, kind);
        draft.notes = notes;
        draft.facts.number = Some(number);
        draft.facts.partuuid = Some(partuuid);
        draft.facts.label = Some(label).filter(|label| !label.is_empty());
        let node = self.add(draft);
        self.volume(node, Map::Part { on: volume, extent });
    }
}

fn gpt_entry(counted: u32, partition: &GptPartition) -> (Entry, Vec<String>) {
    let mut attributes = Vec::new();
    let mut left = partition.attributes;
    for (name, bit) in PARTITION_ATTRIBUTES {
        if left & 1 << bit != 0 {
            attributes.push((*name).to_owned());
            left &= !(1 << bit);
        }
    }
    let mut notes = Vec::new();
    if left != 0 {
        notes.push(format!("a graph cannot have its attribute bits {left:#x}"));
    }
    let type_id = match partition_type_name(partition.type_id) {
        Some(name) => name.to_owned(),
        None => partition.type_id.to_string(),
    };
    let entry = Entry {
        number: partition.number,
        counted,
        label: partition.label.clone(),
        type_id,
        attributes,
        extent: partition.extent,
        partuuid: partition.id.to_string(),
    };
    (entry, notes)
}

/// How many partitions of a table carry something that is known here.
fn recognised(medium: &dyn Medium, found: &Found) -> usize {
    let Found::Table(Table { partitions, .. }) = found else { return 0 };
    let carries = |extent: Extent| {
        let found = signatures(&Part { lower: medium, extent });
        found.is_ok_and(|found| !found.is_empty())
    };
    partitions.iter().filter(|partition| carries(partition.extent)).count()
}
