//! Makes a disk of a folder, without root, loop devices and mounts:
//!
//! ```sh
//! cargo run -p dibhost-block-device --example folder-to-disk -- FOLDER disk.raw
//! ```
//!
//! A GPT with an ESP of what is in `FOLDER/boot/efi` (which must be there) and an ext4 root of the
//! rest, just large enough. Prints the layout. Mind that owners are those of the folder's files.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use dibhost_block_device::{
    Graph, NoSecrets, Node, NodeKind, Realise, Size, TableKind, layout, realise,
};
use dibhost_filesystems::FolderTree;
use dibhost_sys::Cancel;

fn node(name: &str, on: &[&str], kind: NodeKind) -> Node {
    Node { name: name.into(), on: on.iter().map(|n| (*n).into()).collect(), kind }
}

fn partition(name: &str, type_id: &str, size: Size) -> Node {
    let kind = NodeKind::Partition {
        label: name.into(),
        type_id: type_id.into(),
        size,
        attributes: vec![],
        preserve: false,
    };
    node(name, &["table"], kind)
}

fn filesystem(name: &str, on: &str, kind: &str, label: &str) -> Node {
    let (kind, label) = (kind.into(), Some(label.into()));
    node(name, &[on], NodeKind::Filesystem { kind, label, uuid: None, tuning: vec![] })
}

fn mount(name: &str, on: &str, at: &str) -> Node {
    node(name, &[on], NodeKind::Mount { at: at.into(), options: vec![], in_fstab: true })
}

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = args.next().context("which folder? folder-to-disk FOLDER DISK")?;
    let disk = args.next().context("which disk? folder-to-disk FOLDER DISK")?;
    let graph = Graph::new(vec![
        node("image", &[], NodeKind::Disk { size: None, sector_size: 512 }),
        node("table", &["image"], NodeKind::Table { kind: TableKind::Gpt, alignment: None }),
        partition("esp", "esp", Size::Content(0)),
        partition("root", "linux-generic", Size::Rest),
        filesystem("esp-fs", "esp", "vfat", "ESP"),
        filesystem("root-fs", "root", "ext4", "cloudimg-rootfs"),
        mount("esp-mount", "esp-fs", "/boot/efi"),
        mount("root-mount", "root-fs", "/"),
    ])?;
    // A tree is split where something is mounted; here beside it, and put together again.
    let aside = tempfile::Builder::new()
        .prefix("parts-")
        .tempdir_in(folder.canonicalize()?.parent().context("the root folder cannot be split")?)?;
    let cancel = Cancel::new();
    let mut tree = FolderTree::split(&folder, aside.path(), &["/", "/boot/efi"], cancel.clone())?;
    let made = (|| {
        let layout = layout(&graph, &graph.identities(&[0; 32]), &mut tree)?;
        let disks = BTreeMap::from([("image".to_owned(), disk.clone())]);
        let (secrets, time) = (&NoSecrets, 1_700_000_000);
        realise(&layout, &mut tree, &Realise { disks: &disks, secrets, time, cancel: &cancel })?;
        anyhow::Ok(layout)
    })();
    std::fs::rename(aside.path().join("part-0"), folder.join("boot/efi"))?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&made?)?)?;
    Ok(())
}
