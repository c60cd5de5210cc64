//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/volume_group.rs"]
mod volume_group;

#[test]
fn volume_group() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/volume_group");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, volume_group::volume_group);
}
