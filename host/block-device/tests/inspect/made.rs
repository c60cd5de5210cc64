//! Graphs that are made, read back and held against what was made.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dibhost_block_device::{
    Backend, Graph, Identities, InspectSecret, Inspected, InspectedDisk, Inspection, Layout, Node,
    NodeKind, Realise, Secrets, Size, TableKind, VolumeMap, inspect, layout, with_parts,
};
use dibhost_filesystems::{FolderTree, Tree};
use dibhost_sys::{Cancel, SecretBytes};
use dibhost_volumes::FileMedium;
use tempfile::TempDir;

use crate::same::{Made, comparable, standing};

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const SECRETS: [(&str, &[u8]); 3] = [
    ("passphrase", b"correct horse"),
    ("spare", b"battery staple"),
    ("keyfile", b"\x00\xff\nbytes"),
];

fn bytes(name: &str) -> io::Result<Arc<SecretBytes>> {
    let found = SECRETS.iter().find(|(known, _)| *known == name);
    let mut bytes = found.ok_or_else(|| io::Error::other("no such secret"))?.1;
    SecretBytes::read_from(&mut bytes, 64).map(Arc::new)
}

struct Known;

impl Secrets for Known {
    fn secret(&self, name: &str) -> io::Result<Arc<SecretBytes>> {
        bytes(name)
    }
}

pub(crate) fn node(name: &str, on: &[&str], kind: NodeKind) -> Node {
    Node { name: name.into(), on: on.iter().map(|n| (*n).into()).collect(), kind }
}

pub(crate) fn disk(name: &str, sector_size: u32) -> Node {
    node(name, &[], NodeKind::Disk { size: None, sector_size })
}

pub(crate) fn table(name: &str, on: &str, kind: TableKind) -> Node {
    node(name, &[on], NodeKind::Table { kind, alignment: None })
}

pub(crate) fn partition(name: &str, table: &str, size: u64, attributes: &[&str]) -> Node {
    let kind = NodeKind::Partition {
        label: name.into(),
        type_id: "linux-generic".into(),
        size: Size::Bytes(size),
        attributes: attributes.iter().map(|attribute| (*attribute).to_owned()).collect(),
        preserve: false,
    };
    node(name, &[table], kind)
}

pub(crate) fn filesystem(name: &str, on: &str, kind: &str, label: Option<&str>) -> Node {
    let kind = NodeKind::Filesystem {
        kind: kind.into(),
        label: label.map(str::to_owned),
        uuid: None,
        tuning: vec![],
    };
    node(name, &[on], kind)
}

pub(crate) fn luks(name: &str, on: &str, secrets: &[&str]) -> Node {
    let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
    node(name, &[on], NodeKind::Encryption { secrets, label: None })
}

pub(crate) fn volume(name: &str, group: &str, size: Size, stripes: u32) -> Node {
    let kind = NodeKind::LogicalVolume { size, thin_pool: None, is_thin_pool: false, stripes };
    node(name, &[group], kind)
}

pub(crate) fn driver(name: &str, on: &[&str], driver: &str, settings: &str) -> Node {
    node(name, on, NodeKind::Driver { name: driver.into(), settings: settings.into() })
}

pub(crate) struct Built {
    folder: TempDir,
    pub(crate) graph: Graph,
    pub(crate) identities: Identities,
    pub(crate) layout: Layout,
}

impl Built {
    /// By `file`.
    pub(crate) fn new(nodes: Vec<Node>) -> Self {
        Self::by(Backend::File, nodes)
    }

    pub(crate) fn by(backend: Backend, nodes: Vec<Node>) -> Self {
        let graph = Graph::new(nodes).unwrap_or_else(|error| panic!("{error}"));
        let folder = TempDir::new().unwrap();
        let (root, aside) = (folder.path().join("tree"), folder.path().join("aside"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir(&aside).unwrap();
        let mounts: Vec<&str> = graph.mounts().iter().map(|m| m.at.as_str()).collect();
        for mount in &mounts {
            let at = root.join(mount.trim_start_matches('/'));
            fs::create_dir_all(&at).unwrap();
            fs::write(at.join("hello"), "world\n").unwrap();
        }
        for grub in graph.grub() {
            // The shape of GRUB's images: the jump at the start is that of a FAT too.
            let (mut boot, mut core) = (vec![0x11; 512], vec![0x22; 3000]);
            boot[..3].copy_from_slice(&[0xeb, 0x63, 0x90]);
            boot[0x66..0x68].copy_from_slice(&[0xeb, 0x05]);
            boot[510..].copy_from_slice(&[0x55, 0xaa]);
            core[0x1f4..0x200].copy_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0x08]);
            for (path, content) in [(&grub.boot_image, boot), (&grub.core_image, core)] {
                let path = root.join(path.trim_start_matches('/'));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
        }
        let cancel = Cancel::new();
        // No two filesystems that a kernel mounts at a time may have one UUID: these tests run beside
        // one another.
        let mut seed = [7; 32];
        if backend == Backend::Loop {
            static BUILT: AtomicU32 = AtomicU32::new(0);
            let number = BUILT.fetch_add(1, Ordering::Relaxed);
            seed[..4].copy_from_slice(&std::process::id().to_le_bytes());
            seed[4..8].copy_from_slice(&number.to_le_bytes());
        }
        let identities = graph.identities(&seed);
        let make = |tree: &mut dyn Tree| {
            let layout = layout(&graph, &identities, tree)
                .unwrap_or_else(|error| panic!("{error}:\n{:#?}", graph.nodes()));
            let path = |disk: &dibhost_block_device::DiskLayout| {
                (disk.node.clone(), folder.path().join(&disk.node))
            };
            let disks: BTreeMap<_, _> = layout.disks.iter().map(path).collect();
            let (secrets, cancel) = (&Known, &cancel);
            let to = Realise { disks: &disks, secrets, time: 1_700_000_000, cancel };
            backend.realise(&layout, tree, &to).unwrap_or_else(|error| panic!("{error}"));
            layout
        };
        let layout = match backend {
            Backend::File => {
                make(&mut FolderTree::split(&root, &aside, &mounts, cancel.clone()).unwrap())
            }
            Backend::Loop => {
                with_parts(&root, &mounts, folder.path(), &cancel, |tree| make(tree)).unwrap()
            }
        };
        Self { folder, graph, identities, layout }
    }

    pub(crate) fn path(&self, disk: &str) -> PathBuf {
        self.folder.path().join(disk)
    }

    /// What its disks say, of `disks`, opened with secrets of these names.
    pub(crate) fn inspect(&self, disks: &[(&str, Option<u32>)], secrets: &[&str]) -> Inspection {
        let files: Vec<_> =
            disks.iter().map(|(disk, _)| File::open(self.path(disk)).unwrap()).collect();
        let media: Vec<_> = files.iter().map(|file| FileMedium::whole(file).unwrap()).collect();
        let disks: Vec<_> = disks
            .iter()
            .zip(&media)
            .map(|((name, sector_size), medium)| InspectedDisk {
                name: (*name).to_owned(),
                medium,
                sector_size: *sector_size,
            })
            .collect();
        let secret =
            |name: &&str| InspectSecret { name: (*name).to_owned(), bytes: bytes(name).unwrap() };
        let secrets: Vec<_> = secrets.iter().map(secret).collect();
        inspect(&disks, &secrets)
    }

    /// All that its disks say, where the size of a sector is known where nothing on a disk says it.
    pub(crate) fn inspect_all(&self) -> Inspection {
        let has_gpt = |disk: &str| {
            self.layout.tables.iter().any(|t| t.on == disk && t.kind == TableKind::Gpt)
        };
        let sector = |disk: &dibhost_block_device::DiskLayout| {
            Some(disk.sector_size).filter(|_| !has_gpt(&disk.node))
        };
        let disks: Vec<_> =
            self.layout.disks.iter().map(|disk| (disk.node.as_str(), sector(disk))).collect();
        self.inspect(&disks, &SECRETS.map(|(name, _)| name))
    }

    /// Reads the disks back, and finds the graph they were made of, and all of its layout.
    pub(crate) fn reads_back(&self) -> Inspection {
        let inspection = self.inspect_all();
        let text = inspection.to_text();
        assert!(!inspection.has_problems(), "{text}");
        let notes = inspection.nodes.iter().flat_map(|found| &found.notes);
        let notes: Vec<_> = notes
            .filter(|note| !note.contains("root hash") && !note.contains("are not in step"))
            .collect();
        assert!(notes.is_empty(), "{text}");
        let graph = inspection.graph().unwrap_or_else(|error| panic!("{error}\n{text}"));
        let made = Made { layout: &self.layout, identities: &self.identities };
        let (want, have) = (comparable(&self.graph, Some(&made)), comparable(&graph, None));
        for (name, want) in &want {
            assert_eq!(have.get(name), Some(want), "{name}:\n{text}");
        }
        assert_eq!(have.len(), want.len(), "{text}");
        let found: BTreeMap<String, &Inspected> = inspection
            .nodes
            .iter()
            .map(|found| (standing(&graph, &found.node.name), found))
            .collect();
        self.facts_are_the_layout(&found);
        inspection
    }

    fn facts_are_the_layout(&self, found: &BTreeMap<String, &Inspected>) {
        let facts = |node: &str| &found[&standing(&self.graph, node)].facts;
        for table in &self.layout.tables {
            let id = match table.kind {
                TableKind::Gpt => table.id.to_string(),
                TableKind::Mbr => {
                    format!("{:08x}", self.identities.signature(&table.node).unwrap())
                }
            };
            assert_eq!(facts(&table.node).uuid, Some(id));
        }
        for partition in &self.layout.partitions {
            let facts = facts(&partition.node);
            assert_eq!(facts.number, Some(partition.number));
            assert_eq!(facts.size, Some(partition.extent.size));
            let table = self.layout.tables.iter().find(|t| t.node == partition.table).unwrap();
            if self.layout.disks.iter().any(|disk| disk.node == table.on) {
                let place = facts.place.as_ref().unwrap();
                assert_eq!((&place.disk, place.extent), (&table.on, partition.extent));
            }
            let own = self.graph.partitions().iter().find(|p| p.node == partition.node).unwrap();
            assert_eq!(facts.partuuid, self.graph.partuuid(&self.identities, own));
        }
        for volume in &self.layout.volumes {
            let facts = facts(&volume.node);
            assert_eq!(facts.size, Some(volume.size), "{}", volume.node);
            let id = match &volume.map {
                VolumeMap::Logical { group } | VolumeMap::Thin { group, .. } => {
                    let group = self.layout.groups.iter().find(|g| g.node == *group).unwrap();
                    group.group.logical_volume(&volume.node).unwrap().id.to_string()
                }
                _ => volume.id.to_string(),
            };
            assert_eq!(facts.uuid, Some(id));
        }
        for filesystem in &self.layout.filesystems {
            let facts = facts(&filesystem.node);
            assert_eq!(facts.label, filesystem.label);
            if filesystem.format.kind().has_uuid() {
                let id = self.identities.filesystems[&filesystem.node].uuid.to_string();
                assert_eq!(facts.uuid, Some(id));
            }
            // Packed ones are as large as what is in them.
            if !filesystem.format.kind().is_read_only() {
                assert_eq!(facts.size, Some(filesystem.size), "{filesystem:?}");
            }
            let (want, have) = (filesystem.place.as_ref(), facts.place.as_ref());
            let start = |place: Option<&dibhost_block_device::DiskExtent>| {
                place.map(|place| (place.disk.clone(), place.extent.offset))
            };
            // A packed one may lie in one piece where all of its volume does not.
            if want.is_some() || !filesystem.format.kind().is_read_only() {
                assert_eq!(start(have), start(want), "{}", filesystem.node);
            }
        }
    }
}
