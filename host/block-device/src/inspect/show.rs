//! What was found as a tree for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::types::{Inspected, Inspection};
use crate::driver::Driver;
use crate::node::{NodeKind, TableKind};
use crate::show::extent;
use dibhost_text::format_size as size;

impl Inspection {
    /// A line for each node below what it stands on, then what is not known.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut above: BTreeMap<&str, Vec<&Inspected>> = BTreeMap::new();
        for found in &self.nodes {
            for on in &found.node.on {
                above.entry(on).or_default().push(found);
            }
        }
        let mut text = String::new();
        let roots = self.nodes.iter().filter(|found| found.node.on.is_empty());
        // Nodes that are still to be shown, the next one last, with how deep they stand.
        let mut left: Vec<(&Inspected, &str, usize)> = roots.map(|root| (root, "", 0)).collect();
        left.reverse();
        while let Some((found, on, depth)) = left.pop() {
            let indent = "  ".repeat(depth);
            let name = &found.node.name;
            // What stands on several nodes is shown on the first.
            if found.node.on.first().is_some_and(|first| first != on) {
                let _ = writeln!(text, "{indent}(of {name})");
                continue;
            }
            let _ = writeln!(text, "{indent}{name}: {}", found.line());
            for note in &found.notes {
                let _ = writeln!(text, "{indent}  note: {note}");
            }
            for problem in &found.problems {
                let _ = writeln!(text, "{indent}  problem: {problem}");
            }
            let above = above.get(name.as_str()).into_iter().flatten();
            let mut above: Vec<_> = above.map(|up| (*up, name.as_str(), depth + 1)).collect();
            above.reverse();
            left.extend(above);
        }
        let mut unknown: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for found in &self.nodes {
            for what in &found.unknown {
                unknown.entry(what).or_default().push(&found.node.name);
            }
        }
        if !unknown.is_empty() {
            text.push_str("\nNot on the disks:\n");
        }
        for (what, nodes) in unknown {
            let _ = writeln!(text, "  {what}: {}", nodes.join(", "));
        }
        text
    }
}

impl Inspected {
    /// What it is, in one line.
    fn line(&self) -> String {
        let facts = &self.facts;
        let mut words = vec![match &self.node.kind {
            NodeKind::Disk { sector_size, .. } => format!("disk, sectors of {sector_size} bytes"),
            NodeKind::Table { kind: TableKind::Gpt, .. } => "GPT".to_owned(),
            NodeKind::Table { kind: TableKind::Mbr, .. } => "MBR".to_owned(),
            NodeKind::Partition { type_id, attributes, .. } => {
                let number = facts.number.unwrap_or_default();
                let mut words = format!("partition {number}, type {type_id}");
                for attribute in attributes {
                    let _ = write!(words, ", {attribute}");
                }
                words
            }
            NodeKind::Encryption { secrets, .. } => {
                format!("LUKS2, opened by {}", secrets.join(", "))
            }
            NodeKind::PhysicalVolume => "physical volume".to_owned(),
            NodeKind::VolumeGroup { extent_size } => {
                format!("volume group, extents of {}", size(*extent_size))
            }
            NodeKind::LogicalVolume { thin_pool, is_thin_pool, stripes, .. } => {
                match (thin_pool, is_thin_pool, stripes) {
                    (Some(pool), ..) => format!("thin volume of {pool}"),
                    (None, true, _) => "thin pool".to_owned(),
                    (None, false, 1) => "logical volume".to_owned(),
                    (None, false, stripes) => format!("logical volume, {stripes} stripes"),
                }
            }
            NodeKind::Filesystem { kind, .. } => kind.clone(),
            NodeKind::Driver { name, settings } => match Driver::of(&self.node) {
                Ok(Some(Driver::Subvolume { path, default })) => {
                    let default = if default { ", the default" } else { "" };
                    format!("subvolume `{path}`{default}")
                }
                _ if settings == "{}" => name.clone(),
                _ => format!("{name} {settings}"),
            },
            NodeKind::Mount { .. } | NodeKind::GrubBios { .. } => "not on a disk".to_owned(),
        }];
        if let Some(version) = &facts.version {
            words[0].push_str(&format!(" ({version})"));
        }
        match (&facts.place, facts.size) {
            (Some(place), _) if !self.node.on.is_empty() => words.push(extent(place.extent)),
            (_, Some(bytes)) => words.push(size(bytes)),
            _ => {}
        }
        if let Some(label) = &facts.label {
            words.push(format!("label `{}`", label.escape_debug()));
        }
        if let Some(uuid) = &facts.uuid {
            words.push(format!("UUID {uuid}"));
        }
        if let Some(partuuid) = &facts.partuuid {
            words.push(format!("PARTUUID {partuuid}"));
        }
        words.join(", ")
    }
}
