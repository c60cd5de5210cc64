//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/definition.rs"]
mod definition;
#[path = "../../../fuzz/functions/lock.rs"]
mod lock;

#[test]
fn definition() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/definition");
    dibhost_arbitrary::feed(corpus.as_ref(), 1_000, definition::definition);
}

#[test]
fn lock() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/lock");
    dibhost_arbitrary::feed(corpus.as_ref(), 2_000, lock::lock);
}
