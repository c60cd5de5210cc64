//! Graphs that nobody thought of.

use dibhost_block_device::{Node, NodeKind, Size, TableKind};
use proptest::prelude::*;

use crate::made::{Built, MIB, disk, driver, filesystem, luks, node, partition, table, volume};

/// Makes choices, equal ones for equal seeds.
struct Choices(u64);

impl Choices {
    fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % count
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

struct Made {
    choices: Choices,
    nodes: Vec<Node>,
    sector: u32,
    /// An encryption takes seconds to make and to open, and all of it is written.
    encryptions: u32,
}

impl Made {
    fn name(&self, what: &str) -> String {
        format!("{what}{}", self.nodes.len())
    }

    fn push(&mut self, node: Node) -> String {
        let name = node.name.clone();
        self.nodes.push(node);
        name
    }

    /// Something on a volume of so many MiB.
    fn fill(&mut self, on: &str, mib: u64, depth: u32) {
        match self.choices.below(6) {
            0 if depth < 5
                && (36..80).contains(&mib)
                && self.encryptions < 1
                && self.choices.one_in(3) =>
            {
                self.encryptions += 1;
                let secrets: &[&str] =
                    if self.choices.one_in(2) { &["passphrase", "spare"] } else { &["spare"] };
                let name = self.push(luks(&self.name("crypt"), on, secrets));
                self.fill(&name, mib - 16, depth + 1);
            }
            1 | 2 if depth < 5 && mib >= 24 => {
                let pv = self.push(node(&self.name("pv"), &[on], NodeKind::PhysicalVolume));
                self.group(&[&pv], mib - 1, depth);
            }
            5 if self.choices.one_in(3) => {}
            _ => self.filesystem(on, mib),
        }
    }

    /// A group with so many MiB in all.
    fn group(&mut self, on: &[&str], mib: u64, depth: u32) {
        let extent = 1 << self.choices.below(3);
        let kind = NodeKind::VolumeGroup { extent_size: extent * MIB };
        let group = self.push(node(&self.name("vg"), on, kind));
        let count = 1 + self.choices.below(3);
        let stripes = if self.choices.one_in(2) { on.len() as u32 } else { 1 };
        for number in 1..=count {
            // Extents that are left over on each physical volume, and those of stripes.
            let each = (mib / count).saturating_sub(4 * extent * u64::from(stripes));
            if each < 12 {
                break;
            }
            let size = match number == count && self.choices.one_in(2) {
                true => Size::Rest,
                false => Size::Bytes(each * MIB),
            };
            let name =
                self.push(volume(&self.name("lv+").replace('+', "-"), &group, size, stripes));
            self.fill(&name, each, depth + 1);
        }
    }

    fn filesystem(&mut self, on: &str, mib: u64) {
        let kind = match self.choices.below(9) {
            0 => "ext2",
            1 => "ext3",
            2 | 3 => "ext4",
            4 if mib >= 24 => "vfat",
            5 if mib >= 310 => "xfs",
            6 if mib >= 120 => "btrfs",
            7 => "squashfs",
            8 => "erofs",
            _ => "swap",
        };
        let label = format!("LABEL-{}", self.nodes.len());
        let labelled = !matches!(kind, "squashfs" | "erofs") && self.choices.one_in(2);
        let name = self.name("fs");
        self.push(filesystem(&name, on, kind, labelled.then_some(label.as_str())));
    }

    /// Volumes of partitions, of so many MiB each.
    fn partitions(&mut self, on: &str, mib: u64) -> Vec<String> {
        let kind = if self.choices.one_in(3) { TableKind::Mbr } else { TableKind::Gpt };
        let table = self.push(table(&self.name("table"), on, kind));
        let count = 1 + self.choices.below(4);
        // How many come before the logical ones, or stand in a hybrid MBR.
        let first = self.choices.below(4);
        let hybrid = self.choices.one_in(3);
        let active = self.choices.below(count);
        let one = |(made, number): (&mut Self, u64)| {
            let attributes: &[&str] = match kind {
                TableKind::Mbr if number >= first => &["logical"],
                TableKind::Mbr if number == active => &["active"],
                TableKind::Gpt if hybrid && number < first => &["hybrid", "grow-file-system"],
                TableKind::Gpt if number == active => &["legacy-bios-bootable"],
                _ => &[],
            };
            made.push(partition(&made.name("part"), &table, mib * MIB, attributes))
        };
        (0..count).map(|number| one((self, number))).collect()
    }
}

fn random(seed: u64) -> Vec<Node> {
    let mut choices = Choices(seed | 1);
    let sector = if choices.one_in(3) { 4096 } else { 512 };
    let mut made = Made { choices, nodes: Vec::new(), sector, encryptions: 0 };
    let mib = [40, 40, 128, 320][made.choices.below(4) as usize];
    let mut free = Vec::new();
    for number in 0..=made.choices.below(2) {
        let name = format!("disk-{number}");
        let sector = made.sector;
        made.push(disk(&name, sector));
        free.extend(made.partitions(&name, mib));
    }
    // What takes several volumes, while there are some.
    while free.len() >= 2 && made.choices.one_in(2) {
        let (b, a) = (free.pop().unwrap(), free.remove(0));
        match made.choices.below(4) {
            0 => {
                let settings = r#"{"level": 0, "chunk": 65536, "name": "an-array"}"#;
                let name = made.push(driver(&made.name("raid"), &[&a, &b], "raid", settings));
                made.fill(&name, 2 * (mib - 2), 1);
            }
            1 => {
                let name = made.name("raid");
                let name = made.push(driver(&name, &[&a, &b], "raid", r#"{"level": 1}"#));
                if made.choices.one_in(3) && mib >= 100 {
                    let parts = made.partitions(&name, 15);
                    for part in parts {
                        made.fill(&part, 15, 2);
                    }
                } else {
                    made.fill(&name, mib - 2, 1);
                }
            }
            2 => {
                let on = [a, b].map(|on| {
                    let name = made.name("pv");
                    made.push(node(&name, &[&on], NodeKind::PhysicalVolume))
                });
                made.group(&[&on[0], &on[1]], 2 * (mib - 1), 1);
            }
            _ => {
                let name = made.push(driver(&made.name("verity"), &[&a, &b], "verity", "{}"));
                let fs = made.name("fs");
                let kind = ["ext4", "erofs", "squashfs", "ext2"][made.choices.below(4) as usize];
                made.push(filesystem(&fs, &name, kind, None));
            }
        }
    }
    for on in free {
        made.fill(&on, mib, 0);
    }
    made.nodes
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 8, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default()
    })]

    #[test]
    fn any_graph_is_read_back_as_it_was_made(seed in any::<u64>()) {
        Built::new(random(seed)).reads_back();
    }
}
