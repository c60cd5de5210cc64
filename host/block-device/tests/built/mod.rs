//! Block devices that a test makes of a small tree, and ways to look into them.

#![allow(dead_code, reason = "no test uses all of it")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use dibhost_block_device::{
    Graph, Layout, LayoutOptions, Node, NodeKind, Realise, Realised, Secrets, Size, TableKind,
    layout_for, realise,
};
use dibhost_filesystems::FolderTree;
use dibhost_sys::{Cancel, SecretBytes};
use dibhost_volumes::{Extent, FileMedium, Medium, luks};
use tempfile::TempDir;

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const PASSPHRASE: &[u8] = b"correct horse";

pub(crate) struct Known;

impl Secrets for Known {
    fn secret(&self, name: &str) -> io::Result<Arc<SecretBytes>> {
        let mut bytes: &[u8] = match name {
            "passphrase" => PASSPHRASE,
            "spare" => b"battery staple",
            other => return Err(io::Error::other(format!("no secret `{other}`"))),
        };
        SecretBytes::read_from(&mut bytes, 64).map(Arc::new)
    }
}

pub(crate) fn node(name: &str, on: &[&str], kind: NodeKind) -> Node {
    Node { name: name.into(), on: on.iter().map(|n| (*n).into()).collect(), kind }
}

pub(crate) fn disk(name: &str) -> Node {
    node(name, &[], NodeKind::Disk { size: None, sector_size: 512 })
}

pub(crate) fn gpt(name: &str, on: &str) -> Node {
    node(name, &[on], NodeKind::Table { kind: TableKind::Gpt, alignment: None })
}

pub(crate) fn partition(name: &str, table: &str, type_id: &str, size: Size) -> Node {
    let kind = NodeKind::Partition {
        label: name.into(),
        type_id: type_id.into(),
        size,
        attributes: vec![],
        preserve: false,
    };
    node(name, &[table], kind)
}

pub(crate) fn ext4(name: &str, on: &str) -> Node {
    let kind = NodeKind::Filesystem {
        kind: "ext4".into(),
        label: Some(name.into()),
        uuid: None,
        tuning: vec![],
    };
    node(name, &[on], kind)
}

pub(crate) fn mount(at: &str, on: &str) -> Node {
    let name = format!("mount-{on}");
    node(&name, &[on], NodeKind::Mount { at: at.into(), options: vec![], in_fstab: true })
}

pub(crate) fn luks_on(name: &str, on: &str) -> Node {
    let secrets = vec!["passphrase".into(), "spare".into()];
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
    pub(crate) folder: TempDir,
    pub(crate) layout: Layout,
    pub(crate) realised: Realised,
}

impl Built {
    pub(crate) fn path(&self, disk: &str) -> PathBuf {
        self.folder.path().join(disk)
    }

    /// A volume's bytes as a file, read through whatever is below it.
    pub(crate) fn extract(&self, node: &str) -> PathBuf {
        let size = self.layout.size_of(node).unwrap();
        let out = self.folder.path().join(format!("extracted-{node}"));
        let bytes = self.read(node, size);
        fs::write(&out, bytes).unwrap();
        out
    }

    pub(crate) fn read(&self, node: &str, size: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(size).unwrap()];
        let read = |medium: &dyn Medium, bytes: &mut [u8]| medium.read_exact_at(bytes, 0).unwrap();
        if let Some((partition, table)) = self.layout.partition(node) {
            let file = File::open(self.path(&table.on)).unwrap();
            read(&FileMedium::new(&file, partition.extent), &mut bytes);
        } else {
            let file = File::open(self.path(node)).unwrap();
            read(&FileMedium::new(&file, Extent { offset: 0, size }), &mut bytes);
        }
        bytes
    }
}

pub(crate) fn build(nodes: Vec<Node>) -> Built {
    build_for(nodes, LayoutOptions::default())
}

/// Builds for a purpose.
pub(crate) fn build_for(nodes: Vec<Node>, options: LayoutOptions) -> Built {
    build_all(nodes, options, |_| ())
}

/// Builds of a small tree to which `more` adds.
pub(crate) fn build_with(nodes: Vec<Node>, more: impl FnOnce(&Path)) -> Built {
    build_all(nodes, LayoutOptions::default(), more)
}

fn build_all(nodes: Vec<Node>, options: LayoutOptions, more: impl FnOnce(&Path)) -> Built {
    let graph = Graph::new(nodes).unwrap_or_else(|error| panic!("{error}"));
    let folder = TempDir::new().unwrap();
    let (root, aside) = (folder.path().join("tree"), folder.path().join("aside"));
    fs::create_dir_all(root.join("home/someone")).unwrap();
    fs::create_dir(&aside).unwrap();
    fs::write(root.join("hello"), "world\n").unwrap();
    fs::write(root.join("home/someone/large"), vec![0xa5; 3 << 20]).unwrap();
    more(&root);
    let mounts: Vec<&str> = graph.mounts().iter().map(|m| m.at.as_str()).collect();
    let cancel = Cancel::new();
    let mut tree = FolderTree::split(&root, &aside, &mounts, cancel.clone()).unwrap();
    let layout = layout_for(&graph, &graph.identities(&[5; 32]), &mut tree, options)
        .unwrap_or_else(|error| panic!("{error}"));
    let path = |disk: &dibhost_block_device::DiskLayout| {
        (disk.node.clone(), folder.path().join(&disk.node))
    };
    let disks: BTreeMap<_, _> = layout.disks.iter().map(path).collect();
    let to = Realise { disks: &disks, secrets: &Known, time: 1_700_000_000, cancel: &cancel };
    let realised = realise(&layout, &mut tree, &to).unwrap_or_else(|error| panic!("{error}"));
    Built { folder, layout, realised }
}

pub(crate) fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {args:?}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

pub(crate) fn holds_the_files(image: &str) {
    run("e2fsck", &["-fn", image]);
    assert_eq!(run("debugfs", &["-R", "cat /hello", image]), "world\n");
}

pub(crate) fn decrypted(file: &Path) -> Vec<u8> {
    let file = File::open(file).unwrap();
    let medium = FileMedium::whole(&file).unwrap();
    let header = luks::read_header(&medium).unwrap().unwrap();
    let mut bytes = PASSPHRASE;
    let key = SecretBytes::read_from(&mut bytes, 64).unwrap();
    let key = luks::open(&medium, &header, &key).unwrap();
    let payload = header.payload(&medium, &key).unwrap();
    let mut bytes = vec![0; usize::try_from(payload.size()).unwrap()];
    payload.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

pub(crate) fn marked(mut node: Node, marks: &[&str]) -> Node {
    let NodeKind::Partition { attributes, .. } = &mut node.kind else { panic!() };
    attributes.extend(marks.iter().map(|mark| (*mark).to_owned()));
    node
}
