//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/partition_table.rs"]
mod partition_table;

#[test]
fn partition_table() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/partition_table");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, partition_table::partition_table);
}
