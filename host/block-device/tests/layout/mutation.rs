//! Graphs with one thing wrong: the node that is wrong is named.

use dibhost_block_device::{Graph, Node, NodeKind, Size};
use proptest::prelude::*;

use crate::built::*;
use crate::random::{Maker, numbers};

/// Spoils a node, or adds some; the names of those of which one must be named. None: there is
/// nothing of that kind to spoil.
type Mutation = fn(&mut Vec<Node>, usize) -> Option<Vec<String>>;

/// The `pick`th of the nodes that something holds of.
fn one(nodes: &[Node], pick: usize, holds: impl Fn(&Node) -> bool) -> Option<usize> {
    let found: Vec<usize> = (0..nodes.len()).filter(|i| holds(&nodes[*i])).collect();
    (!found.is_empty()).then(|| found[pick % found.len()])
}

fn any_of(nodes: &[Node], pick: usize) -> Option<usize> {
    one(nodes, pick, |_| true)
}

fn on_something(nodes: &[Node], pick: usize) -> Option<usize> {
    one(nodes, pick, |node| !node.on.is_empty())
}

fn spoil(
    nodes: &mut [Node],
    at: Option<usize>,
    change: impl FnOnce(&mut Node),
) -> Option<Vec<String>> {
    let node = &mut nodes[at?];
    change(node);
    Some(vec![node.name.escape_debug().to_string()])
}

fn resized(nodes: &mut [Node], pick: usize, new: Size) -> Option<Vec<String>> {
    let sized = |node: &Node| match &node.kind {
        NodeKind::Partition { .. } => true,
        NodeKind::LogicalVolume { thin_pool, .. } => thin_pool.is_none(),
        _ => false,
    };
    let at = one(nodes, pick, sized);
    spoil(nodes, at, |node| match &mut node.kind {
        NodeKind::Partition { size, .. } | NodeKind::LogicalVolume { size, .. } => *size = new,
        _ => unreachable!(),
    })
}

/// What they do is their name.
const MUTATIONS: &[(&str, Mutation)] = &[
    ("stands on what is no node", |nodes, pick| {
        let at = on_something(nodes, pick);
        spoil(nodes, at, |node| node.on[0] = "nowhere".into())
    }),
    ("stands on nothing", |nodes, pick| {
        let at = on_something(nodes, pick);
        spoil(nodes, at, |node| node.on.clear())
    }),
    ("is there twice", |nodes, pick| {
        let twice = nodes[any_of(nodes, pick)?].clone();
        nodes.push(twice.clone());
        Some(vec![twice.name])
    }),
    ("has no name", |nodes, pick| {
        let at = any_of(nodes, pick);
        let above =
            |name: &str, nodes: &[Node]| nodes.iter().any(|n| n.on.iter().any(|on| on == name));
        // Else what stands on it may be named first.
        if above(&nodes[at?].name, nodes) {
            return None;
        }
        spoil(nodes, at, |node| node.name = "a \u{7}b".into())
    }),
    ("stands on itself", |nodes, pick| {
        let at = one(nodes, pick, |node| matches!(node.kind, NodeKind::Encryption { .. }));
        spoil(nodes, at, |node| node.on = vec![node.name.clone()])
    }),
    ("goes in a circle", |nodes, _| {
        nodes.push(luks_on("round", "about"));
        nodes.push(luks_on("about", "round"));
        Some(vec!["round".into(), "about".into()])
    }),
    ("stands on what carries nothing", |nodes, pick| {
        let below = one(nodes, pick, |node| {
            matches!(node.kind, NodeKind::Mount { .. } | NodeKind::VolumeGroup { .. })
        })?;
        let below = nodes[below].name.clone();
        nodes.push(ext4("wrong", &below));
        Some(vec!["wrong".into()])
    }),
    ("a disk on a partition", |nodes, pick| {
        let below = one(nodes, pick, |node| matches!(node.kind, NodeKind::Partition { .. }))?;
        let below = nodes[below].name.clone();
        nodes.push(node("wrong", &[&below], NodeKind::Disk { size: None, sector_size: 512 }));
        Some(vec!["wrong".into()])
    }),
    ("stands where another does", |nodes, pick| {
        let taken = one(nodes, pick, |node| {
            matches!(node.kind, NodeKind::Filesystem { .. } | NodeKind::Encryption { .. })
        })?;
        let below = nodes[taken].on[0].clone();
        nodes.push(luks_on("second", &below));
        Some(vec!["second".into()])
    }),
    ("more than all", |nodes, pick| resized(nodes, pick, Size::Share(1_000_001))),
    ("more than the rest", |nodes, pick| resized(nodes, pick, Size::ShareOfRest(u32::MAX))),
    ("a share of nothing", |nodes, pick| resized(nodes, pick, Size::Share(0))),
    ("no bytes", |nodes, pick| resized(nodes, pick, Size::Bytes(0))),
    ("two rests", |nodes, pick| {
        let sized = |node: &Node| match &node.kind {
            NodeKind::Partition { .. } => true,
            NodeKind::LogicalVolume { thin_pool, .. } => thin_pool.is_none(),
            _ => false,
        };
        let first = one(nodes, pick, sized)?;
        let parent = nodes[first].on[0].clone();
        let both: Vec<usize> =
            (0..nodes.len()).filter(|i| sized(&nodes[*i]) && nodes[*i].on[0] == parent).collect();
        let [one, two, ..] = both[..] else { return None };
        for (at, node) in nodes.iter_mut().enumerate() {
            if let NodeKind::Partition { size, .. } | NodeKind::LogicalVolume { size, .. } =
                &mut node.kind
                && both.contains(&at)
            {
                *size = if at == one || at == two { Size::Rest } else { Size::Bytes(1 << 20) };
            }
        }
        Some(vec![nodes[two].name.clone()])
    }),
    ("sectors of no disk", |nodes, pick| {
        let at = one(nodes, pick, |node| matches!(node.kind, NodeKind::Disk { .. }));
        spoil(nodes, at, |node| node.kind = NodeKind::Disk { size: None, sector_size: 520 })
    }),
    ("aligned to nothing", |nodes, pick| {
        let at = one(nodes, pick, |node| matches!(node.kind, NodeKind::Table { .. }));
        spoil(nodes, at, |node| {
            if let NodeKind::Table { alignment, .. } = &mut node.kind {
                *alignment = Some(5000);
            }
        })
    }),
    ("a type of nothing", |nodes, pick| {
        let at = one(nodes, pick, |node| matches!(node.kind, NodeKind::Partition { .. }));
        spoil(nodes, at, |node| {
            if let NodeKind::Partition { type_id, .. } = &mut node.kind {
                *type_id = "ef\u{7}".into();
            }
        })
    }),
    ("an attribute of nothing", |nodes, pick| {
        let at = one(nodes, pick, |node| matches!(node.kind, NodeKind::Partition { .. }));
        spoil(nodes, at, |node| {
            if let NodeKind::Partition { attributes, .. } = &mut node.kind {
                attributes.push("bootable".into());
            }
        })
    }),
    ("extents of three bytes", |nodes, pick| {
        let at = one(nodes, pick, |node| matches!(node.kind, NodeKind::VolumeGroup { .. }));
        spoil(nodes, at, |node| node.kind = NodeKind::VolumeGroup { extent_size: 3 })
    }),
    ("more stripes than volumes", |nodes, pick| {
        let at = one(nodes, pick, |node| {
            matches!(&node.kind, NodeKind::LogicalVolume { thin_pool: None, .. })
        });
        spoil(nodes, at, |node| {
            if let NodeKind::LogicalVolume { stripes, .. } = &mut node.kind {
                *stripes = 100;
            }
        })
    }),
    ("thin in no pool", |nodes, pick| {
        let at = one(nodes, pick, |node| {
            matches!(&node.kind, NodeKind::LogicalVolume { thin_pool: Some(_), .. })
        });
        spoil(nodes, at, |node| {
            if let NodeKind::LogicalVolume { thin_pool, .. } = &mut node.kind {
                *thin_pool = Some(node.name.clone());
            }
        })
    }),
    ("opened by nothing", |nodes, pick| {
        let at = one(nodes, pick, |node| matches!(node.kind, NodeKind::Encryption { .. }));
        spoil(nodes, at, |node| {
            node.kind = NodeKind::Encryption { secrets: vec![], label: None };
        })
    }),
    ("a kind of nothing", |nodes, pick| {
        let at = one(nodes, pick, |node| matches!(node.kind, NodeKind::Filesystem { .. }));
        spoil(nodes, at, |node| {
            if let NodeKind::Filesystem { kind, .. } = &mut node.kind {
                *kind = "ext5".into();
            }
        })
    }),
    ("set to nothing", |nodes, pick| {
        let at = one(nodes, pick, |node| matches!(node.kind, NodeKind::Filesystem { .. }));
        spoil(nodes, at, |node| {
            if let NodeKind::Filesystem { tuning, .. } = &mut node.kind {
                tuning.push(("-d".into(), "/etc".into()));
            }
        })
    }),
    ("labelled as another", |nodes, _| {
        let mut found = 0;
        let mut named = Vec::new();
        for node in nodes.iter_mut() {
            if let NodeKind::Filesystem { kind, label, .. } = &mut node.kind
                && kind == "ext4"
            {
                *label = Some("same".into());
                found += 1;
                if found == 2 {
                    named.push(node.name.clone());
                }
            }
        }
        (found >= 2).then_some(named)
    }),
    ("mounted in the middle", |nodes, pick| {
        let at = one(nodes, pick, |node| matches!(node.kind, NodeKind::Mount { .. }));
        spoil(nodes, at, |node| {
            if let NodeKind::Mount { at, .. } = &mut node.kind {
                *at = "/a/../b".into();
            }
        })
    }),
    ("no driver", |nodes, pick| {
        let at = one(nodes, pick, |node| matches!(node.kind, NodeKind::Driver { .. }));
        spoil(nodes, at, |node| {
            if let NodeKind::Driver { settings, .. } = &mut node.kind {
                *settings = r#"{"level": 6, "unknown": []}"#.into();
            }
        })
    }),
    ("an array of one", |nodes, pick| {
        let at = one(nodes, pick, |node| matches!(node.kind, NodeKind::Driver { .. }));
        spoil(nodes, at, |node| node.on.truncate(1))
    }),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_wrong_is_named(numbers in numbers(), pick in any::<u16>()) {
        let nodes = Maker::make(numbers, false);
        prop_assert!(Graph::new(nodes.clone()).is_ok());
        for (what, mutate) in MUTATIONS {
            let mut spoiled = nodes.clone();
            let Some(wanted) = mutate(&mut spoiled, usize::from(pick)) else { continue };
            let error = Graph::new(spoiled).err();
            let named = error.as_ref().and_then(|error| error.node.clone());
            prop_assert!(
                named.is_some_and(|named| wanted.contains(&named)),
                "{}: {:?} and not {:?}", what, error, wanted
            );
        }
    }
}

/// Each of them is tried, and refuses.
#[test]
fn every_mutation_finds_something_to_spoil() {
    let nodes = vec![
        disk("disk"),
        disk("other"),
        disk("third"),
        gpt("table", "disk"),
        partition("a", "table", "linux-generic", Size::Bytes(MIB)),
        partition("b", "table", "linux-generic", Size::Bytes(MIB)),
        partition("c", "table", "linux-generic", Size::Bytes(900 * MIB)),
        luks_on("crypt", "a"),
        ext4("fs", "crypt"),
        mount("/", "fs"),
        ext4("second-fs", "b"),
        node("pv", &["c"], NodeKind::PhysicalVolume),
        node("vg", &["pv"], NodeKind::VolumeGroup { extent_size: MIB }),
        node(
            "pool",
            &["vg"],
            NodeKind::LogicalVolume {
                size: Size::Rest,
                thin_pool: None,
                is_thin_pool: true,
                stripes: 1,
            },
        ),
        node(
            "thin",
            &["vg"],
            NodeKind::LogicalVolume {
                size: Size::Bytes(MIB),
                thin_pool: Some("pool".into()),
                is_thin_pool: false,
                stripes: 1,
            },
        ),
        driver("raid", &["other", "third"], "raid", r#"{"level": 1}"#),
    ];
    Graph::new(nodes.clone()).unwrap();
    for (what, mutate) in MUTATIONS {
        let found = (0..50).any(|pick| {
            let mut spoiled = nodes.clone();
            let wanted = mutate(&mut spoiled, pick);
            wanted.is_some() && Graph::new(spoiled).is_err()
        });
        assert!(found, "{what}");
    }
}
