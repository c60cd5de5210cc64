//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/target_path.rs"]
mod target_path;

#[path = "../../../fuzz/functions/worker.rs"]
mod worker;

#[test]
fn worker() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/worker");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, worker::worker);
}

#[test]
fn target_path() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/target_path");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, target_path::target_path);
}
