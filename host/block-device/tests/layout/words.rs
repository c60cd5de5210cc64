//! Layouts that do not fit: the node that is at fault, and words that are true of it.

use dibhost_block_device::config::Config;
use dibhost_block_device::{
    Graph, Layout, LayoutError, LayoutOptions, layout, layout_without_files,
};
use dibhost_filesystems::FolderTree;
use dibhost_sys::Cancel;

use crate::built::MIB;

fn laid_out(nodes: &str) -> Result<Layout, LayoutError> {
    let text = format!("block-device = [\n{nodes}\n]\n");
    let graph = Graph::new(Config::parse(&text).unwrap().nodes).unwrap();
    let empty = tempfile::tempdir().unwrap();
    let parts = graph.mounts().iter().map(|mount| (mount.at.as_str(), empty.path()));
    let mut tree = FolderTree::of_parts(parts, Cancel::new()).unwrap();
    layout(&graph, &graph.identities(&[7; 32]), &mut tree)
}

/// The node, what is wrong with it, and what to do.
fn refused(nodes: &str) -> (String, String, String) {
    match laid_out(nodes) {
        Err(LayoutError::Refused { node, problem, help }) => (node, problem, help),
        other => panic!("{other:?}"),
    }
}

const DISK: &str =
    r#"{ name = "disk", type = "disk" }, { name = "gpt", type = "gpt", on = "disk" },"#;

fn in_a_group(volumes: &str) -> String {
    format!(
        r#"{DISK}
  {{ name = "lvm", type = "partition", on = "gpt", size = "rest" }},
  {{ name = "pv", type = "physical-volume", on = "lvm" }},
  {{ name = "vg", type = "volume-group", on = "pv" }},
{volumes}"#
    )
}

const ROOT: &str =
    r#"{ name = "root-fs", type = "filesystem", on = "root", format = "ext4", mount = "/" },"#;

#[test]
fn a_share_of_a_group_that_takes_its_size_from_its_content() {
    let whole = r#"{ name = "root", type = "logical-volume", on = "vg", size = "100%" },"#;
    let content = r#"{ name = "root", type = "logical-volume", on = "vg", size = "content" },"#;
    let whole = laid_out(&in_a_group(&format!("{whole}{ROOT}"))).unwrap();
    let content = laid_out(&in_a_group(&format!("{content}{ROOT}"))).unwrap();
    assert_eq!(whole.size_of("root"), content.size_of("root"));
    assert_eq!(whole.size_of("disk"), content.size_of("disk"));

    // A quarter is as large as its content, and the others are what they are of that.
    let parts = r#"
  { name = "root", type = "logical-volume", on = "vg", size = "25%" },
  { name = "var", type = "logical-volume", on = "vg", size = "50%" },
  { name = "swap", type = "logical-volume", on = "vg", size = "8 MiB" },
  { name = "var-fs", type = "filesystem", on = "var", format = "ext4", mount = "/var" },
  { name = "swap-fs", type = "swap", on = "swap" },"#;
    let parts = laid_out(&in_a_group(&format!("{parts}{ROOT}"))).unwrap();
    let (root, var) = (parts.size_of("root").unwrap(), parts.size_of("var").unwrap());
    assert!(root >= content.size_of("root").unwrap() && var >= 2 * root - 4 * MIB, "{root} {var}");
    assert_eq!(parts.size_of("swap"), Some(8 * MIB));
}

#[test]
fn a_share_that_comes_to_no_size_is_the_volumes_fault() {
    let one = |volumes: &str| refused(&in_a_group(&format!("{volumes}{ROOT}")));
    for volumes in [
        r#"{ name = "root", type = "logical-volume", on = "vg", size = "50% of rest" },"#,
        r#"{ name = "root", type = "logical-volume", on = "vg", size = "100%" },
           { name = "swap", type = "logical-volume", on = "vg", size = "8 MiB" },"#,
    ] {
        let (node, problem, help) = one(volumes);
        assert_eq!(node, "root", "{problem}");
        assert!(
            problem.contains("a share of `vg`, whose size comes from its content"),
            "{problem}"
        );
        assert!(help.contains("give the disk a size"), "{help}");
    }
    let (node, problem, _) =
        one(r#"{ name = "root", type = "logical-volume", on = "vg", size = "50%" },
           { name = "data", type = "logical-volume", on = "vg", size = "content" },"#);
    assert!(node == "data" && problem.contains("there is none to know"), "{node}: {problem}");
    let bare = format!(
        r#"{{ name = "a", type = "disk" }}, {{ name = "b", type = "disk" }},
  {{ name = "pv-a", type = "physical-volume", on = "a" }},
  {{ name = "pv-b", type = "physical-volume", on = "b" }},
  {{ name = "vg", type = "volume-group", on = ["pv-a", "pv-b"] }},
  {{ name = "root", type = "logical-volume", on = "vg", size = "content" }},{ROOT}"#
    );
    let (node, problem, _) = refused(&bare);
    assert!(
        node == "pv-a" && problem.contains("one of the 2 physical volumes of `vg`"),
        "{problem}"
    );
}

#[test]
fn nothing_that_is_left_is_not_so_many_bytes() {
    let disk = r#"{ name = "disk", type = "disk", size = "64 MiB" },"#;
    for (table, all) in [("gpt", "62 MiB"), ("mbr", "63 MiB")] {
        let nodes = format!(
            r#"{disk} {{ name = "table", type = "{table}", on = "disk" }},
  {{ name = "all", type = "partition", on = "table", size = "{all}" }},
  {{ name = "root", type = "partition", on = "table", size = "rest" }},"#
        );
        let (node, problem, _) = refused(&nodes);
        assert_eq!((&*node, &*problem), ("root", "nothing of the disk is left for it"));
    }
    let nodes = format!(
        r#"{disk} {{ name = "table", type = "gpt", on = "disk" }},
  {{ name = "root", type = "partition", on = "table", size = "0.1%" }},"#
    );
    let (_, problem, _) = refused(&nodes);
    let wanted = "0.1% of the disk come to less than the least that a partition has";
    assert_eq!(problem, wanted);
}

#[test]
fn the_least_size_of_fat_is_that_of_its_sectors() {
    let esp = |sector: u32, tuning: &str| {
        refused(&format!(
            r#"{{ name = "disk", type = "disk", sector-size = {sector} }},
  {{ name = "gpt", type = "gpt", on = "disk" }},
  {{ name = "esp", type = "partition", on = "gpt", partition-type = "esp", size = "12 MiB" }},
  {{ name = "esp-fs", type = "filesystem", on = "esp", format = "vfat", {tuning} mount = "/boot/efi" }},"#
        ))
    };
    let (node, problem, help) = esp(4096, "tuning = { fat-bits = \"32\" },");
    assert_eq!(node, "esp-fs");
    assert_eq!(problem, "FAT32 cannot have a size of 12 MiB in sectors of 4096 bytes");
    assert_eq!(help, "make it 257 MiB at least; without `fat-bits` it is FAT16, from 17 MiB on");
    let (_, problem, help) = esp(4096, "");
    assert_eq!(problem, "FAT cannot have a size of 12 MiB in sectors of 4096 bytes");
    assert_eq!(help, "make it 17 MiB at least");
    let (_, _, help) = esp(512, "tuning = { fat-bits = 32 },");
    assert!(help.starts_with("make it 33 MiB at least"), "{help}");
}

/// Where a definition is planned, there is no tree yet that GRUB's images could be in.
#[test]
fn grub_has_its_place_before_there_are_files() {
    let nodes = format!(
        r#"{DISK}
  {{ name = "bios", type = "partition", on = "gpt", partition-type = "bios-boot", size = "content" }},
  {{ name = "root", type = "partition", on = "gpt", size = "content" }},{ROOT}
  {{ name = "grub", type = "grub-bios", on = ["disk", "bios"] }},"#
    );
    let (node, problem, _) = refused(&nodes);
    assert!(node == "grub" && problem.contains("cannot be read"), "{problem}");
    let text = format!("block-device = [\n{nodes}\n]\n");
    let graph = Graph::new(Config::parse(&text).unwrap().nodes).unwrap();
    let identities = graph.identities(&[7; 32]);
    let options = LayoutOptions::default();
    let layout = layout_without_files(&graph, &identities, options).unwrap();
    assert_eq!(layout.grub[0].extent, layout.partition("bios").unwrap().0.extent);
}
