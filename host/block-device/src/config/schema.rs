//! The JSON Schema of `[[block-device]]` and `[disks]`, for editors: made of the types and keys that
//! are read, so that there is none that an editor does not know.

use serde_json::{Map, Value, json};

use super::keys;
use super::read::COMMON;
use crate::layout::Optimise;
use crate::realise::Backend;

/// Bytes: a number, or a text with a unit.
#[must_use]
pub fn bytes_schema(description: &str) -> Value {
    json!({
        "description": description,
        "type": ["string", "integer"],
        "pattern": "^\\s*[0-9]+\\s*(KiB|MiB|GiB|TiB|PiB|KB|kB|MB|GB|TB|PB|B)?\\s*$",
        "minimum": 0,
        "examples": ["64MiB", "20GB"],
    })
}

/// How large a node is: bytes, a share, the rest, or what is in it.
#[must_use]
pub fn size_schema(description: &str) -> Value {
    let unit = "(\\s*(KiB|MiB|GiB|TiB|PiB|KB|kB|MB|GB|TB|PB|B))?";
    json!({
        "description": description,
        "type": ["string", "integer"],
        "pattern": format!(
            "^\\s*(rest|content(\\s*\\+\\s*[0-9]+{unit})?|[0-9]+(\\.[0-9]{{1,4}})?\\s*%(\\s*of\\s+rest)?|[0-9]+{unit})\\s*$"
        ),
        "minimum": 0,
        "examples": ["rest", "40%", "content + 64 MiB", "4 GiB"],
    })
}

/// A list of nodes: `[[block-device]]`.
#[must_use]
pub fn nodes_schema() -> Value {
    let names = keys::names();
    let mut properties = Map::new();
    properties
        .insert("name".to_owned(), text("What the node is called: others stand on it by that."));
    properties.insert(
        "type".to_owned(),
        json!({"description": "What it is.", "enum": names, "examples": ["disk"]}),
    );
    properties.insert("on".to_owned(), texts("The node, or nodes, that it stands on."));
    let mut each = Vec::new();
    for kind in names {
        let mut required = Vec::new();
        for key in keys::of(kind) {
            properties.entry(*key).or_insert_with(|| value(key));
            if kinds_need(kind, key) {
                required.push(*key);
            }
        }
        let keys: Vec<&str> = COMMON.iter().chain(keys::of(kind)).copied().collect();
        let mut then = json!({"propertyNames": {"enum": keys}, "required": required});
        if kind == "disk" {
            then["properties"] = json!({"size": bytes_schema("Bytes.")});
        }
        each.push(json!({
            "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
            "then": then,
        }));
    }
    json!({
        "description": "The disk, node by node, or the path of a file that has it: see docs/block-device.md.",
        "type": ["array", "string"],
        "minItems": 1,
        "items": {
            "type": "object",
            "properties": properties,
            "required": ["name", "type"],
            "additionalProperties": false,
            "allOf": each,
        },
        "examples": [[{"name": "disk", "type": "disk"}], "layout.yaml"],
    })
}

/// `[disks]`.
#[must_use]
pub fn settings_schema() -> Value {
    json!({
        "description": "How all disks are laid out and made.",
        "type": "object",
        "properties": {
            "backend": {
                "description": "Who fills filesystems: `file` needs no root, `loop` has the kernel do it.",
                "enum": Backend::ALL.map(Backend::name),
                "examples": [Backend::ALL[0].name()],
            },
            "optimise": {
                "description": "What the layout is made for, where its nodes leave it open.",
                "enum": Optimise::ALL.map(Optimise::name),
                "examples": [Optimise::ALL[0].name()],
            },
        },
        "additionalProperties": false,
    })
}

/// Keys that a node of a type cannot do without.
fn kinds_need(kind: &str, key: &str) -> bool {
    matches!(
        (kind, key),
        ("partition" | "logical-volume" | "thin-pool" | "thin-volume", "size")
            | ("thin-volume", "pool")
            | ("raid", "level")
            | ("filesystem", "format")
            | ("subvolume", "path")
            | ("mount", "at")
    )
}

/// What stands at a key, whatever the type of the node.
fn value(key: &str) -> Value {
    match key {
        "size" => size_schema(
            "How large: bytes, a share (`40%`, `40% of rest`), `rest`, `content`; of a disk bytes.",
        ),
        "sector-size" => number("Bytes of a sector: 512 or 4096.", 512, 4096, 512),
        "alignment" => bytes_schema("Where partitions begin: at multiples of it."),
        "partition-type" => text(
            "The type of a partition by a word (`esp`, `bios-boot`, `linux-generic`) or a number.",
        ),
        "label" => text("The label."),
        "attributes" => texts("Attributes of the partition."),
        "preserve" => boolean("What is there on an existing device stays as it is."),
        "secrets" => texts("The secrets that open it, by their names in `[secrets]`."),
        "extent-size" => bytes_schema("Bytes of an extent."),
        "stripes" => number("Over how many physical volumes it is spread.", 1, 128, 2),
        "pool" => text("The thin pool that it is in."),
        "level" => number("The level of the RAID: 0 or 1.", 0, 1, 1),
        "array" => text("What the array is called."),
        "chunk" => bytes_schema("Bytes of a chunk."),
        "metadata" => text("The version of the array's own data."),
        "format" => {
            text("The kind of filesystem: `ext4`, `xfs`, `btrfs`, `vfat`, `squashfs`, `erofs`.")
        }
        "uuid" => text("The UUID; without it one that derives from the plan."),
        "tuning" => json!({
            "description": "Settings of its kind, such as `free-space`.",
            "type": "object",
            "additionalProperties": {"type": ["string", "integer", "boolean"]},
            "examples": [{"free-space": "64 MiB"}],
        }),
        "mount" => {
            let mut keys: Map<String, Value> = Map::new();
            for key in keys::MOUNT {
                keys.insert(key.to_owned(), value(key));
            }
            json!({
                "description": "Where it is mounted: a path, or a table of a mount's keys.",
                "type": ["string", "object"],
                "properties": keys,
                "required": ["at"],
                "additionalProperties": false,
                "examples": ["/", {"at": "/", "options": ["noatime"]}],
            })
        }
        "path" => text("The path of the subvolume in its filesystem."),
        "default" => boolean("It is mounted where no subvolume is named."),
        "at" => text("Where: an absolute path."),
        "options" => texts("Options of the mount."),
        "fstab" => boolean("Whether it is in `/etc/fstab`."),
        "by" => json!({
            "description": "What fstab names it by.",
            "enum": ["label", "uuid", "partuuid", "path"],
            "examples": ["label"],
        }),
        "dump" => number("The fifth field of fstab.", 0, 9, 0),
        "pass" => number("The sixth field of fstab.", 0, 9, 1),
        "boot-image" => text("The path of GRUB's boot image in the tree."),
        "core-image" => text("The path of GRUB's core image in the tree."),
        _ => json!({}),
    }
}

fn text(description: &str) -> Value {
    json!({"description": description, "type": "string", "examples": ["x"]})
}

/// A text, or a list of them.
fn texts(description: &str) -> Value {
    json!({
        "description": description,
        "type": ["string", "array"],
        "items": {"type": "string"},
        "examples": ["x", ["x", "y"]],
    })
}

fn boolean(description: &str) -> Value {
    json!({"description": description, "type": "boolean", "examples": [true]})
}

fn number(description: &str, least: u64, most: u64, example: u64) -> Value {
    json!({
        "description": description,
        "type": "integer",
        "minimum": least,
        "maximum": most,
        "examples": [example],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_is_read_has_a_type_and_a_word_on_it() {
        for kind in keys::names() {
            for key in keys::of(kind).iter().chain(&keys::MOUNT) {
                let schema = value(key);
                assert!(schema["description"].is_string(), "`{key}` of `{kind}` has none");
                assert!(schema["type"] != Value::Null || schema["enum"] != Value::Null, "{key}");
            }
        }
    }
}
