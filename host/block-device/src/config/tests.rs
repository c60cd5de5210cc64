use super::{Config, ConfigError};
use crate::graph::Graph;
use crate::layout::Optimise;
use crate::node::{NodeKind, Size};
use crate::position::Position;
use crate::realise::Backend;

const DISK: &str = r#"
[[block-device]]
name = "disk"
type = "disk"

[[block-device]]
name = "table"
type = "gpt"
on = "disk"

[[block-device]]
name = "root"
type = "partition"
on = "table"
size = "content + 64 MiB"
partition-type = "root-x86-64"

[[block-device]]
name = "crypt"
type = "luks"
on = ["root"]
secrets = ["passphrase"]

[[block-device]]
name = "filesystem"
type = "filesystem"
on = "crypt"
format = "ext4"
label = "root"
tuning = { free-space = "16 MiB" }
mount = { at = "/", options = ["noatime"], by = "uuid", pass = 1 }
"#;

#[test]
fn each_entry_is_a_node_and_a_mount_may_stand_in_its_filesystem() {
    let config = Config::parse(DISK).unwrap();
    let names: Vec<&str> = config.nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["disk", "table", "root", "crypt", "filesystem", "filesystem-mount"]);
    let NodeKind::Partition { size, .. } = &config.nodes[2].kind else { panic!() };
    assert_eq!(*size, Size::Content(64 << 20));
    let NodeKind::Mount { options, .. } = &config.nodes[5].kind else { panic!() };
    assert_eq!(*options, ["noatime", "x-dibhost.by=uuid", "x-dibhost.pass=1"]);
    let graph = Graph::of_image(config.nodes.clone()).unwrap();
    assert_eq!(graph.mounts()[0].options, ["noatime"]);
    let position = Position::of(DISK, config.spans[3].start);
    assert_eq!((position.line, position.column), (18, 1));
}

#[test]
fn every_type_of_node_can_be_said() {
    let text = r#"
block-device = [
  { name = "a", type = "disk", size = "8 GiB", sector-size = 4096 },
  { name = "b", type = "disk", size = 8589934592, sector-size = 4096 },
  { name = "md", type = "raid", on = ["a", "b"], level = 1, array = "store" },
  { name = "pv", type = "physical-volume", on = "md" },
  { name = "vg", type = "volume-group", on = "pv", extent-size = "1 MiB" },
  { name = "lv", type = "logical-volume", on = "vg", size = "1 GiB" },
  { name = "pool", type = "thin-pool", on = "vg", size = "50% of rest" },
  { name = "thin", type = "thin-volume", on = "vg", pool = "pool", size = "10 GiB" },
  { name = "data", type = "logical-volume", on = "vg", size = "1 GB" },
  { name = "hash", type = "logical-volume", on = "vg", size = "100 MB" },
  { name = "verity", type = "verity", on = ["data", "hash"] },
  { name = "usr", type = "filesystem", on = "verity", format = "squashfs", mount = "/usr" },
  { name = "fs", type = "filesystem", on = "lv", format = "btrfs" },
  { name = "home", type = "subvolume", on = "fs", path = "@home", mount = "/home" },
  { name = "root", type = "subvolume", on = "fs", path = "@", default = true },
  { name = "root-mount", type = "mount", on = "root", at = "/" },
  { name = "swap", type = "swap", on = "thin" },
]
"#;
    let config = Config::parse(text).unwrap();
    let graph = Graph::of_image(config.nodes).unwrap();
    assert_eq!(graph.raids()[0].name, "store");
    assert_eq!(graph.mounts().len(), 3);
}

#[test]
fn whatever_is_wrong_is_told_with_its_place_and_all_at_once() {
    let wrong = |text: &str| {
        let errors = Config::parse(text).unwrap_err();
        errors.into_iter().map(|error| error.of(text).to_string()).collect::<Vec<_>>()
    };
    let text = "[[block-device]]\nname = \"p\"\ntype = \"partition\"\nsizes = \"1 MiB\"\n\
                [[block-device]]\nname = \"q\"\ntype = \"partitoin\"\n\
                [[block-device]]\nname = \"r\"\ntype = \"disk\"\nsize = \"10G\"\non = 5\n";
    let told = wrong(text);
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(told[0].starts_with("4:1: node `p`: the key `sizes` is unknown: did you mean `size`?"));
    assert!(told[1].starts_with("7:8: node `q`: `partitoin` is no type of node: did you mean"));
    assert!(told[2].starts_with("12:6: node `r`: `on` is a whole number"), "{}", told[2]);
    assert!(told[3].starts_with("11:8: node `r`: `size` is `10G`, which is no size"));
    assert!(wrong("[image]\nname = \"x\"\n")[0].starts_with("1:2: `image` does not belong here"));
    assert!(wrong("")[0].contains("there is no `[[block-device]]`"));
    assert!(wrong("block-device = 1")[0].contains("no list of tables"));
    assert!(wrong("block-device = [1]")[0].contains("is no table"));
    assert!(wrong("x = ")[0].contains("this is no TOML"));
    let mount = "[[block-device]]\nname = \"f\"\ntype = \"filesystem\"\nformat = \"ext4\"\n\
                 mount = { att = \"/\" }\n";
    let told = wrong(mount);
    assert!(told[0].starts_with("5:11: node `f`, its mount: the key `att` is unknown"), "{told:?}");
}

#[test]
fn what_all_disks_are_made_for_and_by_stands_beside_their_nodes() {
    let read = |settings: &str| -> Result<_, String> {
        let text = format!("{settings}\n{DISK}");
        let told = |wrong: Vec<ConfigError>| {
            wrong.into_iter().map(|e| e.of(&text).to_string()).collect::<Vec<_>>().join("\n")
        };
        let config = Config::parse(&text).map_err(told)?;
        Ok((config.settings.backend, config.settings.optimise))
    };
    assert_eq!(read(""), Ok((None, None)));
    let both = read("[disks]\noptimise = \"size\"\nbackend = \"loop\"\n");
    assert_eq!(both, Ok((Some(Backend::Loop), Some(Optimise::Size))));
    let wrong = read("[disks]\noptimise = \"sped\"\nback-end = \"loop\"\n").unwrap_err();
    assert!(
        wrong.contains("3:1: `[disks]`: the key `back-end` is unknown: did you mean `backend`?")
    );
    assert!(
        wrong.contains(
            "2:12: `[disks]`: `optimise` is `sped`: did you mean `speed`? write `speed` or `size`"
        ),
        "{wrong}"
    );
    let number = read("[disks]\nbackend = 1\n").unwrap_err();
    assert!(number.contains("2:11: `[disks]`: `backend` is a whole number"), "{number}");
    assert!(read("disks = 1\n").unwrap_err().contains("`disks` is no table"));
}
