//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/block_device_toml.rs"]
mod block_device_toml;
#[path = "../../../fuzz/functions/btrfs.rs"]
mod btrfs;
#[path = "../../../fuzz/functions/dib_yaml.rs"]
mod dib_yaml;
#[path = "../../../fuzz/functions/inspect.rs"]
mod inspect;
#[path = "../../../fuzz/functions/partition_table.rs"]
mod partition_table;
#[path = "../../../fuzz/functions/signature.rs"]
mod signature;
#[path = "../../../fuzz/functions/thin_metadata.rs"]
mod thin_metadata;
#[path = "../../../fuzz/functions/volume_group.rs"]
mod volume_group;

#[test]
fn dib_yaml() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/dib_yaml");
    dibhost_arbitrary::feed(corpus.as_ref(), 3_000, dib_yaml::dib_yaml);
}

#[test]
fn signature() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/signature");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, signature::signature);
}

#[test]
fn partition_table() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/partition_table");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, partition_table::partition_table);
}

#[test]
fn thin_metadata() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/thin_metadata");
    dibhost_arbitrary::feed(corpus.as_ref(), 1_500, thin_metadata::thin_metadata);
}

#[test]
fn btrfs() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/btrfs");
    dibhost_arbitrary::feed(corpus.as_ref(), 1_000, btrfs::btrfs);
}

#[test]
fn volume_group() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/volume_group");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, volume_group::volume_group);
}

#[test]
fn inspect() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/inspect");
    dibhost_arbitrary::feed(corpus.as_ref(), 3_000, inspect::inspect_disks);
}

#[test]
fn block_device_toml() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/block_device_toml");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, block_device_toml::block_device_toml);
}
