//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/inspect.rs"]
mod inspect;

#[test]
fn inspect() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/inspect");
    dibhost_arbitrary::feed(corpus.as_ref(), 3_000, inspect::inspect_disks);
}
