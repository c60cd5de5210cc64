//! DIB's YAML is read or refused, and neither takes long. What is refused says where and what to
//! do, on one line; what is read gives a graph whose order heeds its edges, which its graph form
//! gives again, and nodes that stand on one another.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_arbitrary::Source;
use dibhost_block_device::Graph;
use dibhost_dib::Written;
use dibhost_dib::{Dib, DibParameters};

/// What entries are made of: text of arbitrary bytes is hardly ever one.
const WORDS: [&str; 96] = [
    "local_loop",
    "partitioning",
    "lvm",
    "mkfs",
    "mount",
    "fstab",
    "name",
    "base",
    "partitions",
    "label",
    "align",
    "size",
    "type",
    "flags",
    "pvs",
    "vgs",
    "lvs",
    "extents",
    "options",
    "thin-pool",
    "opts",
    "uuid",
    "mount_point",
    "dump-freq",
    "fsck-passno",
    "block_size",
    "directory",
    "image0",
    "root",
    "var",
    "pv",
    "vg",
    "lv",
    "pool",
    "mkfs_root",
    "mount_mkfs_root",
    "gpt",
    "mbr",
    "boot",
    "primary",
    "ext4",
    "xfs",
    "vfat",
    "swap",
    "btrfs",
    "thin",
    "/",
    "/var",
    "none",
    "defaults",
    "rw,nodev",
    "100%",
    "54%",
    "0%",
    "101%",
    "8MiB",
    "3G",
    "1800M",
    "1.5TB",
    "1.2.3GiB",
    "MiB",
    "",
    "28%VG",
    "100%FREE",
    "7",
    "EF00",
    "EF02",
    "8300",
    "0x41",
    "83",
    "0f",
    "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
    "-i 4096 -J size=64",
    "-F 32",
    "-d /etc",
    "-E resize=536870912",
    "--force",
    "-s",
    "8m",
    "--stripes=2",
    "fck-passno",
    "a b",
    "a-b",
    "a/b",
    "<<",
    "~",
    "null",
    "0",
    "1",
    "512",
    "4096",
    "\u{1b}[2J",
    "\u{202e}",
    "x\ny",
    "\0",
    "ü",
];
/// Plugins and their usual children, so that trees go deep.
const NESTED: [&str; 8] =
    ["local_loop", "partitioning", "partitions", "mkfs", "mount", "fstab", "lvm", "pvs"];

fn word(source: &mut Source<'_>) -> String {
    match source.byte() {
        byte @ 0..=239 => WORDS[usize::from(byte) % WORDS.len()].to_owned(),
        _ => source.value(),
    }
}

fn value(source: &mut Source<'_>, depth: usize) -> serde_json::Value {
    match source.byte() % 8 {
        0 if depth < 10 => (0..source.byte() % 4).map(|_| value(source, depth + 1)).collect(),
        1..=3 if depth < 10 => map(source, depth),
        4 => serde_json::Value::Null,
        _ => word(source).into(),
    }
}

fn map(source: &mut Source<'_>, depth: usize) -> serde_json::Value {
    let mut map = serde_json::Map::new();
    for _ in 0..source.byte() % 6 {
        let key = match source.byte() {
            byte @ 0..=63 => NESTED[usize::from(byte) % NESTED.len()].to_owned(),
            _ => word(source),
        };
        map.insert(key, value(source, depth + 1));
    }
    map.into()
}

fn document(source: &mut Source<'_>) -> String {
    let entry = |source: &mut Source<'_>| {
        let plugin = NESTED[usize::from(source.byte()) % NESTED.len()];
        serde_json::Map::from_iter([(plugin.to_owned(), map(source, 0))]).into()
    };
    let entries = 0..source.byte() % 8;
    entries
        .map(|_| -> serde_json::Value { entry(source) })
        .collect::<serde_json::Value>()
        .to_string()
}

fn one_line(text: &str) {
    assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
}

pub(crate) fn dib_yaml(data: &[u8]) {
    // UTF-8 does not start with these bytes: what does is no text.
    let text = match data.split_first() {
        Some((0xf8..=0xff, rest)) => document(&mut Source::new(rest)),
        _ => String::from_utf8_lossy(data).into_owned(),
    };
    let parameters = DibParameters::default();
    let dib = match Dib::parse(&text, &parameters) {
        Ok(dib) => dib,
        Err(why) => {
            one_line(&why.to_string());
            assert!(!why.help.is_empty() && why.at.line >= 1 && why.at.column >= 1);
            return;
        }
    };
    for diagnostic in dib.diagnostics() {
        one_line(&diagnostic.to_string());
    }
    let order: BTreeMap<&str, usize> =
        dib.graph().call_order().into_iter().enumerate().map(|(i, name)| (name, i)).collect();
    assert_eq!(order.len(), dib.graph().nodes.len());
    for (before, after) in dib.graph().edges() {
        assert!(order[before] < order[after], "{before} {after}");
    }
    // YAML takes JSON as it is; a bound may be passed by what aliases stood for.
    let again = serde_json::Value::from(dib.entries()).to_string();
    match Dib::parse(&again, &parameters) {
        Ok(again) => {
            assert_eq!(again.graph().call_order(), dib.graph().call_order());
            assert_eq!(again.graph().edges(), dib.graph().edges());
        }
        Err(why) => {
            let bound = ["bytes", "values", "deep"].iter().any(|word| why.problem.contains(word));
            assert!(bound, "{why}\n{again}");
        }
    }
    let layout = match dib.layout() {
        Ok(layout) => layout,
        Err(why) => return one_line(&why.to_string()),
    };
    let names: BTreeSet<&str> = layout.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names.len(), layout.nodes.len());
    assert_eq!(layout.positions.len(), layout.nodes.len());
    for diagnostic in &layout.diagnostics {
        one_line(&diagnostic.to_string());
    }
    match Graph::new(layout.nodes.clone()) {
        Ok(_) => {
            for line in &layout.fstab {
                let line = line.to_string();
                one_line(&line);
                assert_eq!(line.split_whitespace().count(), 6, "{line}");
            }
        }
        Err(why) => one_line(&Written::from(layout).locate(&why).to_string()),
    }
}
