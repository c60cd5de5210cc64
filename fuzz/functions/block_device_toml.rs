//! `[[block-device]]` as a file of its own: whatever the text, nodes or errors with places.

use dibhost_block_device::Position;
use dibhost_dib::DibParameters;
use dibhost_dib::{Syntax, Written};

/// Words of the format, so that inputs without any coverage get past its first lines.
const WORDS: [&str; 40] = [
    "[[block-device]]\n",
    "name = ",
    "type = ",
    "on = ",
    "size = ",
    "label = ",
    "format = ",
    "mount = ",
    "at = ",
    "options = ",
    "\"disk\"\n",
    "\"gpt\"\n",
    "\"mbr\"\n",
    "\"partition\"\n",
    "\"luks\"\n",
    "\"physical-volume\"\n",
    "\"volume-group\"\n",
    "\"logical-volume\"\n",
    "\"thin-pool\"\n",
    "\"thin-volume\"\n",
    "\"raid\"\n",
    "\"verity\"\n",
    "\"filesystem\"\n",
    "\"subvolume\"\n",
    "\"swap\"\n",
    "\"mount\"\n",
    "\"a\"\n",
    "\"b\"\n",
    "[\"a\", \"b\"]\n",
    "\"ext4\"\n",
    "\"btrfs\"\n",
    "\"rest\"\n",
    "\"40% of rest\"\n",
    "\"1 GiB\"\n",
    "\"/\"\n",
    "{ at = \"/\" }\n",
    "level = 1\n",
    "stripes = 2\n",
    "secrets = \"k\"\n",
    "4096\n",
];

pub(crate) fn block_device_toml(data: &[u8]) {
    // UTF-8 does not start with these bytes: what does is made of words.
    let text = match data.split_first() {
        Some((0xf8..=0xff, rest)) => {
            rest.iter().map(|b| WORDS[usize::from(*b) % WORDS.len()]).collect()
        }
        _ => String::from_utf8_lossy(data).into_owned(),
    };
    let end = text.lines().count() + 1;
    let placed = |at: Position, help: &str| {
        assert!(at.line >= 1 && at.line <= end && at.column >= 1 && !help.is_empty());
    };
    match Written::parse(&text, Syntax::Toml, &DibParameters::default()) {
        Err(errors) => {
            assert!(!errors.is_empty());
            errors.iter().for_each(|error| placed(error.at, &error.help));
        }
        Ok(written) => match written.graph() {
            Ok(graph) => drop(graph.layout_fact(&graph.identities(&[1; 32]))),
            Err(error) => placed(error.at, &error.help),
        },
    }
}
