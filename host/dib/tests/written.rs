//! A block device in either syntax: one graph, and faults of the graph with their place in the text.

use dibhost_block_device::Graph;
use dibhost_block_device::config::Config;
use dibhost_dib::{Dib, DibParameters, Syntax, Written};

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
fn toml_and_dibs_yaml_give_the_same_graph() {
    let yaml = "\
- local_loop:
    name: image0
- partitioning:
    base: image0
    label: mbr
    partitions:
      - name: root
        flags: [boot, primary]
        size: 100%
        mkfs:
          name: mkfs_root
          type: ext4
          label: cloudimg-rootfs
          mount:
            mount_point: /
            fstab:
              options: noatime
              fsck-passno: 1
";
    let dib = Dib::parse(yaml, &DibParameters::default()).unwrap().layout().unwrap();
    // The names that DIB gives, so that nothing else can differ.
    let name = |i: usize| dib.nodes[i].name.clone();
    let toml = format!(
        r#"
[[block-device]]
name = "{disk}"
type = "disk"
[[block-device]]
name = "{table}"
type = "mbr"
on = "{disk}"
[[block-device]]
name = "{partition}"
type = "partition"
on = "{table}"
size = "rest"
attributes = ["active"]
[[block-device]]
name = "{filesystem}"
type = "filesystem"
on = "{partition}"
format = "ext4"
label = "cloudimg-rootfs"
[[block-device]]
name = "{mount}"
type = "mount"
on = "{filesystem}"
at = "/"
options = "noatime"
by = "label"
dump = 0
pass = 1
"#,
        disk = name(0),
        table = name(1),
        partition = name(2),
        filesystem = name(3),
        mount = name(4),
    );
    let config = Config::parse(&toml).unwrap();
    assert_eq!(Graph::new(config.nodes).unwrap(), Graph::new(dib.nodes).unwrap());
}

#[test]
fn a_fault_of_the_graph_is_located_in_the_text() {
    let text = DISK.replace("on = [\"root\"]", "on = [\"roots\"]");
    let written = Written::parse(&text, Syntax::Toml, &DibParameters::default()).unwrap();
    let located = written.graph().unwrap_err();
    assert_eq!(located.at.to_string(), "18:1", "{located}");
    assert!(located.problem.contains("`crypt`"), "{located}");
}
