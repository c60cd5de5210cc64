//! The picture of a layout.

use std::fs;
use std::path::Path;

use dibhost_block_device::{Graph, Layout, Node, NodeKind, Size, layout};
use dibhost_filesystems::FolderTree;
use dibhost_sys::Cancel;
use tempfile::TempDir;

use crate::built::*;

pub(crate) fn laid_out(nodes: Vec<Node>) -> Layout {
    let graph = Graph::new(nodes).unwrap();
    let folder = TempDir::new().unwrap();
    let parts = graph.mounts().iter().map(|mount| (mount.at.as_str(), folder.path()));
    let mut tree = FolderTree::of_parts(parts, Cancel::new()).unwrap();
    layout(&graph, &graph.identities(&[5; 32]), &mut tree).unwrap()
}

fn swap(name: &str, on: &str) -> Node {
    let kind =
        NodeKind::Filesystem { kind: "swap".into(), label: None, uuid: None, tuning: vec![] };
    node(name, &[on], kind)
}

fn thin(name: &str, size: u64, is_thin_pool: bool) -> Node {
    let thin_pool = (!is_thin_pool).then(|| "pool".to_owned());
    let kind =
        NodeKind::LogicalVolume { size: Size::Bytes(size), thin_pool, is_thin_pool, stripes: 1 };
    node(name, &["vg"], kind)
}

/// Something of everything.
fn example() -> Vec<Node> {
    let esp = NodeKind::Filesystem {
        kind: "vfat".into(),
        label: Some("ESP".into()),
        uuid: None,
        tuning: vec![],
    };
    let gib = 1024 * MIB;
    vec![
        node("disk", &[], NodeKind::Disk { size: Some(16 * gib), sector_size: 512 }),
        gpt("table", "disk"),
        partition("esp", "table", "esp", Size::Bytes(256 * MIB)),
        partition("boot", "table", "xbootldr", Size::Bytes(gib)),
        partition("crypt", "table", "luks", Size::Bytes(10 * gib)),
        partition("mirror-a", "table", "linux-raid", Size::Bytes(2 * gib)),
        node("esp-fs", &["esp"], esp),
        ext4("boot-fs", "boot"),
        luks_on("cryptroot", "crypt"),
        node("pv", &["cryptroot"], NodeKind::PhysicalVolume),
        node("vg", &["pv"], NodeKind::VolumeGroup { extent_size: 4 * MIB }),
        volume("root", "vg", Size::Bytes(3 * gib), 1),
        volume("swap", "vg", Size::Bytes(gib), 1),
        thin("pool", 4 * gib, true),
        thin("home", 20 * gib, false),
        thin("var", 8 * gib, false),
        ext4("root-fs", "root"),
        swap("swap-fs", "swap"),
        ext4("home-fs", "home"),
        ext4("var-fs", "var"),
        node("disk2", &[], NodeKind::Disk { size: Some(2 * gib), sector_size: 512 }),
        driver("srv", &["mirror-a", "disk2"], "raid", r#"{"level": 1, "name": "srv"}"#),
        ext4("srv-fs", "srv"),
        mount("/boot/efi", "esp-fs"),
        mount("/boot", "boot-fs"),
        mount("/", "root-fs"),
        mount("/home", "home-fs"),
        mount("/var", "var-fs"),
        mount("/srv", "srv-fs"),
    ]
}

/// `DIBHOST_GOLDEN=write` writes it anew.
#[test]
fn the_picture_in_the_documentation_is_what_is_drawn() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/block-device.svg");
    let now = laid_out(example()).to_svg();
    if std::env::var_os("DIBHOST_GOLDEN").is_some_and(|value| value == "write") {
        fs::write(&path, &now).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    let line = committed.lines().zip(now.lines()).position(|(old, new)| old != new);
    assert!(committed == now, "docs/block-device.svg differs from line {line:?} on");
}

/// Every element ends, every text is escaped, and nothing is fetched or run.
pub(crate) fn sound(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some((text, after)) = rest.split_once('<') {
        assert!(!text.contains('>') || open.last() == Some(&"style"), "{text}");
        let (tag, after) = after.split_once('>').expect("an element ends");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap());
        }
        rest = after;
    }
    assert_eq!(open, [""; 0]);
    let body = svg.replacen("xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    for wrong in ["http", "href", "<script", "<image", "<foreignObject", "url(", "@import", " on"] {
        let tags = body.split('<').filter_map(|tag| tag.split_once('>')).map(|(tag, _)| tag);
        let mut tags = tags.filter(|tag| !tag.starts_with("text") && !tag.starts_with("title"));
        assert!(tags.all(|tag| !format!("<{tag}").contains(wrong)), "{wrong}");
    }
}

#[test]
fn a_picture_is_sound_whatever_labels_say() {
    let mut nodes = example();
    for node in &mut nodes {
        if let NodeKind::Partition { label, .. } = &mut node.kind {
            *label = "</text><script>\u{202e}&\"'".to_owned();
        }
    }
    let svg = laid_out(nodes).to_svg();
    sound(&svg);
    assert!(svg.contains("&lt;/text&gt;&lt;script&gt;\u{fffd}&amp;&quot;&#39;"));
    for told in [
        ">1 esp<",
        "at 1 MiB",
        ">LUKS2 cryptroot<",
        ">physical volume<",
        "of vg",
        ">ext4 home-fs<",
        ">/home<",
        "claims 20 GiB",
        ">thin pool pool<",
        ">member<",
        "of srv",
        ">free<",
    ] {
        assert!(svg.contains(told), "{told}");
    }
}

#[test]
fn many_partitions_go_on_below_and_logical_ones_are_named() {
    let mut nodes = vec![
        disk("disk"),
        node(
            "mbr",
            &["disk"],
            NodeKind::Table { kind: dibhost_block_device::TableKind::Mbr, alignment: None },
        ),
    ];
    for number in 0..40 {
        let size = Size::Bytes(if number == 7 { 500 << 30 } else { MIB });
        let part = partition(&format!("p{number}"), "mbr", "83", size);
        nodes.push(if number > 2 { marked(part, &["logical"]) } else { part });
    }
    let svg = laid_out(nodes).to_svg();
    sound(&svg);
    assert!(
        svg.contains(">41 p39<") && svg.contains(">logical<") && svg.contains(">500 GiB<"),
        "{svg}"
    );
    // No box is outside of the picture.
    let number = |tag: &str, key: &str| -> usize {
        let (_, value) = tag.split_once(&format!(" {key}=\"")).unwrap();
        value.split_once('"').unwrap().0.parse().unwrap()
    };
    let head = svg.lines().next().unwrap();
    let (width, height) = (number(head, "width"), number(head, "height"));
    for tag in svg.lines().filter(|line| line.starts_with("<rect x")) {
        let right = number(tag, "x") + number(tag, "width");
        let bottom = number(tag, "y") + number(tag, "height");
        assert!(right <= width && bottom <= height, "{tag}");
    }
}
