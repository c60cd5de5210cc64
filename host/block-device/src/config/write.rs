//! Nodes as `[[block-device]]`, which is read back as the same nodes.

use serde_json::{Map, Value};

use super::kinds::EXTENT;
use super::size;
use crate::node::{Node, NodeKind, TableKind};
use dibhost_text::format_size;

/// Nodes as a person writes them, an entry each; ends in a newline unless there is none.
///
/// The settings of a driver that a definition has no word for are left out: no node that was read
/// has one.
#[must_use]
pub fn to_toml(nodes: &[Node]) -> String {
    let line = |(key, value): (&String, &Value)| format!("{key} = {}\n", inline(value));
    let entry = |entry: Map<String, Value>| {
        format!("[[block-device]]\n{}", entry.iter().map(line).collect::<String>())
    };
    entries(nodes).into_iter().map(entry).collect::<Vec<_>>().join("\n")
}

/// The same as keys and values, in the order that a person writes them.
#[must_use]
pub fn entries(nodes: &[Node]) -> Vec<Map<String, Value>> {
    nodes.iter().map(entry).collect()
}

fn entry(node: &Node) -> Map<String, Value> {
    let mut of_type = Keys::default();
    let name = keys_of(&node.kind, &mut of_type);
    let mut keys = Keys::default();
    keys.text("name", &node.name);
    keys.text("type", name);
    match node.on.as_slice() {
        [] => {}
        [one] => keys.text("on", one),
        several => keys.plain("on", several),
    }
    keys.0.extend(of_type.0);
    keys.0
}

/// The keys of an entry.
#[derive(Default)]
struct Keys(Map<String, Value>);

impl Keys {
    fn plain(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    fn text(&mut self, key: &str, value: &str) {
        self.plain(key, value);
    }

    fn some(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn bytes(&mut self, key: &str, bytes: Option<u64>) {
        self.some(key, bytes.map(format_size).as_deref());
    }
}

/// The keys of a node's kind, and what its type is called.
fn keys_of(kind: &NodeKind, keys: &mut Keys) -> &'static str {
    match kind {
        NodeKind::Disk { size, sector_size } => {
            keys.bytes("size", *size);
            if *sector_size != 512 {
                keys.plain("sector-size", *sector_size);
            }
            "disk"
        }
        NodeKind::Table { kind, alignment } => {
            keys.bytes("alignment", *alignment);
            match kind {
                TableKind::Gpt => "gpt",
                TableKind::Mbr => "mbr",
            }
        }
        NodeKind::Partition { label, type_id, size, attributes, preserve } => {
            keys.text("size", &size::written(*size));
            keys.text("partition-type", type_id);
            if !label.is_empty() {
                keys.text("label", label);
            }
            if !attributes.is_empty() {
                keys.plain("attributes", attributes.as_slice());
            }
            if *preserve {
                keys.plain("preserve", true);
            }
            "partition"
        }
        NodeKind::Encryption { secrets, label } => {
            keys.plain("secrets", secrets.as_slice());
            keys.some("label", label.as_deref());
            "luks"
        }
        NodeKind::PhysicalVolume => "physical-volume",
        NodeKind::VolumeGroup { extent_size } => {
            keys.bytes("extent-size", (*extent_size != EXTENT).then_some(*extent_size));
            "volume-group"
        }
        NodeKind::LogicalVolume { size, thin_pool, is_thin_pool, stripes } => {
            keys.text("size", &size::written(*size));
            keys.some("pool", thin_pool.as_deref());
            if *stripes != 1 {
                keys.plain("stripes", *stripes);
            }
            match (is_thin_pool, thin_pool) {
                (true, _) => "thin-pool",
                (false, Some(_)) => "thin-volume",
                (false, None) => "logical-volume",
            }
        }
        NodeKind::Filesystem { kind, label, uuid, tuning }
            if kind == "swap" && tuning.is_empty() =>
        {
            keys.some("label", label.as_deref());
            keys.some("uuid", uuid.as_deref());
            "swap"
        }
        NodeKind::Filesystem { kind, label, uuid, tuning } => {
            keys.text("format", kind);
            keys.some("label", label.as_deref());
            keys.some("uuid", uuid.as_deref());
            if !tuning.is_empty() {
                let pair = |(key, value): &(String, String)| (key.clone(), value.as_str().into());
                keys.plain("tuning", tuning.iter().map(pair).collect::<Map<String, Value>>());
            }
            "filesystem"
        }
        NodeKind::Mount { at, options, in_fstab } => {
            mount(keys, at, options, *in_fstab);
            "mount"
        }
        NodeKind::GrubBios { boot_image, core_image } => {
            keys.text("boot-image", boot_image);
            keys.text("core-image", core_image);
            "grub-bios"
        }
        NodeKind::Driver { name, settings } => driver(keys, name, settings),
    }
}

fn mount(keys: &mut Keys, at: &str, options: &[String], in_fstab: bool) {
    keys.text("at", at);
    let mut own = Vec::new();
    let (mut by, mut dump, mut pass) = (None, None, None);
    for option in options {
        // The last ones of each, which is where a reader puts them.
        let number = |text: &str| text.len() == 1 && text.bytes().all(|b| b.is_ascii_digit());
        match option.strip_prefix("x-dibhost.").and_then(|option| option.split_once('=')) {
            Some(("by", name)) if by.is_none() => by = Some(name),
            Some(("dump", text)) if number(text) && dump.is_none() => dump = Some(text),
            Some(("pass", text)) if number(text) && pass.is_none() => pass = Some(text),
            _ => own.push(option.clone()),
        }
    }
    if !own.is_empty() {
        keys.plain("options", own);
    }
    if !in_fstab {
        keys.plain("fstab", false);
    }
    keys.some("by", by);
    for (key, number) in [("dump", dump), ("pass", pass)] {
        if let Some(number) = number.and_then(|number| number.parse::<u8>().ok()) {
            keys.plain(key, number);
        }
    }
}

fn driver(keys: &mut Keys, name: &str, settings: &str) -> &'static str {
    let settings: Value = serde_json::from_str(settings).unwrap_or_default();
    let text = |key: &str| settings.get(key).and_then(Value::as_str);
    let number = |key: &str| settings.get(key).and_then(Value::as_u64);
    match name {
        "raid" => {
            keys.plain("level", number("level").unwrap_or(1));
            keys.some("array", text("name"));
            keys.bytes("chunk", number("chunk"));
            "raid"
        }
        "subvolume" => {
            keys.text("path", text("path").unwrap_or_default());
            if settings.get("default") == Some(&Value::Bool(true)) {
                keys.plain("default", true);
            }
            "subvolume"
        }
        _ => "verity",
    }
}

/// A value as TOML has it, on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => toml::Value::from(text.as_str()).to_string(),
        Value::Array(list) => {
            format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Object(table) => {
            let pair = |(key, value): (&String, &Value)| format!("{key} = {}", inline(value));
            format!("{{ {} }}", table.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    /// A driver's settings are JSON, in which blanks and what is left out mean nothing.
    fn known(nodes: &[Node]) -> Vec<Node> {
        let mut nodes = nodes.to_vec();
        for node in &mut nodes {
            if let NodeKind::Driver { settings, .. } = &mut node.kind {
                let mut value: Value = serde_json::from_str(settings).unwrap();
                if let Value::Object(map) = &mut value {
                    map.retain(|_, value| *value != Value::Bool(false));
                }
                *settings = value.to_string();
            }
        }
        nodes
    }

    #[test]
    fn every_layout_of_the_tests_is_read_back_as_it_was() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/layouts");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let nodes = Config::parse(&text).unwrap().nodes;
            let written = to_toml(&nodes);
            let again = Config::parse(&written);
            let again = again.unwrap_or_else(|wrong| panic!("{wrong:?}\n{written}")).nodes;
            assert_eq!(known(&again), known(&nodes), "{}:\n{written}", path.display());
            seen += 1;
        }
        assert!(seen > 40, "{seen} layouts");
    }

    #[test]
    fn nodes_are_written_as_a_person_would() {
        let text = r#"block-device = [
            { name = "d", type = "disk", size = "8 GiB" },
            { name = "t", type = "gpt", on = "d" },
            { name = "p", type = "partition", on = "t", size = "12.5% of rest", label = "a \"b\"" },
            { name = "f", type = "filesystem", on = "p", format = "ext4", tuning = { inode-ratio = 8192 },
              mount = { at = "/", options = ["noatime"], by = "uuid", dump = 0, pass = 1 } },
        ]"#;
        let written = to_toml(&Config::parse(text).unwrap().nodes);
        insta::assert_snapshot!(written, @r#"
        [[block-device]]
        name = "d"
        type = "disk"
        size = "8 GiB"

        [[block-device]]
        name = "t"
        type = "gpt"
        on = "d"

        [[block-device]]
        name = "p"
        type = "partition"
        on = "t"
        size = "12.5% of rest"
        partition-type = "linux-generic"
        label = 'a "b"'

        [[block-device]]
        name = "f"
        type = "filesystem"
        on = "p"
        format = "ext4"
        tuning = { inode-ratio = "8192" }

        [[block-device]]
        name = "f-mount"
        type = "mount"
        on = "f"
        at = "/"
        options = ["noatime"]
        by = "uuid"
        dump = 0
        pass = 1
        "#);
    }
}
