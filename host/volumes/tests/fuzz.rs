//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/btrfs.rs"]
mod btrfs;
#[path = "../../../fuzz/functions/partition_table.rs"]
mod partition_table;
#[path = "../../../fuzz/functions/thin_metadata.rs"]
mod thin_metadata;
#[path = "../../../fuzz/functions/volume_group.rs"]
mod volume_group;

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
