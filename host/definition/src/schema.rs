//! The JSON Schema of a definition, for editors: what [`Definition::parse`](crate::Definition::parse)
//! reads, key by key. Draft 7, which the editors' servers know. What it cannot say (that a time zone is
//! there, that a secret is named) is left to the parser; what it says, the parser says too.

mod contents;
mod shape;

use dibhost_block_device::config::{bytes_schema, nodes_schema, settings_schema, size_schema};
use dibhost_image::{Format, Qcow2Compression};
use serde_json::{Value, json};

use crate::capability::Capability;
use crate::limit::{Limit, Measure};
use shape::{NAME, fitting, named, number, table, text, texts, with_one_of, word};

/// The schema.
#[must_use]
pub fn schema() -> Value {
    let of_variant = table("What is different.", keys(false), &[]);
    let mut keys = keys(true);
    keys.push(("include", include()));
    keys.push(("variants", named("Variants, by name: `--variant NAME`.", "", of_variant)));
    let mut schema = table("An image definition of dibhost.", keys, &["image"]);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["$id"] = json!("urn:dibhost:definition@1");
    schema["title"] = json!("dibhost image definition");
    schema
}

/// The keys of a definition by itself, which says what image it is, and those of a variant of it.
fn keys(whole: bool) -> Vec<(&'static str, Value)> {
    let mut keys = vec![("image", image(if whole { &["name", "elements"] } else { &[] }))];
    keys.extend(contents::keys());
    keys.extend([
        ("root-filesystem", root_filesystem()),
        ("disk", disk()),
        ("disks", settings_schema()),
        ("block-device", nodes_schema()),
        ("parameters", parameters()),
        ("grants", grants()),
        ("limits", limits()),
        ("trust", trust()),
        ("secrets", secrets()),
        ("inputs", inputs()),
    ]);
    keys
}

fn include() -> Value {
    texts("Definitions that this one builds on; relative to it.", &["site.toml"])
}

fn disk() -> Value {
    let mut size = bytes_schema("The size of the whole disk.");
    size["minimum"] = json!(1 << 20);
    let volumes = named(
        "The sizes of the volumes that a preset makes, by name.",
        "",
        size_schema("The size of the volume."),
    );
    table("The disk.", vec![("size", size), ("volumes", volumes)], &[])
}

fn image(required: &[&str]) -> Value {
    let formats = Format::ALL.map(Format::name);
    table(
        "What comes of the build.",
        vec![
            (
                "name",
                fitting(
                    "The image's name: letters, digits, `.`, `_` and `-`.",
                    "^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$",
                    "web",
                ),
            ),
            (
                "elements",
                json!({
                    "description": "Elements, by name or by the path of a component; their order means nothing.",
                    "type": "array",
                    "items": {"type": "string", "pattern": "\\S"},
                    "minItems": 1,
                    "examples": [["debian", "vm"]],
                }),
            ),
            (
                "formats",
                json!({
                    "description": "The files that are made.",
                    "type": "array",
                    "items": {"enum": formats},
                    "minItems": 1,
                    "uniqueItems": true,
                    "examples": [formats],
                }),
            ),
            ("arch", word("The machine, as Debian names it.", &crate::parse::ARCHITECTURES)),
            (
                "source-date-epoch",
                number(
                    "Seconds since 1970: no file in the image is younger.",
                    0,
                    i64::MAX,
                    1_704_067_200,
                ),
            ),
            (
                "qcow2-compression",
                word(
                    "How clusters of a qcow2 are compressed.",
                    &Qcow2Compression::ALL.map(Qcow2Compression::name),
                ),
            ),
        ],
        required,
    )
}

fn root_filesystem() -> Value {
    table(
        "Settings of the filesystem that is mounted at `/`.",
        vec![
            ("label", fitting("At most 16 bytes.", "^[!-~]{1,16}$", "root")),
            ("max-online-resize", bytes_schema("How far the mounted filesystem can grow later.")),
            ("free-space", bytes_schema("Free bytes beside the content.")),
            (
                "tuning",
                json!({
                    "description": "Settings of its kind, as `mkfs` knows them.",
                    "type": "object",
                    "additionalProperties": {"type": ["string", "integer", "boolean"]},
                    "examples": [{"inode-ratio": 16384}],
                }),
            ),
        ],
        &[],
    )
}

fn parameters() -> Value {
    named(
        "What elements are set to: `[parameters.ELEMENT]`; see the catalogue of elements.",
        "",
        json!({"type": "object", "examples": [{"release": "bookworm"}]}),
    )
}

fn grants() -> Value {
    let capability = |capability: &Capability| {
        let schema = match capability.unscoped() {
            true => json!({"type": "boolean", "examples": [true]}),
            false => {
                json!({"type": "array", "items": {"type": "string"}, "examples": [["x"]]})
            }
        };
        (capability.name(), schema)
    };
    let each = table(
        "What this element may do, of what it asks for.",
        Capability::ALL.iter().map(capability).collect(),
        &[],
    );
    named("What elements may do: `[grants.ELEMENT]`; `dibhost grant` writes it.", "", each)
}

fn limits() -> Value {
    let limit = |limit: &Limit| {
        let most = i64::try_from(*limit.bounds().end()).unwrap_or(i64::MAX);
        let least = i64::try_from(*limit.bounds().start()).unwrap_or_default();
        let says = format!("Bounds {}.", limit.bounded());
        let schema = match limit.measure() {
            Measure::Bytes => {
                let mut schema = bytes_schema(&says);
                schema["minimum"] = least.into();
                schema["maximum"] = most.into();
                schema["examples"] = json!([most]);
                schema
            }
            Measure::Time => json!({
                "description": says,
                "type": ["string", "integer"],
                "pattern": "^\\s*[0-9]+\\s*(ms|s|min|h)?\\s*$",
                "minimum": 0,
                "examples": ["90 s"],
            }),
            Measure::Count => number(&says, least, most, most),
        };
        (limit.key(), schema)
    };
    let of_one = || Limit::ALL.iter().map(limit).collect::<Vec<_>>();
    let mut keys = of_one();
    let each = table("What no step of this element may go beyond.", of_one(), &[]);
    keys.push(("elements", named("The same for one element.", "", each)));
    table("What no step of any element may go beyond.", keys, &[])
}

fn trust() -> Value {
    let first_party = word(
        "Whether elements shipped with dibhost hold what they ask for, or need grants too.",
        &["shipped", "explicit"],
    );
    table("Whom to trust.", vec![("first-party", first_party)], &[])
}

fn secrets() -> Value {
    let each = table(
        "Where the secret is.",
        vec![
            ("file", text("Its file; relative to the definition.", "../private/password")),
            ("environment", text("The variable of whoever builds.", "TOKEN")),
            ("command", command()),
        ],
        &[],
    );
    let each = with_one_of(each, &["file", "environment", "command"]);
    named("Where secrets are; their values never stand here.", NAME, each)
}

fn command() -> Value {
    let mut schema =
        texts("A program and its arguments, whose output it is.", &["pass", "show", "key"]);
    schema["minItems"] = 1.into();
    schema
}

fn inputs() -> Value {
    let path = text("A file or a folder; relative to the definition.", "files/site");
    let each = table("What elements may be given.", vec![("path", path)], &["path"]);
    named("Files and folders of the builder that elements may be given.", NAME, each)
}
