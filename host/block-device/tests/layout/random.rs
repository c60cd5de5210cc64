//! Graphs that nobody thought of: what they are made of is drawn from a list of numbers, so that a
//! failure shrinks to a small one.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use dibhost_block_device::{
    Graph, Layout, LayoutError, LayoutOptions, Node, NodeKind, Optimise, Size, TableKind,
    layout_for,
};
use dibhost_filesystems::FolderTree;
use dibhost_sys::Cancel;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::built::*;
use crate::invariant;

const GIB: u64 = 1 << 30;
/// No more volumes on one another than this.
const DEPTH: u32 = 6;

/// Draws a graph.
pub(crate) struct Maker {
    numbers: std::vec::IntoIter<u16>,
    pub(crate) nodes: Vec<Node>,
    /// Sizes come from the content: nothing can be too small.
    content: bool,
    /// What a group, an array or a verity device is made of, once all disks are there.
    physical: Vec<(String, u32)>,
    members: Vec<(String, u32)>,
    data: Vec<String>,
    sector: u32,
    /// Volumes of a size that nobody reckoned for what may stand on them.
    fixed: BTreeSet<String>,
}

impl Maker {
    /// A number below `below`.
    fn draw(&mut self, below: u16) -> u16 {
        self.numbers.next().unwrap_or_default() % below
    }

    fn add(&mut self, kind: &str, on: &[&str], of: NodeKind) -> String {
        let name = format!("{kind}{}", self.nodes.len());
        let sized = match &of {
            NodeKind::Partition { size, .. } | NodeKind::LogicalVolume { size, .. } => Some(*size),
            _ => None,
        };
        if self.content && matches!(sized, Some(Size::Bytes(_))) {
            self.fixed.insert(name.clone());
        }
        self.nodes.push(node(&name, on, of));
        name
    }

    fn size(&mut self) -> Size {
        let large = |n: u16| Size::Bytes((700 + u64::from(n)) * MIB + 512 * u64::from(n % 7));
        if self.content {
            return match self.draw(3) {
                0 => large(self.draw(500)),
                1 => Size::Content(u64::from(self.draw(500)) * 100_003),
                _ => Size::Content(0),
            };
        }
        let share = u32::from(self.draw(50)) * 10_000 + 1;
        match self.draw(5) {
            0 => large(self.draw(500)),
            1 => Size::Share(share),
            2 => Size::ShareOfRest(share),
            3 => Size::Bytes(u64::from(self.draw(u16::MAX)) * 4096 + 1),
            _ => Size::Content(0),
        }
    }

    fn disk(&mut self) {
        self.sector = if self.draw(3) == 0 { 4096 } else { 512 };
        let size = (!self.content).then(|| (2 + u64::from(self.draw(60))) * GIB);
        let kind = NodeKind::Disk { size, sector_size: self.sector };
        let disk = self.add("disk", &[], kind);
        if self.draw(4) == 0 {
            self.volume(&disk, 0);
        } else {
            self.table(&disk, 0);
        }
    }

    fn table(&mut self, on: &str, depth: u32) {
        let kind = if self.draw(2) == 0 { TableKind::Gpt } else { TableKind::Mbr };
        let alignment = [None, None, Some(4096), Some(64 << 10), Some(8 << 20)];
        let alignment = alignment[usize::from(self.draw(5))];
        let table = self.add("table", &[on], NodeKind::Table { kind, alignment });
        let (mut rest, mut hybrid, mut logical) = (false, 0, false);
        let mut made = Vec::new();
        for number in 0..=self.draw(6) {
            let mut attributes = Vec::new();
            // A fourth primary partition is the last, for nothing tells yet of logical ones.
            logical |= kind == TableKind::Mbr && (self.draw(3) == 0 || number == 3);
            if logical {
                attributes.push("logical".to_owned());
            }
            if kind == TableKind::Gpt && hybrid < 3 && self.draw(5) == 0 {
                attributes.push("hybrid".to_owned());
                hybrid += 1;
            }
            let size = match self.draw(6) {
                0 if !rest => {
                    rest = true;
                    Size::Rest
                }
                _ => self.size(),
            };
            let preserve = self.draw(8) == 0;
            let (label, type_id) = (String::new(), "linux-generic".to_owned());
            let kind = NodeKind::Partition { label, type_id, size, attributes, preserve };
            made.push(self.add("part", &[&table], kind));
        }
        for partition in made {
            self.volume(&partition, depth + 1);
        }
    }

    /// Something on a volume. Where sizes come from content there is always something that has one.
    fn volume(&mut self, on: &str, depth: u32) {
        let full = depth >= DEPTH || self.fixed.contains(on);
        let choice = if full { 0 } else { self.draw(10) };
        match choice {
            0..4 => self.filesystem(on),
            4 | 5 => {
                let secrets = (0..=self.draw(3)).map(|n| format!("secret-{n}")).collect();
                let kind = NodeKind::Encryption { secrets, label: None };
                let luks = self.add("luks", &[on], kind);
                self.volume(&luks, depth + 1);
            }
            6 | 7 => {
                let pv = self.add("pv", &[on], NodeKind::PhysicalVolume);
                self.physical.push((pv, depth));
            }
            8 => self.members.push((on.to_owned(), depth)),
            _ => self.data.push(on.to_owned()),
        }
    }

    fn filesystem(&mut self, on: &str) {
        let kinds = ["ext4", "ext4", "ext2", "xfs", "btrfs", "vfat", "swap", "squashfs", "erofs"];
        let kind = kinds[usize::from(self.draw(9))];
        let of =
            NodeKind::Filesystem { kind: kind.into(), label: None, uuid: None, tuning: vec![] };
        let filesystem = self.add("fs", &[on], of);
        if kind != "swap" && self.draw(2) == 0 {
            let at = format!("/{filesystem}");
            self.add(
                "mount",
                &[&filesystem],
                NodeKind::Mount { at, options: vec![], in_fstab: true },
            );
        }
    }

    fn group(&mut self, physical: &[(String, u32)]) {
        let depth = physical.iter().map(|(_, depth)| *depth).max().unwrap_or_default();
        let on: Vec<&str> = physical.iter().map(|(node, _)| node.as_str()).collect();
        let extent_size = [MIB, 4 * MIB, 256 << 10][usize::from(self.draw(3))];
        let group = self.add("vg", &on, NodeKind::VolumeGroup { extent_size });
        let mut made = Vec::new();
        let volume = |size, thin_pool, is_thin_pool, stripes| NodeKind::LogicalVolume {
            size,
            thin_pool,
            is_thin_pool,
            stripes,
        };
        for _ in 0..=self.draw(4) {
            let members = u16::try_from(on.len()).unwrap();
            let stripes = u32::from(self.draw(members)) + 1;
            if self.draw(3) == 0 {
                let size = if self.content { Size::Content(0) } else { self.size() };
                let pool = self.add("pool", &[&group], volume(size, None, true, stripes));
                for _ in 0..=self.draw(3) {
                    let size = match self.size() {
                        Size::Bytes(bytes) => Size::Bytes(bytes * 3),
                        _ => Size::Content(u64::from(self.draw(9)) * MIB),
                    };
                    let kind = volume(size, Some(pool.clone()), false, 1);
                    made.push(self.add("thin", &[&group], kind));
                }
            } else {
                let size = self.size();
                made.push(self.add("lv", &[&group], volume(size, None, false, stripes)));
            }
        }
        for volume in made {
            self.volume(&volume, depth + 1);
        }
    }

    fn array(&mut self, members: &[(String, u32)]) {
        let on: Vec<&str> = members.iter().map(|(node, _)| node.as_str()).collect();
        let depth = members.iter().map(|(_, depth)| *depth).max().unwrap_or_default();
        let settings = match self.draw(2) {
            0 => r#"{"level": 1}"#,
            _ => r#"{"level": 0, "chunk": 65536}"#,
        };
        let kind = NodeKind::Driver { name: "raid".into(), settings: settings.into() };
        let array = self.add("raid", &on, kind);
        if depth < DEPTH && self.draw(3) == 0 {
            self.table(&array, depth + 1);
        } else {
            self.volume(&array, depth + 1);
        }
    }

    /// Makes groups, arrays and verity devices of what is left for them, which may leave more.
    fn join(&mut self) {
        loop {
            let most = if self.content { 1 } else { 3 };
            if !self.physical.is_empty() {
                let many = usize::from(self.draw(most) + 1).min(self.physical.len());
                let taken: Vec<_> = self.physical.drain(..many).collect();
                self.group(&taken);
            } else if self.members.len() >= 2 {
                let taken: Vec<_> = self.members.drain(..2).collect();
                self.array(&taken);
            } else if self.data.len() >= 2 {
                let taken: Vec<String> = self.data.drain(..2).collect();
                let kind = NodeKind::Driver { name: "verity".into(), settings: "{}".into() };
                let verity = self.add("verity", &[&taken[0], &taken[1]], kind);
                self.filesystem(&verity);
            } else {
                break;
            }
        }
        // One is none.
        let alone: Vec<_> = self.members.drain(..).map(|(node, _)| node).collect();
        let alone: Vec<_> = alone.into_iter().chain(self.data.drain(..)).collect();
        for on in alone {
            self.filesystem(&on);
        }
    }

    pub(crate) fn make(numbers: Vec<u16>, content: bool) -> Vec<Node> {
        let mut maker = Self {
            numbers: numbers.into_iter(),
            nodes: Vec::new(),
            content,
            physical: Vec::new(),
            members: Vec::new(),
            data: Vec::new(),
            sector: 512,
            fixed: BTreeSet::new(),
        };
        for _ in 0..=maker.draw(3) {
            maker.disk();
        }
        maker.join();
        maker.nodes
    }
}

/// Lays it out, with nothing in it.
fn laid_out(graph: &Graph, optimise: Option<Optimise>) -> Result<Layout, LayoutError> {
    static EMPTY: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().unwrap());
    let parts = graph.mounts().iter().map(|mount| (mount.at.as_str(), EMPTY.path()));
    let mut tree = FolderTree::of_parts(parts, Cancel::new()).unwrap();
    layout_for(graph, &graph.identities(&[7; 32]), &mut tree, LayoutOptions { optimise })
}

fn purpose() -> impl Strategy<Value = Option<Optimise>> {
    prop_oneof![Just(None), Just(Some(Optimise::Speed)), Just(Some(Optimise::Size))]
}

pub(crate) fn numbers() -> impl Strategy<Value = Vec<u16>> {
    proptest::collection::vec(any::<u16>(), 4..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_takes_its_size_from_its_content_always_has_a_place(
        numbers in numbers(),
        optimise in purpose(),
    ) {
        let nodes = Maker::make(numbers, true);
        let graph = Graph::new(nodes.clone()).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let layout = laid_out(&graph, optimise).map_err(|e| {
            TestCaseError::fail(format!("{e}\n{nodes:#?}"))
        })?;
        invariant::holds(&graph, &nodes, &layout)?;
        prop_assert_eq!(laid_out(&graph, optimise).unwrap(), layout);
    }

    #[test]
    fn any_graph_is_laid_out_or_one_of_its_nodes_is_named(
        numbers in numbers(),
        optimise in purpose(),
    ) {
        let nodes = Maker::make(numbers, false);
        let graph = Graph::new(nodes.clone()).map_err(|e| TestCaseError::fail(e.to_string()))?;
        match laid_out(&graph, optimise) {
            Ok(layout) => invariant::holds(&graph, &nodes, &layout)?,
            Err(LayoutError::Refused { node, problem, help }) => {
                let names: BTreeSet<&str> = nodes.iter().map(|n| n.name.as_str()).collect();
                prop_assert!(names.contains(node.as_str()), "{}: {}: {}", node, problem, help);
                prop_assert!(!problem.is_empty() && !help.is_empty());
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

/// Else the properties above would say little.
#[test]
fn the_graphs_are_deep_and_of_every_kind() {
    let mut kinds = BTreeSet::new();
    let (mut laid, mut deepest) = (0, 0);
    for seed in 0..300u32 {
        let mut state = seed.wrapping_mul(2_654_435_761) | 1;
        let numbers = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as u16
        });
        let nodes = Maker::make(numbers.take(120).collect(), false);
        for node in &nodes {
            kinds.insert(node.name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned());
            let (mut at, mut depth) = (node, 1);
            while let Some(on) = at.on.first() {
                at = nodes.iter().find(|n| n.name == *on).unwrap();
                depth += 1;
            }
            deepest = deepest.max(depth);
        }
        laid += usize::from(laid_out(&Graph::new(nodes).unwrap(), None).is_ok());
    }
    assert_eq!(kinds.len(), 13, "{kinds:?}");
    assert!(deepest >= 9, "{deepest}");
    assert!(laid >= 30, "only {laid} of 300 could be laid out");
}
